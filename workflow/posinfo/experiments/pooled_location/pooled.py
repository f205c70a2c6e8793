"""Location from pooled features: a photograph in one cell of an empty picture, named from means over the last stage.

The question of Islam, Kowal, Jia, Derpanis and Bruce, "Global Pooling, More than Meets the Eye" (ICCV 2021).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from posinfo.features.extraction import Preprocessing
from posinfo.images.views import photograph_of
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.protocol.origins import fitting
from posinfo.store.errors import InputError

CHANNELS = ("in order", "shuffled")


@dataclass(frozen=True)
class Placement:
    """Which picture stands in which cell.

    Attributes:
        picture: index into the set of pictures.
        image: photograph and, behind the last dash, place and view: one name for each.
        grid: cells along a side.
        cell: row by row from the upper left, from 0.
    """

    picture: int
    image: str
    grid: int
    cell: int


def placements(names: Sequence[str], grids: Sequence[int], each: int, seed: int) -> list[Placement]:
    """For each cell of each grid `each` pictures of different photographs, chosen at random.

    Args:
        names: of the pictures, `photograph-view`.

    Raises:
        InputError: when there are fewer photographs.
    """
    rng = np.random.default_rng(seed)
    photograph = photograph_of(names)
    count = int(photograph.max()) + 1
    if count < each:
        raise InputError(f"{each} pictures a cell need {each} photographs, the set has {count}; see config: origins")
    found = []
    for grid in grids:
        for cell in range(grid**2):
            for chosen in rng.permutation(count)[:each]:
                picture = int(rng.choice(np.flatnonzero(photograph == chosen)))
                whole, view = names[picture].rsplit("-", 1)
                found.append(Placement(picture, f"{whole}-{grid}.{cell}.{view}", grid, cell))
    return found


def placed(picture: NDArray[np.uint8], patch: int, grid: int, cell: int) -> NDArray[np.uint8]:
    """The picture, resized to patch x patch (bilinear, antialiased), in the middle of its cell of a black picture.

    Args:
        picture: [side, side, 3].

    Returns:
        [224, 224, 3].

    Raises:
        InputError: when the patch is larger than its cell.
    """
    try:
        side = fitting(patch, grid)
    except ValueError as error:
        raise InputError(str(error)) from None
    row, column = divmod(cell, grid)
    top, left = (place * side + (side - patch) // 2 for place in (row, column))
    canvas = np.zeros((IMAGE_SIDE, IMAGE_SIDE, 3), np.uint8)
    small = Image.fromarray(picture).resize((patch, patch), Image.Resampling.BILINEAR)
    canvas[top : top + patch, left : left + patch] = np.asarray(small)
    return canvas


@torch.inference_mode()
def pooled(
    model: nn.Module,
    preprocessing: Preprocessing,
    pictures: NDArray[np.uint8],
    places: Sequence[Placement],
    patch: int,
    device: torch.device,
    batch: int = 4,
) -> NDArray[np.float32]:
    """Means over the plane of the deepest stage, for each placement: [placements, C].

    Args:
        model: pictures in, {stage: map} out; the last stage is read.
        pictures: [N, side, side, 3].
    """
    model = model.eval().to(device).to(memory_format=torch.channels_last)
    found = []
    for start in range(0, len(places), batch):
        part = places[start : start + batch]
        drawn = np.stack([placed(pictures[place.picture], patch, place.grid, place.cell) for place in part])
        maps = list(model(preprocessing.prepare(torch.from_numpy(drawn).to(device))).values())[-1]
        found.append(maps.mean((2, 3)).cpu().numpy())
    return np.concatenate(found)


def located(
    learnt: tuple[NDArray[np.float32], Sequence[Placement]],
    tested: tuple[NDArray[np.float32], Sequence[Placement]],
    seeds: Sequence[int],
) -> pd.DataFrame:
    """Whether a linear readout (scikit-learn's LogisticRegression on standardised means) names each tested cell.

    Each seed leaves out another picture of each cell from what is learnt, and draws the shuffles: `shuffled` permutes
    the channels of every picture by a permutation of its own, in training as in test, so that only the values stay and
    not whose they are.

    Args:
        learnt, tested: means [placements, C] and the placements.

    Returns:
        Columns grid, channels, image, seed, accuracy (0 or 1).
    """
    rows = []
    for grid in dict.fromkeys(place.grid for place in tested[1]):
        (train, cells, _), (test, truth, images) = (_of_grid(part, grid) for part in (learnt, tested))
        for seed in seeds:
            rng = np.random.default_rng([seed, grid])
            kept = np.concatenate([rng.permutation(np.flatnonzero(cells == cell))[1:] for cell in np.unique(cells)])
            for channels in CHANNELS:
                parts = [train[kept], test]
                if channels == "shuffled":
                    parts = [rng.permuted(part, axis=1) for part in parts]
                readout = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
                said = readout.fit(parts[0], cells[kept]).predict(parts[1])
                named = {"grid": grid, "channels": channels, "image": images, "seed": seed}
                rows.append(pd.DataFrame({**named, "accuracy": (said == truth).astype(float)}))
    return pd.concat(rows, ignore_index=True)


def _of_grid(
    part: tuple[NDArray[np.float32], Sequence[Placement]], grid: int
) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str]]:
    means, places = part
    here = [index for index, place in enumerate(places) if place.grid == grid]
    return means[here], np.array([places[index].cell for index in here]), [places[index].image for index in here]
