"""Files are whole or absent."""

from pathlib import Path

import numpy as np
import pytest
from posinfo.errors import InputError
from posinfo.files import blank_array, read_json, release, sha256_of, written_whole


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "value.txt"
    with written_whole(path) as partial:
        partial.write_text("old")
    with pytest.raises(UnicodeEncodeError), written_whole(path) as partial:
        partial.write_text("ne" + 10_000 * "w" + "\ud800", encoding="utf-8")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_sha256_of_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert sha256_of(tmp_path / "empty").startswith("e3b0c44298fc1c14")


@pytest.mark.parametrize(("text", "word"), [("{", "no JSON"), ("[]", "no story"), (None, "missing")])
def test_a_damaged_sidecar_is_named(tmp_path: Path, text: str | None, word: str) -> None:
    path = tmp_path / "story.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=word):
        read_json(path)


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_released_arrays_keep_their_values_and_not_the_memory(tmp_path: Path) -> None:
    before, size = resident(), 64 * 2**20
    array = blank_array(tmp_path / "large.npy", np.uint8, (size,))
    array[:] = 7
    release(array[:10])
    assert resident() < before + size / 4
    assert (array == 7).all()
