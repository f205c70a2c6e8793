"""Numbers with their 95 % intervals, and what an interval decides: a bootstrap over photographs and seeds."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posinfo.images.views import photograph_of

DRAWS = 10_000
Outcome = Literal["holds", "fails", "undecided"]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    def outcome(self, low: float, high: float = np.inf) -> Outcome:
        """Holds when the interval lies between the bounds, fails when it lies outside, otherwise undecided."""
        if low < self.low and self.high < high:
            return "holds"
        return "fails" if self.high < low or self.low > high else "undecided"


def difference(higher: pd.DataFrame, lower: pd.DataFrame | None, metric: str, offset: float = 0.0) -> Estimate:
    """Mean of `higher` minus mean of `lower` (or minus `offset`), with a bootstrap interval over images and seeds.

    Photographs are drawn with replacement, all views of one together, and paired: the same draw for both sides when
    both have the same images. Seeds are drawn for each side by itself. Percentile interval of `DRAWS` draws; of one
    photograph there is none (NaN), and nothing can be decided.

    Args:
        higher, lower: rows (image, seed) with the metric's column.
    """
    high = higher.pivot(index="seed", columns="image", values=metric)
    images = list(high.columns)
    weights, generator = _first_weights(tuple(images))
    rng = deepcopy(generator)
    draws, value = _drawn(high, weights, rng), float(high.to_numpy().mean()) - offset
    if lower is not None:
        low = lower.pivot(index="seed", columns="image", values=metric)
        if list(low.columns) != images:
            weights = _image_weights(list(low.columns), rng)
        draws, value = draws - _drawn(low, weights, rng), value - float(low.to_numpy().mean())
    if len(set(photograph_of(images))) < 2:  # one photograph says nothing of others
        return Estimate(value, np.nan, np.nan)
    bottom, top = np.quantile(draws - offset, [0.025, 0.975])
    return Estimate(value, float(bottom), float(top))


@lru_cache(maxsize=4)  # a table, a figure or the claims compare a hundred cells on the same few sets of images
def _first_weights(images: tuple[str, ...]) -> tuple[NDArray[np.float64], np.random.Generator]:
    """The weights that a comparison draws first, and the generator after them; copy it before use."""
    rng = np.random.default_rng(0)
    weights = _image_weights(list(images), rng)
    weights.flags.writeable = False
    return weights, rng


def _image_weights(images: list[str], rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each image is drawn, as shares: float64 [draws, images]."""
    photographs = photograph_of(images)
    count = int(photographs.max()) + 1
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=DRAWS)[:, photographs]
    return np.asarray(drawn / drawn.sum(1, keepdims=True))


def _drawn(table: pd.DataFrame, images: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    count = len(table)
    seeds = rng.multinomial(count, np.full(count, 1 / count), size=DRAWS) / count
    return np.asarray(np.einsum("ds,si,di->d", seeds, table.to_numpy(), images))


def overall(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of a claim: fails if one comparison fails, holds if all hold, otherwise undecided."""
    if "fails" in outcomes:
        return "fails"
    return "holds" if set(outcomes) == {"holds"} else "undecided"
