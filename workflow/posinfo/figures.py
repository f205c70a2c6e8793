"""Every figure by its name, drawn in one style and written as vector pdf and as png."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from posinfo import figure_maps, figure_summaries, figure_tasks
from posinfo.errors import InputError, unknown
from posinfo.figure_architecture import figure2
from posinfo.figure_style import STYLE
from posinfo.files import written_whole
from posinfo.materials import Material

DRAWINGS: dict[str, Callable[[Material], Figure]] = {
    "figure1": figure_tasks.figure1,
    "figure2": figure2,
    "figure3": figure_maps.figure3,
    "figure4": figure_maps.figure4,
    "figure5": figure_maps.figure5,
    "figure6": figure_maps.figure6,
    "figure7": figure_maps.figure7,
    "stages": figure_summaries.stages,
    "padding": figure_summaries.padding,
    "agreement": figure_summaries.agreement,
    "learning_curve": figure_summaries.learning_curve,
    "training": figure_summaries.training,
    "cost": figure_summaries.cost,
}


def write_figure(name: str, material: Material, pdf: Path, png: Path) -> None:
    """Draw one of `DRAWINGS` in the project's style, without dates inside.

    Raises:
        InputError: for another name, or when a cell is missing.
    """
    if name not in DRAWINGS:
        raise InputError(unknown("figure", name, DRAWINGS))
    mpl.use("Agg")
    with plt.style.context(STYLE):
        figure = DRAWINGS[name](material)
        with written_whole(pdf) as partial:
            figure.savefig(partial, format="pdf", metadata={"CreationDate": None})
        with written_whole(png) as partial:
            figure.savefig(partial, format="png", metadata={"Software": None})
        plt.close(figure)
