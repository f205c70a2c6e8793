"""What all figures share: sizes, colours, colour maps, names and notes, and how they are written."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from posinfo.run.config import RunConfig
from posinfo.run.shown import counted
from posinfo.store.files import atomic_write

STYLE = Path(__file__).parent / "posinfo.mplstyle"
COLUMN = 3.4  # inches, the width of a column in a two-column paper
WHOLE = 7.0
MAP = "viridis"  # perceptually uniform, for maps
ERROR = "magma"  # the same for errors, so that nobody takes one for the other
RATIO = "PuOr_r"  # two colours that meet at white, for what is more or less than 1
VOID: dict[str, Any] = {"facecolor": "white", "edgecolor": "0.75", "hatch": "//////", "linewidth": 0}  # nothing known
SPC = "Spearman correlation (SPC)"
PATTERN_NAMES = {
    "H": "horizontal ramp",
    "V": "vertical ramp",
    "G": "Gaussian",
    "HS": "horizontal stripes",
    "VS": "vertical stripes",
}
_PALETTE = sns.color_palette("colorblind").as_hex()
MODEL_COLOURS = {
    "PosENet": "#6b6b6b",
    "VGG": _PALETTE[0],
    "ResNet": _PALETTE[3],
    "VGG_without_padding": _PALETTE[1],
    "VGG_as_released": _PALETTE[4],
}
MARKERS = ("o", "s", "^", "v", "P", "X")
PAPER = {"marker": "D", "mfc": "white", "mec": "black", "ls": "none", "ms": 4}  # how a published point looks


def colours_of(count: int) -> list[str]:
    """Colours of lines and classes that stand for no model of the paper: ten colour-blind safe ones, then shades."""
    first = [_PALETTE[place] for place in (9, 2, 5, 6, 8, 7, 0, 1, 3, 4)]  # those of no model first
    levels = np.linspace(0.2, 0.9, -(-count // len(first)))
    further = [mpl.colors.to_hex(sns.set_hls_values(colour, l=level)) for level in levels for colour in first]
    return [*first, *further][:count]


def colour_of(encoder: str, run: RunConfig) -> str:
    """An encoder's colour, the same in every figure; other encoders share one."""
    for model, colour in MODEL_COLOURS.items():
        if getattr(run.models, model) == encoder:
            return str(colour)
    return str(_PALETTE[9])


def scale_of(pattern: str, run: RunConfig) -> tuple[float, float]:
    """The range of a pattern's ground truth, on which all its maps are shown."""
    return (-1.0, 1.0) if pattern in ("HS", "VS") and run.patterns == "paper" else (0.0, 1.0)


def name_of(pattern: str) -> str:
    """A pattern as the title of a panel."""
    return f"{pattern}: {PATTERN_NAMES[pattern]}"


def short(value: float) -> str:
    """Two decimals with a true minus: `0.47`, `−0.12`."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # + 0.0 makes 0 of -0


def bare(axes: Axes, edge: bool = False) -> None:
    """No ticks, no grid, and at most a thin edge: for images and maps. Where a map is NaN or masked, `VOID` is seen."""
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.patch.set(**VOID)
    for spine in axes.spines.values():
        spine.set(visible=edge, color="0.6", linewidth=0.5)


def explain(figure: Figure, label: str, shown: pd.DataFrame) -> None:
    """Write below all panels what their common axis shows, the columns `n` and `seeds`, and what the whiskers are."""
    seeds = counted(shown["seeds"].max(), "seed")
    note = f"n = {shown['n'].max()} natural images, {seeds}; whiskers: 95 % intervals"
    figure.supxlabel(f"{label}\n{note}" if label else note, fontsize=7)


def finish_panels(figure: Figure, panels: Sequence[Axes], label: str, shown: pd.DataFrame) -> None:
    """Complete panels that share the axis of SPC: its label and range, a legend above, `explain` below.

    The legend has as many columns as the figure is wide enough for.

    Args:
        figure: of the panels.
        panels: side by side; they show the same lines.
        label: of their common horizontal axis.
        shown: all that is drawn, with the columns of `summaries.estimates`.
    """
    panels[0].set(ylabel=SPC, ylim=(min(-0.1, shown["low"].min() - 0.02), 1))
    handles, labels = panels[0].get_legend_handles_labels()
    for columns in range(len(labels), 0, -1):
        legend = figure.legend(handles, labels, loc="outside upper center", ncols=columns)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()
    explain(figure, label, shown)


def stage_line(axes: Axes, stages: Sequence[str], values: ArrayLike, spread: ArrayLike, **look: Any) -> None:
    """Draw values with whiskers by stage; the last, of all stages together, stands apart from the line."""
    places = [*range(len(stages) - 1), len(stages) - 0.5]
    middle = np.asarray(values)
    whiskers = np.asarray(spread)
    axes.errorbar(places[:-1], middle[:-1], whiskers[..., :-1], **look)
    axes.errorbar(places[-1:], middle[-1:], whiskers[..., -1:], **{**look, "ls": "none", "label": None})
    axes.set_xlim(-0.4, places[-1] + 0.4)
    axes.set_xticks(places, stages)


def write_figure(draw: Callable[[], Figure], output: Path) -> None:
    """Draw off screen in the project's style; write `output` as vector .pdf and as .png, without dates inside."""
    mpl.use("Agg")
    with plt.style.context(STYLE):
        figure = draw()
        for kind, undated in (("pdf", "CreationDate"), ("png", "Software")):
            with atomic_write(output.with_suffix(f".{kind}")) as partial:
                figure.savefig(partial, format=kind, metadata={undated: None})
        plt.close(figure)
