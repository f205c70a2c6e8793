"""Figures of a run's numbers: ours with 95 % intervals, the paper's printed points beside."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posinfo.cells import FIGURES, TABLES, Cell
from posinfo.claims import difference
from posinfo.files import written_whole
from posinfo.tables import Groups, scores_of_cell

if TYPE_CHECKING:
    from posinfo.config import RunConfig

STYLE = Path(__file__).parent / "posinfo.mplstyle"
COLUMN = 3.4  # inches, the width of a column in a two-column paper
WHOLE = 7.0
PALETTE = sns.color_palette("colorblind")
PATTERN_COLOURS = dict(zip(("H", "V", "G", "HS", "VS"), PALETTE, strict=False))
MODEL_COLOURS = {"PosENet": "0.5", "VGG": "#1f4e9c", "ResNet": "#b35806", "VGG w/o padding": "#1b9e9e"}
PADDINGS = {
    "vgg16": "zeros",
    "vgg16-circular": "circular",
    "vgg16-reflect": "reflect",
    "vgg16-replicate": "replicate",
    "vgg16-nopad": "none",
    "vgg16-resized": "zeros,\nresized",
    "vgg16-cropped": "zeros,\ncropped",
}


def estimates(cells: Sequence[Cell], groups: Groups) -> pd.DataFrame:
    """One row per cell: its labels, `value`, `low`, `high` (SPC and its 95 % interval as in the claims), n, seeds."""
    rows = []
    for cell in cells:
        scores = scores_of_cell(groups, cell)
        found = difference(scores, None, "spc")
        numbers = {"value": found.value, "low": found.low, "high": found.high}
        counts = {"n": scores["image"].nunique(), "seeds": scores["seed"].nunique()}
        rows.append({**cell.labels(), "encoder": cell.encoder, "readout": cell.readout.name, **numbers, **counts})
    return pd.DataFrame(rows)


def counts_of(shown: pd.DataFrame) -> str:
    """`n = 30 natural images, 3 seeds`, for a title."""
    return f"n = {shown['n'].max()} natural images, {shown['seeds'].max()} seeds"


def _interval(shown: pd.DataFrame) -> np.ndarray:
    return np.asarray(np.abs(shown[["low", "high"]].to_numpy().T - shown["value"].to_numpy()))


def stages(run: "RunConfig", groups: Groups, printed: pd.DataFrame) -> Figure:
    """SPC of each stage alone and of all, per pattern; the paper's numbers as hollow points."""
    figure, axes = plt.subplots(figsize=(COLUMN, 2.5))
    shown = _with_printed(estimates(TABLES["table3"].cells(run), groups), printed)
    for offset, (pattern, rows) in zip((-0.06, 0.06), shown.groupby("pattern", sort=False), strict=True):
        places = np.arange(len(rows)) + offset
        colour = PATTERN_COLOURS[str(pattern)]
        axes.errorbar(places, rows["value"], _interval(rows), color=colour, marker="o", label=f"{pattern}, ours")
        axes.plot(places, rows["spc"], color=colour, marker="o", mfc="white", ls=":", label=f"{pattern}, paper")
    names = list(shown["stages"].unique())
    axes.set_xticks(range(len(names)), names)
    axes.set(xlabel=f"stage of {run.models.VGG} that the readout sees", ylabel="SPC", ylim=(-0.1, 1))
    axes.set_title(f"{counts_of(shown)}; 95 % intervals", loc="left")
    axes.legend(ncols=2, loc="upper left", bbox_to_anchor=(0, 1.02))
    return figure


def padding(run: "RunConfig", groups: Groups, printed: pd.DataFrame) -> Figure:
    """SPC of VGG16's weights under every padding and at matched map sizes, per pattern, with the paper's points."""
    wanted = [cell for cell in TABLES["controls"].cells(run) if cell.encoder in PADDINGS and not cell.readout.raw]
    shown = _with_printed(estimates(wanted, groups), printed)
    figure, axes = plt.subplots(figsize=(WHOLE, 2.6))
    order = [name for name in PADDINGS if name in set(shown["encoder"])]
    patterns = list(shown["pattern"].unique())
    width = 0.8 / len(patterns)
    for index, pattern in enumerate(patterns):
        rows = shown[shown["pattern"] == pattern].set_index("encoder").loc[order]
        places = np.arange(len(order)) + (index - (len(patterns) - 1) / 2) * width
        axes.bar(places, rows["value"], width, yerr=_interval(rows), color=PATTERN_COLOURS[pattern], label=pattern)
        axes.plot(
            places, rows["spc"], ls="none", marker="D", mfc="white", mec="black", label="paper" if index == 0 else None
        )
    axes.set_xticks(range(len(order)), [PADDINGS[name] for name in order])
    axes.set(xlabel="padding of VGG16's convolutions (ImageNet weights throughout)", ylabel="SPC", ylim=(-0.1, 1))
    axes.set_title(f"{counts_of(shown)}; 95 % intervals", loc="left")
    axes.legend(ncols=4, loc="upper right")
    return figure


def agreement(run: "RunConfig", groups: Groups, printed: pd.DataFrame) -> Figure:
    """Our SPC against the published one, every cell of tables 1 to 4, with the identity line."""
    figure, axes = plt.subplots(figsize=(COLUMN, 3.2))
    cells = [cell for name in FIGURES["agreement"] for cell in TABLES[name].cells(run)]
    once = {(cell.encoder, cell.readout, cell.pattern, cell.images): cell for cell in cells}
    shown = _with_printed(estimates(list(once.values()), groups), printed)
    colours = {run.models.PosENet: "PosENet", run.models.VGG: "VGG", run.models.ResNet: "ResNet"}
    colours |= {run.models.VGG_without_padding: "VGG w/o padding"}
    for encoder, rows in shown.groupby("encoder", sort=False):
        model = colours[str(encoder)]
        natural = rows[rows["images"] == "natural"]
        other = rows[rows["images"] != "natural"]
        _points(axes, natural, MODEL_COLOURS[model], "o", f"{encoder} ({model})")
        if len(other):
            _points(axes, other, MODEL_COLOURS[model], "x", None)
    axes.axline((0, 0), slope=1, color="0.5", lw=0.8)
    axes.set(xlim=(-0.12, 1.02), ylim=(-0.12, 1.02), aspect="equal", xlabel="SPC, paper", ylabel="SPC, ours")
    axes.set_title(f"{len(shown)} cells of tables 1 to 4; x: synthetic images", loc="left")
    axes.legend(loc="upper left")
    return figure


def _points(axes: Axes, rows: pd.DataFrame, colour: str, marker: str, label: str | None) -> None:
    axes.plot(rows["spc"], rows["value"], ls="none", marker=marker, color=colour, alpha=0.8, label=label)


def _with_printed(shown: pd.DataFrame, printed: pd.DataFrame) -> pd.DataFrame:
    """Add the published `spc` of each cell, where there is one."""
    keys = ["encoder", "readout", "pattern", "images"]
    return shown.merge(printed[[*keys, "spc"]], on=keys, how="left", validate="many_to_one")


DRAWINGS = {"stages": stages, "padding": padding, "agreement": agreement}


def write_figure(name: str, run: "RunConfig", groups: Groups, printed: pd.DataFrame, pdf: Path, png: Path) -> None:
    """Draw one of `DRAWINGS` in the project's style and write it as vector pdf and as png, without dates inside."""
    mpl.use("Agg")
    with plt.style.context(STYLE):
        figure = DRAWINGS[name](run, groups, printed)
        with written_whole(pdf) as partial:
            figure.savefig(partial, format="pdf", metadata={"CreationDate": None})
        with written_whole(png) as partial:
            figure.savefig(partial, format="png", metadata={"Software": None})
        plt.close(figure)
