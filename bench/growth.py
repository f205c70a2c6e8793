"""How seconds and memory grow: with pictures, with heads, with channels; for extraction, readouts, exact and scores.

Features are noise of VGG16's shapes. Two things are measured smaller than they are used, since a whole one would take
too long: extraction on a twentieth of the pictures, and exact readouts on a quarter of the channels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import noise
import numpy as np
import pandas as pd
from extracting import extracting
from limits import CPU, RUN
from posinfo.experiments.least_squares.solution import solve
from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head
from posinfo.readouts.training import make_stack, train
from posinfo.scores.measures import score
from tabulate import tabulate
from timing import ROOT, Line, alone, peak, seconds

EPOCH = Training(epochs=1)
CSV = ROOT / "results/bench_growth.csv"
EXACT = [Readout(exact=True, stages=name) for name in ("all", *noise.SHAPES)] + [Readout(exact=True, kernel=1)]


@dataclass(frozen=True)
class Point:
    """One measurement: `size` of what grows along `along`, all else fixed."""

    stage: str
    along: str
    size: int
    seconds: float
    gigabytes: float


def _points(stage: str, along: str, sizes: Sequence[int], work: Callable[[int], object]) -> list[Point]:
    """In rising order, so that a peak of memory belongs to the size at which it is read; the first warms up."""
    work(sizes[0])
    return [Point(stage, along, size, seconds(lambda size=size: work(size)), peak()) for size in sizes]  # type: ignore[misc]


def _sizes(thousand: int) -> list[int]:
    return [thousand // 4, thousand // 2, thousand, 2 * thousand]


def _heads(readout: Readout, count: int) -> list[Head]:
    return [Head(readout, pattern, seed) for seed in range(count // len(PATTERNS)) for pattern in PATTERNS]


def _train(count: int, heads: int = 15, share: float = 1.0) -> None:
    stages = noise.features(count, share)
    stack = make_stack(Readout(), _heads(Readout(), heads), stages, RUN.alignment, EPOCH)
    train([stack], stages, EPOCH, RUN.patterns, RUN.alignment, CPU, describe=f"{count} pictures, {heads} heads")


def _score(count: int, heads: int = 5, share: float = 1.0) -> None:
    stages = noise.features(count, share)
    stack = make_stack(Readout(), _heads(Readout(), heads), stages, RUN.alignment, EPOCH)
    score(stack, stages, noise.names(count), RUN.patterns, RUN.alignment, CPU)


def _solve(count: int, readouts: int = 1, share: float = 0.25) -> None:
    asked = dict.fromkeys(EXACT[:readouts], PATTERNS)
    for _ in solve(asked, noise.features(count, share), noise.names(count), 0, RUN.training, RUN.patterns, CPU):
        pass


def _channels(share: float) -> int:
    return sum(round(share * channels) for channels, _ in noise.SHAPES.values())


def _by_share(points: list[Point]) -> list[Point]:
    """Measured by sixteenths of each stage's channels, told by their number."""
    return [Point(one.stage, one.along, _channels(one.size / 16), one.seconds, one.gigabytes) for one in points]


def of_extraction(thousand: int) -> list[Point]:
    """On a twentieth of the pictures; an encoder's heads and channels are what they are."""
    sizes = [max(4, size // 20) for size in _sizes(thousand)]
    works = {count: extracting(count, noise.folder()) for count in sizes}
    return _points("extraction", "pictures", sizes, lambda count: works[count]())


def of_readouts(thousand: int) -> list[Point]:
    """One epoch of one-layer readouts with kernel 3."""
    found = _points("readouts", "pictures", _sizes(thousand), _train)
    found += _points("readouts", "heads", [5, 15, 30, 60], lambda heads: _train(thousand // 2, heads))
    shares = _points("readouts", "channels", [4, 8, 16], lambda share: _train(thousand // 2, share=share / 16))
    return found + _by_share(shares)


def of_exact(thousand: int) -> list[Point]:
    """The sums and the solutions at every ridge; on a quarter of the channels where pictures or heads grow."""
    found = _points("exact", "pictures", _sizes(thousand), _solve)
    heads = _points("exact", "heads", [1, 2, 4, 7], lambda readouts: _solve(thousand // 4, readouts))
    found += [Point(one.stage, one.along, len(PATTERNS) * one.size, one.seconds, one.gigabytes) for one in heads]
    shares = _points("exact", "channels", [2, 4, 8], lambda share: _solve(thousand // 4, share=share / 16))
    return found + _by_share(shares)


def of_scores(thousand: int) -> list[Point]:
    """SPC and MAE of every picture and head at 224 x 224."""
    found = _points("scores", "pictures", _sizes(thousand), _score)
    found += _points("scores", "heads", [5, 15, 30, 60], lambda heads: _score(thousand // 20, heads))
    shares = _points("scores", "channels", [4, 8, 16], lambda share: _score(thousand // 4, share=share / 16))
    return found + _by_share(shares)


STAGES = {"extraction": of_extraction, "readouts": of_readouts, "exact": of_exact, "scores": of_scores}


def growth(thousand: int, only: str = "") -> list[Line]:
    """Measure one stage, or all, each in a process of its own; print the table and draw the figure."""
    noise.warm(2 * thousand)  # or each size would be read from the disk when it is first measured
    chosen = [only] if only else list(STAGES)
    points = [point for stage in chosen for point in alone(STAGES[stage], thousand)]
    table = pd.DataFrame([vars(point) for point in points])
    if CSV.exists():
        before = pd.read_csv(CSV)
        table = pd.concat([before[~before["stage"].isin(chosen)], table], ignore_index=True)
    table.to_csv(CSV, index=False)
    lines, rows = [], []
    for (stage, along), some in table.groupby(["stage", "along"], sort=False):
        power, ends = exponent(some), some.iloc[[0, -1]]
        first, last = ends["gigabytes"]
        flat = f"{first:.2f} to {last:.2f}" if along == "pictures" else ""  # a peak of later lines is the earlier one
        rows.append([stage, along, _listed(some["size"]), _listed(some["seconds"]), f"{power:.2f}", flat])
        if stage in chosen:
            note = f"{_listed(some['seconds'])} s for {_listed(some['size'])}"
            goal = "≤ 2" if (stage, along) == ("exact", "channels") else "≤ 1.1"  # its sums are over pairs of channels
            lines.append(Line(f"{stage}: seconds grow with the {along} to the power", power, goal, note))
        if stage in chosen and along == "pictures":
            note = f"{first:.2f} to {last:.2f} GB for {_listed(ends['size'])}"
            lines.append(Line(f"{stage}: memory, most over fewest pictures", last / first, "≤ 1.1", note))
    print(tabulate(rows, ["stage", "along", "sizes", "seconds", "exponent", "peak GB"], floatfmt=".2f"))
    _figure(table, CSV.with_suffix(".png"))
    return lines


def exponent(points: pd.DataFrame) -> float:
    """The slope of log seconds over log size, fitted by least squares."""
    return float(np.polyfit(np.log(points["size"]), np.log(points["seconds"]), 1)[0])


def _listed(values: "pd.Series[float]") -> str:
    return ", ".join(f"{value:.3g}" if value < 1000 else f"{value:.0f}" for value in values)


def _figure(table: pd.DataFrame, path: Path) -> None:
    """Seconds against size on two logarithmic axes, a panel for what grows, a line for a stage; and memory."""
    grows = ["pictures", "heads", "channels"]
    drawing, panels = plt.subplots(1, 4, figsize=(12, 3.4), layout="constrained")
    for place, (along, axes) in enumerate(zip([*grows, "pictures"], panels, strict=True)):
        value = "gigabytes" if place == len(grows) else "seconds"
        for number, stage in enumerate(STAGES):
            some = table[(table["along"] == along) & (table["stage"] == stage)]
            if some.empty:
                continue
            label = stage if value == "gigabytes" else f"{stage}, ^{exponent(some):.2f}"
            axes.plot(some["size"], some[value], marker="o", color=f"C{number}", label=label)
        axes.set(xscale="log", xlabel=along)
        if not axes.lines:
            continue
        sizes = sorted(set(table[table["along"] == along]["size"]))
        axes.set_xticks(sizes, [str(size) for size in sizes], rotation=60, fontsize=7)
        axes.set_xticks([], minor=True)
        axes.legend(fontsize=7)
    for axes in panels[: len(grows)]:
        axes.set(yscale="log", ylabel="seconds")
    panels[-1].set(ylabel="peak memory, GB", ylim=(0, None))
    drawing.savefig(path, dpi=150)
    plt.close(drawing)
