"""Every figure by its name, drawn in one style and written as vector pdf and as png."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from posinfo.figures import border, maps, summaries, tasks
from posinfo.figures.architecture import figure2
from posinfo.figures.cost import cost
from posinfo.figures.data import FigureData
from posinfo.figures.style import write_drawn
from posinfo.store.errors import InputError, unknown

DRAWINGS: dict[str, Callable[[FigureData], Figure]] = {
    "figure1": tasks.figure1,
    "figure2": figure2,
    "figure3": maps.figure3,
    "figure4": maps.figure4,
    "figure5": maps.figure5,
    "figure6": maps.figure6,
    "figure7": maps.figure7,
    "stages": summaries.stages,
    "padding": summaries.padding,
    "border": border.border,
    "segmentations": tasks.segmentations,
    "tuning": tasks.tuning,
    "agreement": summaries.agreement,
    "learning_curve": summaries.learning_curve,
    "training": summaries.training,
    "cost": cost,
}


def write_figure(name: str, data: FigureData, pdf: Path, png: Path) -> None:
    """Draw one of `DRAWINGS` in the project's style, without dates inside.

    Raises:
        InputError: for another name, or when a cell is missing.
    """
    if name not in DRAWINGS:
        raise InputError(unknown("figure", name, DRAWINGS))
    write_drawn(lambda: DRAWINGS[name](data), pdf, png)
