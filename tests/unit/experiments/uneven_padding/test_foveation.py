"""How often pixels are used: counted by hand, and as published."""

from pathlib import Path

import numpy as np
import pytest
from posinfo.experiments.uneven_padding import foveation as foveation_module
from posinfo.experiments.uneven_padding.foveation import (
    CAPTION,
    PADDINGS,
    AnyPadding,
    Map,
    build,
    foveation,
    foveation_layout,
    foveation_rows,
    of_one_layer,
)
from posinfo.run.config import load_config
from posinfo.tables.built import BuiltTable
from posinfo.tables.layouts import markdown
from torch import nn
from typeset import typeset


def test_one_layer_uses_pixels_as_often_as_counted() -> None:
    ninths = {
        "none": [1, 2, 3],
        "zeros": [4, 6, 6],
        "full": [9, 9, 9],
        "circular": [9, 9, 9],
        "replicate": [9, 9, 9],
    }
    for padding, (corner, _, edge) in ninths.items():
        found = of_one_layer(padding, 9) * 9  # type: ignore[arg-type]
        assert found[4, 4] == pytest.approx(9, abs=1e-4), padding
        assert found[0, 0] == pytest.approx(corner, abs=1e-4), padding
        assert found[0, 4] == pytest.approx(edge, abs=1e-4), padding
    # Mirrored without the border line: the second line is used in its place.
    reflected = of_one_layer("reflect", 9)
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


def test_the_table_agrees_with_what_is_published(tmp_path: Path) -> None:
    rows = foveation_rows({padding: of_one_layer(padding) for padding in PADDINGS})
    assert rows["uniform"].tolist() == rows["published"].tolist()
    assert rows.set_index("padding")["layer_corner"]["none"] == pytest.approx(1 / 9)
    assert len(rows) == len(PADDINGS)
    printed = foveation_layout(rows)
    assert printed["uniform", ""].tolist()[0] == "no (no)"
    built = BuiltTable(rows, printed, CAPTION)
    assert "| full" in markdown(built)
    typeset(built, tmp_path)


def test_the_table_is_of_the_runs_own_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_padding(architecture: str) -> dict[AnyPadding, Map]:
        assert architecture == "vgg16"
        return {padding: of_one_layer(padding) for padding in PADDINGS}

    monkeypatch.setattr(foveation_module, "by_padding", by_padding)
    own = {"encoders": {"my-vgg": {"variant_of": "vgg16", "padding": "reflect", "title": "mine"}}}
    table = build(load_config({"models": {"VGG": "my-vgg"}, "own": own}), "foveation", [])
    assert table.titles == {"my-vgg": "mine"}
    corners = table.tidy.set_index("padding")["network_corner"]
    assert corners["none"] < corners["zeros"] < corners["full"]
