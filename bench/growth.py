"""How seconds and memory grow with images, heads and channels: extraction, readouts, least squares and scores.

Features are noise with VGG16's shapes. Two measurements are smaller than their use, since a whole one would take too
long: extraction on a twentieth of the images, and least squares on a quarter of the channels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import matplotlib.pyplot as plt
import noise
import numpy as np
import pandas as pd
from extracting import extraction
from matplotlib.figure import Figure
from posinfo.experiments.least_squares.solution import solve
from posinfo.figures.style import MARKERS, WHOLE, colours_of, write_figure
from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout
from posinfo.scores.measures import score
from tabulate import tabulate
from timing import ROOT, Line, alone, peak, seconds
from training import CPU, LINEAR, ONE_EPOCH, RUN, train_epochs, untrained

CSV = ROOT / "results/bench_growth.csv"
SOLVED = [
    *(Readout(stages=name, least_squares=True) for name in ("all", *noise.SHAPES)),
    Readout(kernel=1, least_squares=True),
]


@dataclass(frozen=True)
class Point:
    """One measurement of a stage; `size` is the number of images, heads or channels, as `along` says."""

    stage: str
    along: str
    size: int
    seconds: float
    gigabytes: float


def _points(stage: str, along: str, sizes: Sequence[int], work: Callable[[int], object]) -> list[Point]:
    """Measure each size, the smallest first: the peak memory of a process never falls."""
    work(sizes[0])  # warm
    return [Point(stage, along, size, seconds(partial(work, size)), peak()) for size in sizes]


def _sizes(thousand: int) -> list[int]:
    return [thousand // 4, thousand // 2, thousand, 2 * thousand]


def _train(count: int, heads: int = 15, share: float = 1.0) -> None:
    stages = noise.features(count, share)
    train_epochs([untrained(Readout(), heads // len(PATTERNS), stages)], stages, ONE_EPOCH)


def _score(count: int, heads: int = 5, share: float = 1.0) -> None:
    stages = noise.features(count, share)
    stack = untrained(Readout(), heads // len(PATTERNS), stages)
    score(stack, stages, noise.names(count), RUN.patterns, RUN.alignment, CPU)


def _solve(count: int, readouts: int = 1, share: float = 0.25) -> None:
    asked = dict.fromkeys(SOLVED[:readouts], PATTERNS)
    for _ in solve(asked, noise.features(count, share), noise.names(count), 0, LINEAR, RUN.patterns, CPU):
        pass


def _channels(share: float) -> int:
    return sum(round(share * channels) for channels, _ in noise.SHAPES.values())


def _by_share(points: list[Point]) -> list[Point]:
    """Points whose size is in sixteenths of each stage's channels, with the number of channels as their size."""
    return [Point(one.stage, one.along, _channels(one.size / 16), one.seconds, one.gigabytes) for one in points]


def extraction_points(thousand: int) -> list[Point]:
    """Extraction, on a twentieth of the images; it has no heads, and its channels are fixed."""
    sizes = [max(4, size // 20) for size in _sizes(thousand)]
    works = {count: extraction(count, noise.folder()) for count in sizes}
    return _points("extraction", "images", sizes, lambda count: works[count]())


def readout_points(thousand: int) -> list[Point]:
    """One epoch of one-layer readouts with kernel 3."""
    found = _points("readouts", "images", _sizes(thousand), _train)
    found += _points("readouts", "heads", [5, 15, 30, 60], lambda heads: _train(thousand // 2, heads))
    shares = _points("readouts", "channels", [4, 8, 16], lambda share: _train(thousand // 2, share=share / 16))
    return found + _by_share(shares)


def least_squares_points(thousand: int) -> list[Point]:
    """Sums and solutions at every ridge; on a quarter of the channels where images or heads grow."""
    found = _points("least_squares", "images", _sizes(thousand), _solve)
    heads = _points("least_squares", "heads", [1, 2, 4, 7], lambda readouts: _solve(thousand // 4, readouts))
    found += [Point(one.stage, one.along, len(PATTERNS) * one.size, one.seconds, one.gigabytes) for one in heads]
    shares = _points("least_squares", "channels", [2, 4, 8], lambda share: _solve(thousand // 4, share=share / 16))
    return found + _by_share(shares)


def score_points(thousand: int) -> list[Point]:
    """SPC and MAE of every image and head at 224 x 224."""
    found = _points("scores", "images", _sizes(thousand), _score)
    found += _points("scores", "heads", [5, 15, 30, 60], lambda heads: _score(thousand // 20, heads))
    shares = _points("scores", "channels", [4, 8, 16], lambda share: _score(thousand // 4, share=share / 16))
    return found + _by_share(shares)


STAGES = {
    "extraction": extraction_points,
    "readouts": readout_points,
    "least_squares": least_squares_points,
    "scores": score_points,
}


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
    lines = []
    rows = []
    for (stage, along), some in table.groupby(["stage", "along"], sort=False):
        power = exponent(some)
        ends = some.iloc[[0, -1]]
        first, last = ends["gigabytes"]
        # Only the images come first in their process; a later peak may be an earlier one.
        memory = f"{first:.2f} to {last:.2f}" if along == "images" else ""
        rows.append([stage, along, _listed(some["size"]), _listed(some["seconds"]), f"{power:.2f}", memory])
        if stage in chosen:
            note = f"{_listed(some['seconds'])} s for {_listed(some['size'])}"
            pairs = (stage, along) == ("least_squares", "channels")  # sums over pairs of channels
            goal = "≤ 2" if pairs else "≤ 1.1"
            lines.append(Line(f"{stage}: seconds grow with the {along} to the power", power, goal, note))
        if stage in chosen and along == "images":
            note = f"{memory} GB for {_listed(ends['size'])}"
            lines.append(Line(f"{stage}: memory, most over fewest images", last / first, "≤ 1.1", note))
    print(tabulate(rows, ["stage", "along", "sizes", "seconds", "exponent", "peak GB"], floatfmt=".2f"))
    write_figure(lambda: draw(table), CSV.with_suffix(""))
    return lines


def exponent(points: pd.DataFrame) -> float:
    """The slope of log seconds over log size, fitted by least squares."""
    return float(np.polyfit(np.log(points["size"]), np.log(points["seconds"]), 1)[0])


def _listed(values: "pd.Series[float]") -> str:
    return ", ".join(f"{value:.3g}" if value < 1000 else f"{value:.0f}" for value in values)


def draw(table: pd.DataFrame) -> Figure:
    """Seconds against size, both logarithmic, a panel for each size and a line for each stage; and memory."""
    sizes_along = ["images", "heads", "channels"]
    figure, panels = plt.subplots(1, 4, figsize=(WHOLE, 2.6))
    looks = dict(zip(STAGES, zip(colours_of(len(STAGES)), MARKERS, strict=False), strict=True))
    for along, axes in zip([*sizes_along, "images"], panels, strict=True):
        value = "gigabytes" if axes is panels[-1] else "seconds"
        for stage, (colour, marker) in looks.items():
            some = table[(table["along"] == along) & (table["stage"] == stage)]
            if some.empty:
                continue
            name = stage.replace("_", " ")
            label = name if value == "gigabytes" else f"{name}: {exponent(some):.2f}"
            axes.plot(some["size"], some[value], marker=marker, color=colour, label=label)
        axes.set(xscale="log", xlabel=along)
        if not axes.lines:
            continue
        sizes = sorted(set(table[table["along"] == along]["size"]))
        axes.set_xticks(sizes, [str(size) for size in sizes], rotation=90, fontsize=6)
        axes.set_xticks([], minor=True)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=6)
    for axes in panels[:-1]:
        axes.set(yscale="log", ylabel="seconds" if axes is panels[0] else None)
        axes.tick_params(axis="y", which="both", labelsize=6)
    panels[-1].set(ylabel="peak memory, GB", ylim=(0, 1.1 * table["gigabytes"].max()))
    figure.supxlabel("seconds grow with the size to the power that the legend tells", fontsize=7)
    return figure
