"""What the last run in results/ took: how much of it was work, and the memory of every rule."""

import os
import re
import resource
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

import pandas as pd
from limits import ROOT
from timing import REPETITIONS, Line, seconds

TARGET = "results/tables/table1.csv"
BENCHMARKS = ROOT / "results/benchmarks"
LOGS = ROOT / "results/logs"
WITHOUT_TORCH = ("images", "tables", "claims", "figures", "pages")


def jobs() -> pd.DataFrame:
    """One row per job: rule (folder and encoder), seconds, CPU seconds, peak memory in GB, start and end.

    Seconds are Snakemake's; CPU time and memory are what each process wrote into its log, since Snakemake's own
    figures are looked up every few seconds and miss the rest.
    """
    rows = []
    for path in sorted(BENCHMARKS.rglob("*.tsv")):
        name, end = str(path.relative_to(BENCHMARKS).with_suffix("")), path.stat().st_mtime
        took = float(pd.read_csv(path, sep="\t")["s"].iloc[0])
        costs = re.search(r"^([\d.]+) s of CPU, ([\d.]+) GB", (LOGS / f"{name}.log").read_text(), re.MULTILINE)
        assert costs, f"{name} did not end well"
        cpu, peak = (float(number) for number in costs.groups())
        rows.append((name, name.split("/")[0], took, cpu, peak, end - took, end))
    return pd.DataFrame(rows, columns=["job", "stage", "seconds", "cpu", "gigabytes", "start", "end"])


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


def run_in_results() -> list[Line]:
    """Work as a share of wall time x cores, and the largest memory of each stage."""
    found, cores = jobs(), os.cpu_count() or 1
    wall = found["end"].max() - found["start"].min()
    light, heavy = start_up("posinfo.tables"), start_up("posinfo.readouts, posinfo.scores")
    begin = found["stage"].isin(WITHOUT_TORCH).map({True: light, False: heavy})
    work = (found["cpu"] - begin).clip(lower=0).sum()
    note = f"{len(found)} jobs, {wall:.0f} s on {cores} cores; a start takes {heavy:.1f} s, {light:.1f} without torch"
    lines = [Line("the run in results/: work over wall time x cores", work / wall / cores, "≥ 0.85", note)]
    for stage, rows in found.groupby("stage"):
        largest = rows.sort_values("gigabytes").iloc[-1]
        text = f"{largest['job']}; {len(rows)} jobs, {rows['seconds'].sum():.0f} s"
        lines.append(Line(f"peak memory of {stage}, GB", float(largest["gigabytes"]), "≤ 3", text))
    return lines


def reports(folder: Path) -> None:
    """Write the jobs of the run beside the bench, longest first."""
    jobs().sort_values("seconds", ascending=False).to_csv(folder / "bench_jobs.csv", index=False)
