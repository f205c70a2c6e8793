"""Views of photographs: which images show one photograph, and choices of images that keep them together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def photograph_of(images: Sequence[str]) -> NDArray[np.int64]:
    """The number of each image's photograph: int64 [images].

    Views of one photograph (`name-0`, `name-1` ...) are not independent, so they share a number.
    """
    return np.unique([name.rsplit("-", 1)[0] for name in images], return_inverse=True)[1].astype(np.int64)


def first_views(images: Sequence[str], count: int) -> list[int]:
    """The first views of `count` photographs, spread evenly over the set: indices of images."""
    _, first = np.unique(photograph_of(images), return_index=True)
    chosen = np.linspace(0, len(first) - 1, min(count, len(first))).round().astype(int)
    return [int(first[index]) for index in chosen]


def nested_subsets(images: Sequence[str], shares: Sequence[float], seed: int) -> dict[int, list[int]]:
    """Growing subsets of a set, each with every view of its photographs; a larger one holds the smaller ones.

    Args:
        images: names of the images.
        shares: of the photographs, each in (0, 1]; at least one photograph is taken.
        seed: of the order in which photographs are added.

    Returns:
        Number of photographs to the indices of its images, sorted.
    """
    photographs = photograph_of(images)
    order = np.random.default_rng(seed).permutation(int(photographs.max()) + 1)
    counts = sorted({max(1, round(share * len(order))) for share in shares})
    return {count: np.flatnonzero(np.isin(photographs, order[:count])).tolist() for count in counts}
