"""The atlas as a figure: a row for each network, a panel for each pattern, SPC by stage, trained and random weights."""

from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posinfo.experiments.atlas.table import read_atlas
from posinfo.figures.data import FigureData
from posinfo.figures.style import MODEL_COLOURS, WHOLE, explain, name_of, stage_line

LOOKS: dict[str, dict[str, Any]] = {  # of each kind of weights
    "trained": {"color": MODEL_COLOURS["VGG"], "ls": "-", "marker": "o", "label": "trained weights"},
    "random": {"color": MODEL_COLOURS["PosENet"], "ls": "--", "marker": "s", "label": "random weights"},
    "none": {"color": MODEL_COLOURS["ResNet"], "ls": "-", "marker": "D", "label": "no weights"},
}


def draw(data: FigureData) -> Figure:
    """SPC of each stage alone, then of all together, with 95 % intervals."""
    frame = read_atlas(data.run, data.paths)
    networks = list(frame["network"].unique())
    patterns = list(frame["pattern"].unique())
    size = (WHOLE, 0.6 + 1.1 * len(networks))
    figure, panels = plt.subplots(len(networks), len(patterns), figsize=size, sharey=True, squeeze=False)
    panels[0, 0].set_ylim(min(-0.1, frame["spc_low"].min() - 0.02), 1)
    handles: dict[str, Any] = {}
    for row, network in zip(panels, networks, strict=True):
        row[0].set_ylabel(f"{network}\nSPC", fontsize=7)
        for axes, pattern in zip(row, patterns, strict=True):
            _draw_panel(axes, frame[(frame["network"] == network) & (frame["pattern"] == pattern)])
            drawn, labels = axes.get_legend_handles_labels()
            handles |= dict(zip(labels, drawn, strict=True))
    for axes, pattern in zip(panels[0], patterns, strict=True):
        axes.set_title(name_of(pattern))
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=len(handles))
    explain(figure, "stage that is read, and all stages", frame.rename(columns={"n_images": "n", "n_seeds": "seeds"}))
    return figure


def _draw_panel(axes: Axes, shown: pd.DataFrame) -> None:
    """A line for each kind of weights through the stages."""
    for weights, line in shown.groupby("weights", sort=False):
        whiskers = [line["spc"] - line["spc_low"], line["spc_high"] - line["spc"]]
        stage_line(axes, line["stage"].tolist(), line["spc"], whiskers, **LOOKS[str(weights)])
