"""The atlas as a figure: a row for each network, a panel for each pattern, SPC by stage, trained and random weights."""

from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posinfo.experiments.atlas.table import read_atlas
from posinfo.figures.data import FigureData
from posinfo.figures.style import MODEL_COLOURS, WHOLE

LOOKS: dict[str, dict[str, Any]] = {  # of each kind of weights
    "trained": {"color": MODEL_COLOURS["VGG"], "ls": "-", "marker": "o"},
    "random": {"color": MODEL_COLOURS["PosENet"], "ls": "--", "marker": "s"},
    "none": {"color": MODEL_COLOURS["ResNet"], "ls": "-", "marker": "D"},
}


def draw(data: FigureData) -> Figure:
    """SPC of each stage alone, then of all together, with standard deviations."""
    frame = read_atlas(data.run, data.paths)
    networks = list(frame["network"].unique())
    patterns = list(frame["pattern"].unique())
    size = (WHOLE, 0.6 + 1.1 * len(networks))
    figure, panels = plt.subplots(len(networks), len(patterns), figsize=size, sharey=True, squeeze=False)
    lowest = float((frame["spc"] - frame["spc_sd"].fillna(0)).min())
    panels[0, 0].set_ylim(min(-0.1, lowest - 0.02), 1)
    handles: dict[str, Any] = {}
    for row, network in zip(panels, networks, strict=True):
        row[0].set_ylabel(f"{network}\nSPC", fontsize=7)
        for axes, pattern in zip(row, patterns, strict=True):
            _draw_panel(axes, frame[(frame["network"] == network) & (frame["pattern"] == pattern)])
            drawn, labels = axes.get_legend_handles_labels()
            handles |= dict(zip(labels, drawn, strict=True))
    for axes, pattern in zip(panels[0], patterns, strict=True):
        axes.set_title(f"pattern {pattern}")
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=len(handles))
    return figure


def _draw_panel(axes: Axes, shown: pd.DataFrame) -> None:
    """A line for each kind of weights through the stages; the readout of all stages stands apart."""
    stages = list(shown["stage"].unique())
    for weights, line in shown.groupby("weights", sort=False):
        look = LOOKS[str(weights)]
        at = [stages.index(stage) for stage in line["stage"]]
        spread = line["spc_sd"].fillna(0)
        axes.errorbar(at[:-1], line["spc"].iloc[:-1], spread.iloc[:-1], label=weights, **look)
        axes.errorbar(at[-1:], line["spc"].iloc[-1:], spread.iloc[-1:], **{**look, "ls": "none"})
    axes.set_xlim(-0.3, len(stages) - 0.7)
    axes.set_xticks(range(len(stages)), stages)
