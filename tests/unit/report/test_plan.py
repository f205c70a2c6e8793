"""The plan of a run: what its shapes and counts say, and whether the disk is there."""

import shutil
from pathlib import Path

import pytest
from posinfo.report.plan import room_for
from posinfo.report.steps import Step, steps
from posinfo.run.config import RunConfig, load_config
from posinfo.store.errors import InputError


def test_what_is_made_is_said_with_what_is_free(tmp_path: Path) -> None:
    wanted = str(tmp_path / "features/vgg16/f1.npy")
    step = Step("features", "vgg16", 10, {wanted: 3_000_000_000, str(tmp_path / "other.npy"): 10**15})
    if shutil.disk_usage(tmp_path).free > 4e9:
        assert room_for([step], [wanted]).startswith("this run makes features 3.0 GB, together 3.0 GB, and ")
    with pytest.raises(InputError, match=r"not enough disk: this run makes features 1000003\.0 GB"):
        room_for([step], list(step.paths))
    assert room_for([step], []) == ""


CONTROLS = ["vgg16-cropped", "squeezenet"]  # fewer networks than the default run's


@pytest.fixture(scope="module")
def planned() -> list[Step]:
    """The steps of the default run with these controls."""
    return steps(RunConfig(controls=CONTROLS))


def test_encoders_that_share_a_pass_are_counted_once(planned: list[Step]) -> None:
    found = {step.name: step for step in planned if step.kind == "features"}
    alone = found["vgg16 x photos-train"]
    assert alone.macs == pytest.approx(160 * 15.3e9, rel=0.02)
    assert found["vgg16-cropped x photos-train"].macs == 0
    assert found["vgg16-nopad x photos-train"].macs > 0
    (base,) = (step for step in planned if step.name == "vgg16, base")
    # 15 heads of 3 x 3, forward and backward, over 448 channels on 28 x 28, 512 on 28 x 28 and 512 on 14 x 14.
    assert base.macs == 15 * 160 * 15 * 2 * 9 * ((448 + 512) * 28**2 + 512 * 14**2)


def test_fewer_pictures_take_less(planned: list[Step]) -> None:
    sets = {"train": "photos-train-small", "natural": "photos-test-small"}
    small = load_config({"images": sets, "controls": CONTROLS})
    whole = sum(sum(step.paths.values()) for step in planned)
    assert sum(sum(step.paths.values()) for step in steps(small)) < whole / 2
