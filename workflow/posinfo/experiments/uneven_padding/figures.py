"""The figures: foveation by padding and by side of the input; mean maps and readout errors by side."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from posinfo.encoders.architectures import empty_architecture
from posinfo.experiments.uneven_padding import ASYMMETRY
from posinfo.experiments.uneven_padding.foveation import by_padding, foveation
from posinfo.experiments.uneven_padding.settings import EDGES, UnevenPadding
from posinfo.figures.data import FigureData
from posinfo.figures.maps import bar
from posinfo.figures.style import MAP, RATIO, WHOLE, bare
from posinfo.store.arrays import read_arrays
from posinfo.tables.measurements import read_rows


def draw_foveation(data: FigureData) -> Figure:
    """Draw VGG with each padding above, ResNet as built at each side of the input below; each map at most 1."""
    encoders = data.run.registry.encoders
    models = data.run.models
    resnet = encoders[models.ResNet].architecture
    sides = data.run.section(UnevenPadding).sides
    above = {str(padding): used for padding, used in by_padding(encoders[models.VGG].architecture).items()}
    below = {f"{side} pixels": foveation(empty_architecture(resnet), "zeros", side) for side in sides}
    wide = max(len(above), len(below))
    figure, grid = plt.subplots(2, wide, figsize=(WHOLE, 2.9), squeeze=False)
    grid[0, 0].set_ylabel(f"{models.VGG},\nby padding", fontsize=7)
    grid[1, 0].set_ylabel(f"{models.ResNet},\nby input", fontsize=7)
    for line, maps in zip(grid, (above, below), strict=True):
        for axes in line:
            bare(axes)
        for axes, (name, used) in zip(line, maps.items(), strict=False):
            axes.imshow(used, cmap=MAP, vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(name, fontsize=7)
        for axes in line[len(maps) :]:
            axes.set_visible(False)
    bar(figure, MAP, 0, 1, list(grid.ravel()), ticks=[0, 0.5, 1], label="use of a pixel (most used: 1)", shrink=0.8)
    return figure


def draw_uneven_padding(data: FigureData) -> Figure:
    """Draw ResNet's mean maps and the errors of its readout at the deepest stage, a line for each side of the input."""
    table, mean_maps = data.paths
    rows = read_rows(data.run, ASYMMETRY, [table])
    maps = read_arrays(mean_maps)
    sides = rows["side"].unique()
    stages = rows["stage"].unique()
    height = 1.35 * len(sides) + 0.3
    figure, grid = plt.subplots(len(sides), len(stages) + 1, figsize=(WHOLE, height), squeeze=False)
    spread = max(float(np.abs(values - 1).max()) for values in maps.values())
    errors = rows[rows["stage"] == stages[-1]].groupby("side")[list(EDGES)].mean()
    for (*panels, bars), side in zip(grid, sides, strict=True):
        for axes, stage in zip(panels, stages, strict=True):
            shown = maps[f"{side}/{stage}"]
            axes.imshow(shown, cmap=RATIO, vmin=1 - spread, vmax=1 + spread, interpolation="nearest")
            bare(axes, edge=True)
            axes.set_title(f"{stage}, {len(shown)} x {len(shown)}", fontsize=7)
        panels[0].set_ylabel(f"{side} pixels")
        bars.barh(EDGES, errors.loc[side], color="#6b6b6b")
        bars.invert_yaxis()
        bars.set_xlim(0, 1.05 * errors.to_numpy().max())
        bars.set_title("error of position,\nin widths of the map", fontsize=7)
        bars.tick_params(labelsize=7)
    label = "mean over channels / mean of the map"
    figure.supxlabel(f"means of {rows['image'].nunique()} natural images and their mirror images", fontsize=7)
    bar(figure, RATIO, 1 - spread, 1 + spread, list(grid[:, :-1].ravel()), label=label)
    return figure
