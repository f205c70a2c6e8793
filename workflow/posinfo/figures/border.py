"""SPC against the width of the border that is cut away from every stage."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from posinfo.figures.data import FigureData
from posinfo.figures.style import WHOLE, colour_of, counts_of
from posinfo.figures.summaries import interval, table_estimates


def border(data: FigureData) -> Figure:
    """A panel per pattern, a line per encoder, 95 % intervals; lines stand a little apart, so that none is hidden."""
    run = data.run
    shown = table_estimates("border", data)
    patterns = list(shown["pattern"].unique())
    encoders = list(shown["encoder"].unique())
    figure, panels = plt.subplots(1, len(patterns), figsize=(WHOLE, 2.4), sharey=True)
    for axes, pattern in zip(panels, patterns, strict=True):
        for place, encoder in enumerate(encoders):
            rows = shown[(shown["pattern"] == pattern) & (shown["encoder"] == encoder)]
            apart = 0.08 * (place - (len(encoders) - 1) / 2)
            colour = colour_of(encoder, run)
            axes.errorbar(rows["cut"] + apart, rows["value"], interval(rows), color=colour, marker="o", label=encoder)
        axes.set(title=f"pattern {pattern}", ylim=(min(-0.1, shown["low"].min() - 0.02), 1))
        axes.set_xticks(np.unique(shown["cut"]))
    panels[0].set_ylabel("SPC")
    panels[-1].legend(loc="upper right", borderaxespad=0.1)
    figure.supxlabel(f"cells of 28 cut away on each side ({counts_of(shown)})", fontsize=8)
    return figure
