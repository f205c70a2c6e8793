"""The table of trained and solved readouts: its cells, and the seconds of the jobs behind them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from posinfo.experiments.least_squares import EXPERIMENT, cells
from posinfo.experiments.least_squares.table import with_seconds
from posinfo.run.config import load_config
from posinfo.store.errors import InputError

ROWS = pd.DataFrame(
    {
        "encoder": ["vgg16", "vgg16", "vgg16", "constant"],
        "readout": ["L1-k3-p0-all", "lstsq-k1-p0-all", "lstsq-k3-p0-f1", "constant"],
    }
)


def write_benchmark(results: Path, group: str, seconds: list[float]) -> None:
    path = results / "benchmarks/readouts/vgg16" / f"{group}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"s": seconds, "max_rss": 1.0}).to_csv(path, sep="\t", index=False)


def test_cells_are_trained_and_solved_readouts() -> None:
    run = load_config({})
    found = cells(run)
    rows = list(dict.fromkeys((cell.encoder, cell.readout.name) for cell in found))
    solved = ["lstsq-k1-p0-all", "lstsq-k3-p0-all"]
    both = [(encoder, readout) for encoder in ("pixels", "vgg16") for readout in ("L1-k3-p0-all", *solved)]
    assert rows == [*both, *(("vgg16", f"lstsq-k3-p0-f{stage}") for stage in range(1, 6))]
    assert {cell.pattern for cell in found} == {"H", "G", "HS"}
    assert len(found) == 3 * len(rows)


def test_inputs_are_the_scores_of_both_groups() -> None:
    run = load_config({})
    expected = [
        f"results/scores/{encoder}/{group}/{run.images.natural}.csv"
        for encoder in ("pixels", "vgg16")
        for group in ("base", "least_squares")
    ]
    assert EXPERIMENT.tables["least_squares"].inputs(run) == expected


def test_seconds_are_those_of_the_job_of_each_readout(tmp_path: Path) -> None:
    write_benchmark(tmp_path, "base", [30.0, 32.0])
    write_benchmark(tmp_path, "least_squares", [100.0])
    found = with_seconds(ROWS, tmp_path / "benchmarks")["seconds"]
    np.testing.assert_array_equal(found, [31.0, 100.0, 100.0, np.nan])


def test_missing_seconds_are_an_error_that_names_the_job(tmp_path: Path) -> None:
    write_benchmark(tmp_path, "base", [30.0])
    with pytest.raises(InputError, match="readouts/vgg16/least_squares and run again"):
        with_seconds(ROWS, tmp_path / "benchmarks")
