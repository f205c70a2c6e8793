"""The figures of where position comes from: foveation of padding kinds; mean maps and errors by side."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from posinfo.figures.style import ERROR, MAP, WHOLE, bare

WHERE = ("left", "right", "top", "bottom")


def foveation_figure(by_kind: Mapping[str, NDArray[np.float64]], by_side: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Above a map for each padding of one network, below one for each input of another; each at most 1."""
    wide = max(len(by_kind), len(by_side))
    figure, grid = plt.subplots(2, wide, figsize=(WHOLE, 2.9), layout="constrained", squeeze=False)
    for line, maps in zip(grid, (by_kind, by_side), strict=True):
        for axes in line:
            bare(axes)
        for axes, (name, values) in zip(line, maps.items(), strict=False):
            axes.imshow(values, cmap=MAP, vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(name, fontsize=7)
        for axes in line[len(maps) :]:
            axes.set_visible(False)
    shown = plt.cm.ScalarMappable(mpl.colors.Normalize(0, 1), cmap=MAP)
    figure.colorbar(shown, ax=list(grid.ravel()), shrink=0.6, label="use of a pixel")
    return figure


def sides_figure(maps: Mapping[tuple[int, str], NDArray[np.float64]], rows: pd.DataFrame) -> Figure:
    """A line for each side of the input: mean maps of the stages, then the readout's error at the deepest, by side."""
    sides, stages = list(dict.fromkeys(side for side, _ in maps)), list(dict.fromkeys(stage for _, stage in maps))
    figure, grid = plt.subplots(
        *(len(sides), len(stages) + 1), figsize=(WHOLE, 1.35 * len(sides) + 0.3), layout="constrained", squeeze=False
    )
    spread = max(float(np.abs(values - 1).max()) for values in maps.values())
    deepest = rows[rows["stage"] == stages[-1]]
    most = float(deepest.groupby("side")[list(WHERE)].mean().to_numpy().max())
    for line, side in zip(grid, sides, strict=True):
        for axes, stage in zip(line, stages, strict=False):
            axes.imshow(maps[side, stage], cmap=ERROR, vmin=1 - spread, vmax=1 + spread, interpolation="nearest")
            bare(axes)
            axes.set_title(f"{stage}, {len(maps[side, stage])} x {len(maps[side, stage])}", fontsize=7)
        line[0].set_ylabel(f"{side} pixels")
        _errors(line[-1], deepest[deepest["side"] == side], most)
    shown = plt.cm.ScalarMappable(mpl.colors.Normalize(1 - spread, 1 + spread), cmap=ERROR)
    figure.colorbar(shown, ax=list(grid[:, :-1].ravel()), shrink=0.6, label="mean over channels\n/ mean of the map")
    return figure


def _errors(axes: Axes, rows: pd.DataFrame, most: float) -> None:
    axes.barh(WHERE, [rows[where].mean() for where in WHERE], color="#6b6b6b")
    axes.invert_yaxis()
    axes.set_xlim(0, 1.05 * most)
    axes.set_title("readout's error (widths)", fontsize=7)
    axes.tick_params(labelsize=6)
