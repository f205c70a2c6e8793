"""What a network says each pixel of some pictures is, beside what it is and what position alone says: in a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posinfo.images.masks import UNKNOWN, Mask
from posinfo.store.arrays import read_arrays, write_arrays


@dataclass(frozen=True)
class Segmentations:
    """The class of each pixel of N pictures, by three that answer.

    Attributes:
        images: the set that they are of, or what is composed of it.
        classes: their names; the number of a class is its place.
        pictures: uint8 [N, side, side, 3].
        true: what the masks say, `UNKNOWN` where nobody does; uint8 [N, side, side].
        said: what the network says, uint8 [N, side, side].
        prior: the commonest class of the training masks at each pixel, uint8 [side, side].
    """

    images: str
    classes: tuple[str, ...]
    pictures: NDArray[np.uint8]
    true: Mask
    said: Mask
    prior: Mask

    def right(self, answers: Mask, place: int) -> float:
        """The share of the known pixels of picture number `place` that answers of uint8 [side, side] have right."""
        known = self.true[place] != UNKNOWN
        return float((answers == self.true[place])[known].mean())


def write_segmentations(made: Segmentations, path: Path) -> None:
    """Write them as npz, and its sidecar."""
    write_arrays(vars(made), path)


def read_segmentations(path: Path) -> Segmentations:
    """What `write_segmentations` wrote.

    Raises:
        InputError: when the file is not what its sidecar vouches for.
    """
    stored = read_arrays(path)
    images, classes = str(stored.pop("images")), tuple(stored.pop("classes").tolist())
    return Segmentations(images, classes, **stored)
