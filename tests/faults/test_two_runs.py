"""Two runs at once: in one folder the second is refused, in two folders that share what is fetched both are right."""

import shutil
import time
from pathlib import Path

import pytest
from conftest import Ledger, Workflow, copy_of_the_workflow
from injection import TABLE, started, tables_of
from posinfo.store.errors import InputError
from posinfo.store.locks import hold


def test_a_folder_is_held_until_its_holder_is_gone(tmp_path: Path) -> None:
    first = hold(tmp_path / "results")
    with pytest.raises(InputError, match=r"another run \(process \d+ on .+\) is working in .*results/; wait for it"):
        hold(tmp_path / "results")
    first.close()
    hold(tmp_path / "results").close()


def test_a_second_run_in_one_folder_is_refused(finished: Workflow) -> None:
    before = tables_of(finished.place)
    shutil.rmtree(finished.place / "results/tables")
    with hold(finished.place / "results"):
        done = finished.run(TABLE, check=False)
        assert done.returncode != 0
        assert "another run" in done.stdout + done.stderr
        assert finished.planned(TABLE) == {"table"}  # looking is allowed
    finished.run(TABLE)
    assert tables_of(finished.place) == before


def test_a_run_holds_its_folder_while_its_jobs_run(finished: Workflow) -> None:
    shutil.rmtree(finished.place / "results/tables")
    shutil.rmtree(finished.place / "results/scores")
    run = started(finished, finished.place / "log")
    held = finished.place / "results/.lock"
    written = held.stat().st_mtime_ns
    while held.stat().st_mtime_ns == written and run.poll() is None:
        time.sleep(0.1)
    time.sleep(1)  # its first job starts Python for longer than this
    with pytest.raises(InputError, match="another run"):
        hold(finished.place / "results")
    assert run.wait() == 0, (finished.place / "log").read_text()


@pytest.mark.faults
def test_two_folders_that_share_what_is_fetched(smoke: Workflow, tmp_path: Path, ledger: Ledger) -> None:
    ledger.what, ledger.count = "two runs at once that share resources/", 2
    places = [tmp_path / name for name in ("one", "other")]
    for place in places:
        copy_of_the_workflow(place)
    shutil.rmtree(places[1] / "resources")
    (places[1] / "resources").symlink_to(places[0] / "resources")
    runs = [started(Workflow(place, place), place / "log") for place in places]
    for run, place in zip(runs, places, strict=True):
        assert run.wait() == 0, (place / "log").read_text()
        assert tables_of(place) == tables_of(smoke.place)
        assert Workflow(place, place).planned(TABLE) == set()
