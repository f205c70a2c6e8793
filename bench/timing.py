"""Timing side by side: medians of ratios, taken in turn in one process; and work in a process of its own."""

import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
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
        what: names what was measured, and what it was compared with.
        measured: the ratio or number.
        goal: such as `≤ 1.3`; empty where there is none.
        note: the seconds behind it.
    """

    what: str
    measured: float
    goal: str = ""
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """True when the goal is met; None without a goal."""
        if not self.goal:
            return None
        sign, bound = self.goal.split()
        return self.measured >= float(bound) if sign == "≥" else self.measured <= float(bound)


def seconds(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cpu_seconds(command: Sequence[str], folder: Path) -> tuple[float, str]:
    """CPU seconds of a command that is run in a folder, those of its child processes included, and what it printed.

    Raises:
        RuntimeError: when the command fails; the message holds what it printed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"failed in {folder}: {' '.join(command)}\n{done.stdout}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def side_by_side(*works: Callable[[], object], repetitions: int = REPETITIONS) -> list[list[float]]:
    """Seconds of each work in each repetition, [works][repetitions], taken in turn after a warm-up of each."""
    for work in works:
        work()
    rounds = [[seconds(work) for work in works] for _ in range(repetitions)]
    return [list(times) for times in zip(*rounds, strict=True)]


def ratio(
    numerator: Callable[[], object], denominator: Callable[[], object], repetitions: int = REPETITIONS
) -> tuple[float, float, float]:
    """Medians of the ratio, of the numerator's seconds and of the denominator's."""
    over, under = side_by_side(numerator, denominator, repetitions=repetitions)
    quotients = [above / below for above, below in zip(over, under, strict=True)]
    return statistics.median(quotients), statistics.median(over), statistics.median(under)


def use_cores(count: int = CORES) -> None:
    """Have torch compute with `count` threads, if the machine has them."""
    torch.set_num_threads(min(count, torch.get_num_threads()))


def alone(work: Callable[..., Returned], *arguments: object) -> Returned:
    """Call a function of a module in a process of its own, whose memory is its own; returns its result."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=use_cores) as process:
        return process.submit(work, *arguments).result()


def peak() -> float:
    """The peak memory of this process so far, in GB.

    Not from `getrusage`: that begins with the memory of the process that started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9
