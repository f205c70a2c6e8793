"""Figures from synthetic scores and maps: each cell is there, the paper's point beside it, nothing cut off."""

from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from posinfo.figures.maps import error_map, figure6
from posinfo.figures.style import STYLE, write_figure
from posinfo.figures.summaries import padding, stages, table_estimates
from posinfo.run.experiments import load
from posinfo.run.figures import FIGURES, SHOWN
from posinfo.run.tables import PUBLISHED
from posinfo.store.errors import InputError
from synthetic_figures import synthetic_data

DATA = synthetic_data()


def test_stages_show_values_and_the_papers_points() -> None:
    of_h, of_g = stages(DATA).axes
    assert (of_h.get_title(), of_g.get_title()) == ("pattern H", "pattern G")
    printed = {line.get_label(): np.asarray(line.get_ydata()) for line in of_g.get_lines()}["paper, VGG"]
    assert printed.tolist() == [0.241, 0.404, 0.588, 0.653, 0.693, 0.814]
    values = np.asarray(of_g.containers[0][0].get_ydata())
    assert values == pytest.approx([0.5, 0.5, 0.9, 0.5, 0.5, 0.5], abs=0.02)
    assert [tick.get_text() for tick in of_h.get_xticklabels()] == ["f1", "f2", "f3", "f4", "f5", "all"]


def test_padding_has_a_bar_for_every_padding() -> None:
    figure = padding(DATA)
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names[:5] == [*(f"pixels, readout padding {pixels}" for pixels in (0, 1, 2)), "vgg16, zeros", "vgg16, none"]
    assert {"vgg16, circular", "vgg16, zeros, maps cropped"} <= set(names)
    for axes in figure.axes:
        assert len(axes.patches) == len(names)


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
    figures: list[Figure] = []

    def draw() -> Figure:
        figures.append(load(FIGURES[name].draw)(DATA))
        return figures[0]

    write_figure(draw, tmp_path / "figure")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    with plt.style.context(STYLE):
        figures[0].dpi = plt.rcParams["savefig.dpi"]  # as it was written: letters are of whole pixels
        drawn = figures[0].get_tightbbox()
    width, height = figures[0].get_size_inches()
    assert min(drawn.x0, drawn.y0, width - drawn.x1, height - drawn.y1) > -0.01
