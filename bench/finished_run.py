"""What the runs in results/ took: how much of each was work, and the memory of every stage."""

import os
import re
import resource
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pandas as pd
from posinfo.figures.schedule import by_run, read_jobs, wall
from timing import REPETITIONS, ROOT, Line, seconds

TARGET = "results/tables/table1.csv"
WITHOUT_TORCH = ("images", "tables", "claims", "figures", "pages")


def jobs(results: Path) -> pd.DataFrame:
    """One row per job of a folder of results, as `read_jobs` returns them, and `cpu` seconds and peak `gigabytes`.

    Those are what each process wrote into its log, since Snakemake's own figures are looked up every few seconds and
    miss the rest.
    """
    logs = results / "logs"
    found = read_jobs(results / "benchmarks", logs)
    costs = []
    for name in found["job"]:
        told = re.search(r"^([\d.]+) s of CPU, ([\d.]+) GB", (logs / f"{name}.log").read_text(), re.MULTILINE)
        assert told, f"{name} did not end well"
        costs.append([float(number) for number in told.groups()])
    return found.assign(cpu=[cpu for cpu, _ in costs], gigabytes=[peak for _, peak in costs])


def planning() -> list[Line]:
    """What Snakemake itself takes."""
    lines = []
    for what, arguments in (("snakemake -n, seconds", ["-nF", TARGET]), ("nothing to do, seconds", [TARGET])):
        took = [seconds(partial(_snakemake, arguments)) for _ in range(REPETITIONS)]
        lines.append(Line(what, statistics.median(took), "≤ 3"))
    return lines


def _snakemake(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "2", "--quiet", "all"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def start_up(modules: str) -> float:
    """CPU seconds that a job takes before and after its work: the interpreter, its imports, its end."""
    used = []
    for _ in range(REPETITIONS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = f"import gc, os; gc.set_threshold(100_000); import {modules}; os._exit(0)"  # as posinfo/__main__.py
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT / "workflow")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(used)


def run_in_results(results: Path) -> list[Line]:
    """Work as a share of wall time x cores, of each run in a folder; the largest memory of each stage.

    The goal is for the run with most work: what was asked for later is often a few short jobs.
    """
    found, cores, folder = jobs(results), os.cpu_count() or 1, results.name
    light, heavy = start_up("posinfo.tables.summaries"), start_up("posinfo.readouts.training, posinfo.scores.measures")
    runs = by_run(found)
    if not runs:
        print(f"no job in {results} says when it ran: there is no run to judge")
        return []
    lines = []
    for place, run in enumerate(sorted(runs, key=lambda run: -float(run["cpu"].sum()))):
        begin = run["stage"].isin(WITHOUT_TORCH).map({True: light, False: heavy})
        work, took = (run["cpu"] - begin).clip(lower=0).sum(), wall(run)
        began = datetime.fromtimestamp(float(run["start"].min()), UTC)
        note = f"{len(run)} jobs, {took:.0f} s on {cores} cores; a start takes {heavy:.1f} s, {light:.1f} without torch"
        what = f"the run of {began:%F %H:%M} UTC in {folder}/: work over wall time x cores"
        lines.append(Line(what, float(work / took / cores), "" if place else "≥ 0.9", note))
    for stage, rows in found.groupby("stage"):
        largest = rows.sort_values("gigabytes").iloc[-1]
        text = f"{largest['job']}; {len(rows)} jobs, {rows['seconds'].sum():.0f} s"
        lines.append(Line(f"peak memory of {stage} in {folder}/, GB", float(largest["gigabytes"]), "≤ 3", text))
    table = pd.concat([run.assign(run=place) for place, run in enumerate(runs)])
    table.sort_values("seconds", ascending=False).to_csv(results / "bench_jobs.csv", index=False)
    return lines
