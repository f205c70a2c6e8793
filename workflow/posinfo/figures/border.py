"""SPC against the width of the border that is cut away from every stage."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from posinfo.figures.data import FigureData
from posinfo.figures.style import MARKERS, WHOLE, colour_of, finish_panels, name_of
from posinfo.figures.summaries import interval, table_estimates


def border(data: FigureData) -> Figure:
    """A panel per pattern, a line per encoder, 95 % intervals; lines stand a little apart, so that none is hidden."""
    run = data.run
    side = run.alignment.side
    shown = table_estimates("border", data)
    patterns = list(shown["pattern"].unique())
    titles = run.titles(shown["encoder"].unique())
    figure, panels = plt.subplots(1, len(patterns), figsize=(WHOLE, 2.8), sharey=True)
    for axes, pattern in zip(panels, patterns, strict=True):
        for place, (encoder, title) in enumerate(titles.items()):
            rows = shown[(shown["pattern"] == pattern) & (shown["encoder"] == encoder)]
            apart = 0.08 * (place - (len(titles) - 1) / 2)
            look = {"color": colour_of(encoder, run), "marker": MARKERS[place], "label": title}
            axes.errorbar(rows["cut"] + apart, rows["value"], interval(rows), **look)
        axes.set_title(name_of(pattern))
        axes.set_xticks(np.unique(shown["cut"]))
    finish_panels(figure, panels, f"cells cut away on each side of the {side} x {side} maps", shown)
    return figure
