"""Archives: pictures read out of a zip or tar in place. Nothing is unpacked: no path of an archive is written."""

import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from posinfo.store.errors import InputError

MOST_MEMBERS = 500_000
LARGEST_PICTURE = 2**27  # bytes, unpacked
IGNORED = ("thumbs.db", "imglist.mat", "desktop.ini")
LISTED = 10  # names in an error


class Archive(Protocol):
    """An open archive."""

    def members(self) -> Iterator[tuple[str, int, bool]]:
        """Path, unpacked size in bytes and whether it is a regular file, of every member but folders."""

    def read(self, member: str) -> bytes:
        """The bytes of a regular member."""


class _Zip:
    def __init__(self, opened: zipfile.ZipFile) -> None:
        self._opened = opened

    def members(self) -> Iterator[tuple[str, int, bool]]:
        for info in self._opened.infolist():
            if not info.is_dir():
                kind = stat.S_IFMT(info.external_attr >> 16)
                yield info.filename, info.file_size, kind in (0, stat.S_IFREG)

    def read(self, member: str) -> bytes:
        return self._opened.read(member)


class _Tar:
    def __init__(self, opened: tarfile.TarFile) -> None:
        self._opened = opened

    def members(self) -> Iterator[tuple[str, int, bool]]:
        for info in self._opened:
            if not info.isdir():
                yield info.name, info.size, info.isreg()

    def read(self, member: str) -> bytes:
        file = self._opened.extractfile(member)
        assert file is not None  # a regular member, `pictures_in` has seen to it
        return file.read()


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open a zip, or a tar that is not compressed or is by gzip, bzip2 or xz.

    Raises:
        InputError: when it is neither, or turns out to be damaged while it is read.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield _Zip(archive)
        else:
            with tarfile.open(path) as archive:
                yield _Tar(archive)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise InputError(f"{path} is no zip or tar, or a damaged one ({error}); delete it to fetch it again") from None
    except RuntimeError as error:  # how zipfile says that a member wants a password
        raise InputError(f"{path}: {error}") from None


def listed(archive: Archive, where: Path, member: str) -> frozenset[str]:
    """The words of a text inside an archive: the stems of the pictures that are meant.

    Raises:
        InputError: when there is no such member, or it is no text.
    """
    try:
        return frozenset(archive.read(member).decode().split())
    except (KeyError, UnicodeDecodeError):
        raise InputError(f"{where} has no text {member!r}, which should name the pictures of the set") from None


def pictures_in(
    archive: Archive,
    where: Path,
    pattern: str,
    count: int | None,
    masks: str | None = None,
    only: Container[str] | None = None,
) -> list[str]:
    """The members that a pattern names, in the archive's order.

    Hidden files and what systems leave behind (`Thumbs.db`, `imgList.mat`) are passed over.

    Args:
        where: the archive's path, for errors.
        pattern: a glob over the whole path of a member; `*` stays within a folder.
        count: how many there must be, if that is known.
        only: stems of the pictures that are meant, if not all are.
        masks: pattern of files with the same stems, which tell what is missing.

    Raises:
        InputError: when the archive reaches outside itself, a picture is a link or far too large, or the pictures are
            not as many as there must be; then the message names the missing ones as far as anything tells them.
    """
    chosen, masked, seen = [], set(), 0
    for name, size, regular in archive.members():
        seen += 1
        path = PurePosixPath(name)
        if seen > MOST_MEMBERS:
            raise InputError(f"{where} has more than {MOST_MEMBERS} members; this is no set of pictures")
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
            raise InputError(f"{where}: the member {name!r} reaches outside the archive; such an archive is not read")
        if _is_litter(path) or (only is not None and path.stem not in only):
            continue
        if masks is not None and _matches(name, masks):
            masked.add(path.stem)
        if not _matches(name, pattern):
            continue
        if not regular:
            raise InputError(f"{where}: the picture {name!r} is a link or a device, not a file")
        if size > LARGEST_PICTURE:
            raise InputError(f"{where}: the picture {name!r} unpacks to {size} bytes, more than any photograph")
        chosen.append(name)
    if count is not None and len(chosen) != count:
        raise InputError(
            f"{where} has {len(chosen)} pictures {pattern}, the registry expects {count}; "
            f"{_missing(chosen, masked, count)}; if the archive was cut short or repacked, delete it to fetch it again"
        )
    return chosen


def _is_litter(path: PurePosixPath) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.parts) or path.name.lower() in IGNORED


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(
        re.fullmatch(".*".join(re.escape(fixed) for fixed in want.split("*")), part, re.IGNORECASE)
        for part, want in zip(parts, wanted, strict=True)
    )


def _missing(chosen: list[str], masked: set[str], count: int) -> str:
    """Which pictures are not there: those with a mask, else the gaps where they are numbered from 1."""
    stems = {PurePosixPath(name).stem for name in chosen}
    if absent := sorted(masked - stems):
        return f"masks without their picture: {_listed(absent)}"
    numbers = {int(stem) for stem in stems if stem.isascii() and stem.isdigit()}
    if stems and len(numbers) == len(stems) and numbers <= set(range(1, count + 1)):
        return f"missing: {_listed([str(number) for number in range(1, count + 1) if number not in numbers])}"
    return f"nothing in it tells which; there are {_listed(sorted(stems)) or 'none'}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
