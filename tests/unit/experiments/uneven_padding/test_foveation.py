"""How often pixels are used, and which strides pad one side: counted by hand, and as published."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from posinfo.experiments.uneven_padding.foveation import KINDS, foveation, one_layer, strides
from posinfo.experiments.uneven_padding.tables import foveation_rows, write_foveation
from posinfo.run.config import RunConfig
from torch import nn


def test_one_layer_uses_pixels_as_often_as_counted_by_hand() -> None:
    ninths = {
        "none": [1, 2, 3],
        "zeros": [4, 6, 6],
        "full": [9, 9, 9],
        "circular": [9, 9, 9],
        "replicate": [9, 9, 9],
    }
    for kind, (corner, _, edge) in ninths.items():
        found = one_layer(kind, 9) * 9  # type: ignore[arg-type]
        assert found[4, 4] == pytest.approx(9, abs=1e-4), kind
        assert found[0, 0] == pytest.approx(corner, abs=1e-4), kind
        assert found[0, 4] == pytest.approx(edge, abs=1e-4), kind
    # Mirrored without the border line: the second line is used in its place.
    reflected = one_layer("reflect", 9)
    assert reflected[0, 0] / reflected[4, 4] == pytest.approx(4 / 9, abs=1e-4)
    assert reflected[1, 1] / reflected[4, 4] == pytest.approx(16 / 9, abs=1e-4)


def test_a_stride_on_an_even_input_leaves_one_side_short() -> None:
    def of(side: int) -> np.ndarray:
        layers = (nn.Conv2d(3, 2, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        return foveation(nn.Sequential(*layers), "zeros", side)

    even, uneven = of(17), of(16)
    assert np.allclose(even, even[:, ::-1], atol=1e-6)
    assert np.allclose(even, even.T, atol=1e-6)
    assert uneven.sum(0)[1] > 1.2 * uneven.sum(0)[-2]


def test_a_resnet_pads_unevenly_at_224_and_evenly_at_225() -> None:
    at_224 = {stride.layer: stride for stride in strides("torchvision/resnet18", 224)}
    assert (at_224["conv1"].before, at_224["conv1"].after) == (3, 2)
    assert (at_224["maxpool"].before, at_224["maxpool"].after) == (1, 0)
    assert (at_224["layer2.0.downsample.0"].before, at_224["layer2.0.downsample.0"].after) == (0, -1)  # never read
    assert not any(stride.even for stride in at_224.values())
    assert all(stride.even for stride in strides("torchvision/resnet18", 225))


def test_the_half_width_resnet_pads_evenly_at_229_alone_and_vgg_has_no_padded_stride() -> None:
    sides = {side: sum(not stride.even for stride in strides("resnet50-thin", side)) for side in (224, 225, 229)}
    assert sides == {224: 8, 225: 6, 229: 0}  # its own padding before the pool counts to the pool
    assert all(stride.before == stride.after == 0 for stride in strides("vgg16", 224))


def test_the_table_says_of_one_layer_what_is_published(tmp_path: Path) -> None:
    whole = {kind: one_layer(kind) for kind in KINDS}
    made = foveation_rows(whole, ROOT / "workflow/published")
    assert made["uniform"].tolist() == made["published"].tolist()
    assert made.set_index("padding")["layer_corner"]["none"] == pytest.approx(1 / 9)
    write_foveation(made, RunConfig(), tmp_path / "foveation")
    assert "| full" in (tmp_path / "foveation.md").read_text()
    assert len(pd.read_csv(tmp_path / "foveation.csv")) == len(KINDS)
    assert (tmp_path / "foveation.tex").exists()
