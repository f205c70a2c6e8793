"""Numbers of single images under named conditions: read, and summarised beside published numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from posinfo.run.experiments import Measurement
from posinfo.store.errors import InputError
from posinfo.store.sidecars import verified
from posinfo.tables.built import BuiltTable
from posinfo.tables.intervals import difference
from posinfo.tables.layouts import said_once, three_decimals

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig


def read_rows(_: "RunConfig", measurement: Measurement, paths: Sequence[Path]) -> pd.DataFrame:
    """Read the rows of all files, one below the other.

    Raises:
        InputError: when a file is not what its sidecar says, or has other columns.
    """
    columns = [*measurement.keys, "image", "seed", measurement.metric, *measurement.beside]
    frames = []
    for path in paths:
        verified(path)
        frame = pd.read_csv(path, dtype={"image": str})
        if list(frame.columns) != columns:
            raise InputError(
                f"{path} has the columns {list(frame.columns)}, expected {columns}; delete it and run again"
            )
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def published_numbers(run: "RunConfig", measurement: Measurement) -> pd.DataFrame:
    """The published numbers: the keys and `published`; a model of the paper is the run's encoder for it."""
    if measurement.published is None:
        return pd.DataFrame()
    frame = pd.read_csv(measurement.published).rename(columns={measurement.metric: "published"})
    if "model" in frame:
        frame["encoder"] = frame["model"].map(run.models.model_dump())
    return frame[[*measurement.keys, "published"]]


def build_table(run: "RunConfig", measurement: Measurement, paths: Sequence[Path]) -> BuiltTable:
    """The table of a measurement: a row of its csv for each condition, laid out with a column for each value across."""
    summary = summarise(measurement, read_rows(run, measurement, paths), published_numbers(run, measurement))
    return BuiltTable(
        tidy=summary,
        layout=layout(measurement, summary),
        caption=caption(measurement, summary),
        titles=run.titles(summary["encoder"].unique()) if "encoder" in summary else {},
    )


def summarise(measurement: Measurement, rows: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """A row for each condition, in the order of first appearance.

    Columns: the keys, n_images, n_seeds, the metric's mean with its 95 % interval (low, high), the means of the columns
    beside it, and `published` if anything is.

    Args:
        rows: as `read_rows` returns them.
        published: as `published_numbers` returns them.
    """
    lines = []
    for values, group in rows.groupby(list(measurement.keys), sort=False):
        found = difference(group, None, measurement.metric)
        line: dict[str, Any] = dict(zip(measurement.keys, values, strict=True))
        line["n_images"] = group["image"].nunique()
        line["n_seeds"] = group["seed"].nunique()
        line |= {measurement.metric: found.value, "low": found.low, "high": found.high}
        lines.append(line | {name: group[name].mean() for name in measurement.beside})
    frame = pd.DataFrame(lines)
    return frame if published.empty else frame.merge(published, how="left", on=list(measurement.keys))


def with_interval(row: Mapping[Any, Any], metric: str) -> str:
    """The text of a cell: `.123 [.100, .150] (.130)`.

    Args:
        row: of `summarise`. A missing interval or published number is left out.
    """
    text = three_decimals(row[metric])
    if not pd.isna(row["low"]):
        text += f" [{three_decimals(row['low'])}, {three_decimals(row['high'])}]"
    if not pd.isna(row.get("published", float("nan"))):
        text += f" ({three_decimals(row['published'])})"
    return text


def layout(measurement: Measurement, summary: pd.DataFrame) -> pd.DataFrame:
    """Lay out a summary as it is printed: a column for each value of `across`, a row for each of the other keys.

    Args:
        summary: as `summarise` returns it.

    Returns:
        Strings; columns are pairs (name, ""), as `BuiltTable` wants them.
    """
    down = [key for key in measurement.keys if key != measurement.across]
    lines = []
    for values, group in summary.groupby(down, sort=False):
        line = {key: str(value) for key, value in zip(down, values, strict=True)}
        for row in group.to_dict("records"):
            line[f"{measurement.across} {row[measurement.across]}"] = with_interval(row, measurement.metric)
        lines.append(line)
    frame = pd.DataFrame(lines)
    frame.columns = pd.MultiIndex.from_tuples([(name, "") for name in frame.columns])
    return said_once(frame, len(down) - 1)


def caption(measurement: Measurement, summary: pd.DataFrame) -> str:
    """What the table shows, with its numbers of images and seeds.

    Args:
        summary: as `summarise` returns it.
    """
    fewest = summary["n_images"].min()
    most = summary["n_images"].max()
    seeds = summary["n_seeds"].max()
    images = f"{fewest} images" if fewest == most else f"{fewest} to {most} images"
    over = f", {seeds} seeds" if seeds > 1 else ""
    about = f"{measurement.about}: {measurement.metric} with 95 % interval"
    return f"{about}, n = {images}{over}. {measurement.note}"
