"""The same seeds give the same numbers: bytes on one thread count, 1e-4 SPC from one thread count to another."""

import json
from pathlib import Path

import pandas as pd
from conftest import Workflow
from posinfo.__main__ import main

ENCODER = "resnet50-thin"
READOUT = "L1-k3-p0-all"


def scored(smoke: Workflow, folder: Path, threads: int) -> Path:
    """Scores of readouts trained and applied with so many threads, on the features of the smoke run."""
    results = smoke.place / "results"
    run = smoke.settings()
    features = results / "features" / ENCODER
    on_cpu = ["--device", "cpu", "--threads", str(threads)]
    passed = json.dumps(run.values("seeds", "patterns", "training", "own"))
    train = ["--features", str(features / run.images.train), "--encoder", ENCODER, "--run", passed]
    trained = folder / "readouts"
    assert main(["readouts", json.dumps({READOUT: ["H", "G"]}), *train, *on_cpu, "--output", str(trained)]) == 0
    test = run.images.natural
    names = ["--images", str(results / f"images/{test}.csv"), "--features", str(features / test)]
    scores = folder / f"{test}.csv"
    assert main(["scores", "--readouts", str(trained), *names, *on_cpu, "--output", str(scores)]) == 0
    return scores


def test_threads_change_no_digit_that_a_table_shows(smoke: Workflow, tmp_path: Path) -> None:
    one = scored(smoke, tmp_path / "one", 1)
    again = scored(smoke, tmp_path / "again", 1)
    two = scored(smoke, tmp_path / "two", 2)
    assert one.read_bytes() == again.read_bytes()
    difference = pd.read_csv(one)["spc"] - pd.read_csv(two)["spc"]
    assert difference.abs().max() < 1e-4
