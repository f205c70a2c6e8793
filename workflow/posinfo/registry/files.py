"""Entries of files that are fetched, and by what each is verified."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from posinfo.registry.base import Entry, Name, Sha256

Checksum = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{8,64}|md5:[0-9a-f]{32})$")]
Globs = str | tuple[str, ...]  # over the whole path of an archive's member; `*` stays within a folder


class Wheel(Entry):
    """Files inside a wheel of a package index."""

    package: Name
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+]*$")]
    about: str = ""
    licence: str = ""
    members: dict[str, Sha256]

    @property
    def place(self) -> str:
        """Where it lies below the resources folder."""
        return f"packages/{self.package}-{self.version}.whl"


class Members(Entry):
    """The members of an archive that decide, since hosts pack the same commit of a repository into different bytes.

    Attributes:
        paths: which: globs over the path below the archive's one top folder, whatever that is called.
        count: how many.
        listing: the sha256 over the lines `sha256  path` of these members, in the order of their paths.
    """

    paths: Globs
    count: Annotated[int, Field(ge=1)]
    listing: Sha256


class RemoteFile(Entry):
    """One file behind URLs: mirrors of the same bytes, tried in this order; without any it has to be placed by hand.

    `checksum` is `md5:...` or `sha256:...`, the latter perhaps only its first digits, as torch puts them into file
    names. Where nobody published one, the first download's is recorded beside the file and holds from then on.
    `members` stands instead of it for a repository's archive at a commit.
    """

    file: Name
    urls: tuple[Annotated[str, Field(pattern=r"^https?://")], ...] = ()
    checksum: Checksum | None = None
    members: Members | None = None
    about: str = ""
    licence: str = ""

    @model_validator(mode="after")
    def _one_check(self) -> Self:
        if self.checksum and self.members:
            raise ValueError("a file is verified by its checksum or by its members, not by both")
        return self

    @property
    def place(self) -> str:
        """Where it lies below the resources folder."""
        return f"archives/{self.file}"


class LocalFile(Entry):
    """One file of this machine, copied; without a checksum it may be any file, and a changed one is copied again."""

    path: str
    checksum: Checksum | None = None
    about: str = ""
    licence: str = ""

    @property
    def place(self) -> str:
        """Where it lies below the resources folder."""
        return f"archives/{Path(self.path).name}"
