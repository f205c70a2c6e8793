"""SPC stage by stage as a figure: of one network beside random weights, and the panels of the atlas."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posinfo.figures.style import MODEL_COLOURS, STYLE, WHOLE, name_of, stage_line
from posinfo.store.errors import InputError

LOOKS: dict[str, dict[str, Any]] = {  # of each kind of weights
    "trained": {"color": MODEL_COLOURS["VGG"], "ls": "-", "marker": "o", "label": "trained weights"},
    "given": {"color": MODEL_COLOURS["VGG"], "ls": "-", "marker": "o", "label": "given weights"},
    "random": {"color": MODEL_COLOURS["PosENet"], "ls": "--", "marker": "s", "label": "random weights"},
    "none": {"color": MODEL_COLOURS["ResNet"], "ls": "-", "marker": "D", "label": "no weights"},
}
COLUMNS = {"network", "weights", "stage", "pattern", "n_images", "spc", "spc_low", "spc_high"}  # that are drawn
INTERVALS = "whiskers and band: 95 % intervals"


def plot(scores: pd.DataFrame) -> Figure:
    """Draw SPC by stage, a panel for each pattern: the network with intervals, random weights as a band.

    Args:
        scores: as `posinfo.probe` returns them.

    Raises:
        InputError: for anything else, or without rows.
    """
    missing = COLUMNS - set(getattr(scores, "columns", ()))
    if missing or scores.empty:
        what = f"a {type(scores).__name__} without {', '.join(sorted(missing)) or 'rows'}"
        raise InputError(f"plot: {what}; give the scores of `scores, maps = posinfo.probe(...)`")
    patterns = list(scores["pattern"].unique())
    with mpl.style.context(STYLE):
        figure = Figure(figsize=(0.6 + (WHOLE - 0.6) * max(len(patterns), 2) / 3, 2.4))
        panels = figure.subplots(1, len(patterns), sharey=True, squeeze=False)[0]
        panels[0].set_ylim(lowest(scores), 1)
        panels[0].set_ylabel("SPC")
        for axes, pattern in zip(panels, patterns, strict=True):
            draw_panel(axes, scores[scores["pattern"] == pattern])
            axes.set_title(name_of(pattern), fontsize=7)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=len(LOOKS))
        network = scores["network"].iloc[0]
        figure.supxlabel(f"stage of {network} (n = {scores['n_images'].max()} images; {INTERVALS})", fontsize=8)
    return figure


def lowest(scores: pd.DataFrame) -> float:
    """Where the axis of SPC begins: -0.1, or below the lowest interval."""
    return min(-0.1, float(scores[["spc", "spc_low"]].min().min()) - 0.02)


def draw_panel(axes: Axes, shown: pd.DataFrame) -> None:
    """A line for each kind of weights through the stages; the readout of all stages stands apart.

    Args:
        axes: of the panel.
        shown: the rows of one network and pattern, as `table.summarised` returns them.
    """
    for weights, line in shown.groupby("weights", sort=False):
        look = LOOKS[str(weights)]
        whiskers = [line["spc"] - line["spc_low"], line["spc_high"] - line["spc"]]
        stage_line(axes, line["stage"].tolist(), line["spc"], whiskers, **look)
        if weights == "random":
            alone = line.iloc[:-1]
            places = range(len(alone))
            axes.fill_between(places, alone["spc_low"], alone["spc_high"], color=look["color"], alpha=0.2, lw=0)
