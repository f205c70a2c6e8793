"""Encoders trained for a task: saliency of cropped copies (figure 1), classes of pixels, steps of training."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from posinfo.experiments.tasks.crops import CUT
from posinfo.figures.data import FigureData
from posinfo.figures.maps import bar, picture_in, tight
from posinfo.figures.style import ERROR, MAP, WHOLE, bare, colours_of, colours_of_classes, counts_of, short
from posinfo.figures.summaries import estimates, interval
from posinfo.images.masks import UNKNOWN, Mask
from posinfo.run.tables import TABLES
from posinfo.store.errors import InputError


def figure1(data: FigureData) -> Figure:
    """Columns are pictures; rows: picture, its saliency, the cropped copy, its saliency, the difference of the two."""
    if data.crops is None:
        raise InputError("figure 1 is drawn from a crops.npz; none was given")
    crops = data.crops
    side, differences = crops.pictures.shape[1], crops.differences()
    figure, grid = plt.subplots(5, len(crops.pictures), figsize=(4.9, 4.4))
    tight(figure)
    for column, picture in enumerate(crops.pictures):
        top, saliency, copy, of_copy, difference = grid[:, column]
        picture_in(top, picture)
        _placed(saliency, crops.whole[column], side, (0, 1), MAP)
        copied = np.full_like(picture, 255)
        copied[CUT:, CUT:] = picture[CUT:, CUT:]
        picture_in(copy, copied)
        _placed(of_copy, crops.cropped[column], side, (0, 1), MAP)
        _placed(difference, differences[column], side, (0, 1), ERROR)
        difference.set_xlabel(f"mean {differences[column].mean():.3f}", fontsize=7, labelpad=2)
    for axes, words in zip(
        grid[:, 0], ("picture", "saliency", f"cropped by\n{CUT} pixels", "saliency", "difference"), strict=True
    ):
        axes.set_ylabel(words)
    bar(figure, MAP, 0, 1, list(grid[:4].ravel()), ticks=[0, 0.5, 1], label="saliency", shrink=0.5)
    bar(figure, ERROR, 0, 1, list(grid[4]), ticks=[0, 0.5, 1], aspect=9)
    return figure


def _placed(axes: Axes, values: NDArray[np.floating], side: int, scale: tuple[float, float], colours: str) -> None:
    """A map where it lies in the picture; empty where it says nothing."""
    whole = np.full((side, side), np.nan)
    whole[side - len(values) :, side - len(values) :] = values
    axes.imshow(whole, cmap=colours, vmin=scale[0], vmax=scale[1], interpolation="nearest")
    bare(axes)


def segmentations(data: FigureData) -> Figure:
    """Columns are pictures; rows: picture, what is true, what networks with padding and without say, position alone.

    Below each answer stands the share of pixels that it has right. What nobody knows is white.
    """
    tasks = data.run.tasks
    names = (tasks.segmentation, tasks.segmentation_without_padding)
    if missing := [name for name in names if name not in data.segmentations]:
        raise InputError(f"segmentations are drawn from a segmentations.npz each; none was given of {missing[0]}")
    padded, unpadded = (data.segmentations[name] for name in names)
    classes, colours = padded.classes, colours_of_classes(padded.classes)
    figure, grid = plt.subplots(5, len(padded.pictures), figsize=(4.9, 5.6))
    tight(figure)
    for column, picture in enumerate(padded.pictures):
        top, truth, *below = grid[:, column]
        picture_in(top, picture)
        _classes_in(truth, padded.true[column], colours)
        for axes, said in zip(below, (padded.said[column], unpadded.said[column], padded.prior), strict=True):
            _classes_in(axes, said, colours)
            axes.set_xlabel(short(padded.right(said, column)), fontsize=7, labelpad=1)
    for axes, words in zip(
        grid[:, 0], ("picture", "true", "with\npadding", "without\npadding", "position\nalone"), strict=True
    ):
        axes.set_ylabel(words)
    patches = [Patch(color=colour, label=name) for name, colour in zip(classes, colours, strict=True)]
    figure.suptitle(padded.images, fontsize=8)
    columns = -(-len(classes) // 2)
    figure.legend(handles=patches, loc="outside lower center", ncols=columns, fontsize=7, handlelength=1)
    return figure


def _classes_in(axes: Axes, classes: Mask, colours: list[str]) -> None:
    """The class of each pixel in its colour."""
    shown = np.ma.masked_equal(classes, UNKNOWN)
    axes.imshow(shown, cmap=ListedColormap(colours), vmin=-0.5, vmax=len(colours) - 0.5, interpolation="nearest")
    bare(axes)


def tuning(data: FigureData) -> Figure:
    """SPC against the steps of a training: a panel per pattern, a line per trained encoder, 95 % intervals.

    The axis is logarithmic from the first step on, since most of what happens happens early; 0 is the start.
    """
    shown = estimates(TABLES["tuning"].cells(data.run), data.groups)
    patterns, trained = list(shown["pattern"].unique()), list(shown["model"].unique())
    figure, panels = plt.subplots(1, len(patterns), figsize=(WHOLE, 2.7), sharey=True)
    ticks = sorted(shown["steps"].unique())
    for axes, pattern in zip(panels, patterns, strict=True):
        for name, colour in zip(trained, colours_of(len(trained)), strict=True):
            rows = shown[(shown["pattern"] == pattern) & (shown["model"] == name)].sort_values("steps")
            axes.errorbar(rows["steps"], rows["value"], interval(rows), color=colour, marker="o", label=name)
        axes.set_xscale("symlog", linthresh=10, linscale=0.3)
        axes.set_xticks(ticks, [str(steps) for steps in ticks], rotation=90, fontsize=6)
        axes.minorticks_off()
        axes.set(title=f"pattern {pattern}", xlim=(-1, 1.3 * ticks[-1]), ylim=(min(-0.1, shown["low"].min() - 0.02), 1))
    panels[0].set_ylabel("SPC")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)))
    figure.supxlabel(f"steps of training ({counts_of(shown)})", fontsize=8)
    return figure
