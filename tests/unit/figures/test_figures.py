"""Figures from synthetic scores and maps: each cell is there, the paper's point beside it, nothing cut off."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from matplotlib.figure import Figure
from posinfo.figures.border import border
from posinfo.figures.curves import learning_curve
from posinfo.figures.data import FigureData
from posinfo.figures.maps import error_map, figure6, question
from posinfo.figures.style import colours_of, short
from posinfo.figures.summaries import padding, stages, table_estimates
from posinfo.protocol.patterns import PATTERNS
from posinfo.run.cells import BASE, Cell
from posinfo.run.config import load_config
from posinfo.run.experiments import load
from posinfo.run.figures import FIGURES, SHOWN
from posinfo.run.tables import PUBLISHED
from posinfo.store.errors import InputError
from synthetic_figures import assert_drawn_whole, synthetic_data

DATA = synthetic_data()


def test_stages_show_values_and_all_apart_from_them() -> None:
    of_h, of_g = stages(DATA).axes
    assert (of_h.get_title(), of_g.get_title()) == ("H: horizontal ramp", "G: Gaussian")
    printed = {line.get_label(): np.asarray(line.get_ydata()) for line in of_g.get_lines()}["VGG in the paper"]
    assert printed.tolist() == [0.241, 0.404, 0.588, 0.653, 0.693, 0.814]
    line, alone = (container[0] for container in of_g.containers)
    assert np.asarray(line.get_ydata()) == pytest.approx([0.5, 0.5, 0.9, 0.5, 0.5], abs=0.02)
    assert np.asarray(alone.get_ydata()) == pytest.approx([0.5], abs=0.02)
    assert (alone.get_xdata() == of_g.get_xticks()[-1]).all()
    assert of_g.get_xticks()[-1] > len(line.get_xdata())  # apart from the stages
    assert [tick.get_text() for tick in of_h.get_xticklabels()] == ["f1", "f2", "f3", "f4", "f5", "all"]


@pytest.mark.parametrize("draw", [stages, padding, border, learning_curve])
def test_whiskers_and_n_are_explained_in_the_figure(draw: Callable[[FigureData], Figure]) -> None:
    assert draw(DATA).get_supxlabel().endswith("n = 20 natural images, 3 seeds; whiskers: 95 % intervals")


def test_the_question_shows_five_maps_of_each_encoder() -> None:
    maps = [axes.images[0].get_array() for axes in question(DATA).axes if axes.images and axes.texts]
    cells = [
        Cell("", encoder, BASE, pattern, "natural", "photos-test")
        for encoder in ("vgg16", "pixels", "vgg16-random-0")
        for pattern in PATTERNS
    ]
    for shown, cell in zip(maps, cells, strict=True):
        np.testing.assert_array_equal(np.asarray(shown), DATA.map_of(cell))


def test_numbers_have_a_true_minus_and_zero_has_none() -> None:
    assert [short(value) for value in (0.474, -0.116, -0.004)] == ["0.47", "−0.12", "0.00"]


def test_many_classes_have_as_many_colours() -> None:
    assert len(set(colours_of(60))) == 60
    assert set(colours_of(10)) == set(sns.color_palette("colorblind").as_hex())


def test_padding_has_a_bar_for_every_padding() -> None:
    figure = padding(DATA)
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names[:5] == [
        *(f"no encoder, readout padding {pixels}" for pixels in (0, 1, 2)),
        "vgg16, zeros",
        "vgg16, no padding",
    ]
    assert {"vgg16, circular", "vgg16, zeros, maps cropped"} <= set(names)
    for axes in figure.axes:
        assert len(axes.patches) == len(names)


@pytest.mark.parametrize(
    ("vgg", "controls", "shown"),
    [
        ("vgg16", [], []),
        ("vgg16-torchvision", ["vgg16-cropped", "squeezenet"], []),
        ("vgg16-torchvision", ["vgg16-torchvision-cropped"], ["vgg16-torchvision, zeros, maps cropped"]),
    ],
)
def test_padding_shows_variants_of_the_runs_own_vgg(vgg: str, controls: list[str], shown: list[str]) -> None:
    models = {"VGG": vgg, "VGG_without_padding": f"{vgg}-nopad"}
    figure = padding(synthetic_data(run=load_config({"models": models, "controls": controls, "experiments": []})))
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()][5:] == shown


def test_figure6_writes_both_scores_under_each_map() -> None:
    panels = [axes for axes in figure6(DATA).axes if len(axes.texts) == 2]
    told = [panel.texts[1].get_text() for panel in panels]
    captions = pd.read_csv(PUBLISHED / "figure6_captions.csv")
    assert told == [f"paper {row.spc:.2f}, {row.mae:.2f}" for row in captions.itertuples()]
    scores = DATA.groups["pixels", "L1-k3-p0-all", "G", "photos-test"]
    row = scores[(scores["image"] == f"photo{SHOWN - 1}-0") & (scores["seed"] == 0)].iloc[0]
    assert panels[0].texts[0].get_text() == f"{row.spc:.2f}\n{row.mae:.2f}"


def test_the_error_map_is_the_mean_of_three_errors() -> None:
    truths = {pattern: np.full((2, 2), 0.5) for pattern in ("H", "V", "G")}
    maps = {"H": np.full((2, 2), 0.2), "V": np.full((2, 2), 0.5), "G": np.full((2, 2), 1.1)}
    assert error_map(maps, truths) == pytest.approx(np.full((2, 2), 0.3))


def test_intervals_contain_their_values() -> None:
    shown = table_estimates("table4", DATA)
    assert ((shown["low"] <= shown["value"]) & (shown["value"] <= shown["high"])).all()


def test_a_missing_map_is_an_error_and_not_a_hole() -> None:
    lacking = replace(DATA)
    lacking.__dict__["groups"] = DATA.groups
    lacking.__dict__["predictions"] = {name: found for name, found in DATA.predictions.items() if name != "vgg16-nopad"}
    with pytest.raises(InputError, match="no predicted maps of vgg16-nopad: the figure would have a hole"):
        figure6(lacking)


@pytest.mark.parametrize("name", list(FIGURES))
def test_a_figure_is_drawn_and_nothing_is_cut_off(name: str, tmp_path: Path) -> None:
    assert_drawn_whole(lambda: load(FIGURES[name].draw)(DATA), tmp_path)


@pytest.mark.parametrize("draw", [stages, padding, learning_curve])
def test_long_titles_are_not_cut_off(draw: Callable[[FigureData], Figure], tmp_path: Path) -> None:
    models = {"VGG_as_released": "vgg16-unnormalised"}
    data = synthetic_data(run=load_config({"models": models, "experiments": []}))
    assert_drawn_whole(lambda: draw(data), tmp_path)
