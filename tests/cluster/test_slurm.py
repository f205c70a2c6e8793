"""An encoder of the smoke run on a real Slurm of one node: jobs run there, a killed one again; the tables are equal."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import slurm_node
from conftest import Workflow

TABLE, ENCODER = "results/tables/table1.csv", "resnet50-thin"
# What a Slurm without accounting and with two cores needs; a cluster needs none of it. One thread, as a job of the
# local run has there: two threads add up in another order, and the tables are compared byte for byte.
ONE_NODE = ["--max-threads=1", "--slurm-status-command=squeue", "--slurm-init-seconds-before-status-checks=2"]


def kill_one(words: str, folder: Path) -> None:
    """Kill, as the kernel does for lack of memory, the first job whose command line holds the words."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                here = (process / "cwd").readlink() == folder
            except OSError:
                continue
            if here and command.startswith("python3 -m posinfo") and words in command:
                time.sleep(1)  # let it work
                os.kill(int(process.name), signal.SIGKILL)
                return
        time.sleep(0.1)
    raise AssertionError(f"no job with {words!r} was seen")


@pytest.mark.skipif(bool(slurm_node.why_not()), reason=slurm_node.why_not())
def test_the_smoke_run_on_slurm(smoke: Workflow, finished: Workflow, tmp_path_factory: pytest.TempPathFactory) -> None:
    results = finished.place / "results"
    for made in ("tables", *(f"{stage}/{ENCODER}" for stage in ("features", "readouts", "scores"))):
        shutil.rmtree(results / made)
    with slurm_node.running(tmp_path_factory.mktemp("slurm")) as ended:
        command = [sys.executable, "-m", "snakemake", TABLE, "--profile", "workflow/profiles/slurm", *ONE_NODE]
        command += ["--configfile", "workflow/configs/smoke.yaml", "--verbose"]
        log = finished.place / "slurm.log"
        with log.open("wb") as out:
            run = subprocess.Popen(command, cwd=finished.place, stdout=out, stderr=out)
            kill_one("readouts", finished.place)
            assert run.wait() == 0, log.read_text()
        records = ended.read_text().splitlines()
    words = log.read_text()
    submitted = set(re.findall(r"submitted with SLURM jobid (\d+)", words))
    states = {re.findall(r"JobId=(\d+)", line)[0]: re.findall(r"JobState=(\w+)", line)[0] for line in records}
    assert submitted == set(states), "Slurm's record of the jobs that it ran is another than Snakemake's"
    assert len(submitted) >= 6  # features and scores of natural and of synthetic images, readouts, the table
    assert set(re.findall(r"^localrule (\w+):", words, re.MULTILINE)) <= {"source"}
    # One job failed, by our hand, and was tried again; the tables do not show it.
    assert sorted(state for state in states.values() if state != "COMPLETED") == ["FAILED"]
    assert "Trying to restart job" in words
    for suffix in ("csv", "md", "tex"):
        path = f"results/tables/table1.{suffix}"
        assert (finished.place / path).read_bytes() == (smoke.place / path).read_bytes()
