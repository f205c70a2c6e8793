"""How the time of training grows with pictures, patterns, seeds and readouts; and the released procedure beside it."""

import statistics
import tempfile
from collections.abc import Collection
from functools import partial
from pathlib import Path

import numpy as np
import torch
from limits import RUN, VGG, WEIGHTS, cached, epochs, extracting, first, heads, pictures
from posinfo.features.extraction import InputConvention, open_encoder
from posinfo.protocol.patterns import PATTERNS, ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.heads import HeadStack
from posinfo.readouts.training import make_stack
from posinfo.run import tables
from released import train as train_as_released
from timing import Line, ratio, seconds

FEW = Training(epochs=2)


def _stack(readout: Readout, seeds: int, patterns: Collection[str] = tuple(PATTERNS)) -> HeadStack:
    stages = cached()
    chosen = [head for head in heads(readout, seeds) if head.pattern in patterns]
    stack = make_stack(readout, chosen, stages, RUN.alignment, FEW)
    assert isinstance(stack, HeadStack)
    return stack


def growth() -> list[Line]:
    """Twice the pictures, twice the heads of five patterns, three seeds instead of one."""
    stages = cached()
    half = first(stages, len(stages[0].array) // 2)
    base, one_seed, ten = _stack(Readout(), 3), _stack(Readout(), 1), _stack(Readout(), 2)
    more = ratio(lambda: epochs([base], stages, FEW), lambda: epochs([base], half, FEW))
    lines = [("twice the pictures", "≤ 2.0", more)]
    for what, stack in (("10 maps to draw instead of 5", ten), ("3 seeds instead of 1", base)):
        found = ratio(partial(epochs, [stack], stages, FEW), partial(epochs, [one_seed], stages, FEW))
        lines.append((what, "≤ 1.3", found))
    return [
        Line(f"training time with {what}", quotient, goal, f"{mine:.2f} s against {other:.2f} s")
        for what, goal, (quotient, mine, other) in lines
    ]


def stacking() -> list[Line]:
    """Every one-layer readout of VGG16 in the paper's tables, in one pass, against the base readout alone."""
    stages, wanted = cached(), dict[Readout, set[str]]()
    for name in ("table1", "table2a", "table2b", "table3", "table4"):
        for cell in tables.TABLES[name].cells(RUN):
            if cell.encoder == RUN.models.VGG and cell.readout.layers == 1:
                wanted.setdefault(cell.readout, set()).add(cell.pattern)
    stacks, base = [_stack(readout, 3, patterns) for readout, patterns in wanted.items()], _stack(Readout(), 3)
    quotient, mine, alone = ratio(lambda: epochs(stacks, stages, FEW), lambda: epochs([base], stages, FEW))
    note = f"{len(stacks)} readouts, {mine:.2f} s against {alone:.2f} s for {FEW.epochs} epochs"
    products = sum(_products(stack) for stack in stacks) / _products(base)
    return [
        Line("all one-layer readouts of VGG16: over the base readout alone", quotient, "≤ 2.5", note),
        Line("the same over their share of multiply-adds", quotient / products, "", f"{products:.2f} times the base's"),
    ]


def _products(stack: HeadStack) -> int:
    """Multiply-adds of one picture, forward."""
    return stack.mixer.multiply_adds(len(stack.heads))


def against_released(few: int = 16) -> list[Line]:
    """Table 1's VGG16 rows by the released procedure, which is run for few pictures and epochs and scaled up."""
    convention, model = InputConvention(**VGG.input.model_dump()), open_encoder(VGG.architecture, WEIGHTS, VGG.taps)
    model = model.eval().to(memory_format=torch.channels_last)
    prepared = convention.prepare(torch.from_numpy(pictures(3 * few)))
    truth = torch.from_numpy(ground_truth("H", 224, RUN.patterns)).float()
    channels = sum(stage.shape.channels for stage in cached())
    train_as_released(model, channels, prepared[:few], truth, 1)
    shapes = [(few, 1), (2 * few, 1), (few, 2), (3 * few, 1), (few, 3), (2 * few, 2)]
    took = np.array([seconds(partial(train_as_released, model, channels, prepared[:n], truth, e)) for n, e in shapes])
    work = np.array([n * e for n, e in shapes])
    rate = float((work @ took) / (work @ work))  # seconds per picture and epoch, through the origin
    off = float(np.abs(took / (rate * work) - 1).max())
    stages, training = cached(), RUN.training
    count, trainings = len(stages[0].array), len(PATTERNS) * len(RUN.seeds)
    with tempfile.TemporaryDirectory() as scratch:
        extract = extracting(2 * few, Path(scratch))
        read = statistics.median(seconds(extract) for _ in range(3)) / (2 * few) * count
    theirs = rate * count * training.epochs * trainings
    ours = read + seconds(lambda: epochs([_stack(Readout(), len(RUN.seeds))], stages, training))
    per_seed = read + seconds(lambda: epochs([_stack(Readout(), 1)], stages, training))
    return [
        Line(
            "Table 1's VGG16 readouts, all seeds: released procedure over ours",
            theirs / ours,
            "≥ 75",
            f"{theirs:.0f} s ({rate:.3f} s per picture and epoch, linear within {off:.0%}) against {ours:.1f} s, "
            f"of which {read:.1f} s extraction",
        ),
        Line(
            "the same for one seed",
            theirs / len(RUN.seeds) / per_seed,
            "",
            f"{theirs / len(RUN.seeds):.0f} s against {per_seed:.1f} s, extraction included",
        ),
    ]
