"""Figures from made-up scores and maps: each cell is there, the paper's point beside it, nothing cut off."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from matplotlib.figure import Figure
from numpy.typing import NDArray
from posinfo.experiments.tasks.crops import Crops
from posinfo.experiments.tasks.segmentations import Segmentations
from posinfo.figures import schedule
from posinfo.figures.data import FigureData, Maps
from posinfo.figures.drawings import DRAWINGS
from posinfo.figures.maps import error_map, figure6
from posinfo.figures.style import STYLE, write_drawn
from posinfo.figures.summaries import estimates, padding, stages
from posinfo.figures.tasks import segmentations, tuning
from posinfo.protocol.patterns import PATTERNS
from posinfo.run.config import RunConfig
from posinfo.run.figures import FIGURES, SHOWN, maps_wanted
from posinfo.run.tables import TABLES
from posinfo.store.errors import InputError
from posinfo.tables.claims import printed_values
from synthetic_scores import made_up

RUN = RunConfig()
PUBLISHED = ROOT / "workflow/published"


def cells(numbers: NDArray[Any]) -> NDArray[Any]:
    """Each number of [n, side, side, ...] as a square of 8 x 8 pixels, which files hold in little time."""
    return numbers.repeat(8, axis=1).repeat(8, axis=2)


def made_up_material(**changes: Any) -> FigureData:
    """All that figures show, from random numbers; the pictures of a set are named as those of its made-up scores."""
    rng = np.random.default_rng(0)
    groups = made_up(RUN, {("vgg16", "L1-k3-p0-f3", "G"): 0.9})
    names = [f"photo{index}-0" for index in range(SHOWN)]
    predicted = {
        (encoder, readout, images): Maps(
            {pattern: cells(rng.random((SHOWN, 28, 28))).astype(np.float16) for pattern in patterns}, names, seed=0
        )
        for encoder, readouts in maps_wanted(RUN).items()
        for readout, sets in readouts.items()
        for images, patterns in sets.items()
    }
    lines = [
        (encoder, pattern, seed, epoch, 1 / epoch)
        for encoder in RUN.models.of_table1.values()
        for pattern in PATTERNS
        for seed in RUN.seeds
        for epoch in (1, 2, 3)
    ]
    curve = [
        groups[encoder, "L1-k3-p0-all", pattern, RUN.images.natural].assign(
            encoder=encoder, photographs=count, pictures=8 * count, pattern=pattern
        )
        for encoder in (RUN.models.VGG, RUN.models.ResNet)
        for pattern in ("H", "G")
        for count in (2, 20)
    ]
    data = {
        "run": RUN,
        "printed": printed_values(RUN, PUBLISHED),
        "captions": pd.read_csv(PUBLISHED / "figure6_captions.csv"),
        "groups": groups,
        "predicted": predicted,
        "crops": Crops(
            cells(rng.integers(0, 256, (SHOWN, 28, 28, 3), dtype=np.uint8)),
            cells(rng.random((SHOWN, 28, 28))).astype(np.float16),
            cells(rng.random((SHOWN, 26, 26))).astype(np.float16),
        ),
        "segmentations": {
            encoder: Segmentations(
                "photos-test",
                ("background", "disc", "square"),
                cells(rng.integers(0, 256, (SHOWN, 28, 28, 3), dtype=np.uint8)),
                cells(rng.integers(0, 3, (SHOWN, 28, 28), dtype=np.uint8)),
                cells(rng.integers(0, 3, (SHOWN, 28, 28), dtype=np.uint8)),
                cells(rng.integers(0, 3, (1, 28, 28), dtype=np.uint8))[0],
            )
            for encoder in (RUN.tasks.segmentation, RUN.tasks.segmentation_without_padding)
        },
        "pictures": {
            images: cells(rng.integers(0, 256, (SHOWN, 28, 28, 3), dtype=np.uint8))
            for images in RUN.images.tests.values()
        },
        "sidecars": [
            {"stage": f"f{depth}", "shape": [30, 64 * depth, 28, 28], "native_side": 448 // 2**depth}
            for depth in range(1, 6)
        ],
        "losses": pd.DataFrame(lines, columns=["encoder", "pattern", "seed", "epoch", "loss"]),
        "curve": pd.concat(curve),
        "costs": pd.DataFrame(
            [
                (
                    "trained_encoders/vgg-slim-segmentation-nopad",
                    "trained_encoders",
                    "vgg-slim-segmentation-nopad",
                    4,
                    34,
                ),
                ("features/vgg16/photos-train", "features", "vgg16", 30, 30),
                ("readouts/vgg16/base", "readouts", "vgg16", 13, 47),
                ("scores/pixels/base/photos-test", "scores", "pixels", 2, np.nan),
                ("claims", "claims", "", 1, 1000),
            ],
            columns=list(schedule.COLUMNS),
        ),
    }
    return FigureData(**{**data, **changes})


MATERIAL = made_up_material()


def test_stages_show_each_value_its_interval_and_the_papers_point() -> None:
    of_h, of_g = stages(MATERIAL).axes
    assert (of_h.get_title(), of_g.get_title()) == ("pattern H", "pattern G")
    printed = {line.get_label(): np.asarray(line.get_ydata()) for line in of_g.get_lines()}["paper, VGG"]
    assert printed.tolist() == [0.241, 0.404, 0.588, 0.653, 0.693, 0.814]
    values = np.asarray(of_g.containers[0][0].get_ydata())
    assert values == pytest.approx([0.5, 0.5, 0.9, 0.5, 0.5, 0.5], abs=0.02)
    assert [tick.get_text() for tick in of_h.get_xticklabels()] == ["f1", "f2", "f3", "f4", "f5", "all"]


def test_padding_has_a_bar_for_every_readout_and_encoder_padding() -> None:
    figure = padding(MATERIAL)
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names[:5] == [*(f"pixels, readout padding {pixels}" for pixels in (0, 1, 2)), "vgg16, zeros", "vgg16, none"]
    assert {"vgg16, circular", "vgg16, zeros, maps cropped"} <= set(names)
    for axes in figure.axes:
        assert len(axes.patches) == len(names)


def test_figure6_writes_its_own_scores_and_the_papers_under_each_map() -> None:
    panels = [axes for axes in figure6(MATERIAL).axes if len(axes.texts) == 2]
    told = [panel.texts[1].get_text() for panel in panels]
    assert told == [f"paper {row.spc:.2f}, {row.mae:.2f}" for row in MATERIAL.captions.itertuples()]
    scores = MATERIAL.groups["pixels", "L1-k3-p0-all", "G", "photos-test"]
    row = scores[(scores["image"] == f"photo{SHOWN - 1}-0") & (scores["seed"] == 0)].iloc[0]
    assert panels[0].texts[0].get_text() == f"{row.spc:.2f}\n{row.mae:.2f}"


def test_the_course_of_a_training_is_a_line_from_its_start_to_its_end() -> None:
    figure = tuning(MATERIAL)
    assert [axes.get_title() for axes in figure.axes] == ["pattern H", "pattern G", "pattern HS"]
    lines = {str(bars.get_label()): bars[0].get_xdata() for bars in figure.axes[0].containers}
    assert list(lines["vgg-slim-saliency"]) == [0, 100, 300, 800]
    assert list(lines["vgg-slim-classification"]) == [800]


def test_segmentations_say_how_much_of_each_answer_is_right() -> None:
    figure = segmentations(MATERIAL)
    padded, unpadded = MATERIAL.segmentations.values()
    shares = [float(np.mean(padded.true[0] == said)) for said in (padded.said[0], unpadded.said[0], padded.prior)]
    assert [axes.get_xlabel() for axes in figure.axes[::SHOWN]] == ["", "", *(f"{share:.2f}" for share in shares)]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["background", "disc", "square"]


def test_the_error_map_is_the_mean_of_three_absolute_errors() -> None:
    truths = {pattern: np.full((2, 2), 0.5) for pattern in ("H", "V", "G")}
    maps = {"H": np.full((2, 2), 0.2), "V": np.full((2, 2), 0.5), "G": np.full((2, 2), 1.1)}
    assert error_map(maps, truths) == pytest.approx(np.full((2, 2), 0.3))


def test_intervals_contain_their_values() -> None:
    shown = estimates(TABLES["table4"].cells(RUN), MATERIAL.groups)
    assert ((shown["low"] <= shown["value"]) & (shown["value"] <= shown["high"])).all()


def test_a_missing_map_is_an_error_and_not_a_hole() -> None:
    predicted = dict(MATERIAL.predicted)
    del predicted["vgg16-nopad", "L1-k3-p0-all", "photos-test"]
    with pytest.raises(InputError, match="vgg16-nopad / L1-k3-p0-all / photos-test / G: the figure would have a hole"):
        figure6(made_up_material(predicted=predicted))


def test_every_figure_has_its_drawing() -> None:
    assert set(DRAWINGS) == set(FIGURES)


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_figure_is_drawn_and_nothing_cut_off_at_the_edge(name: str, tmp_path: Path) -> None:
    figures = []

    def draw() -> Figure:
        figures.append(DRAWINGS[name](MATERIAL))
        return figures[0]

    write_drawn(draw, tmp_path / "figure.pdf", tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    with plt.style.context(STYLE):
        figures[0].dpi = plt.rcParams["savefig.dpi"]  # as it was written: letters are of whole pixels
        drawn = figures[0].get_tightbbox()
    width, height = figures[0].get_size_inches()
    assert min(drawn.x0, drawn.y0, width - drawn.x1, height - drawn.y1) > -0.01
