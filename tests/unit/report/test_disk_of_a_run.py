"""The disk that a run takes: what shapes and counts say, and whether it is there."""

import shutil
from pathlib import Path

import pytest
from posinfo.report.disk import at_a_time, needs, room_for
from posinfo.run.config import load_config
from posinfo.store.errors import InputError


def test_what_is_made_is_said_with_what_is_free(tmp_path: Path) -> None:
    wanted = str(tmp_path / "features/vgg16/photos-test")
    found = {wanted: 3_000_000_000, str(tmp_path / "other"): 10**15}
    if shutil.disk_usage(tmp_path).free > 4e9:
        assert room_for(found, [wanted]).startswith("this run makes 3.0 GB of images and features, and ")
    with pytest.raises(InputError, match=r"not enough disk: this run makes 1000003\.0 GB"):
        room_for(found, list(found))
    assert room_for(found, []) == ""


def test_features_that_go_are_counted_for_two_encoders() -> None:
    sizes = {"a": 5, "b": 1, "c": 4}
    found = {f"results/features/{name}/{images}": size for name, size in sizes.items() for images in ("x", "y")}
    found["results/images/x.npy"] = 2
    assert sum(at_a_time(found).values()) == 2 * 5 + 2 * 4 + 2


def test_features_are_counted_once_for_each_folder() -> None:
    found = needs(load_config({"controls": ["vgg16-cropped", "squeezenet"], "experiments": []}))
    # 448 + 512 channels at 28 x 28 and 512 at 14 x 14, float16.
    one = 2 * (960 * 28**2 + 512 * 14**2)
    assert found["results/features/vgg16/photos-train"] == 160 * one
    assert found["results/features/vgg16/photos-test"] == 30 * one
    assert found["results/images/photos-train.npy"] == 160 * 224**2 * 3
    assert not [path for path in found if "cropped" in path]
