"""When the jobs of a results folder ran, from Snakemake's benchmark files and the jobs' own logs.

A benchmark says how long its job took, the first line of its log when it ended. Times of files say nothing: they are
lost when results are copied.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

COLUMNS = ("job", "stage", "name", "seconds", "end")
APART = 30.0  # seconds in which nothing ran, between two runs
SLACK = 0.5  # seconds by which a job may seem to begin too early: its log is written a little before its end
_ENDED = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) .*^[\d.]+ s of CPU", re.MULTILINE | re.DOTALL)


def read_jobs(benchmarks: Path, logs: Path) -> pd.DataFrame:
    """One row per job, sorted by `job`, its path below the folder.

    `stage` is the first folder, `name` the next; `seconds` it took; `end` in seconds since 1970 (UTC), NaN where no log
    says that the job ended well.
    """
    rows = []
    for path in sorted(benchmarks.rglob("*.tsv")):
        parts = path.relative_to(benchmarks).with_suffix("").parts
        seconds = float(pd.read_csv(path, sep="\t")["s"].mean())
        end = _end((logs / path.relative_to(benchmarks)).with_suffix(".log"))
        rows.append(("/".join(parts), parts[0], parts[1] if len(parts) > 1 else "", seconds, end))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _end(log: Path) -> float:
    found = _ENDED.match(log.read_text(encoding="utf-8", errors="replace")) if log.exists() else None
    return datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp() if found else float("nan")


def by_run(jobs: pd.DataFrame) -> list[pd.DataFrame]:
    """The jobs of each run, oldest first, with their `start`; those without a time are in none.

    Results that were made on several occasions are several runs: between two of them nothing ran for a while.
    """
    timed = jobs[jobs["end"].notna()]
    timed = timed.assign(start=timed["end"] - timed["seconds"]).sort_values(["start", "job"], ignore_index=True)
    ended = timed["end"].cummax().shift()
    run = (timed["start"] > ended + APART).cumsum()
    return [rows.reset_index(drop=True) for _, rows in timed.groupby(run)]


def wall(run: pd.DataFrame) -> float:
    """Seconds from the start of a run's first job to the end of its last."""
    return float(run["end"].max() - run["start"].min())


def with_lanes(run: pd.DataFrame) -> pd.DataFrame:
    """A run's jobs with a `lane` each, 0 for the first, as many as ran side by side.

    A job takes the first lane that is free when it starts. `begin` is where it is drawn: its start, or the moment after
    it in which its lane is free.
    """
    free: list[float] = []  # when each lane is
    lanes = []
    begins = []
    for start, seconds in zip(run["start"], run["seconds"], strict=True):
        lane = next((lane for lane, since in enumerate(free) if since <= start), None)
        if lane is None and free and min(free) <= start + SLACK:
            lane = int(np.argmin(free))
        if lane is None:
            lane = len(free)
            free.append(start)
        lanes.append(lane)
        begins.append(max(start, free[lane]))
        free[lane] = begins[-1] + seconds
    return run.assign(lane=lanes, begin=begins)
