"""Figures of numbers: ours with 95 % intervals, the paper's printed points beside."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from posinfo.figures.data import FigureData
from posinfo.figures.style import COLUMN, PAPER, WHOLE, colour_of, explain, finish_panels, name_of, stage_line
from posinfo.protocol.readout import Readout
from posinfo.run.cells import BASE, Cell
from posinfo.run.config import RunConfig
from posinfo.run.shown import table_of
from posinfo.tables.intervals import difference
from posinfo.tables.summaries import Groups, scores_of_cell

PAPERS_TABLES = ("table1", "table2a", "table2b", "table3", "table4")
# Variants of VGG in the figure of padding by the end of their name, as a reader would call them.
VARIANTS = {
    "circular": "circular",
    "reflect": "reflect",
    "replicate": "replicate",
    "resized": "zeros, maps resized",
    "cropped": "zeros, maps cropped",
}


def estimates(cells: Sequence[Cell], groups: Groups) -> pd.DataFrame:
    """One row per cell: its labels, `value`, `low`, `high` (SPC and its 95 % interval as in the claims), n, seeds."""
    rows = []
    for cell in cells:
        numbers = estimate(scores_of_cell(groups, cell))
        rows.append({**cell.labels(), "encoder": cell.encoder, "readout": cell.readout.name, **numbers})
    return pd.DataFrame(rows)


def table_estimates(name: str, data: FigureData) -> pd.DataFrame:
    """The estimates of every cell of a table."""
    return estimates(_cells(name, data.run), data.groups)


def _cells(name: str, run: RunConfig) -> list[Cell]:
    """The cells of a table."""
    table = table_of(run, name)[1]
    assert table.cells is not None
    return table.cells(run)


def estimate(scores: pd.DataFrame) -> dict[str, float]:
    """Mean SPC with its interval, and how many images and seeds it is of."""
    found = difference(scores, None, "spc")
    numbers = {"value": found.value, "low": found.low, "high": found.high}
    return {**numbers, "n": scores["image"].nunique(), "seeds": scores["seed"].nunique()}


def interval(shown: pd.DataFrame) -> np.ndarray:
    """The intervals of `estimates` as matplotlib's error bars want them, float64 [2, rows]."""
    return np.asarray(np.abs(shown[["low", "high"]].to_numpy().T - shown["value"].to_numpy()))


def _with_printed(shown: pd.DataFrame, printed: pd.DataFrame) -> pd.DataFrame:
    """Add the published `spc` of each cell, where there is one."""
    keys = ["encoder", "readout", "pattern", "images"]
    return shown.merge(printed[[*keys, "spc"]], on=keys, how="left", validate="many_to_one")


def stages(data: FigureData) -> Figure:
    """SPC of each stage alone and of all, a panel per pattern; the paper's numbers as hollow points."""
    run = data.run
    shown = _with_printed(table_estimates("table3", data), data.printed)
    patterns = list(shown["pattern"].unique())
    titles = run.titles(shown["encoder"].unique())
    figure, panels = plt.subplots(1, len(patterns), figsize=(COLUMN, 2.4), sharey=True)
    for axes, pattern in zip(panels, patterns, strict=True):
        for name, rows in shown[shown["pattern"] == pattern].groupby("encoder", sort=False):
            encoder = str(name)
            look = {"color": colour_of(encoder, run), "marker": "o", "label": titles[encoder]}
            stage_line(axes, rows["stages"].tolist(), rows["value"], interval(rows), **look)
        axes.plot(axes.get_xticks(), rows["spc"], label="VGG in the paper", **PAPER)
        axes.set_title(name_of(pattern))
    finish_panels(figure, panels, "stage that is read, and all stages", shown)
    return figure


def padding(data: FigureData) -> Figure:
    """SPC with the readout's and the encoder's padding, and the controls of map size: a panel per pattern."""
    run = data.run
    variants = _variants(run)
    controls = [cell for cell in _cells("controls", run) if cell.encoder in variants and cell.readout == BASE]
    shown = _with_printed(estimates([*_cells("table4", run), *controls], data.groups), data.printed)
    shown["label"] = [_padding_name(str(row.encoder), str(row.readout), run) for row in shown.itertuples()]
    labels = list(shown["label"].unique())
    patterns = list(shown["pattern"].unique())
    figure, panels = plt.subplots(1, len(patterns), figsize=(WHOLE, 2.7), sharey=True, sharex=True)
    for axes, pattern in zip(panels, patterns, strict=True):
        bars = shown[shown["pattern"] == pattern]
        places = [labels.index(label) for label in bars["label"]]
        colours = [colour_of(encoder, run) for encoder in bars["encoder"]]
        axes.barh(places, bars["value"], 0.7, xerr=interval(bars), color=colours, error_kw={"lw": 1})
        axes.plot(bars["spc"], places, label="paper", **PAPER)
        axes.set(title=name_of(pattern), xlabel="SPC", xlim=(min(-0.12, shown["low"].min() - 0.02), 1))
        axes.grid(visible=False, axis="y")
    panels[0].set_yticks(range(len(labels)), labels)
    panels[0].invert_yaxis()
    panels[-1].legend(loc="lower right")
    explain(figure, "", shown)
    return figure


def _variants(run: RunConfig) -> dict[str, str]:
    """The variants of the run's VGG, in words."""
    return {f"{run.models.VGG}-{ending}": words for ending, words in VARIANTS.items()}


def _padding_name(encoder: str, readout: str, run: RunConfig) -> str:
    if encoder == run.models.PosENet:
        return f"no encoder, readout padding {Readout.parse(readout).padding}"
    known = {run.models.VGG: "zeros", run.models.VGG_without_padding: "no padding"} | _variants(run)
    if encoder == run.models.VGG_as_released:
        return f"{run.models.VGG}, images as released"
    return f"{run.models.VGG}, {known[encoder]}"


def agreement(data: FigureData) -> Figure:
    """Our SPC against the published one, every cell of tables 1 to 4, with the identity line."""
    run = data.run
    numbers = pd.concat([table_estimates(name, data) for name in PAPERS_TABLES], ignore_index=True)
    shown = _with_printed(numbers.drop_duplicates(["encoder", "readout", "pattern", "images"]), data.printed)
    figure, axes = plt.subplots(figsize=(COLUMN, 3.3))
    axes.axline((0, 0), slope=1, color="0.5", lw=0.8)
    for encoder, rows in shown.groupby("encoder", sort=False):
        colour = colour_of(str(encoder), run)
        for natural, marker in ((True, "o"), (False, "x")):
            some = rows[(rows["images"] == "natural") == natural]
            axes.plot(some["spc"], some["value"], ls="none", marker=marker, color=colour, alpha=0.8)
    low = min(float(shown[["spc", "value"]].min().min()) - 0.05, -0.1)
    axes.set(xlim=(low, 1.02), ylim=(low, 1.02), aspect="equal", xlabel="SPC, paper", ylabel="SPC, ours")
    handles = [_key(colour_of(str(encoder), run), "o", str(encoder)) for encoder in shown["encoder"].unique()]
    handles += [_key("0.3", "o", "natural images"), _key("0.3", "x", "black, white, noise")]
    axes.legend(handles=handles, loc="upper left", borderaxespad=0.1, handletextpad=0.2)
    axes.set_title(f"{len(shown)} cells of tables 1 to 4; line: equal", loc="left")
    return figure


def _key(colour: str, marker: str, label: str) -> Line2D:
    return Line2D([], [], ls="none", marker=marker, color=colour, label=label)
