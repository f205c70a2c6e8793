"""SIGKILL at random moments: the same command continues, and the tables are those of an undisturbed run."""

import os
import random
import re
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from conftest import Ledger, Workflow
from injection import damaged, killed_after, started, tables_of

KILLS = 50


@pytest.mark.faults
def test_whole_group_killed_at_random_moments(smoke: Workflow, fresh: Workflow, tmp_path: Path, ledger: Ledger) -> None:
    ledger.what = "SIGKILL to the process group at a random moment of a run"
    moments, log, stages = random.Random(0), tmp_path / "kills.log", Counter[str]()
    half_written = 0
    while ledger.count < KILLS:
        log.unlink(missing_ok=True)
        process = started(fresh, log)
        if killed_after(process, moments.uniform(0.5, 14)):
            ledger.count += 1
            running = re.findall(r"^(?:local)?rule (\w+):", log.read_text(), re.MULTILINE)
            stages[running[-1] if running else "planning"] += 1
            half_written += len(list(tmp_path.rglob("*.partial")))
        else:
            assert process.returncode == 0, log.read_text()
            assert tables_of(fresh.place) == tables_of(smoke.place)
            shutil.rmtree(tmp_path / "results")
    log.unlink(missing_ok=True)
    assert started(fresh, log).wait() == 0, log.read_text()
    ledger.lost += damaged(tmp_path / "results")
    assert not ledger.lost
    assert tables_of(fresh.place) == tables_of(smoke.place)
    assert not list(tmp_path.rglob("*.partial"))
    where = ", ".join(f"{name} {count}" for name, count in stages.most_common())
    ledger.what += f" ({where}; {half_written} half-written files left behind)"


@pytest.mark.faults
def test_one_job_killed_as_for_lack_of_memory(smoke: Workflow, fresh: Workflow, tmp_path: Path, ledger: Ledger) -> None:
    ledger.what = "one job killed as the kernel kills for lack of memory"
    for stage in ("features", "readouts", "scores"):
        log = tmp_path / "oom.log"
        process = started(fresh, log)
        assert kill_a_job(stage, str(tmp_path)), f"no job of {stage} was seen"
        assert process.wait() != 0
        ledger.count += 1
        assert "Error in rule" in log.read_text()
        log.unlink()
    assert started(fresh, tmp_path / "oom.log").wait() == 0
    assert tables_of(fresh.place) == tables_of(smoke.place)


def kill_a_job(command: str, place: str) -> bool:
    """Kill the first process of this workflow that runs a command of the library, a second after it is seen."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().decode().split("\0")
                here = str((folder / "cwd").readlink()) == place
            except OSError:
                continue
            if here and "posinfo" in words and command in words and words[0].endswith("python3"):
                time.sleep(1)
                try:
                    os.kill(int(folder.name), signal.SIGKILL)
                except ProcessLookupError:
                    continue
                return True
        time.sleep(0.05)
    return False
