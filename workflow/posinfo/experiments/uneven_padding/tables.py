"""The tables of where position comes from, as csv, Markdown and LaTeX, with captions of what was used."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posinfo.experiments.uneven_padding.foveation import Kind, one_layer, strides
from posinfo.protocol.origins import EXPERIMENTS
from posinfo.tables.layouts import said_once, three_decimals, write_layout
from posinfo.tables.summaries import write_csv

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig

ACROSS = {"pooled": "grid", "redgreen": "places", "uneven": "stage"}  # the key that names a column


def write_experiment(name: str, made: pd.DataFrame, run: "RunConfig", output: Path) -> None:
    """Write an experiment's table.

    Args:
        made: as `measured.summary` returns it.
        output: path without suffix.
    """
    described = EXPERIMENTS[name]
    if name == "uneven":
        made = made.assign(uneven_strides=[_uneven(run, row) for row in made.to_dict("records")])
    if name == "pooled":
        made = made.assign(chance=1 / made["grid"] ** 2)
    write_csv(made, output.with_suffix(".csv"))
    across = ACROSS[name]
    down = [key for key in described.keys if key != across]
    lines = []
    for values, group in made.groupby(down, sort=False):
        line = {(key, ""): str(value) for key, value in zip(down, values, strict=True)}
        for row in group.to_dict("records"):
            line[f"{across} {row[across]}", ""] = _number(row, described.metric)
        if name == "uneven":
            deepest = group.iloc[-1]
            line |= {(f"error {where}", ""): three_decimals(deepest[where]) for where in described.beside}
            line["uneven strides", ""] = deepest["uneven_strides"]
        lines.append(line)
    printed = pd.DataFrame(lines)
    printed.columns = pd.MultiIndex.from_tuples([tuple(column) for column in printed.columns])
    shown = run.titles(made["encoder"].unique()) if "encoder" in made else {}
    files = (output.with_suffix(".md"), output.with_suffix(".tex"))
    write_layout(said_once(printed, len(down) - 1), caption(name, made), shown, f"tab:{name}", *files)


def _number(row: Mapping[Any, Any], metric: str) -> str:
    beside = "" if pd.isna(row.get("published", np.nan)) else f" ({three_decimals(row['published'])})"
    interval = "" if pd.isna(row["low"]) else f" [{three_decimals(row['low'])}, {three_decimals(row['high'])}]"
    return f"{three_decimals(row[metric])}{interval}{beside}"


def _uneven(run: "RunConfig", row: Mapping[Any, Any]) -> str:
    found = strides(run.registry.encoders[row["encoder"]].architecture, int(row["side"]))
    return f"{sum(not stride.even for stride in found)} of {len(found)}"


def caption(name: str, made: pd.DataFrame) -> str:
    """What the table shows, in at most about 60 words."""
    described = EXPERIMENTS[name]
    counted = f"n = {made['n_images'].min()}"
    counted += f" to {made['n_images'].max()}" if made["n_images"].min() < made["n_images"].max() else ""
    seeds = made["n_seeds"].max()
    over = f", {seeds} seeds" if seeds > 1 else ""
    return f"{described.about}: {described.metric} with 95 % interval, {counted} pictures{over}. {described.note}"


def foveation_rows(by_kind: Mapping[Kind, NDArray[np.float64]], published: Path) -> pd.DataFrame:
    """A row for each padding.

    Columns: padding; corner and edge (the middle of a side) of one 3x3 layer and of the network, relative to the pixel
    in the middle; whether one layer uses all pixels alike, and what is published of that.

    Args:
        by_kind: padding to the network's map.
        published: folder of the published tables.
    """
    lines = []
    for kind, whole in by_kind.items():
        layer = one_layer(kind)
        line: dict[str, Any] = {"padding": kind}
        for name, values in (("layer", layer), ("network", whole)):
            middle = len(values) // 2
            line |= {f"{name}_corner": values[0, 0] / values[middle, middle]}
            line |= {f"{name}_edge": values[0, middle] / values[middle, middle]}
        lines.append({**line, "uniform": "yes" if np.allclose(layer, layer[0, 0], atol=1e-5) else "no"})
    told = pd.read_csv(published / "foveation.csv")[["padding", "uniform"]]
    return pd.DataFrame(lines).merge(told.rename(columns={"uniform": "published"}), how="left", on="padding")


def write_foveation(made: pd.DataFrame, run: "RunConfig", output: Path) -> None:
    """Write that table; `output` is a path without suffix."""
    write_csv(made, output.with_suffix(".csv"))
    printed = made.copy()
    for column in made.columns[1:5]:
        printed[column] = [three_decimals(value) for value in made[column]]
    printed["uniform"] += " (" + printed.pop("published") + ")"
    printed.columns = pd.MultiIndex.from_tuples([(name.replace("_", " "), "") for name in printed.columns])
    text = (
        "How often a pixel is used, relative to the middle one: one 3x3 convolution, and the network named below, its "
        "poolings as means. In brackets whether the paper's interactive page calls one layer uniform; reflect overuses "
        "the second line."
    )
    files = (output.with_suffix(".md"), output.with_suffix(".tex"))
    write_layout(printed, text, run.titles([run.models.VGG]), "tab:foveation", *files)
