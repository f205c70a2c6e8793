"""The learning curve: readouts trained on growing parts of the training photographs, scored like all others."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from posinfo.features.stored import StageFeatures
from posinfo.images.views import nested_subsets
from posinfo.protocol.patterns import Definition
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head
from posinfo.readouts.training import make_stack, train
from posinfo.scores.measures import score
from posinfo.scores.predictions import at
from posinfo.store.files import atomic_write
from posinfo.store.sidecars import write_sidecar

ORDER_SEED = 0  # of the order in which photographs are added
COLUMNS = ("encoder", "photographs", "pictures", "pattern", "seed", "image", "spc", "mae", "constant")


def part_of(stages: Sequence[StageFeatures], pictures: Sequence[int]) -> list[StageFeatures]:
    """The stages of some training pictures, with the root mean square of these and no other."""
    parts = at(stages, pictures)
    return [replace(part, metadata={**part.metadata, "rms": _rms(part)}) for part in parts]


def _rms(stage: StageFeatures) -> float:
    pictures = (np.square(stage.array[place], dtype=np.float32) for place in range(len(stage.array)))
    return float(np.sqrt(np.mean([squares.mean(dtype=np.float64) for squares in pictures])))


def curve(
    *,
    training_stages: Sequence[StageFeatures],
    training_names: list[str],
    test_stages: Sequence[StageFeatures],
    test_names: list[str],
    readout: Readout,
    patterns: Sequence[str],
    shares: Sequence[float],
    seeds: Sequence[int],
    training: Training,
    definition: Definition,
    device: torch.device,
) -> pd.DataFrame:
    """Scores on the test pictures of readouts trained on each part: the columns `COLUMNS`.

    Args:
        shares: of the training photographs, each in (0, 1); the whole has the tables' scores already.

    The protocol is the same for every part, its epochs too: fewer pictures also mean fewer steps.
    """
    alignment, encoder, frames = training_stages[0].alignment, training_stages[0].metadata["encoder"], []
    for photographs, pictures in nested_subsets(training_names, shares, ORDER_SEED).items():
        stages = part_of(training_stages, pictures)
        heads = [Head(readout, pattern, seed) for pattern in patterns for seed in seeds]
        stack = make_stack(readout, heads, stages, alignment, training)
        train([stack], stages, training, definition, alignment, device, f"{encoder}, {photographs} photographs")
        scores = score(stack, test_stages, test_names, definition, alignment, device)
        frames.append(scores.assign(encoder=encoder, photographs=photographs, pictures=len(pictures)))
    return pd.concat(frames, ignore_index=True)


def write_curve(scores: pd.DataFrame, path: Path) -> None:
    """Write the tidy csv with its sidecar."""
    with atomic_write(path) as partial:
        scores[list(COLUMNS)].to_csv(partial, index=False, float_format="%.9g")
    write_sidecar(path)
