"""Figures of tasks from synthetic predictions and scores: everything is shown, nothing cut off."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from posinfo.experiments.tasks import EXPERIMENT
from posinfo.experiments.tasks.data.masks import UNKNOWN
from posinfo.experiments.tasks.predictions import CUT, SHOWN
from posinfo.figures.style import VOID
from posinfo.run.config import RunConfig, load_config
from posinfo.run.experiments import load
from posinfo.store.arrays import write_arrays
from posinfo.tables.summaries import Groups
from synthetic_figures import assert_drawn_whole
from synthetic_scores import synthetic_groups

RUN = load_config({})


@dataclass(frozen=True)
class Data:
    """What these figures read of `FigureData`."""

    run: RunConfig
    paths: tuple[Path, ...]
    groups: Groups


def enlarged(numbers: NDArray[Any]) -> NDArray[Any]:
    """Each number of [n, 28, 28, ...] as a square of 8 x 8 pixels, which a png holds in little time."""
    return numbers.repeat(8, axis=1).repeat(8, axis=2)


def segmentations(seed: int) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(seed)
    return {
        "source": np.array("photos-test"),
        "classes": np.array(["background", "disc", "square"]),
        "images": enlarged(rng.integers(0, 256, (SHOWN, 28, 28, 3), dtype=np.uint8)),
        "true": enlarged(rng.choice(np.array([0, 1, 2, UNKNOWN], np.uint8), (SHOWN, 28, 28))),
        "predicted": enlarged(rng.integers(0, 3, (SHOWN, 28, 28), dtype=np.uint8)),
        "baseline": enlarged(rng.integers(0, 3, (1, 28, 28), dtype=np.uint8))[0],
    }


def data(figure: str, folder: Path) -> Any:
    """The files that a figure reads, synthetic."""
    rng = np.random.default_rng(0)
    paths = []
    if figure == "figure1":
        paths = [folder / "crops.npz"]
        crops = {
            "images": enlarged(rng.integers(0, 256, (SHOWN, 28, 28, 3), dtype=np.uint8)),
            "whole": enlarged(rng.random((SHOWN, 28, 28))).astype(np.float16),
            "cropped": enlarged(rng.random((SHOWN, 26, 26))).astype(np.float16),
        }
        write_arrays(crops, paths[0])
    elif figure == "segmentations":
        paths = [folder / "padded.npz", folder / "unpadded.npz"]
        for seed, path in enumerate(paths):
            write_arrays(segmentations(seed), path)
    return Data(RUN, tuple(paths), synthetic_groups(RUN, {}))


def drawn(name: str, folder: Path) -> Figure:
    figure = load(EXPERIMENT.figures[name].draw)(data(name, folder))
    assert isinstance(figure, Figure)
    return figure


def test_tuning_is_a_line_from_start_to_end(tmp_path: Path) -> None:
    figure = drawn("tuning", tmp_path)
    assert [axes.get_title() for axes in figure.axes] == ["H: horizontal ramp", "G: Gaussian", "HS: horizontal stripes"]
    lines = {str(bars.get_label()): bars[0].get_xdata() for bars in figure.axes[0].containers}
    trained = "VGG16 at 1/8 width, trained from scratch for"
    assert list(lines[f"{trained} saliency of compositions"]) == [0, 100, 300, 800]
    assert list(lines[f"{trained} classification of compositions"]) == [800]


def test_segmentations_tell_the_accuracy_of_each_prediction(tmp_path: Path) -> None:
    figure = drawn("segmentations", tmp_path)
    padded, unpadded = segmentations(0), segmentations(1)
    predictions = (padded["predicted"][0], unpadded["predicted"][0], padded["baseline"])
    known = padded["true"][0] != UNKNOWN
    shares = [float(np.mean((padded["true"][0] == predicted)[known])) for predicted in predictions]
    assert [axes.get_xlabel() for axes in figure.axes[::SHOWN]] == ["", "", *(f"{share:.2f}" for share in shares)]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["background", "disc", "square", "no label"]
    assert legend.get_patches()[-1].get_hatch() == figure.axes[SHOWN].patch.get_hatch() == VOID["hatch"]


def test_figure1_tells_the_mean_difference_of_each_image(tmp_path: Path) -> None:
    figure = drawn("figure1", tmp_path)
    names = [axes.get_xlabel() for axes in figure.axes[: 5 * SHOWN]]
    assert all(name.startswith("mean 0.3") for name in names[-SHOWN:])
    assert not any(names[:-SHOWN])
    for row in (2, 3, 4):  # what is cut away shows the hatch below it
        (shown,) = figure.axes[row * SHOWN].images
        assert shown.to_rgba(np.ma.asarray(shown.get_array()))[:CUT, :, 3].max() == 0


@pytest.mark.parametrize("name", list(EXPERIMENT.figures))
def test_nothing_is_cut_off_at_the_edge(name: str, tmp_path: Path) -> None:
    assert_drawn_whole(lambda: drawn(name, tmp_path), tmp_path)
