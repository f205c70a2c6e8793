"""Images read from a zip or tar in place. Nothing is unpacked: no path of an archive is written."""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Container, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from posinfo.registry.entries import Globs
from posinfo.sources.globs import is_system_file, joined, matches, missing_images
from posinfo.store.errors import InputError

MOST_MEMBERS = 500_000
LARGEST_IMAGE = 2**27  # bytes, unpacked
LARGEST_ARCHIVE = 2**37  # bytes, unpacked
LARGEST_HEADER = 2**20  # bytes; tarfile reads a tar's long names and comments into memory before any member
PAX_HEADERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
HEADERS = (*PAX_HEADERS, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


class ArchiveError(InputError):
    """A damaged, hostile or wrong archive; `reason` completes a sentence that begins with its path."""

    def __init__(self, where: Path, reason: str, advice: str = "") -> None:
        super().__init__(f"{where} {reason}{advice}")
        self.reason = reason


class Member(NamedTuple):
    """A member that is no folder: its path, its unpacked size in bytes, and whether it is a regular file."""

    path: str
    size: int
    regular: bool


class Archive(Protocol):
    """An open archive."""

    def members(self) -> Iterator[Member]:
        """Every member but folders, in the archive's order."""

    def read(self, member: str) -> bytes:
        """The bytes of a regular member; a compressed tar is only quick in its own order."""

    def comment(self) -> str:
        """The archive's own comment; `git archive` writes the commit there."""


class _Zip:
    def __init__(self, opened: zipfile.ZipFile) -> None:
        self._opened = opened

    def members(self) -> Iterator[Member]:
        for info in self._opened.infolist():
            if not info.is_dir():
                kind = stat.S_IFMT(info.external_attr >> 16)
                yield Member(_path(info.filename), info.file_size, kind in (0, stat.S_IFREG))

    def read(self, member: str) -> bytes:
        return self._opened.read(self._known[member])

    def comment(self) -> str:
        return self._opened.comment.decode(errors="replace")

    @cached_property
    def _known(self) -> dict[str, zipfile.ZipInfo]:
        return {_path(info.filename): info for info in self._opened.infolist()}


class _Tar:
    def __init__(self, opened: tarfile.TarFile) -> None:
        self._opened = opened
        self._known: dict[str, tarfile.TarInfo] = {}  # tarfile searches the whole tar for every member

    def members(self) -> Iterator[Member]:
        for info in self._opened:
            if not info.isdir():
                path = _path(info.name)
                self._known[path] = info
                yield Member(path, info.size, info.isreg())

    def read(self, member: str) -> bytes:
        if member not in self._known:
            self._known |= {_path(info.name): info for info in self._opened}
        file = self._opened.extractfile(self._known[member])
        assert file is not None  # `images_in` yields regular members only
        return file.read()

    def comment(self) -> str:
        return self._opened.pax_headers.get("comment", "")


def _path(name: str) -> str:
    """A member's path without `./`, which `tar -cf set.tar .` writes before each."""
    return PurePosixPath(name).as_posix()


class _Header(tarfile.TarInfo):
    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:  # tarfile calls it for every header
        if self.type in HEADERS and not 0 <= self.size <= LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        info: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        if info.size < 0:  # tarfile would go back and never end
            raise tarfile.ReadError(f"{info.name} of {info.size} bytes")
        return info


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open a zip, or a tar that is uncompressed or compressed with gzip, bzip2 or xz.

    Raises:
        ArchiveError: when it is neither, or damaged, also when that shows only while it is read.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield _Zip(archive)
        else:
            with tarfile.open(path, tarinfo=_Header) as archive:
                yield _Tar(archive)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise ArchiveError(path, _damage(path, error), "; delete it to fetch it again") from None
    except RuntimeError as error:  # zipfile's error for an encrypted member
        raise InputError(f"{path}: {error}") from None


def _damage(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        start = file.read(100).lstrip().lower()
    cause = str(error).partition(":\n")[0]
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        cause = "it is a web page"
    return f"is no zip or tar, or a damaged one ({cause})"


def read_stems(archive: Archive, where: Path, member: str) -> frozenset[str]:
    """Read the stems of a set's images from a text inside the archive.

    Raises:
        InputError: when there is no such member, or it is no text.
    """
    try:
        return frozenset(archive.read(member).decode().split())
    except (KeyError, UnicodeDecodeError):
        raise InputError(f"{where} has no text {member!r}, which should name the images of the set") from None


def checked_members(archive: Archive, where: Path) -> Iterator[Member]:
    """The members of an archive, none of which reaches outside it.

    Args:
        archive: is open.
        where: its path, for errors.

    Raises:
        ArchiveError: for a path that reaches outside, or members that are far too many or too large.
    """
    unpacked = 0
    for seen, member in enumerate(archive.members(), 1):
        name = member.path
        path = PurePosixPath(name)
        unpacked += member.size
        if seen > MOST_MEMBERS:
            raise ArchiveError(where, f"has more than {MOST_MEMBERS} members; this is no set of images")
        if unpacked > LARGEST_ARCHIVE:
            raise ArchiveError(where, f"unpacks to more than {LARGEST_ARCHIVE} bytes; this is no set of images")
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
            raise ArchiveError(where, f"holds {name!r}, which reaches outside the archive; such an archive is not read")
        yield member


def refuse_unreadable(member: Member, where: Path) -> None:
    """Raise ArchiveError for a member that is no regular file, or larger than any photograph."""
    name = member.path
    if not member.regular:
        raise ArchiveError(where, f"holds {name!r}, a link or a device where a file belongs")
    if member.size > LARGEST_IMAGE:
        raise ArchiveError(where, f"holds {name!r}, which unpacks to {member.size} bytes, more than any photograph")


def images_in(
    archive: Archive,
    where: Path,
    pattern: Globs,
    count: int | None,
    masks: Globs | None = None,
    only: Container[str] | None = None,
) -> list[str]:
    """The images of an archive, in its order, without hidden files and indexes such as `Thumbs.db`.

    Args:
        archive: is open.
        where: its path, for errors.
        pattern: globs of the images' whole paths; `*` does not match a slash.
        count: the expected number of images, if it is known.
        masks: globs of the masks, which have the stems of their images; the error for a wrong count uses them.
        only: stems of the images to take; None for all.

    Raises:
        InputError: when the archive reaches outside itself, an image is a link or far too large, or the number of
            images is not `count`; the message then names missing images as far as masks or numbers show them.
    """
    chosen = []
    masked = set()
    for member in checked_members(archive, where):
        stem = PurePosixPath(member.path).stem
        if is_system_file(member.path) or (only is not None and stem not in only):
            continue
        if masks is not None and matches(member.path, masks):
            masked.add(stem)
        if matches(member.path, pattern):
            refuse_unreadable(member, where)
            chosen.append(member.path)
    if count is not None and len(chosen) != count:
        raise InputError(
            f"{where} has {len(chosen)} images {joined(pattern)}, the registry expects {count}; "
            f"{missing_images(chosen, masked, count)}; if the archive is incomplete, delete it to fetch it again"
        )
    return chosen
