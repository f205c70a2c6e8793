"""Figures: saliency of cropped copies (figure 1), classes of pixels, and SPC by steps of training."""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from posinfo.experiments.tasks.data.masks import UNKNOWN, Mask
from posinfo.figures.data import FigureData
from posinfo.figures.maps import bar, image_in, tight
from posinfo.figures.style import ERROR, MAP, MARKERS, VOID, WHOLE, bare, colours_of, finish_panels, name_of, short
from posinfo.figures.summaries import interval, table_estimates
from posinfo.store.arrays import read_arrays


def figure1(data: FigureData) -> Figure:
    """Columns are images; rows: image, its saliency, the cropped copy, its saliency, the difference of the two."""
    (path,) = data.paths
    crops = read_arrays(path)
    images = crops["images"]
    side = images.shape[1]
    cut = side - crops["cropped"].shape[1]
    differences = differences_of(crops)
    figure, grid = plt.subplots(5, len(images), figsize=(4.9, 4.4))
    tight(figure)
    for column, image in enumerate(images):
        top, saliency, copy, of_copy, difference = grid[:, column]
        image_in(top, image)
        _draw_map(saliency, crops["whole"][column], side, MAP)
        kept = np.zeros((side, side, 1), bool)
        kept[cut:, cut:] = True
        image_in(copy, np.concatenate([image, np.where(kept, 255, 0).astype(np.uint8)], axis=-1))
        _draw_map(of_copy, crops["cropped"][column], side, MAP)
        _draw_map(difference, differences[column], side, ERROR)
        difference.set_xlabel(f"mean {differences[column].mean():.3f}", fontsize=7, labelpad=2)
    _name_rows(grid, ("image", "saliency", f"cropped by\n{cut} pixels", "saliency", "difference"))
    bar(figure, MAP, 0, 1, list(grid[:4].ravel()), ticks=[0, 0.5, 1], label="saliency", shrink=0.5)
    bar(figure, ERROR, 0, 1, list(grid[4]), ticks=[0, 0.5, 1], aspect=9)
    return figure


def differences_of(crops: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    """|saliency of the copy - saliency of the same pixels of the image|: float64, of the copy's sides."""
    cropped = crops["cropped"]
    side = cropped.shape[1]
    aligned = crops["whole"][:, -side:, -side:].astype(np.float64)
    return np.asarray(np.abs(cropped - aligned))


def _draw_map(axes: Axes, values: NDArray[np.floating], side: int, colours: str) -> None:
    """A map in [0, 1] at its position in the image; the rest stays empty."""
    empty = side - len(values)
    whole = np.pad(values.astype(float), ((empty, 0), (empty, 0)), constant_values=np.nan)
    axes.imshow(whole, cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    bare(axes)


def _name_rows(grid: NDArray[np.object_], names: Sequence[str]) -> None:
    for axes, name in zip(grid[:, 0], names, strict=True):
        axes.set_ylabel(name)


def segmentations(data: FigureData) -> Figure:
    """Columns are images; rows: image, true classes, predictions with padding and without, position-only baseline.

    Below each prediction stands its share of right pixels. Pixels without a label are hatched.
    """
    padded, unpadded = (read_arrays(path) for path in data.paths)
    classes = padded["classes"].tolist()
    colours = _class_colours(classes)
    figure, grid = plt.subplots(5, len(padded["images"]), figsize=(4.9, 5.6))
    tight(figure)
    for column, image in enumerate(padded["images"]):
        top, truth, *below = grid[:, column]
        image_in(top, image)
        true = padded["true"][column]
        _draw_classes(truth, true, colours)
        predictions = (padded["predicted"][column], unpadded["predicted"][column], padded["baseline"])
        for axes, predicted in zip(below, predictions, strict=True):
            _draw_classes(axes, predicted, colours)
            axes.set_xlabel(short(accuracy(predicted, true)), fontsize=7, labelpad=1)
    _name_rows(grid, ("image", "true", "with\npadding", "without\npadding", "position\nonly"))
    patches = [Patch(color=colour, label=name) for name, colour in zip(classes, colours, strict=True)]
    patches += [Patch(**VOID, label="no label")] if (padded["true"] == UNKNOWN).any() else []
    figure.suptitle(str(padded["source"]), fontsize=8)
    columns = -(-len(patches) // 2)
    figure.legend(handles=patches, loc="outside lower center", ncols=columns, fontsize=7, handlelength=1)
    return figure


def accuracy(predicted: Mask, true: Mask) -> float:
    """The share of the labelled pixels of an image that `predicted` has right; both uint8 [side, side]."""
    known = true != UNKNOWN
    return float((predicted == true)[known].mean())


def _class_colours(classes: Sequence[str]) -> list[str]:
    """A background in light grey, all others as `colours_of` has them."""
    ground = ["#e6e6e6"] if classes[0] == "background" else []
    return [*ground, *colours_of(len(classes) - len(ground))]


def _draw_classes(axes: Axes, classes: Mask, colours: list[str]) -> None:
    """The class of each pixel in its colour."""
    shown = np.ma.masked_equal(classes, UNKNOWN)
    axes.imshow(shown, cmap=ListedColormap(colours), vmin=-0.5, vmax=len(colours) - 0.5, interpolation="nearest")
    bare(axes)


def tuning(data: FigureData) -> Figure:
    """SPC by steps of training: a panel for each pattern, a line for each trained encoder, 95 % intervals.

    The axis is logarithmic, since most changes come early; 0 is before the training.
    """
    shown = table_estimates("tuning", data)
    patterns = list(shown["pattern"].unique())
    titles = data.run.titles(shown["model"].unique())
    figure, panels = plt.subplots(1, len(patterns), figsize=(WHOLE, 2.7), sharey=True)
    ticks = sorted(shown["steps"].unique())
    for axes, pattern in zip(panels, patterns, strict=True):
        for (name, title), colour, marker in zip(titles.items(), colours_of(len(titles)), cycle(MARKERS)):
            rows = shown[(shown["pattern"] == pattern) & (shown["model"] == name)].sort_values("steps")
            axes.errorbar(rows["steps"], rows["value"], interval(rows), color=colour, marker=marker, label=title)
        axes.set_xscale("symlog", linthresh=10, linscale=0.3)
        axes.set_xticks(ticks, [str(steps) for steps in ticks], rotation=90, fontsize=7)
        axes.minorticks_off()
        axes.set(title=name_of(pattern), xlim=(-1, 1.3 * ticks[-1]))
    finish_panels(figure, panels, "steps of training", shown)
    return figure
