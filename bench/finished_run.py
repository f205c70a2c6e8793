"""The runs in a results folder: how much of each was work, and the memory of every stage."""

import os
import re
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from posinfo.figures.schedule import by_run, read_jobs, wall
from timing import REPETITIONS, ROOT, Line, cpu_seconds

WITHOUT_TORCH = ("sources", "images", "tables", "claims", "figures", "index")


def jobs(results: Path) -> pd.DataFrame:
    """The jobs of a results folder, as `read_jobs` returns them, with `cpu` seconds and peak `gigabytes`.

    Both are read from the jobs' logs: Snakemake samples its own numbers every few seconds and misses the rest.
    """
    logs = results / "logs"
    found = read_jobs(results / "benchmarks", logs)
    costs = []
    for name in found["job"]:
        used = re.search(r"^([\d.]+) s of CPU, ([\d.]+) GB", (logs / f"{name}.log").read_text(), re.MULTILINE)
        assert used, f"{name} did not end well"
        costs.append([float(number) for number in used.groups()])
    return found.assign(cpu=[cpu for cpu, _ in costs], gigabytes=[peak for _, peak in costs])


def start_up(modules: str) -> float:
    """CPU seconds of a job before and after its work: the interpreter, its imports, its end."""
    # As in posinfo/__main__.py.
    code = f"import gc, os; gc.set_threshold(100_000); import {modules}; os._exit(0)"
    used = [cpu_seconds([sys.executable, "-c", code], ROOT / "workflow")[0] for _ in range(REPETITIONS)]
    return statistics.median(used)


def run_in_results(results: Path) -> list[Line]:
    """Work as a share of wall time x cores for each run in a folder, and the largest memory of each stage.

    The goal is for the run with most work; later ones are often a few short jobs.
    """
    found = jobs(results)
    cores = os.cpu_count() or 1
    folder = results.name
    light = start_up("posinfo.tables.summaries")
    heavy = start_up("posinfo.readouts.training, posinfo.scores.measures")
    runs = by_run(found)
    if not runs:
        print(f"no log in {results} holds the time of its job: no run to judge")
        return []
    lines = []
    for rank, run in enumerate(sorted(runs, key=lambda run: -float(run["cpu"].sum()))):
        starts = run["stage"].isin(WITHOUT_TORCH).map({True: light, False: heavy})
        work = (run["cpu"] - starts).clip(lower=0).sum()
        took = wall(run)
        began = datetime.fromtimestamp(float(run["start"].min()), UTC)
        note = f"{len(run)} jobs, {took:.0f} s on {cores} cores; a start takes {heavy:.1f} s, {light:.1f} without torch"
        what = f"the run of {began:%F %H:%M} UTC in {folder}/: work over wall time x cores"
        lines.append(Line(what, float(work / took / cores), "" if rank else "≥ 0.9", note))
    for stage, rows in found.groupby("stage"):
        largest = rows.sort_values("gigabytes").iloc[-1]
        text = f"{largest['job']}; {len(rows)} jobs, {rows['seconds'].sum():.0f} s"
        lines.append(Line(f"peak memory of {stage} in {folder}/, GB", float(largest["gigabytes"]), "≤ 3", text))
    table = pd.concat([run.assign(run=number) for number, run in enumerate(runs)])
    table.sort_values("seconds", ascending=False).to_csv(results / "bench_jobs.csv", index=False)
    return lines
