"""Feature files: what is stored, and what is refused. The networks here are small and random: only the files matter."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from posinfo.alignment import Alignment
from posinfo.errors import InputError
from posinfo.feature_files import read_features
from posinfo.features import InputConvention, extract
from posinfo.images import Picture, write_images
from torch import nn
from torch.nn import functional


class TwoStages(nn.Module):
    """A stage larger than the common side and one smaller."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(gain * torch.randn(4, 3, 3, 3, generator=generator))

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = functional.conv2d(pictures, self.weight, padding=1)
        return {"f1": maps, "f2": functional.avg_pool2d(maps, 8)}


CONVENTION = InputConvention("RGB", 1)
CPU = torch.device("cpu")


class OneShort(TwoStages):
    """Loses a picture of every batch."""

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        return super().forward(pictures[1:])


def run(
    folder: Path,
    count: int = 7,
    gain: float = 1.0,
    weights: str = "w",
    device: torch.device = CPU,
    network: type[TwoStages] = TwoStages,
) -> list[Path]:
    images = folder / "set.npy"
    rng = np.random.default_rng(0)
    pictures = [Picture(f"{index}", rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for index in range(count)]
    write_images(iter(pictures), count, images, side=32)
    paths = {stage: folder / "set" / f"{stage}.npy" for stage in ("f1", "f2")}
    extract(
        model=network(gain),
        convention=CONVENTION,
        images=images,
        outputs=paths,
        alignment=Alignment(side=16),
        device=device,
        story={"encoder": "two-stages", "weights_sha256": weights},
        batch=3,
    )
    return list(paths.values())


def test_stages_are_stored_at_the_smaller_side_with_their_story(tmp_path: Path) -> None:
    paths = run(tmp_path)
    first, second = read_features(paths)
    assert first.array.shape == (7, 4, 16, 16)
    assert second.array.shape == (7, 4, 4, 4)
    assert first.array.dtype == np.float16
    assert first.story["native_side"] == 32
    pictures = torch.from_numpy(np.load(tmp_path / "set.npy"))
    maps = TwoStages()(CONVENTION.prepare(pictures))
    expected = functional.interpolate(maps["f1"], 16, mode="bilinear")
    np.testing.assert_allclose(first.array, expected.detach().numpy(), rtol=2e-3, atol=2e-3)
    assert second.story["rms"] == pytest.approx(float(np.sqrt(np.mean(second.array.astype(float) ** 2))), rel=1e-6)


def test_values_beyond_float16_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"two-stages, stage f1.*not finite in float16"):
        run(tmp_path, gain=1e6)
    assert list((tmp_path / "set").iterdir()) == []


def test_an_encoder_that_loses_a_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"two-stages, stage f1, .*: 2 maps for 3 pictures"):
        run(tmp_path, network=OneShort)
    assert list((tmp_path / "set").iterdir()) == []


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    path, _ = run(tmp_path)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"f1.npy is stale or damaged: bytes \(sha256\)"):
        read_features([path])


@pytest.mark.parametrize(("key", "value"), [("code", "0" * 16), ("sha256", "0" * 64), ("shape", [1])])
def test_another_story_is_refused(tmp_path: Path, key: str, value: object) -> None:
    path, _ = run(tmp_path)
    sidecar = path.with_suffix(".json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {key: value}))
    with pytest.raises(InputError, match="stale or damaged"):
        read_features([path])


def test_stages_of_different_runs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, _ = run(tmp_path)
    _, second = run(tmp_path / "other", weights="other weights")
    with pytest.raises(InputError, match="weights_sha256"):
        read_features([first, second])


def test_input_conventions() -> None:
    picture = torch.tensor([[[[10, 20, 30]]]], dtype=torch.uint8)
    caffe = InputConvention("BGR", 255, mean=(1, 2, 3)).prepare(picture)
    assert caffe.flatten().tolist() == [29, 18, 7]
    unit = InputConvention("RGB", 1, std=(1, 1, 2)).prepare(picture)
    torch.testing.assert_close(unit.flatten(), torch.tensor([10 / 255, 20 / 255, 15 / 255]))
