"""Timing side by side: medians of ratios, taken in turn in one process."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

REPETITIONS = 5


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


def side_by_side(*works: Callable[[], object]) -> list[list[float]]:
    """Seconds of each work in each repetition, [works][repetitions], taken in turn; one warm-up each."""
    for work in works:
        work()
    rounds = [[seconds(work) for work in works] for _ in range(REPETITIONS)]
    return [list(one) for one in zip(*rounds, strict=True)]


def ratio(numerator: Callable[[], object], denominator: Callable[[], object]) -> tuple[float, float, float]:
    """The median of the ratio, and of the seconds of both."""
    ours, theirs = side_by_side(numerator, denominator)
    quotients = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return statistics.median(quotients), statistics.median(ours), statistics.median(theirs)
