"""Judged claims as files: every comparison as csv, and as Markdown for people."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from posinfo.run.cells import BASE, Cell
from posinfo.store.files import write_text
from posinfo.store.frames import write_csv

INTERVALS = (
    "Intervals: bootstrap over photographs (all views of one together, the same draw on both sides) and seeds. A claim "
    "holds when every comparison's interval lies on the claimed side, fails when one lies on the other side."
)


def write_claims(judged: pd.DataFrame, csv: Path, markdown: Path) -> None:
    """Write every comparison as csv, and as Markdown one row per claim followed by the comparisons.

    Args:
        judged: as `claims.judge` returns it.
    """
    write_csv(judged, csv)
    lines = ["| claim | outcome | comparisons that hold | by |", "|---|---|---|---|"]
    for says, group in judged.groupby("says", sort=False):
        held = int((group["comparison_outcome"] == "holds").sum())
        lines.append(f"| {says} | **{group['outcome'].iloc[0]}** | {held} of {len(group)} | {group['by'].iloc[0]} |")
    lines += ["", "| comparison | metric | ours | 95 % interval | outcome | paper |", "|---|---|---|---|---|---|"]
    for says, group in judged.groupby("says", sort=False):
        lines.append(f"| *{says}* | | | | | |")
        for row in group.to_dict("records"):
            printed = "" if pd.isna(row["printed"]) else f"{row['printed']:+.3f}"
            interval = "none" if pd.isna(row["low"]) else f"{row['low']:+.3f} to {row['high']:+.3f}"
            numbers = f"{row['metric'].upper()} | {row['estimate']:+.3f} | {interval}"
            lines.append(f"| {row['comparison']} | {numbers} | {row['comparison_outcome']} | {printed} |")
    write_text(markdown, "\n".join([*lines, "", INTERVALS]) + "\n")


def cell_words(lower: Cell | None, higher: Cell) -> str:
    """`vgg16 > pixels (H)`: only what differs, then what is common."""
    if lower is None:
        readout = "" if higher.readout == BASE else f" {higher.readout.name}"
        return f"{higher.encoder}{readout} ({higher.pattern})"
    one, other = (
        {"encoder": cell.encoder, "readout": cell.readout.name, "pattern": cell.pattern} for cell in (lower, higher)
    )
    differing = [name for name in one if one[name] != other[name]]
    common = [value for name, value in other.items() if name not in differing and name != "readout"]
    left = " ".join(other[name] for name in differing)
    right = " ".join(one[name] for name in differing)
    return f"{left} > {right} ({', '.join(common)})"


def condition_words(lower: Mapping[str, str | int], higher: Mapping[str, str | int]) -> str:
    """`320 > 224 (size)`: the values that differ, then what is common."""
    differing = [key for key in higher if higher[key] != lower[key]]
    left = " ".join(str(higher[key]) for key in differing)
    right = " ".join(str(lower[key]) for key in differing)
    common = ", ".join(f"{key} {value}" for key, value in higher.items() if key not in differing)
    return f"{left} > {right} ({common})"
