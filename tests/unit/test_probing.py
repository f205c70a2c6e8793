"""One network by itself: from its name as a configuration, and from Python as the page says."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from PIL import Image
from posinfo.features.extraction import Preprocessing
from posinfo.probing import preprocessing_of, probe
from posinfo.protocol.readout import Training
from posinfo.store.errors import InputError
from timm.data.transforms_factory import create_transform
from torch import nn
from torchvision import transforms
from torchvision.models import ResNet18_Weights

SHORT = Training(epochs=1)


class Small(nn.Module):
    """Two convolutions without a place in any zoo."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 4, 3, 8, padding=1), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(4, 6, 3, 2, padding=1), nn.ReLU())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.second(self.first(images)).mean((2, 3))
        return maps


def random_images(count: int = 8) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, 40, 50, 3), dtype=np.uint8)


def test_scores_and_maps_of_a_network_in_memory() -> None:
    module = Small().train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    scores, maps = probe(
        module,
        random_images(),
        {"f1": "first", "f2": "second"},
        transform=Preprocessing("RGB", 1),
        patterns=["H", "G"],
        seeds=[0, 3],
        training=SHORT,
        device="cpu",
    )
    assert list(scores.columns) == ["pattern", "stage", "seed", "spc", "mae"]
    assert len(scores) == len(scores.drop_duplicates(["pattern", "stage", "seed"])) == 2 * 3 * 2
    assert scores["spc"].abs().le(1).all()
    assert set(maps) == {"f1", "f2", "all"}
    assert all(part["G"].shape == (2, 224, 224) for part in maps.values())  # a quarter of eight is tested
    assert module.training
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


@pytest.mark.parametrize(
    ("given", "transform", "words"),
    [
        (random_images().astype(float), Preprocessing("RGB", 1), r"float64 \[40, 50, 3\], not uint8 RGB"),
        (torch.rand(8, 3, 40, 50), Preprocessing("RGB", 1), "images: Tensor, not uint8 RGB"),
        (["a.png", "b.png"], Preprocessing("RGB", 1), "images: str, not uint8 RGB"),
        (
            [*random_images(4), np.zeros((40, 50), np.uint8)],
            Preprocessing("RGB", 1),
            r"uint8 \[40, 50\], not uint8 RGB",
        ),
        (random_images(3), Preprocessing("RGB", 1), "3 images, 1 of them held out: give at least 4"),
        (random_images(), transforms.Compose([transforms.ToTensor()]), "Compose has no normalisation"),
        ("nowhere", Preprocessing("RGB", 1), "nowhere is no folder"),
    ],
)
def test_what_cannot_be_probed_is_named(given: Any, transform: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        probe(Small(), given, {"f1": "first"}, transform=transform, training=SHORT, device="cpu")


@pytest.mark.parametrize("given", ["folder", "array"])
def test_a_photograph_under_two_names_is_not_probed(tmp_path: Path, given: str) -> None:
    images = random_images()
    images[6] = images[1]  # number 1 is trained on, number 6 is tested on
    for number, pixels in enumerate(images):
        Image.fromarray(pixels).save(tmp_path / f"{number}.{'bmp' if number == 6 else 'png'}")
    pictures = tmp_path if given == "folder" else images
    with pytest.raises(InputError, match=r"6(\.bmp)? is the same photograph as (image )?1(\.png)? of train"):
        probe(Small(), pictures, {"f1": "first"}, transform=Preprocessing("RGB", 1), training=SHORT, device="cpu")


def test_files_that_are_no_photographs_are_said(tmp_path: Path) -> None:
    (tmp_path / "photo.heic").touch()
    Image.fromarray(random_images(1)[0]).save(tmp_path / "one.png")
    with pytest.warns(UserWarning, match=r"not read: 1 \.heic;"), pytest.raises(InputError, match="give at least 4"):
        probe(Small(), tmp_path, {"f1": "first"}, transform=Preprocessing("RGB", 1), device="cpu")


def test_transforms_of_both_zoos_are_read() -> None:
    expected = Preprocessing("RGB", 1, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert preprocessing_of(ResNet18_Weights.DEFAULT.transforms()) == expected
    read = preprocessing_of(create_transform(224))
    assert read.mean == pytest.approx(expected.mean)
    assert read.std == pytest.approx(expected.std)


def test_the_lines_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small network and few passes: what a reader would bring."""
    (lines,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/your-own.md").read_text(), re.DOTALL)
    (tmp_path / "my/photographs").mkdir(parents=True)
    for number, pixels in enumerate(random_images(5)):
        Image.fromarray(pixels).save(tmp_path / f"my/photographs/{number}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torchvision.models.resnet18", lambda **_: Small())
    monkeypatch.setattr("posinfo.probing.Training", lambda: SHORT)
    found: dict[str, Any] = {}
    exec(lines, found)
    assert isinstance(found["scores"], pd.DataFrame)
    assert set(found["scores"]["stage"]) == {"f1", "f2", "all"}
    assert found["maps"]["all"]["H"].shape == (1, 224, 224)
