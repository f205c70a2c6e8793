"""The same seeds give the same numbers: bytes on one thread count, 1e-4 SPC from one thread count to another."""

from pathlib import Path

import pandas as pd
from conftest import Workflow
from posinfo.__main__ import main

ENCODER, READOUT = "resnet50-thin", "L1-k3-p0-all"


def scored(smoke: Workflow, folder: Path, threads: int) -> Path:
    """Scores of readouts trained and applied with so many threads, on the features of the smoke run."""
    results, settings = smoke.place / "results", smoke.settings()
    features = results / "features" / ENCODER
    stages = [f"{name}.npy" for name in ("f1", "f2", "f3", "f4", "f5") if (features / f"black/{name}.npy").exists()]
    train, test = settings.images.train, settings.images.natural
    seeds = [str(seed) for seed in settings.seeds]
    command = [
        "readouts",
        f'{{"{READOUT}": ["H", "G"]}}',
        "--features",
        *[str(features / train / name) for name in stages],
    ]
    command += ["--seeds", *seeds, "--definition", "paper", "--training", settings.training.model_dump_json()]
    assert main([*command, "--device", "cpu", "--threads", str(threads), "--output", str(folder)]) == 0
    trained = [str(folder / READOUT / f"{pattern}.safetensors") for pattern in ("H", "G")]
    command = ["scores", "--readouts", *trained, "--images", str(results / f"images/{test}.csv")]
    command += ["--features", *[str(features / test / name) for name in stages]]
    assert main([*command, "--device", "cpu", "--threads", str(threads), "--output", str(folder)]) == 0
    return folder / READOUT / f"{test}.csv"


def test_threads_change_no_digit_that_a_table_shows(smoke: Workflow, tmp_path: Path) -> None:
    one, again, two = (scored(smoke, tmp_path / name, n) for name, n in (("one", 1), ("again", 1), ("two", 2)))
    assert one.read_bytes() == again.read_bytes()
    first, second = pd.read_csv(one), pd.read_csv(two)
    assert (first["spc"] - second["spc"]).abs().max() < 1e-4
