"""Whole functions of the library at a thousand pictures: features of noise, shapes of VGG16.

Seconds of one call each, written into bench.csv. For a ratio, run the same part on another checkout's library and
compare: `python bench/bench.py thousand_exact --library OTHER/workflow --into before.csv`, then `--compare before.csv`.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial

import noise
from limits import CPU, RUN
from posinfo.experiments.least_squares.solution import solve
from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.layered import Stack
from posinfo.readouts.stacked import Head
from posinfo.readouts.training import make_stack, train
from posinfo.run.cells import BASE
from posinfo.run.families import families
from stacked import one_layer_readouts
from timing import Line, alone, peak, seconds

EPOCH = Training(epochs=1)


def family(name: str) -> dict[Readout, tuple[str, ...]]:
    """The readouts that one table adds to VGG16's."""
    (found,) = (one for one in families(RUN) if one.encoder == RUN.models.VGG and one.name == name)
    return found.patterns


def stacks_of(wanted: Mapping[Readout, Collection[str]], count: int, seeds: int) -> list[Stack]:
    """Untrained, with a head for each pattern and seed."""
    stages, stacks = noise.features(count), []
    for readout, patterns in wanted.items():
        heads = [Head(readout, pattern, seed) for pattern in patterns for seed in range(seeds)]
        stacks.append(make_stack(readout, heads, stages, RUN.alignment, EPOCH))
    return stacks


def one_epoch(wanted: Mapping[Readout, Collection[str]], count: int, seeds: int) -> None:
    """Of all these readouts in the same passes."""
    stages = noise.features(count)
    train(
        stacks_of(wanted, count, seeds), stages, EPOCH, RUN.patterns, RUN.alignment, CPU, describe=f"{count} pictures"
    )


def solved(wanted: Mapping[Readout, Collection[str]], count: int) -> None:
    """All these readouts by least squares."""
    asked = {readout: tuple(patterns) for readout, patterns in wanted.items()}
    for _ in solve(asked, noise.features(count), noise.names(count), 0, RUN.training, RUN.patterns, CPU):
        pass


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of one call, and peak memory in GB; to be called in a process of its own."""
    return seconds(work), peak()


def _epoch_alone(wanted: Mapping[Readout, Collection[str]], count: int, seeds: int, note: str = "") -> Line:
    one_epoch({BASE: ("H",)}, 64, 1)  # warm
    took, memory = measured(partial(one_epoch, wanted, count, seeds))
    heads = sum(len(patterns) for patterns in wanted.values()) * seeds
    return Line(note, took, note=f"one epoch, {heads} heads, {memory:.2f} GB at most")


def layers(count: int) -> list[Line]:
    """Table 2(a)'s readouts of VGG16: two and three layers."""
    noise.features(count)  # made before anything is timed
    base = alone(_epoch_alone, {BASE: PATTERNS}, count, 1, f"the base readout of VGG16, {count} pictures, seconds")
    deep = f"Table 2(a)'s readouts of VGG16, {count} pictures, seconds"
    found = alone(_epoch_alone, family("table2a"), count, 1, deep)
    quotient = Line(f"the same over the base readout, {count} pictures", found.measured / base.measured)
    return [base, found, quotient]


def kernels(count: int) -> list[Line]:
    """All one-layer readouts of VGG16 over the base, three seeds as the default run has."""
    noise.features(count)
    wanted, seeds = one_layer_readouts(), len(RUN.seeds)
    what = f"the base readout of VGG16, {seeds} seeds, {count} pictures, seconds"
    base = alone(_epoch_alone, {BASE: PATTERNS}, count, seeds, what)
    found = alone(
        _epoch_alone, wanted, count, seeds, f"all one-layer readouts of VGG16, {seeds} seeds, {count} pictures, seconds"
    )
    quotient = found.measured / base.measured
    return [base, found, Line(f"the same over the base readout, {seeds} seeds, {count} pictures", quotient, "≤ 2.6")]


def _solved_alone(count: int) -> tuple[float, float]:
    return measured(partial(solved, family("exact"), count))


def exact(count: int) -> list[Line]:
    """The exact readouts of VGG16: the sums over pictures, every ridge, every stage."""
    noise.features(count)
    took, memory = alone(_solved_alone, count)
    return [
        Line(f"exact readouts of VGG16, {count} pictures, seconds", took),
        Line(f"exact readouts of VGG16, {count} pictures, peak GB", memory, "≤ 3"),
    ]
