"""Photographs that a set holds twice, and those that look like another set's: public sets overlap."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from posinfo.images.decoded import read_images, read_origins
from posinfo.images.views import first_views

SIDE = 32  # pixels of the grey copy that is compared
KEPT = 8  # lowest frequencies in each direction
# Bits of 64 in which copies of one image differ. Among DUTS-TR, ECSSD, PASCAL-S, BSDS500 and a thousand of ImageNet
# every pair within 4 bits is one image, most are equal; from 5 bits on come pairs that are not.
ALIKE = 4
ROWS = 1000  # compared at once


def perceptual_hashes(path: Path) -> NDArray[np.uint64]:
    """A hash of each photograph of a set that a new size or compression changes in a few bits: uint64 [photographs].

    A bit says whether one of the lowest frequencies of the whole photograph is above their median.
    """
    images = read_images(path)
    views = read_origins(path.with_suffix(".csv"))
    grey = []
    for index in first_views(list(views["image"]), len(views)):
        view = images[index, :, ::-1] if views["flipped"][index] == "True" else images[index]
        small = Image.fromarray(view).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
        grey.append(np.asarray(small, float))
    low = dctn(np.stack(grey), norm="ortho", axes=(1, 2))[:, :KEPT, :KEPT].reshape(len(grey), -1)
    return np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1).view(np.uint64)[:, 0]


def count_alike(hashes: NDArray[np.uint64], others: NDArray[np.uint64]) -> int:
    """How many photographs look like one of the others, by their perceptual hashes."""
    parts = (hashes[start : start + ROWS, None] ^ others for start in range(0, len(hashes), ROWS))
    return sum(int((np.bitwise_count(part).min(axis=1) <= ALIKE).sum()) for part in parts)


def count_equal(path: Path) -> int:
    """How many photographs of a set equal an earlier one, pixel by pixel."""
    photographs = read_origins(path.with_suffix(".csv")).drop_duplicates("source")
    return int(photographs["sha256"].duplicated().sum())
