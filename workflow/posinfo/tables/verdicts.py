"""Judged claims as files: every comparison as csv, and as Markdown for people."""

from pathlib import Path

import pandas as pd

from posinfo.store.files import atomic_write, write_text

INTERVALS = (
    "Intervals: bootstrap over photographs (all views of one together, the same draw on both sides) and seeds. A claim "
    "holds when every comparison's interval lies on the claimed side, fails when one lies on the other side."
)


def write_claims(judged: pd.DataFrame, csv: Path, markdown: Path) -> None:
    """Write every comparison as csv, and as Markdown one row per claim followed by the comparisons.

    Args:
        judged: as `claims.judge` returns it.
    """
    with atomic_write(csv) as partial:
        judged.to_csv(partial, index=False, float_format="%.6f")
    lines = ["| claim | outcome | comparisons that hold | by |", "|---|---|---|---|"]
    for says, group in judged.groupby("says", sort=False):
        held = int((group["comparison_outcome"] == "holds").sum())
        lines.append(f"| {says} | **{group['outcome'].iloc[0]}** | {held} of {len(group)} | {group['by'].iloc[0]} |")
    lines += ["", "| comparison | metric | ours | 95 % interval | outcome | paper |", "|---|---|---|---|---|---|"]
    for says, group in judged.groupby("says", sort=False):
        lines.append(f"| *{says}* | | | | | |")
        for row in group.to_dict("records"):
            printed = "" if pd.isna(row["printed"]) else f"{row['printed']:+.3f}"
            interval = f"{row['low']:+.3f} to {row['high']:+.3f}"
            numbers = f"{row['metric'].upper()} | {row['estimate']:+.3f} | {interval}"
            lines.append(f"| {row['comparison']} | {numbers} | {row['comparison_outcome']} | {printed} |")
    write_text(markdown, "\n".join([*lines, "", INTERVALS]) + "\n")
