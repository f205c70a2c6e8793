"""A disk that is full, or may not be written, at each stage: a clear word, nothing half-done, and the run goes on."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Ledger, Workflow
from injection import TABLE, damaged, tables_of

STAGES = ("images", "features", "readouts", "scores", "tables")


@pytest.fixture
def small_disk(finished: Workflow) -> Iterator[Path]:
    """The results of a finished run on a small file system of their own."""
    results = finished.place / "results"
    kept = finished.place / "kept"
    results.rename(kept)
    results.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(results)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system needs the right to mount one")
    shutil.copytree(kept, results, dirs_exist_ok=True)
    yield results
    subprocess.run(["umount", "--lazy", str(results)], check=True)


@pytest.mark.faults
@pytest.mark.parametrize("stage", STAGES)
def test_full_disk(finished: Workflow, small_disk: Path, stage: str, ledger: Ledger) -> None:
    ledger.what, ledger.count = f"disk full while {stage} are written", 1
    before = tables_of(finished.place)
    for later in STAGES[STAGES.index(stage) :]:
        shutil.rmtree(small_disk / later)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    done = finished.run(TABLE, check=False)
    assert done.returncode != 0
    # Features are refused before the first job, anything else by the job that cannot write.
    assert any(word in done.stdout + done.stderr for word in ("No space left on device", "not enough disk"))
    ledger.lost += damaged(small_disk)
    filler.unlink(missing_ok=True)
    finished.run(TABLE)
    ledger.lost += damaged(small_disk)
    assert not ledger.lost
    assert tables_of(finished.place) == before


@pytest.mark.faults
def test_read_only_results(finished: Workflow, small_disk: Path, ledger: Ledger) -> None:
    ledger.what, ledger.count = "results on a file system that may only be read", 1
    before = tables_of(finished.place)
    shutil.rmtree(small_disk / "tables")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = finished.run(TABLE, check=False)
    assert done.returncode != 0
    assert "Read-only file system" in done.stdout + done.stderr
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    finished.run(TABLE)
    assert tables_of(finished.place) == before
