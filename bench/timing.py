"""Timing side by side: medians of ratios, taken in turn in one process; and work in a process of its own."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import torch

ROOT = Path(__file__).parent.parent
REPETITIONS = 5
CORES = 2  # threads of torch; the numbers of docs/speed.md are for two
Returned = TypeVar("Returned")


@dataclass(frozen=True)
class Line:
    """One line of the bench.

    Attributes:
        what: what was measured, beside what.
        measured: the ratio or number.
        goal: as text, such as `≤ 1.3`; empty where a line only informs.
        note: the seconds behind it.
    """

    what: str
    measured: float
    goal: str = ""
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if not self.goal:
            return None
        sign, bound = self.goal.split()
        return self.measured >= float(bound) if sign == "≥" else self.measured <= float(bound)


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def side_by_side(*works: Callable[[], object], repetitions: int = REPETITIONS) -> list[list[float]]:
    """Seconds of each work in each repetition, [works][repetitions], taken in turn; one warm-up each."""
    for work in works:
        work()
    rounds = [[seconds(work) for work in works] for _ in range(repetitions)]
    return [list(one) for one in zip(*rounds, strict=True)]


def ratio(
    numerator: Callable[[], object], denominator: Callable[[], object], repetitions: int = REPETITIONS
) -> tuple[float, float, float]:
    """The median of the ratio, and of the seconds of both."""
    ours, theirs = side_by_side(numerator, denominator, repetitions=repetitions)
    quotients = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return statistics.median(quotients), statistics.median(ours), statistics.median(theirs)


def use_cores(count: int = CORES) -> None:
    """Have torch compute with so many threads, if the machine has them."""
    torch.set_num_threads(min(count, torch.get_num_threads()))


def alone(work: Callable[..., Returned], *arguments: object) -> Returned:
    """What a function of a module returns, called in a process of its own, so that its memory is its own."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=use_cores) as process:
        return process.submit(work, *arguments).result()


def peak() -> float:
    """The largest memory of this process so far, in GB.

    Not from `getrusage`: that begins with the memory of the process that started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9
