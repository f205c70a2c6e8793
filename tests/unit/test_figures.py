"""Figures from made-up scores: each cell is there, the paper's point beside it; the same run draws the same file."""

from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from posinfo.cells import FIGURES, TABLES
from posinfo.claims import printed_values
from posinfo.config import RunConfig
from posinfo.figures import DRAWINGS, estimates, stages, write_figure
from test_claims import made_up

RUN = RunConfig()
PRINTED = printed_values(RUN, ROOT / "workflow/published")
GROUPS = made_up(RUN, {("vgg16", "L1-k3-p0-f3", "G"): 0.9})


def test_stages_show_each_value_its_interval_and_the_papers_point() -> None:
    figure = stages(RUN, GROUPS, PRINTED)
    (axes,) = figure.axes
    drawn = {line.get_label(): np.asarray(line.get_ydata()) for line in axes.get_lines()}
    assert drawn["G, paper"].tolist() == [0.241, 0.404, 0.588, 0.653, 0.693, 0.814]
    ours = next(container for container in axes.containers if container.get_label() == "G, ours")
    values = np.asarray(ours[0].get_ydata())
    assert values.argmax() == 2
    assert values == pytest.approx([0.5, 0.5, 0.9, 0.5, 0.5, 0.5], abs=0.02)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["f1", "f2", "f3", "f4", "f5", "all"]
    assert "n = 20 natural images, 3 seeds" in axes.get_title(loc="left")


def test_intervals_contain_their_values() -> None:
    shown = estimates(TABLES["table4"].cells(RUN), GROUPS)
    assert ((shown["low"] <= shown["value"]) & (shown["value"] <= shown["high"])).all()


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_figure_is_drawn_and_again_the_same(tmp_path: Path, name: str) -> None:
    assert set(DRAWINGS) == set(FIGURES)
    for attempt in ("first", "second"):
        write_figure(name, RUN, GROUPS, PRINTED, tmp_path / f"{attempt}.pdf", tmp_path / f"{attempt}.png")
    assert (tmp_path / "first.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "first.pdf").read_bytes().startswith(b"%PDF")
    for suffix in ("pdf", "png"):
        assert (tmp_path / f"first.{suffix}").read_bytes() == (tmp_path / f"second.{suffix}").read_bytes()
