"""Tables of cells: their scores summarised, laid out as the paper prints them, its numbers beside ours."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from posinfo.run.cells import AS_RELEASED
from posinfo.run.config import RunConfig
from posinfo.run.experiments import CellLayout, Table
from posinfo.run.shown import counted, table_of
from posinfo.tables.built import BuiltTable
from posinfo.tables.layouts import said_once, three_decimals, with_sd
from posinfo.tables.summaries import (
    CONSTANT,
    MEASURED,
    PUBLISHED,
    beside_published,
    constant_rows,
    read_scores,
    summarise,
)


def build(run: RunConfig, name: str, paths: Sequence[Path]) -> BuiltTable:
    """A table of cells from their score files."""
    _, table = table_of(run, name)
    return laid_out(run, table, collected(run, table, paths))


def collected(run: RunConfig, table: Table, paths: Sequence[Path]) -> pd.DataFrame:
    """A row per cell as `summarise` gives it, the published numbers beside it.

    Our own tables end with the best constant prediction of each pattern.
    """
    assert table.cells is not None
    summary = summarise(read_scores(paths), table.cells(run))
    if table.published is None:
        constant = constant_rows(list(summary["pattern"].unique()), run.patterns, table.layout)
        summary = pd.concat([summary, constant], ignore_index=True)
    return beside_published(summary, table.published, table.layout.keys)


def laid_out(run: RunConfig, table: Table, rows: pd.DataFrame) -> BuiltTable:
    """The finished table of rows that `collected` returned; a column `seconds` is shown where there is one."""
    known = [name for name in rows["encoder"].unique() if name in run.registry.encoders]
    return BuiltTable(
        tidy=tidy(rows, table),
        layout=layout(rows, table.layout, published=table.published is not None),
        caption=caption(rows, table, run),
        titles=run.titles(known),
    )


def tidy(rows: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The columns of the csv: what names a cell, what was measured, what was published."""
    named = [key for key in table.layout.keys if key not in ("model", "images")]
    source = ["encoder", "images"] if "images" in table.layout.keys else ["encoder", "readout", "images"]
    if table.published is None:
        named = ["model", *named]
    measured = [*MEASURED, "seconds"] if "seconds" in rows else [*MEASURED]
    return rows[[*named, *source, *measured, *(PUBLISHED if table.published else ())]]


def layout(rows: pd.DataFrame, layout: CellLayout, *, published: bool) -> pd.DataFrame:
    """A row per `layout.down`, SPC and MAE per `layout.across`; the paper's number in brackets behind ours.

    Returns:
        Strings; columns are pairs (name, metric), the metric empty for what names a row.
    """
    lines = []
    for labels, group in rows.groupby(list(layout.down), sort=False):
        line = {(name, ""): str(label) for name, label in zip(layout.down, labels, strict=True)}
        if published:
            encoders = group["encoder"].unique()
            line["encoder", ""] = encoders[0] if len(encoders) == 1 else ""
        for cell in group.to_dict("records"):
            for metric, key in (("SPC", "spc"), ("MAE", "mae")):
                printed = cell[f"published_{key}"]
                beside = "" if pd.isna(printed) else f" ({three_decimals(printed)})"
                line[str(cell[layout.across]), metric] = with_sd(cell[key], cell[f"{key}_sd"]) + beside
        if "seconds" in group:
            seconds = group["seconds"].iloc[0]
            line["seconds", ""] = "" if pd.isna(seconds) else f"{seconds:.0f}"
        lines.append(line)
    frame = pd.DataFrame(lines)
    frame.columns = pd.MultiIndex.from_tuples([tuple(column) for column in frame.columns])
    return said_once(frame, len(layout.down) - 1)


def caption(rows: pd.DataFrame, table: Table, run: RunConfig) -> str:
    """What the table shows: images, seeds, settings, constant predictions."""
    real = rows[rows["encoder"] != CONSTANT]
    sizes = real.drop_duplicates("images").set_index("images")["n_images"]
    named = {"natural": f"natural {run.images.natural}"}
    sets = ", ".join(f"{named.get(str(role), role)} (n={count})" for role, count in sizes.items())
    settings = f"ground truth {run.patterns}, scale {run.training.scale}"
    if "layers" in table.layout.keys:
        settings += f", hidden channels {run.training.hidden}"
    constant = int(real["n_constant"].sum())
    seeds = real["n_seeds"].iloc[0]
    spread = f"mean{' ± sd' if seeds > 1 else ''} over {counted(seeds, 'seed')}"
    beside = ", in brackets the paper" if table.published else ""
    released = rows["model"].str.endswith(AS_RELEASED).any()
    sentences = [
        f"{table.about}: {spread}{beside}.",
        f"Images: {sets}; {settings}.",
        f"Constant predictions, counted as SPC 0: {constant}." if constant else "",
        "As released: no mean is subtracted from the images. The released code, which the paper's numbers stand for, "
        "feeds them so."
        if released
        else "",
        table.layout.note,
    ]
    return " ".join(sentence for sentence in sentences if sentence)
