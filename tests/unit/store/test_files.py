"""Files are whole or absent, and their digests are right."""

from pathlib import Path

import numpy as np
import pytest
from posinfo.store.errors import InputError
from posinfo.store.files import StreamedArray, atomic_write, drop_pages, preallocated_npy, read_json, sha256_of


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "value.txt"
    with atomic_write(path) as partial:
        partial.write_text("old")
    with pytest.raises(UnicodeEncodeError), atomic_write(path) as partial:
        partial.write_text("ne" + 10_000 * "w" + "\ud800", encoding="utf-8")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_sha256_of_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert sha256_of(tmp_path / "empty").startswith("e3b0c44298fc1c14")


@pytest.mark.parametrize(("text", "word"), [("{", "no JSON"), ("[]", "no metadata"), (None, "missing")])
def test_a_damaged_sidecar_is_named(tmp_path: Path, text: str | None, word: str) -> None:
    path = tmp_path / "metadata.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=word):
        read_json(path)


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_an_array_written_from_the_back_equals_the_array(tmp_path: Path, rows: int) -> None:
    whole = np.random.default_rng(0).normal(size=(7, 3, 5, 5)).astype(np.float16)
    path = tmp_path / "maps.npy"
    stream = StreamedArray(path, np.float16, whole.shape)
    for start in reversed(range(0, 7, rows)):
        stream.write(whole[start : start + rows], start)
    for start in range(0, 7, rows):
        stream.digest(whole[start : start + rows])
    assert stream.close() == sha256_of(path)
    np.testing.assert_array_equal(np.load(path, mmap_mode="r", allow_pickle=False), whole)


def test_an_array_that_lacks_rows_is_refused(tmp_path: Path) -> None:
    stream = StreamedArray(tmp_path / "maps.npy", np.float16, (7, 3))
    stream.digest(np.zeros((6, 3), np.float16))
    with pytest.raises(InputError, match=r"maps.npy: 6 of 7 rows"):
        stream.close()


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_dropped_pages_free_memory_and_keep_values(tmp_path: Path) -> None:
    before, size = resident(), 64 * 2**20
    array = preallocated_npy(tmp_path / "large.npy", np.uint8, (size,))
    array[:] = 7
    drop_pages(array[:10])
    assert resident() < before + size / 4
    assert (array == 7).all()
