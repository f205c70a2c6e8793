"""Training of readouts on the features of Table 1: beside the least that it could take, and how it grows."""

from collections.abc import Collection, Sequence
from functools import partial

import numpy as np
import torch
from posinfo.features.stored import StageFeatures, read_features
from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head, StackedReadouts
from posinfo.readouts.training import make_stack, train
from posinfo.run.config import load_config
from posinfo.run.tables import TABLES
from timing import ROOT, Line, ratio, side_by_side

RUN = load_config({})
CPU = torch.device("cpu")
ONE_EPOCH = Training(epochs=1)
TWO_EPOCHS = Training(epochs=2)
LINEAR = RUN.training.model_copy(update={"output": "linear"})  # for least squares
PAPER_TABLES = ("table1", "table2a", "table2b", "table3", "table4")


def training_features() -> list[StageFeatures]:
    """VGG16's features of the training images."""
    return read_features(ROOT / f"results/features/{RUN.models.VGG}/{RUN.images.train}")


def make_heads(readout: Readout, seeds: int, patterns: Collection[str] = PATTERNS) -> list[Head]:
    """A head for each pattern and seed."""
    return [Head(readout, pattern, seed) for pattern in PATTERNS if pattern in patterns for seed in range(seeds)]


def untrained(
    readout: Readout, seeds: int, stages: Sequence[StageFeatures], patterns: Collection[str] = PATTERNS
) -> StackedReadouts:
    """An untrained stack of one-layer readouts, with a head for each pattern and seed."""
    stack = make_stack(readout, make_heads(readout, seeds, patterns), stages, RUN.alignment, TWO_EPOCHS)
    assert isinstance(stack, StackedReadouts)
    return stack


def train_epochs(stacks: Sequence[StackedReadouts], stages: Sequence[StageFeatures], training: Training) -> None:
    """Train and keep nothing."""
    train(stacks, stages, training, RUN.patterns, RUN.alignment, CPU, describe=f"{len(stages[0].array)} images")


def read_and_multiply(stack: StackedReadouts, stages: Sequence[StageFeatures], training: Training) -> None:
    """The least that training could take: read the features once an epoch, and take the products both ways.

    These are the matrix products over channels, forward and backward, and nothing else.
    """
    rows = stack.readout.kernel**2 * len(stack.heads)
    for _ in range(training.epochs):
        for start in range(0, len(stages[0].array), training.batch):
            for stage in stages:
                multiply(rows, torch.from_numpy(stage.array[start : start + training.batch]).float().flatten(2))


def multiply(rows: int, maps: torch.Tensor) -> None:
    """The products of a stage's maps [batch, C, pixels] with `rows` mixings of its channels, and for their gradient."""
    mixed = torch.randn(rows, maps.shape[1], device=maps.device) @ maps
    torch.einsum("brp,bcp->rc", mixed, maps)


def one_epoch() -> list[Line]:
    """One epoch of the base readout, over reading its features and taking the products."""
    stages = training_features()
    stack = untrained(Readout(), 3, stages)
    quotient, ours, least = ratio(
        lambda: train_epochs([stack], stages, ONE_EPOCH), lambda: read_and_multiply(stack, stages, ONE_EPOCH)
    )
    note = f"{ours:.2f} s against {least:.2f} s"
    return [Line("one epoch, VGG16, 15 heads: over reading and matrix products", quotient, "≤ 1.3", note)]


def doubling() -> list[Line]:
    """Training with twice the images, twice the maps, and three times the seeds.

    More heads take more products of features that are read as often. So their goal is the growth of reading and
    products alone.
    """
    stages = training_features()
    half = [StageFeatures(stage.name, stage.array[: len(stage.array) // 2], stage.metadata) for stage in stages]
    five_maps = untrained(Readout(), 1, stages)
    ten_maps = untrained(Readout(), 2, stages)
    three_seeds = untrained(Readout(), 3, stages)
    quotient, all_images, half_images = ratio(
        lambda: train_epochs([three_seeds], stages, TWO_EPOCHS), lambda: train_epochs([three_seeds], half, TWO_EPOCHS)
    )
    note = f"{all_images:.2f} s against {half_images:.2f} s"
    return [
        Line("training time with twice the images", quotient, "≤ 2.0", note),
        _growth("10 maps instead of 5", ten_maps, five_maps, stages),
        _growth("3 seeds instead of 1", three_seeds, five_maps, stages),
    ]


def _growth(what: str, many: StackedReadouts, few: StackedReadouts, stages: Sequence[StageFeatures]) -> Line:
    works = [partial(train_epochs, [stack], stages, TWO_EPOCHS) for stack in (many, few)]
    works += [partial(read_and_multiply, stack, stages, TWO_EPOCHS) for stack in (many, few)]
    seconds_many, seconds_few, least_many, least_few = np.array(side_by_side(*works))
    grown = seconds_many / seconds_few
    least = least_many / least_few
    note = (
        f"{np.median(grown):.2f} times ({np.median(seconds_many):.2f} s); reading and products {np.median(least):.2f}"
    )
    what = f"training time with {what}: its growth over that of reading and matrix products"
    return Line(what, float(np.median(grown / least)), "≤ 1.1", note)


def one_layer_readouts() -> dict[Readout, set[str]]:
    """The one-layer readouts of VGG16 in Tables 1 to 4, with their patterns."""
    found: dict[Readout, set[str]] = {}
    for name in PAPER_TABLES:
        cells = TABLES[name].cells
        assert cells is not None
        for cell in cells(RUN):
            if cell.encoder == RUN.models.VGG and cell.readout.layers == 1:
                found.setdefault(cell.readout, set()).add(cell.pattern)
    return found


def stacking() -> list[Line]:
    """Every one-layer readout of VGG16 in Tables 1 to 4, trained in the same passes, over the base readout alone."""
    stages = training_features()
    stacks = [untrained(readout, 3, stages, patterns) for readout, patterns in one_layer_readouts().items()]
    base = untrained(Readout(), 3, stages)
    quotient, together, alone = ratio(
        lambda: train_epochs(stacks, stages, TWO_EPOCHS), lambda: train_epochs([base], stages, TWO_EPOCHS)
    )
    note = f"{len(stacks)} readouts, {together:.2f} s against {alone:.2f} s for {TWO_EPOCHS.epochs} epochs"
    return [Line("all one-layer readouts of VGG16: over the base readout alone", quotient, "≤ 2.6", note)]
