"""Predicted maps for figures: of the few images that figures show, from one seed, at 224x224."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from posinfo.features.stored import StageFeatures
from posinfo.readouts.stacked import StackedReadouts
from posinfo.readouts.upsampling import upsample
from posinfo.scores.measures import predict
from posinfo.store.arrays import read_arrays, write_arrays
from posinfo.store.errors import InputError

Maps = dict[tuple[str, str, str], NDArray[np.float16]]


class _SelectedImages:
    """Some images of a memory-mapped array, read one at a time like the whole array, without a copy in memory.

    `base` is the whole, as numpy calls it, so that `drop_pages` finds the mapped file.
    """

    def __init__(self, array: NDArray[np.float16 | np.float32], indices: Sequence[int]) -> None:
        self.base = array
        self.indices = list(indices)
        self.shape = (len(self.indices), *array.shape[1:])
        self.dtype = array.dtype

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, number: int) -> NDArray[np.float16 | np.float32]:
        return np.asarray(self.base[self.indices[number]])


def select_images(stages: Sequence[StageFeatures], indices: Sequence[int]) -> list[StageFeatures]:
    """The stages of the images at `indices` only, in that order."""
    selected = []
    for stage in stages:
        array = cast("NDArray[np.float16 | np.float32]", _SelectedImages(stage.array, indices))
        selected.append(replace(stage, array=array))
    return selected


def predicted_maps(
    stack: StackedReadouts, stages: Sequence[StageFeatures], patterns: Sequence[str], seed: int, device: torch.device
) -> dict[str, NDArray[np.float16]]:
    """The maps that one seed's heads predict, as the scores see them: float16 [N, 224, 224] per pattern."""
    large = upsample(predict(stack, stages, device), stages[0].alignment.corners).numpy()
    rows = {head.pattern: row for row, head in enumerate(stack.heads) if head.seed == seed}
    return {pattern: large[rows[pattern]].astype(np.float16) for pattern in patterns}


@dataclass(frozen=True)
class Predictions:
    """Predicted maps of one encoder's readouts on the shown images.

    Attributes:
        maps: (readout, set of images, pattern) to maps, float16 [N, 224, 224].
        names: set of images to the names of its shown images, in the order of the maps.
        seed: the seed of the readouts.
    """

    maps: Maps
    names: dict[str, list[str]]
    seed: int

    def map_of(self, readout: str, images: str, pattern: str) -> NDArray[np.float16]:
        """The predicted maps of one readout and pattern on one set of images, float16 [N, 224, 224].

        Raises:
            InputError: when they were not predicted.
        """
        key = (readout, images, pattern)
        if key not in self.maps:
            raise InputError(f"no predicted map for {' / '.join(key)}: the figure would have a hole")
        return self.maps[key]


def write_predictions(maps: Maps, names: Mapping[str, Sequence[str]], seed: int, path: Path) -> None:
    """Write one encoder's predictions as npz with its sidecar; arguments as for `Predictions`.

    The arrays are named `readout/images/pattern`, `images/names` and `seed`.
    """
    arrays: dict[str, NDArray[np.float16] | Sequence[str] | int] = {"seed": seed}
    for images, shown in names.items():
        arrays[f"{images}/names"] = shown
    for key, values in maps.items():
        arrays["/".join(key)] = values
    write_arrays(arrays, path)


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote.

    Raises:
        InputError: when the file does not match the SHA-256 in its sidecar.
    """
    arrays = read_arrays(path)
    seed = int(arrays.pop("seed"))
    maps: Maps = {}
    names: dict[str, list[str]] = {}
    for name, array in arrays.items():
        match name.split("/"):
            case [images, "names"]:
                names[images] = array.tolist()
            case [readout, images, pattern]:
                maps[readout, images, pattern] = array
    return Predictions(maps, names, seed)
