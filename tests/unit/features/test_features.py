"""Feature files: what is stored, and what is refused. The networks here are small and random: only the files matter."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from posinfo.features.extraction import Preprocessing, Target, extract
from posinfo.features.stored import read_features
from posinfo.protocol.alignment import Alignment
from posinfo.store.errors import InputError
from synthetic_features import CONVENTION, Growing, OneShort, TwoStages, small_features
from torch.nn import functional


def test_stages_are_stored_at_the_smaller_side_with_their_story(tmp_path: Path) -> None:
    paths = small_features(tmp_path)
    first, second = read_features(paths)
    assert first.array.shape == (7, 4, 16, 16)
    assert second.array.shape == (7, 4, 4, 4)
    assert first.array.dtype == np.float16
    assert first.metadata["native_side"] == 32
    pictures = torch.from_numpy(np.load(tmp_path / "set.npy"))
    maps = TwoStages()(CONVENTION.prepare(pictures))
    expected = functional.interpolate(maps["f1"], 16, mode="bilinear")
    np.testing.assert_allclose(first.array, expected.detach().numpy(), rtol=2e-3, atol=2e-3)
    assert second.metadata["rms"] == pytest.approx(float(np.sqrt(np.mean(second.array.astype(float) ** 2))), rel=1e-6)


def test_encoders_of_one_pass_store_what_each_alone_would(tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    paths = small_features(tmp_path / "alone")
    images, fit = tmp_path / "alone/set.npy", {"f1": 20, "f2": 3}

    def outputs(name: str) -> dict[str, Path]:
        return {stage: tmp_path / name / "set" / f"{stage}.npy" for stage in fit}

    whole = Target(outputs("whole"), {"encoder": "whole"})
    cropped = Target(outputs("cropped"), {"encoder": "cropped"}, ("crop", fit))
    resized = Target(outputs("resized"), {"encoder": "resized"}, ("resize", fit))
    extract(
        model=TwoStages(),
        preprocessing=CONVENTION,
        images=images,
        targets=[whole, cropped, resized],
        alignment=Alignment(side=16),
        device=torch.device("cpu"),
        batch=3,
    )
    assert [path.read_bytes() for path in whole.outputs.values()] == [path.read_bytes() for path in paths]
    maps = TwoStages()(CONVENTION.prepare(torch.from_numpy(np.load(images))))
    cut, small = (read_features(list(target.outputs.values())) for target in (cropped, resized))
    assert [stage.metadata["native_side"] for stage in (*cut, *small)] == [20, 3, 20, 3]
    inside = functional.interpolate(maps["f1"][..., 6:26, 6:26], 16, mode="bilinear").detach()
    np.testing.assert_allclose(cut[0].array, inside, rtol=2e-3, atol=2e-3)
    smaller = functional.interpolate(maps["f2"], 3, mode="bilinear", antialias=True).detach()
    np.testing.assert_allclose(small[1].array, smaller, rtol=2e-3, atol=2e-3)


def test_values_beyond_float16_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"two-stages, stage f1.*not finite in float16"):
        small_features(tmp_path, gain=1e6)
    assert list((tmp_path / "set").iterdir()) == []


@pytest.mark.parametrize("gain", [1e-4, 1e-8])
def test_faint_features_keep_their_digits(tmp_path: Path, gain: float) -> None:
    for name in ("strong", "faint"):
        (tmp_path / name).mkdir()
    strong, faint = (
        read_features(small_features(tmp_path / "strong")),
        read_features(small_features(tmp_path / "faint", gain=gain)),
    )
    for one, other in zip(strong, faint, strict=True):
        assert other.array.dtype == np.float32
        assert other.metadata["rms"] == pytest.approx(gain * one.metadata["rms"], rel=1e-3)
        np.testing.assert_allclose(other.array / gain, one.array, rtol=2e-3, atol=2e-3)


def test_an_encoder_that_loses_a_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"two-stages, stage f1, .*: 2 maps for 3 pictures"):
        small_features(tmp_path, network=OneShort)
    assert list((tmp_path / "set").iterdir()) == []


def test_an_encoder_whose_maps_change_their_side_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"two-stages, stage f1, .*: maps have side 64 from picture 6 on, had 32 before"
    ):
        small_features(tmp_path, network=Growing)
    assert list((tmp_path / "set").iterdir()) == []


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    path, _ = small_features(tmp_path)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"f1.npy is stale or damaged: bytes \(sha256\)"):
        read_features([path])


@pytest.mark.parametrize(("key", "value"), [("code", "0" * 16), ("sha256", "0" * 64), ("shape", [1])])
def test_another_story_is_refused(tmp_path: Path, key: str, value: object) -> None:
    path, _ = small_features(tmp_path)
    sidecar = path.with_suffix(".json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {key: value}))
    with pytest.raises(InputError, match="stale or damaged"):
        read_features([path])


def test_stages_of_different_runs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, _ = small_features(tmp_path)
    _, second = small_features(tmp_path / "other", weights="other weights")
    with pytest.raises(InputError, match="weights_sha256"):
        read_features([first, second])


def test_input_conventions() -> None:
    picture = torch.tensor([[[[10, 20, 30]]]], dtype=torch.uint8)
    caffe = Preprocessing("BGR", 255, mean=(1, 2, 3)).prepare(picture)
    assert caffe.flatten().tolist() == [29, 18, 7]
    unit = Preprocessing("RGB", 1, std=(1, 1, 2)).prepare(picture)
    torch.testing.assert_close(unit.flatten(), torch.tensor([10 / 255, 20 / 255, 15 / 255]))
