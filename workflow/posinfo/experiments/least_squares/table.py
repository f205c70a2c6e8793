"""The table of trained and solved readouts, with the seconds of the jobs that made them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from posinfo.protocol.readout import Readout
from posinfo.run.config import RunConfig
from posinfo.run.groups import group_of
from posinfo.run.shown import table_of
from posinfo.store.errors import InputError
from posinfo.tables.built import BuiltTable
from posinfo.tables.cells import collected, laid_out
from posinfo.tables.summaries import CONSTANT


def build(run: RunConfig, name: str, paths: Sequence[Path]) -> BuiltTable:
    """The table of cells from their score files, with a column `seconds`."""
    _, table = table_of(run, name)
    rows = collected(run, table, paths)
    return laid_out(run, table, with_seconds(rows, Path(run.results) / "benchmarks"))


def with_seconds(rows: pd.DataFrame, benchmarks: Path) -> pd.DataFrame:
    """Add `seconds`, the wall time of the job that made each row's readout; empty for the constant prediction.

    Args:
        rows: with the columns `encoder` and `readout`.
        benchmarks: folder of Snakemake's benchmark files.

    Raises:
        InputError: when the benchmark file of a job is missing.
    """
    seconds = [
        np.nan if encoder == CONSTANT else _seconds(benchmarks, encoder, readout)
        for encoder, readout in zip(rows["encoder"], rows["readout"], strict=True)
    ]
    return rows.assign(seconds=seconds)


def _seconds(benchmarks: Path, encoder: str, readout: str) -> float:
    path = benchmarks / "readouts" / encoder / f"{group_of(Readout.parse(readout))}.tsv"
    if not path.exists():
        raise InputError(
            f"{path} is missing, so the job's seconds are unknown: delete the folder "
            f"{benchmarks.parent}/readouts/{encoder}/{path.stem} and run again"
        )
    return float(pd.read_csv(path, sep="\t")["s"].mean())
