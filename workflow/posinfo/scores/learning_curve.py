"""The learning curve: readouts trained on growing subsets of the training photographs, scored like all others."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from posinfo.features.stored import StageFeatures
from posinfo.images.views import nested_subsets
from posinfo.protocol.readout import Readout
from posinfo.readouts.stacked import Head
from posinfo.readouts.training import make_stack, train
from posinfo.run.config import RunConfig
from posinfo.scores.measures import score
from posinfo.scores.predictions import select_images
from posinfo.store.files import drop_pages

PATTERNS = ("H", "G")
ORDER_SEED = 0  # of the order in which photographs are added
# `photographs` and `images` count the training photographs and their views; `image` names the test image.
COLUMNS = ("readout", "photographs", "images", "pattern", "seed", "image", "spc", "mae", "constant")


def training_subset(stages: Sequence[StageFeatures], indices: Sequence[int]) -> list[StageFeatures]:
    """The stages of some training images, with the root mean square of these images only."""
    selected = select_images(stages, indices)
    return [replace(stage, metadata={**stage.metadata, "rms": _rms(stage)}) for stage in selected]


def _rms(stage: StageFeatures) -> float:
    means = []
    for number in range(len(stage.array)):
        squares = np.square(stage.array[number], dtype=np.float32)
        means.append(squares.mean(dtype=np.float64))
        drop_pages(stage.array)
    return float(np.sqrt(np.mean(means)))


def curve(
    run: RunConfig,
    readouts: Sequence[Readout],
    training_stages: Sequence[StageFeatures],
    training_names: list[str],
    test_stages: Sequence[StageFeatures],
    test_names: list[str],
    device: torch.device,
) -> Iterator[pd.DataFrame]:
    """Yield scores on the test images of readouts trained on a subset, for each subset but the whole.

    The columns are `COLUMNS`. The protocol is the same for every subset, its epochs too: fewer images also mean fewer
    steps.

    Args:
        run: its `curve` holds the shares of the training photographs.
    """
    alignment = training_stages[0].alignment
    encoder = training_stages[0].metadata["encoder"]
    for photographs, indices in nested_subsets(training_names, run.curve, ORDER_SEED).items():
        if len(indices) == len(training_names):
            continue  # the scores of the tables are those of the whole
        stages = training_subset(training_stages, indices)
        stacks = []
        for readout in readouts:
            heads = [Head(readout, pattern, seed) for pattern in PATTERNS for seed in run.seeds]
            stacks.append(make_stack(readout, heads, stages, alignment, run.training))
        train(stacks, stages, run.training, run.patterns, alignment, device, f"{encoder}, {photographs} photographs")
        for stack in stacks:
            scores = score(stack, test_stages, test_names, run.patterns, alignment, device)
            yield scores.assign(photographs=photographs, images=len(indices))
