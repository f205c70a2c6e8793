"""Excerpts of committed tables for the pages of docs: SPC on natural images, the paper's number in brackets."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from posinfo.protocol.readout import Readout
from posinfo.tables.layouts import three_decimals, with_sd

# Tables whose rows are patterns, to the column that names theirs; every other table has patterns as columns.
BY_PATTERN = {"table1": "encoder", "table2a": "layers", "table2b": "kernel", "table3": "stages"}
COUNTED = ("layers", "kernel")  # columns that need their name beside the number
CONTROL = "pixels"  # beside an encoder, the page leaves it out
PARTS = ("cut", "steps")  # further labels of a row


def _row_label(row: pd.Series, *, published: bool) -> str:
    """What a row is of: encoder or model, padding in the readout, further labels."""
    label = str(row["encoder"] if published or "cut" in row else row["model"])
    if published and "readout" in row:
        padding = Readout.parse(str(row["readout"])).padding
        label += f", padding {padding} in the readout" if padding else ""
    for part in PARTS:
        if part in row:
            label += f", {part} {row[part]}" if part == "cut" else f", {row[part]} {part}"
    return label


def excerpt(table: str, tidy: pd.DataFrame) -> str:
    """A Markdown table of SPC: mean ± sd over seeds, in brackets what the paper printed.

    Args:
        table: its name.
        tidy: its csv.
    """
    across = BY_PATTERN.get(table, "pattern")
    shown = tidy[tidy["images"] == "natural"]
    if across in COUNTED:
        shown = shown[shown["encoder"] != CONTROL]
    published = "published_spc" in shown
    several = across != "encoder" and len(set(shown["encoder"])) > 1  # which the row of a pattern then names
    cells: dict[str, dict[str, str]] = {}
    for _, row in shown.iterrows():
        printed = row.get("published_spc")
        beside = "" if printed is None or pd.isna(printed) else f" ({three_decimals(float(printed))})"
        pattern = f"{row['pattern']}, {row['encoder']}" if several else str(row["pattern"])
        line = pattern if table in BY_PATTERN else _row_label(row, published=published)
        column = f"{across} {row[across]}" if across in COUNTED else str(row[across])
        cells.setdefault(line, {})[column] = with_sd(float(row["spc"]), float(row["spc_sd"])) + beside
    names = list(dict.fromkeys(name for line in cells.values() for name in line))
    lines = [f"| | {' | '.join(names)} |", f"|---{'|---' * len(names)}|"]
    lines += [f"| {label} | {' | '.join(line.get(name, '') for name in names)} |" for label, line in cells.items()]
    return "\n".join(lines)


def excerpts_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Table and excerpt, of every table of cells whose committed values lie in a folder of workflow/expected."""
    for path in sorted(folder.glob("*.csv")):
        tidy = pd.read_csv(path)
        if {"spc", "pattern", "images"} <= set(tidy.columns):
            yield path.stem, excerpt(path.stem, tidy)
