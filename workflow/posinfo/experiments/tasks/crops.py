"""Saliency of pictures and of slightly cropped copies, as figure 1 of the paper shows it: what is in the file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posinfo.store.arrays import read_arrays, write_arrays

# Cut off at the left and at the top: one step of VGG's deepest stage, so that every pooling grid falls on the same
# pixels again. What a network without borders says of the copy is what it said of that part of the picture.
CUT = 16


@dataclass(frozen=True)
class Crops:
    """What a network said of N pictures and of their copies.

    Attributes:
        pictures: uint8 [N, side, side, 3].
        whole: saliency of the pictures, float16 [N, side, side].
        cropped: saliency of the copies, float16 [N, side - CUT, side - CUT].
    """

    pictures: NDArray[np.uint8]
    whole: NDArray[np.float16]
    cropped: NDArray[np.float16]

    def differences(self) -> NDArray[np.float64]:
        """|saliency of the copy - saliency of the same pixels in the picture|: float64 [N, side - CUT, side - CUT]."""
        aligned = self.whole[:, CUT:, CUT:].astype(np.float64)
        return np.asarray(np.abs(self.cropped - aligned))


def write_crops(made: Crops, path: Path) -> None:
    """Write them as npz, and its sidecar."""
    write_arrays(vars(made), path)


def read_crops(path: Path) -> Crops:
    """What `write_crops` wrote.

    Raises:
        InputError: when the file is not what its sidecar vouches for.
    """
    return Crops(**read_arrays(path))
