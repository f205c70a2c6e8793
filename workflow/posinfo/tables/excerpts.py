"""Excerpts of committed tables for the pages of docs: SPC on natural pictures, the paper's number in brackets."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from posinfo.protocol.readout import Readout
from posinfo.tables.layouts import three_decimals, with_sd

Label = Callable[[pd.Series], str]


def _encoder(row: pd.Series) -> str:
    return str(row["encoder"])


def _padded(row: pd.Series) -> str:
    padding = Readout.parse(str(row["readout"])).padding
    return f"{row['encoder']}, padding {padding} in the readout" if padding else str(row["encoder"])


def _named(column: str, words: str = "") -> Label:
    return lambda row: f"{words}{row[column]}"


# Table to what names its rows and its columns. Of two models side by side the page shows the one with an encoder.
EXCERPTS: dict[str, tuple[Label, Label]] = {
    "table1": (_named("pattern"), _encoder),
    "table2a": (_named("pattern"), _named("layers", "layers ")),
    "table2b": (_named("pattern"), _named("kernel", "kernel ")),
    "table3": (_named("pattern"), _named("stages")),
    "table4": (_padded, _named("pattern")),
    "table6": (_encoder, _named("pattern")),
    "tuning": (lambda row: f"{row['model']}, {row['steps']} steps", _named("pattern")),
    "controls": (_named("model"), _named("pattern")),
    "border": (lambda row: f"{row['encoder']}, cut {row['cut']}", _named("pattern")),
    "exact": (_named("model"), _named("pattern")),
}


def excerpt(table: str, tidy: pd.DataFrame) -> str:
    """A Markdown table of SPC: mean ± sd over seeds, in brackets what the paper printed.

    Args:
        table: one of `EXCERPTS`.
        tidy: the table's csv.
    """
    rows, columns = EXCERPTS[table]
    shown = tidy[tidy["images"] == "natural"]
    if table in ("table2a", "table2b"):
        shown = shown[shown["encoder"] != "pixels"]
    cells: dict[str, dict[str, str]] = {}
    for _, row in shown.iterrows():
        told = row.get("published_spc")
        beside = "" if told is None or pd.isna(told) else f" ({three_decimals(float(told))})"
        cells.setdefault(rows(row), {})[columns(row)] = with_sd(float(row["spc"]), float(row["spc_sd"])) + beside
    names = list(dict.fromkeys(name for line in cells.values() for name in line))
    lines = [f"| | {' | '.join(names)} |", f"|---{'|---' * len(names)}|"]
    lines += [f"| {label} | {' | '.join(line.get(name, '') for name in names)} |" for label, line in cells.items()]
    return "\n".join(lines)


def excerpts(folder: Path) -> Iterator[tuple[str, str]]:
    """Table and excerpt, of every table whose committed values lie in a folder of workflow/expected."""
    for table in EXCERPTS:
        path = folder / f"{table}.csv"
        if path.exists():
            yield table, excerpt(table, pd.read_csv(path))
