"""Faults injected into real runs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from conftest import ROOT, Workflow

TABLE = "results/tables/table1.csv"


def tables_of(place: Path) -> dict[str, bytes]:
    return {suffix: (place / f"results/tables/table1.{suffix}").read_bytes() for suffix in ("csv", "md", "tex")}


def started(workflow: Workflow, log: Path) -> subprocess.Popen[bytes]:
    """The ordinary command in a process group of its own."""
    command = [sys.executable, "-m", "snakemake", TABLE, "--cores", "2", "--directory", str(workflow.place)]
    command += ["--snakefile", str(workflow.source / "Snakefile")]
    command += ["--configfile", str(workflow.source / "workflow/configs/smoke.yaml")]
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            cwd=workflow.source,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.SIG_DFL
            ),  # ignored if the tests run in the background
        )


def killed_after(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the whole group was killed at that moment; False when it had ended by itself."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def damaged(results: Path) -> list[str]:
    """Stored files that their readers refuse, read by the library in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "examine.py"), str(results)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()
