"""Training and scoring beside the least that they could take, on the features of Table 1."""

from collections.abc import Sequence

import numpy as np
import torch
from posinfo.features.stored import StageFeatures, read_features
from posinfo.protocol.patterns import PATTERNS, ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.layered import Stack
from posinfo.readouts.stacked import Head, StackedReadouts
from posinfo.readouts.training import make_stack, train
from posinfo.registry import catalogue
from posinfo.run.config import RunConfig
from posinfo.scores.measures import centred_ranks, spearman
from timing import ROOT, Line, ratio

RUN = RunConfig()
CPU = torch.device("cpu")
VGG = catalogue.shipped().encoders[RUN.models.VGG]


def cached() -> list[StageFeatures]:
    """VGG16's features of the training pictures."""
    folder = ROOT / f"results/features/{RUN.models.VGG}/{RUN.images.train}"
    return read_features([folder / f"{stage}.npy" for stage in VGG.stages])


def first(stages: list[StageFeatures], count: int) -> list[StageFeatures]:
    """The same stages with only the first pictures."""
    return [StageFeatures(stage.name, stage.array[:count], stage.metadata) for stage in stages]


def heads(readout: Readout, seeds: int = 3) -> list[Head]:
    """A head for each pattern and seed."""
    return [Head(readout, pattern, seed) for pattern in PATTERNS for seed in range(seeds)]


def least(stages: list[StageFeatures], stack: StackedReadouts, training: Training) -> None:
    """Read the features once an epoch, and take the bare products forward and backward; nothing else."""
    rows = stack.readout.kernel**2 * len(stack.heads)
    for _ in range(training.epochs):
        for start in range(0, len(stages[0].array), training.batch):
            for stage in stages:
                values = torch.from_numpy(stage.array[start : start + training.batch]).float()
                maps = values.flatten(2)
                mixed = torch.randn(rows, stage.shape.channels) @ maps
                torch.einsum("brp,bcp->rc", mixed, maps)


def one_pass() -> list[Line]:
    """One epoch of the base readout against reading its features and the bare products forward and backward."""
    stages, readout, training = cached(), Readout(), Training(epochs=1)
    stack = make_stack(readout, heads(readout), stages, RUN.alignment, training)
    assert isinstance(stack, StackedReadouts)
    quotient, mine, limit = ratio(lambda: epochs([stack], stages, training), lambda: least(stages, stack, training))
    note = f"{mine:.2f} s against {limit:.2f} s"
    return [Line("one training pass, VGG16, 15 heads: over reading and bare products", quotient, "≤ 1.3", note)]


def epochs(stacks: Sequence[Stack], stages: list[StageFeatures], training: Training) -> None:
    """Train without keeping anything."""
    train(stacks, stages, training, RUN.patterns, RUN.alignment, CPU, describe="bench")


def scoring() -> list[Line]:
    """Spearman's correlation of one map against one sort that says where each of its numbers stood."""
    values = np.random.default_rng(0).random(224 * 224, dtype=np.float32)
    target = centred_ranks(ground_truth("H", 224, RUN.patterns))
    times = 20

    def ours() -> None:
        for _ in range(times):
            spearman(values, target)

    def sort() -> None:
        for _ in range(times):
            np.argsort(values)

    quotient, mine, limit = ratio(ours, sort)
    note = f"{1e3 * mine / times:.2f} ms against {1e3 * limit / times:.2f} ms"
    return [Line("SPC of a map: over one sort of 224 x 224 numbers", quotient, "≤ 1.5", note)]
