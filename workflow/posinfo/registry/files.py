"""The base of all entries of the registry, and the entries of files that are fetched."""

from os.path import expanduser
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, model_validator

from posinfo.store.errors import InputError

WORDS = ("title", "about", "licence", "urls", "otherwise")  # keys that change no result
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
Name = Annotated[str, Field(pattern=NAME)]
Checksum = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{8,64}|md5:[0-9a-f]{32})$")]
LocalPath = Annotated[str, AfterValidator(expanduser)]  # of this machine, from the folder in which the run works
Globs = str | tuple[str, ...]  # of the whole path of an archive's member; `*` does not match a slash


class Entry(BaseModel):
    """An immutable entry, in which an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def by_key(keys: dict[str, type[Entry]]) -> Discriminator:
    """Choose an entry's class by a key that only this class has, so that errors are about one class."""

    def kind(entry: Any) -> str | None:
        if isinstance(entry, Entry):
            return next(key for key, model in keys.items() if isinstance(entry, model))
        return next((key for key in keys if isinstance(entry, dict) and key in entry), None)

    message = f"an entry has one of the keys {', '.join(keys)}"
    return Discriminator(kind, custom_error_type="kind", custom_error_message=message)


class SourceEntry(Entry):
    """A file from outside, with its description and licence for the docs."""

    about: str = ""
    licence: str = ""

    @property
    def place(self) -> str:
        """Its path below the resources folder."""
        raise NotImplementedError

    def at(self, resources: Path) -> Path:
        """Its path."""
        return resources / self.place


class Wheel(SourceEntry):
    """Files inside a wheel of a package index."""

    package: Name
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+]*$")]
    members: dict[str, Sha256]

    @property
    def place(self) -> str:
        """Its path below the resources folder."""
        return f"packages/{self.package}-{self.version}.whl"


class Members(Entry):
    """The verified members of a repository's archive, since hosts pack the same commit into different bytes.

    Attributes:
        paths: globs of their paths below the archive's one top folder, whatever its name.
        count: their number.
        sha256: of the lines `sha256  path` of these members, in the order of their paths.
    """

    paths: Globs
    count: Annotated[int, Field(ge=1)]
    sha256: Sha256


class RemoteFile(SourceEntry):
    """One file behind URLs.

    Attributes:
        file: its name below resources/archives.
        urls: mirrors of the same bytes, tried in this order; without any, the file must be placed by hand.
        checksum: `md5:...` or `sha256:...`, of which the first digits are enough (torch's file names have eight).
            Without one, the sum of the first download is recorded beside the file and required from then on.
        members: replaces the checksum for a repository's archive at a commit.
    """

    file: Name
    urls: tuple[Annotated[str, Field(pattern=r"^https?://")], ...] = ()
    checksum: Checksum | None = None
    members: Members | None = None

    @model_validator(mode="after")
    def _one_check(self) -> Self:
        if self.checksum and self.members:
            raise ValueError("a file is verified by `checksum` or by `members`; remove one of them")
        return self

    @property
    def place(self) -> str:
        """Its path below the resources folder."""
        return f"archives/{self.file}"


class LocalFile(SourceEntry):
    """A file of this machine, which is read where it lies; a checksum forbids changes."""

    path: LocalPath
    checksum: Checksum | None = None

    @property
    def place(self) -> str:
        """Its path, which is not below the resources folder."""
        return self.path

    def at(self, resources: Path) -> Path:  # noqa: ARG002  # it is not there
        """Its path."""
        return Path(self.path)

    def check_presence(self) -> None:
        """Raise an InputError when the file is missing."""
        if not Path(self.path).is_file():
            raise InputError(f"{self.path} is no file; a source of the config names it: correct its `path`")


Source = Annotated[
    Annotated[Wheel, Tag("package")] | Annotated[RemoteFile, Tag("file")] | Annotated[LocalFile, Tag("path")],
    by_key({"package": Wheel, "file": RemoteFile, "path": LocalFile}),
]
SOURCE: TypeAdapter[Source] = TypeAdapter(Source)
