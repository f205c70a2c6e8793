"""Ground-truth masks of a set of images, stored as the images are; `decoding` makes them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.store.files import atomic_write, preallocated_npy
from posinfo.store.sidecars import verified, write_sidecar

UNKNOWN = 255  # a pixel without a label
Mask = NDArray[np.uint8]


def write_masks(masks: Iterator[Mask], count: int, path: Path, classes: Sequence[str] = ()) -> None:
    """Write uint8 [count, 224, 224] and its sidecar.

    The sidecar has the names of the classes where none is a background, the number of masks, and of those without a
    pixel above 0.
    """
    empty = 0
    with atomic_write(path) as partial:
        array = preallocated_npy(partial, np.uint8, (count, IMAGE_SIDE, IMAGE_SIDE))
        for row, mask in zip(array, tqdm(masks, "masks", count, unit="mask", disable=None, leave=False), strict=True):
            row[:] = mask
            empty += not mask.any()
        array.flush()  # type: ignore[attr-defined]
    write_sidecar(path, classes=list(classes), count=count, empty=empty)


def read_masks(path: Path) -> tuple[Mask, tuple[str, ...]]:
    """The masks of a set, memory-mapped uint8 [N, side, side], and the names of its classes as `write_masks` got them.

    Raises:
        InputError: when the bytes differ from the sidecar's SHA-256.
    """
    classes = tuple(verified(path)["classes"])
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False)), classes
