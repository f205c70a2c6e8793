"""Whole functions of the library at a thousand images: features of noise with VGG16's shapes.

Each line is the seconds of one call. For a ratio, run the same part on the library of another checkout and compare:
`python bench/bench.py thousand_least_squares --library OTHER/workflow --into before.csv`, then `--compare before.csv`.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial

import noise
from posinfo.experiments.least_squares.solution import solve
from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout
from posinfo.readouts.training import make_stack
from posinfo.run import groups, shown
from posinfo.run.cells import BASE
from timing import Line, alone, peak, seconds
from training import CPU, LINEAR, ONE_EPOCH, RUN, make_heads, one_layer_readouts, train_epochs


def group(name: str) -> groups.Trained:
    """The readouts of a group of VGG16, with their patterns."""
    return groups.trained(name, RUN.models.VGG, RUN.stages(RUN.models.VGG), shown.all_cells(RUN))


def train_once(readouts: Mapping[Readout, Collection[str]], count: int, seeds: int) -> None:
    """One epoch of all these readouts in the same passes."""
    stages = noise.features(count)
    stacks = [
        make_stack(readout, make_heads(readout, seeds, patterns), stages, RUN.alignment, ONE_EPOCH)
        for readout, patterns in readouts.items()
    ]
    train_epochs(stacks, stages, ONE_EPOCH)


def solve_all(count: int) -> None:
    """The least-squares readouts of VGG16: the sums over images, every ridge, every stage."""
    asked = group(groups.LEAST_SQUARES)
    for _ in solve(asked, noise.features(count), noise.names(count), 0, LINEAR, RUN.patterns, CPU):
        pass


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of one call, and peak memory in GB; to be called in a process of its own."""
    return seconds(work), peak()


def _train_alone(readouts: Mapping[Readout, Collection[str]], count: int, seeds: int, what: str) -> Line:
    train_once({BASE: ("H",)}, 64, 1)  # warm
    took, memory = measured(partial(train_once, readouts, count, seeds))
    heads = seeds * sum(len(patterns) for patterns in readouts.values())
    return Line(f"{what}, {count} images, seconds", took, note=f"one epoch, {heads} heads, {memory:.2f} GB at most")


def layers(count: int) -> list[Line]:
    """Table 2(a)'s readouts of VGG16 with two and three layers, over the base readout."""
    noise.features(count)  # made before anything is timed
    base = alone(_train_alone, {BASE: PATTERNS}, count, 1, "the base readout of VGG16")
    layered = alone(_train_alone, group("layers"), count, 1, "Table 2(a)'s layered readouts of VGG16")
    what = f"Table 2(a)'s layered readouts over the base readout, {count} images"
    return [base, layered, Line(what, layered.measured / base.measured)]


def kernels(count: int) -> list[Line]:
    """All one-layer readouts of VGG16 over the base readout, with the seeds of the default run."""
    noise.features(count)
    seeds = len(RUN.seeds)
    base = alone(_train_alone, {BASE: PATTERNS}, count, seeds, f"the base readout of VGG16, {seeds} seeds")
    what = f"all one-layer readouts of VGG16, {seeds} seeds"
    every = alone(_train_alone, one_layer_readouts(), count, seeds, what)
    what = f"all one-layer readouts over the base readout, {seeds} seeds, {count} images"
    return [base, every, Line(what, every.measured / base.measured, "≤ 2.6")]


def _solve_alone(count: int) -> tuple[float, float]:
    return measured(partial(solve_all, count))


def least_squares(count: int) -> list[Line]:
    """The least-squares readouts of VGG16: seconds and memory."""
    noise.features(count)
    took, memory = alone(_solve_alone, count)
    what = f"least-squares readouts of VGG16, {count} images"
    return [Line(f"{what}, seconds", took), Line(f"{what}, peak GB", memory, "≤ 3")]
