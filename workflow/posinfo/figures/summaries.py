"""Figures of numbers: ours with 95 % intervals, the paper's printed points beside."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from posinfo.figures.data import FigureData
from posinfo.figures.style import COLUMN, PAPER, WHOLE, colour_of, counts_of
from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout
from posinfo.run.cells import BASE, Cell
from posinfo.run.figures import FIGURES
from posinfo.run.tables import TABLES
from posinfo.tables.intervals import difference
from posinfo.tables.summaries import Groups, scores_of_cell

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig

PAPERS_PICTURES = 10_533  # on which the paper trained
# Variants of VGG in the figure of padding, as a reader would call them.
VARIANTS = {
    "vgg16-circular": "circular",
    "vgg16-reflect": "reflect",
    "vgg16-replicate": "replicate",
    "vgg16-resized": "zeros, maps resized",
    "vgg16-cropped": "zeros, maps cropped",
}


def estimates(cells: Sequence[Cell], groups: Groups) -> pd.DataFrame:
    """One row per cell: its labels, `value`, `low`, `high` (SPC and its 95 % interval as in the claims), n, seeds."""
    rows = []
    for cell in cells:
        numbers = _estimate(scores_of_cell(groups, cell))
        rows.append({**cell.labels(), "encoder": cell.encoder, "readout": cell.readout.name, **numbers})
    return pd.DataFrame(rows)


def _estimate(scores: pd.DataFrame) -> dict[str, float]:
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
    shown = _with_printed(estimates(TABLES["table3"].cells(run), data.groups), data.printed)
    patterns = list(shown["pattern"].unique())
    figure, panels = plt.subplots(1, len(patterns), figsize=(COLUMN, 2.1), sharey=True)
    for axes, pattern in zip(panels, patterns, strict=True):
        rows = shown[shown["pattern"] == pattern]
        colour, places = colour_of(run.models.VGG, run), np.arange(len(rows))
        axes.errorbar(places, rows["value"], interval(rows), color=colour, marker="o", label=run.models.VGG)
        axes.plot(places, rows["spc"], label="paper, VGG", **PAPER)
        axes.set_xticks(places, rows["stages"])
        axes.set(ylim=(-0.1, 1), title=f"pattern {pattern}")
    panels[0].set_ylabel("SPC")
    panels[0].legend(loc="upper left", borderaxespad=0)
    figure.supxlabel(f"stage ({counts_of(shown)})", fontsize=8)
    return figure


def padding(data: FigureData) -> Figure:
    """SPC with the readout's and the encoder's padding, and the controls of map size: a panel per pattern."""
    run = data.run
    rows = TABLES["table4"].cells(run)
    rows += [c for c in TABLES["controls"].cells(run) if c.encoder in VARIANTS and c.readout == BASE]
    shown = _with_printed(estimates(rows, data.groups), data.printed)
    shown["label"] = [
        _padding_name(str(encoder), str(readout), run)
        for encoder, readout in zip(shown["encoder"], shown["readout"], strict=True)
    ]
    labels = list(shown["label"].unique())
    patterns = list(shown["pattern"].unique())
    figure, panels = plt.subplots(1, len(patterns), figsize=(WHOLE, 2.7), sharey=True, sharex=True)
    for axes, pattern in zip(panels, patterns, strict=True):
        bars = shown[shown["pattern"] == pattern]
        places = [labels.index(label) for label in bars["label"]]
        colours = [colour_of(encoder, run) for encoder in bars["encoder"]]
        axes.barh(places, bars["value"], 0.7, xerr=interval(bars), color=colours, error_kw={"lw": 1})
        axes.plot(bars["spc"], places, label="paper", **PAPER)
        axes.set(title=f"pattern {pattern}", xlabel="SPC", xlim=(min(-0.12, shown["low"].min() - 0.02), 1))
        axes.grid(visible=False, axis="y")
    panels[0].set_yticks(range(len(labels)), labels)
    panels[0].invert_yaxis()
    panels[-1].legend(loc="lower right")
    figure.supxlabel(f"{counts_of(shown)}; bars end at the mean, whiskers span 95 % intervals", fontsize=7)
    return figure


def _padding_name(encoder: str, readout: str, run: "RunConfig") -> str:
    if encoder == run.models.PosENet:
        return f"{encoder}, readout padding {Readout.parse(readout).padding}"
    known = {run.models.VGG: "zeros", run.models.VGG_without_padding: "none"} | VARIANTS
    return f"{run.models.VGG}, {known[encoder]}"


def agreement(data: FigureData) -> Figure:
    """Our SPC against the published one, every cell of tables 1 to 4, with the identity line."""
    run = data.run
    cells = [cell for name in FIGURES["agreement"].tables for cell in TABLES[name].cells(run)]
    once = {(cell.encoder, cell.readout, cell.pattern, cell.images): cell for cell in cells}
    shown = _with_printed(estimates(list(once.values()), data.groups), data.printed)
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


def learning_curve(data: FigureData) -> Figure:
    """SPC against the number of training pictures, with intervals; the paper's value at its own number."""
    run, curve = data.run, data.curve
    patterns = list(curve["pattern"].unique())
    figure, panels = plt.subplots(1, len(patterns), figsize=(COLUMN, 2.2), sharey=True)
    printed = data.printed[(data.printed["readout"] == BASE.name) & (data.printed["images"] == "natural")]
    lowest = -0.1
    for axes, pattern in zip(panels, patterns, strict=True):
        for encoder in curve["encoder"].unique():
            part = curve[(curve["pattern"] == pattern) & (curve["encoder"] == encoder)]
            groups = {int(str(count)): rows for count, rows in part.groupby("pictures")}
            shown = pd.DataFrame([{"pictures": count, **_estimate(rows)} for count, rows in groups.items()])
            colour, lowest = colour_of(encoder, run), min(lowest, float(shown["low"].min()) - 0.02)
            axes.errorbar(shown["pictures"], shown["value"], interval(shown), color=colour, marker="o", label=encoder)
            told = printed[(printed["encoder"] == encoder) & (printed["pattern"] == pattern)]["spc"]
            axes.plot([PAPERS_PICTURES] * len(told), told, **(PAPER | {"mec": colour}))
        axes.set(xscale="log", ylim=(lowest, 1), title=f"pattern {pattern}")
    panels[0].plot([], [], label="paper", **PAPER)
    panels[0].set_ylabel("SPC")
    panels[0].legend(loc="lower right", borderaxespad=0.1)
    count = f"n = {curve['image'].nunique()} natural images, {curve['seed'].nunique()} seeds"
    figure.supxlabel(f"training pictures ({count})", fontsize=8)
    return figure


def training(data: FigureData) -> Figure:
    """The loss of every epoch and seed, a panel per pattern."""
    run, losses = data.run, data.losses
    figure, panels = plt.subplots(1, len(PATTERNS), figsize=(WHOLE, 1.9), sharex=True)
    encoders = list(losses["encoder"].unique())
    for axes, pattern in zip(panels, PATTERNS, strict=True):
        for encoder in encoders:
            part = losses[(losses["pattern"] == pattern) & (losses["encoder"] == encoder)]
            for _, line in part.groupby("seed"):
                axes.plot(line["epoch"], line["loss"], color=colour_of(encoder, run), lw=0.9, alpha=0.8)
        axes.set(title=f"pattern {pattern}", ylim=(0, None))
        axes.tick_params(labelsize=7)
    panels[0].set_ylabel("loss (squared error)")
    keys = [Line2D([], [], color=colour_of(encoder, run), label=encoder) for encoder in encoders]
    figure.legend(handles=keys, loc="outside upper center", ncols=len(keys))
    figure.supxlabel(f"epoch (one line per seed, {losses['seed'].nunique()} seeds)", fontsize=8)
    return figure
