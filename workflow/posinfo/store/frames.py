"""Frames as csv files, whole or absent."""

from pathlib import Path
from typing import Any

import pandas as pd

from posinfo.store.files import atomic_write
from posinfo.store.sidecars import write_sidecar


def write_csv(table: pd.DataFrame, path: Path, digits: str = ".6f") -> None:
    """Write a table as csv, with six decimals or as `digits` says."""
    with atomic_write(path) as partial:
        table.to_csv(partial, index=False, float_format=f"%{digits}")


def write_rows(rows: pd.DataFrame, path: Path, **metadata: Any) -> None:
    """Write what was measured as csv with nine significant digits, and a sidecar with `metadata`."""
    write_csv(rows, path, ".9g")
    write_sidecar(path, **metadata)
