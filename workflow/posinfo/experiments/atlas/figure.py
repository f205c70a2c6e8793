"""The atlas as a figure: a row for each network, a panel for each pattern, SPC by stage, trained and random weights."""

from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from posinfo.experiments.atlas.table import read_atlas
from posinfo.figures.data import FigureData
from posinfo.figures.style import WHOLE, name_of
from posinfo.probing.figure import INTERVALS, draw_panel, lowest
from posinfo.run.shown import counted


def draw(data: FigureData) -> Figure:
    """SPC of each stage alone, then of all together, with 95 % intervals."""
    frame = read_atlas(data.run, data.paths)
    networks = list(frame["network"].unique())
    patterns = list(frame["pattern"].unique())
    size = (WHOLE, 0.6 + 1.1 * len(networks))
    figure, panels = plt.subplots(len(networks), len(patterns), figsize=size, sharey=True, squeeze=False)
    panels[0, 0].set_ylim(lowest(frame), 1)
    handles: dict[str, Any] = {}
    for row, network in zip(panels, networks, strict=True):
        row[0].set_ylabel(f"{network}\nSPC", fontsize=7)
        for axes, pattern in zip(row, patterns, strict=True):
            draw_panel(axes, frame[(frame["network"] == network) & (frame["pattern"] == pattern)])
            drawn, labels = axes.get_legend_handles_labels()
            handles |= dict(zip(labels, drawn, strict=True))
    for axes, pattern in zip(panels[0], patterns, strict=True):
        axes.set_title(name_of(pattern))
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=len(handles))
    n = f"n = {frame['n_images'].max()} natural images, {counted(frame['n_seeds'].max(), 'seed')}; {INTERVALS}"
    figure.supxlabel(f"stage that is read, and all stages\n{n}", fontsize=7)
    return figure
