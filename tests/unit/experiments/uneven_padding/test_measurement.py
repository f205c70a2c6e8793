"""Left and right: a network that treats them alike shows no difference, one that does not shows it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from posinfo.__main__ import main
from posinfo.experiments.uneven_padding import ASYMMETRY, EXPERIMENT, figures
from posinfo.experiments.uneven_padding.foveation import PADDINGS, of_one_layer
from posinfo.experiments.uneven_padding.measurement import PositionReadout, asymmetry, cell_centres, measure_sides
from posinfo.experiments.uneven_padding.strides import build
from posinfo.features.extraction import Preprocessing
from posinfo.figures.data import FigureData
from posinfo.run.config import load_config
from posinfo.store.arrays import read_arrays, write_arrays
from posinfo.store.errors import InputError
from posinfo.store.frames import write_rows
from posinfo.tables.claims import read_claims
from posinfo.tables.measurements import read_rows
from synthetic_measurements import write_noise
from torch import nn

CPU = torch.device("cpu")


class Striding(nn.Module):
    """A stride of two over ones, padded by one: uneven on an even side."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        nn.init.ones_(self.convolution.weight)
        nn.init.zeros_(self.convolution.bias)  # type: ignore[arg-type]

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"f1": self.convolution(images)}


def images(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(50, 200, (count, 16, 16, 3), dtype=np.uint8)


def test_only_an_even_side_makes_left_and_right_differ() -> None:
    names = [f"p{number}-0" for number in range(3)]
    rows, maps = measure_sides(Striding(), Preprocessing("RGB", 1), images(8), images(3), names, [16, 17], CPU)
    by_side = rows.groupby("side")["asymmetry"].mean()
    assert by_side[17] < 1e-5
    assert by_side[16] > 0.2
    assert rows["image"].tolist() == names * 2
    assert rows[["left", "right", "top", "bottom"]].notna().all(axis=None)
    assert maps["16/f1"].shape == (8, 8)
    assert maps["17/f1"].mean() == pytest.approx(1)


def test_maps_come_back_and_altered_ones_are_refused(tmp_path: Path) -> None:
    maps = {f"{side}/f1": np.random.default_rng(side).random((side, side)) for side in (8, 9)}
    write_arrays(maps, tmp_path / "maps.npz")
    again = read_arrays(tmp_path / "maps.npz")
    assert again.keys() == maps.keys()
    assert all(np.array_equal(again[key], maps[key]) for key in again)
    damaged = bytearray((tmp_path / "maps.npz").read_bytes())
    damaged[50] ^= 1
    (tmp_path / "maps.npz").write_bytes(damaged)
    with pytest.raises(InputError, match="stale or damaged"):
        read_arrays(tmp_path / "maps.npz")


def test_asymmetry_is_of_the_outer_columns_over_the_mean() -> None:
    assert asymmetry(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])) == pytest.approx(1)
    assert asymmetry(np.array([[2.0, 5.0, 2.0]])) == 0


def test_a_readout_errs_by_what_maps_do_not_tell() -> None:
    """Not at all where maps hold the position; by the distance to the middle where they are constant."""
    held = cell_centres(6).T.reshape(1, 2, 6, 6).float()
    for maps, outer in ((held, 0.0), (torch.ones(1, 2, 6, 6), 5 / 12)):
        readout = PositionReadout()
        readout.add(maps.repeat(3, 1, 1, 1))
        column, row = readout.error(maps)[0]
        assert column[:, 0].mean() == pytest.approx(outer, abs=0.01)
        assert row[-1].mean() == pytest.approx(outer, abs=0.01)


def test_the_command_measures_what_the_figure_shows(tmp_path: Path) -> None:
    for name, count in (("train", 5), ("test", 2)):
        write_noise(tmp_path / f"{name}.npy", count)
    entry = {"architecture": "pixels", "input": {"order": "RGB", "range": 1}, "taps": {"f1": "image"}}
    status = main(
        [
            *("uneven-padding", "pixels", "--entry", json.dumps(entry), "--weights"),
            *("--train", str(tmp_path / "train.npy"), "--test", str(tmp_path / "test.npy")),
            *("--run", json.dumps({"uneven_padding": {"sides": [64, 65]}})),
            *("--output", str(tmp_path / "pixels.csv"), "--maps", str(tmp_path / "maps/pixels.npz")),
        ]
    )
    assert status == 0
    rows = read_rows(load_config({}), ASYMMETRY, [tmp_path / "pixels.csv"])
    assert rows["encoder"].unique().tolist() == ["pixels"]
    assert rows["side"].tolist() == [64, 64, 65, 65]
    paths = (tmp_path / "pixels.csv", tmp_path / "maps/pixels.npz")
    figure = figures.draw_uneven_padding(FigureData(load_config({}), paths, tmp_path))
    titles = [axes.get_title() for axes in figure.axes]
    error = "error of position,\nin widths of the map"
    assert titles[:4] == ["f1, 64 x 64", error, "f1, 65 x 65", error]
    plt.close(figure)


def test_foveation_is_drawn_by_padding_and_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = {padding: of_one_layer(padding) for padding in PADDINGS}
    monkeypatch.setattr(figures, "by_padding", {"vgg16": layers}.__getitem__)
    run = load_config({"uneven_padding": {"sides": [64, 65]}})
    figure = figures.draw_foveation(FigureData(run, (), tmp_path))
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["none", "zeros", "full", "circular", "reflect", "replicate", "64 pixels", "65 pixels"]
    plt.close(figure)


def test_the_table_shows_edges_of_the_deepest_stage(tmp_path: Path) -> None:
    """An encoder of the config's own may stand for ResNet."""
    own = {"encoders": {"my-resnet": {"variant_of": "resnet50-thin", "padding": "reflect", "title": "mine"}}}
    run = load_config({"models": {"ResNet": "my-resnet"}, "own": own, "results": "out"})
    assert EXPERIMENT.figures["uneven_padding"].inputs(run) == [
        "out/uneven_padding/my-resnet.csv",
        "out/uneven_padding/maps/my-resnet.npz",
    ]
    frames = []
    for number, (side, stage) in enumerate([(224, "f1"), (224, "f2"), (229, "f1"), (229, "f2")]):
        named = {"encoder": "my-resnet", "side": side, "stage": stage, "image": ["a-0", "b-0"], "seed": 0}
        edges = dict.fromkeys(("left", "right", "top", "bottom"), float(number))
        frames.append(pd.DataFrame({**named, "asymmetry": [0.1, 0.2], **edges}))
    write_rows(pd.concat(frames), tmp_path / "rows.csv")
    table = build(run, "uneven_padding", [tmp_path / "rows.csv"])
    assert table.tidy["uneven_strides"].tolist() == ["8 of 8", "8 of 8", "0 of 8", "0 of 8"]
    assert table.layout["error left", ""].tolist() == ["1.000", "3.000"]
    assert table.layout["side", ""].tolist() == ["224", "229"]
    assert table.layout["encoder", ""].tolist() == ["my-resnet", ""]
    assert table.layout["stage f2", ""][1].startswith(".150 [")
    assert table.layout["uneven strides", ""].tolist() == ["8 of 8", "0 of 8"]


def test_claims_name_the_keys_of_the_measurement() -> None:
    (claim,) = read_claims(EXPERIMENT.folder / "claims.yaml")
    assert claim.measured in EXPERIMENT.measurements
    assert all(set(claim.each) | set(condition) == set(ASYMMETRY.keys) for condition in claim.rises)
