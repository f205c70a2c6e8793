"""Predicted maps for figures: of the few pictures that figures show, from the first seed, at 224x224."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from posinfo.features.stored import StageFeatures
from posinfo.readouts.layered import Stack
from posinfo.readouts.upsampling import upsample
from posinfo.scores.measures import predict
from posinfo.store.arrays import write_arrays


class _Chosen:
    """Some pictures of a memory-mapped array, read one at a time as the whole would be: no copy in memory."""

    def __init__(self, array: NDArray[np.float16 | np.float32], pictures: Sequence[int]) -> None:
        self.array, self.pictures = array, list(pictures)
        self.shape = (len(self.pictures), *array.shape[1:])

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, place: int) -> NDArray[np.float16 | np.float32]:
        return np.asarray(self.array[self.pictures[place]])


def at(stages: Sequence[StageFeatures], pictures: Sequence[int]) -> list[StageFeatures]:
    """The stages of some pictures only, in that order."""
    chosen = [cast("NDArray[np.float16 | np.float32]", _Chosen(stage.array, pictures)) for stage in stages]
    return [replace(stage, array=array) for stage, array in zip(stages, chosen, strict=True)]


def predicted_maps(
    stack: Stack, stages: Sequence[StageFeatures], patterns: Sequence[str], seed: int, device: torch.device
) -> dict[str, NDArray[np.float16]]:
    """What the head of each pattern and one seed draws, as the scores see it: float16 [N, 224, 224] per pattern."""
    large = upsample(predict(stack, stages, device), stages[0].alignment.corners).numpy()
    rows = {head.pattern: row for row, head in enumerate(stack.heads) if head.seed == seed}
    return {pattern: large[rows[pattern]].astype(np.float16) for pattern in patterns}


def write_predictions(
    maps: dict[str, NDArray[np.float16]], pictures: Sequence[int], names: Sequence[str], seed: int, path: Path
) -> None:
    """Write the maps as npz, with `pictures` (indices in the set), `names` and `seed` inside."""
    write_arrays({"pictures": pictures, "names": names, "seed": seed, **maps}, path)
