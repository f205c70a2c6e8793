"""Archives: pictures read out of a zip or tar in place. Nothing is unpacked: no path of an archive is written."""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from posinfo.registry.entries import Globs
from posinfo.sources.globs import is_litter, matches, missing, spelt
from posinfo.store.errors import InputError

MOST_MEMBERS = 500_000
LARGEST_PICTURE = 2**27  # bytes, unpacked
LARGEST_ARCHIVE = 2**37  # bytes, unpacked
LARGEST_HEADER = 2**20  # bytes; a tar's long names and notes are read into memory before anybody sees a member
HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class UnsoundError(InputError):
    """An archive that is not read; `reason` says why, to be put after its name."""

    def __init__(self, where: Path, reason: str, advice: str = "") -> None:
        super().__init__(f"{where} {reason}{advice}")
        self.reason = reason


class Member(NamedTuple):
    """A member that is no folder: its path, unpacked size in bytes, whether it is a file, and when it was written."""

    path: str
    size: int
    regular: bool
    written: str


class Archive(Protocol):
    """An open archive."""

    def members(self) -> Iterator[Member]:
        """Every member but folders, in the archive's order."""

    def read(self, member: str) -> bytes:
        """The bytes of a regular member; a compressed tar is only quick in its own order."""

    def comment(self) -> str:
        """What it says of itself: git writes the commit there."""


class _Zip:
    def __init__(self, opened: zipfile.ZipFile) -> None:
        self._opened = opened

    def members(self) -> Iterator[Member]:
        for info in self._opened.infolist():
            if not info.is_dir():
                kind = stat.S_IFMT(info.external_attr >> 16)
                yield Member(info.filename, info.file_size, kind in (0, stat.S_IFREG), str(info.date_time))

    def read(self, member: str) -> bytes:
        return self._opened.read(member)

    def comment(self) -> str:
        return self._opened.comment.decode(errors="replace")


class _Tar:
    def __init__(self, opened: tarfile.TarFile) -> None:
        self._opened = opened
        self._known: dict[str, tarfile.TarInfo] = {}  # a tar has no index; tarfile would search it for every member

    def members(self) -> Iterator[Member]:
        for info in self._opened:
            if not info.isdir():
                self._known[info.name] = info
                yield Member(info.name, info.size, info.isreg(), str(info.mtime))

    def read(self, member: str) -> bytes:
        if member not in self._known:
            self._known |= {info.name: info for info in self._opened}
        file = self._opened.extractfile(self._known[member])
        assert file is not None  # a regular member, `pictures_in` has seen to it
        return file.read()

    def comment(self) -> str:
        return self._opened.pax_headers.get("comment", "")


class _Header(tarfile.TarInfo):
    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:  # the entry point that tarfile offers
        if self.type in HEADERS and not 0 <= self.size <= LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        info: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        if info.size < 0:  # it would send tarfile back, and round for ever
            raise tarfile.ReadError(f"{info.name} of {info.size} bytes")
        return info


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open a zip, or a tar that is not compressed or is by gzip, bzip2 or xz.

    Raises:
        UnsoundError: when it is neither, or turns out to be damaged while it is read.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield _Zip(archive)
        else:
            with tarfile.open(path, tarinfo=_Header) as archive:
                yield _Tar(archive)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise UnsoundError(path, _damage(path, error), "; delete it to fetch it again") from None
    except RuntimeError as error:  # how zipfile says that a member wants a password
        raise InputError(f"{path}: {error}") from None


def _damage(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        start = file.read(100).lstrip().lower()
    told = (
        "it is a web page" if start.startswith((b"<!doctype", b"<html", b"<?xml")) else str(error).partition(":\n")[0]
    )
    return f"is no zip or tar, or a damaged one ({told})"


def listed(archive: Archive, where: Path, member: str) -> frozenset[str]:
    """The words of a text inside an archive: the stems of the pictures that are meant.

    Raises:
        InputError: when there is no such member, or it is no text.
    """
    try:
        return frozenset(archive.read(member).decode().split())
    except (KeyError, UnicodeDecodeError):
        raise InputError(f"{where} has no text {member!r}, which should name the pictures of the set") from None


def sound_members(archive: Archive, where: Path) -> Iterator[Member]:
    """The members, none of which reaches outside the archive.

    Args:
        where: the archive's path, for errors.

    Raises:
        UnsoundError: for the first one that does, or when they are far too many or too large.
    """
    unpacked = 0
    for seen, member in enumerate(archive.members(), 1):
        name, path = member.path, PurePosixPath(member.path)
        unpacked += member.size
        if seen > MOST_MEMBERS:
            raise UnsoundError(where, f"has more than {MOST_MEMBERS} members; this is no set of pictures")
        if unpacked > LARGEST_ARCHIVE:
            raise UnsoundError(where, f"unpacks to more than {LARGEST_ARCHIVE} bytes; this is no set of pictures")
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
            raise UnsoundError(where, f"holds {name!r}, which reaches outside the archive; such an archive is not read")
        yield member


def refuse_unfit(member: Member, where: Path) -> None:
    """Raise UnsoundError for a member that is no file, or larger than any picture."""
    if not member.regular:
        raise UnsoundError(where, f"holds {member.path!r}, a link or a device where a file belongs")
    if member.size > LARGEST_PICTURE:
        raise UnsoundError(
            where, f"holds {member.path!r}, which unpacks to {member.size} bytes, more than any photograph"
        )


def pictures_in(
    archive: Archive,
    where: Path,
    pattern: Globs,
    count: int | None,
    masks: Globs | None = None,
    only: Container[str] | None = None,
) -> list[str]:
    """The members that a pattern names, in the archive's order.

    Hidden files and what systems leave behind (`Thumbs.db`, `imgList.mat`) are passed over.

    Args:
        where: the archive's path, for errors.
        pattern: a glob over the whole path of a member, or several; `*` stays within a folder.
        count: how many there must be, if that is known.
        only: stems of the pictures that are meant, if not all are.
        masks: pattern of files with the same stems, which tell what is missing.

    Raises:
        InputError: when the archive reaches outside itself, a picture is a link or far too large, or the pictures are
            not as many as there must be; then the message names the missing ones as far as anything tells them.
    """
    chosen, masked = [], set()
    for member in sound_members(archive, where):
        stem = PurePosixPath(member.path).stem
        if is_litter(member.path) or (only is not None and stem not in only):
            continue
        if masks is not None and matches(member.path, masks):
            masked.add(stem)
        if matches(member.path, pattern):
            refuse_unfit(member, where)
            chosen.append(member.path)
    if count is not None and len(chosen) != count:
        raise InputError(
            f"{where} has {len(chosen)} pictures {spelt(pattern)}, the registry expects {count}; "
            f"{missing(chosen, masked, count)}; if the archive was cut short or repacked, delete it to fetch it again"
        )
    return chosen
