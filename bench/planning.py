"""Planning of Table 1 by Snakemake, beside the plan of a Snakefile of one rule."""

import statistics
import sys
import tempfile
from pathlib import Path

from timing import REPETITIONS, ROOT, Line, cpu_seconds

TARGET = "results/tables/table1.csv"
ONE_RULE = 'rule one:\n    output:\n        "one.txt"\n    shell:\n        "touch {output}"\n'
NOTHING = "Nothing to be done"  # what Snakemake says


def planning() -> list[Line]:
    """CPU seconds, those of child processes included, of planning all of Table 1, and of finding nothing to do.

    The three plans are made in turn, so that each ratio is of plans under the same load.
    """
    everything: list[float] = []
    nothing: list[float] = []
    least: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "Snakefile").write_text(ONE_RULE, encoding="utf-8")
        plan(Path(scratch), "one.txt")  # warm
        up_to_date = NOTHING in plan(ROOT, TARGET)[1]
        for _ in range(REPETITIONS):
            least.append(plan(Path(scratch), "one.txt")[0])
            everything.append(plan(ROOT, TARGET, "--forceall")[0])
            if up_to_date:
                nothing.append(plan(ROOT, TARGET)[0])
    lines = [_beside("planning Table 1", everything, least)]
    if up_to_date:
        lines.append(_beside("finding nothing to do for Table 1", nothing, least))
    else:
        print(f"{TARGET} is not up to date: finding nothing to do is not measured (first: snakemake {TARGET})")
    return lines


def plan(folder: Path, target: str, *options: str) -> tuple[float, str]:
    """CPU seconds of a dry run in a folder, and what it printed."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "2", *options, target]
    return cpu_seconds(command, folder)


def _beside(what: str, ours: list[float], least: list[float]) -> Line:
    quotient = statistics.median(plan / one_rule for plan, one_rule in zip(ours, least, strict=True))
    note = f"{statistics.median(ours):.2f} against {statistics.median(least):.2f} s of CPU"
    return Line(f"{what}: CPU time over the plan of a Snakefile of one rule", quotient, "≤ 1.3", note)
