"""Figure 1 of the paper: saliency of pictures and of slightly cropped copies."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from posinfo.figures.maps import bar, picture_in, tight
from posinfo.figures.materials import Material
from posinfo.figures.style import ERROR, MAP, bare
from posinfo.store.errors import InputError
from posinfo.trained.crops import CUT


def figure1(material: Material) -> Figure:
    """Columns are pictures; rows: picture, its saliency, the cropped copy, its saliency, the difference of the two."""
    if material.crops is None:
        raise InputError("figure 1 is drawn from a crops.npz; none was given")
    crops = material.crops
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
