"""Where the time of a run went: each job on the lane where it ran, and seconds by encoder and stage."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from posinfo.figures.data import FigureData
from posinfo.figures.schedule import by_run, wall, with_lanes
from posinfo.figures.style import WHOLE, bare
from posinfo.store.errors import InputError

_PALETTE = sns.color_palette("colorblind").as_hex()
# Of the workflow's stages: none is an encoder's colour.
COLOURS = {
    "encoders": _PALETTE[5],
    "features": _PALETTE[2],
    "readouts": _PALETTE[4],
    "scores": _PALETTE[8],
    "other": "0.75",
}
LANE = 0.16  # inches of one lane
LANES = 3.0  # inches of all lanes at most
LETTER = 0.042  # inches, of the words inside bars
UNITS = ((3 * 3600, "hours", 3600.0), (180, "minutes", 60.0), (0, "seconds", 1.0))  # from how many seconds on


def cost(data: FigureData) -> Figure:
    """The schedule of the run with most work, above the seconds of all jobs in the results folder.

    Raises:
        InputError: when the run has left no benchmark files.
    """
    costs = data.jobs()
    if costs.empty:
        raise InputError("no benchmark files in the results folder: the figure of the run's time has nothing to show")
    stages = [stage if stage in COLOURS else "other" for stage in costs["stage"]]
    jobs = costs.assign(kind=stages)
    runs = by_run(jobs)
    chosen = max(runs, key=lambda run: float(run["seconds"].sum()), default=None)
    lanes = with_lanes(chosen) if chosen is not None else None
    table = by_row(jobs)
    heights = [min(LANES, LANE * (1 if lanes is None else lanes["lane"].max() + 1)) + 0.45, 0.4 + 0.15 * len(table)]
    figure, (schedule, bars) = plt.subplots(2, figsize=(WHOLE, sum(heights) + 0.5), height_ratios=heights)
    if lanes is None:
        bare(schedule)
        words = "No job says when it ran: its log is not where the run left it, in logs/ beside benchmarks/"
        schedule.text(0.5, 0.5, words, ha="center", va="center", fontsize=7, transform=schedule.transAxes)
    else:
        _schedule(schedule, lanes, runs, int(jobs["end"].isna().sum()))
    _bars(bars, table, len(jobs))
    keys = [Patch(color=colour, label=kind) for kind, colour in COLOURS.items() if kind in table]
    figure.legend(handles=keys, loc="outside upper center", ncols=len(keys))
    return figure


def by_row(jobs: pd.DataFrame) -> pd.DataFrame:
    """Seconds, [row, kind], the largest row last: a row for each encoder, and for each stage of what reads several."""
    encoders = set(jobs[jobs["kind"].isin(["encoders", "features"])]["name"])
    named = zip(jobs["stage"], jobs["name"], strict=True)
    rows = [name if name in encoders else stage.replace("_", " ") for stage, name in named]
    table = jobs.assign(row=rows).pivot_table(
        index="row", columns="kind", values="seconds", aggfunc="sum", fill_value=0
    )
    return table.loc[table.sum(axis=1).sort_values(kind="stable").index]


def _schedule(axes: Axes, lanes: pd.DataFrame, runs: Sequence[pd.DataFrame], lost: int) -> None:
    """A bar for each job of a run from its start to its end, named where its name fits."""
    took = wall(lanes)
    count = int(lanes["lane"].max()) + 1
    first = lanes["start"].min()
    _, unit, scale = next(one for one in UNITS if took >= one[0])
    inches = (WHOLE - 0.4) * scale / took  # of a unit
    for kind, colour in COLOURS.items():
        some = lanes[lanes["kind"] == kind]
        for lane, rows in some.groupby("lane"):
            spans = np.stack([rows["begin"] - first, rows["seconds"]], axis=1) / scale
            place = (float(str(lane)) - 0.42, 0.84)
            axes.broken_barh(spans.tolist(), place, facecolors=colour, edgecolors="white", linewidth=0.3)
    for row in lanes.itertuples():
        words = " ".join(str(row.job).split("/")[1:3]) or str(row.job)
        width = float(str(row.seconds)) / scale
        if width * inches > LETTER * (len(words) + 2) and count * LANE <= LANES:
            centre = (float(str(row.begin)) - first) / scale + width / 2
            axes.text(centre, float(str(row.lane)), words, ha="center", va="center_baseline", fontsize=5)
    began = datetime.fromtimestamp(float(first), UTC)
    share = lanes["seconds"].sum() / took / count
    summary = f"began {began:%F %H:%M} UTC: {len(lanes)} jobs, {count} side by side, {took / scale:.1f} {unit}"
    axes.set_title(f"{summary}, {min(share, 1):.0%} of the lanes filled", loc="left")
    notes = [f"{unit} since the first job started"]
    notes += [f"of {len(runs)} runs the one with most work"] if len(runs) > 1 else []
    notes += [f"not drawn: {lost} whose logs say no end"] if lost else []
    axes.set_xlabel("; ".join(notes), fontsize=7)
    axes.set(xlim=(0, took / scale), ylim=(count - 0.4, -0.6), yticks=[])
    axes.set_ylabel("side by side", fontsize=7)
    axes.grid(visible=False, axis="y")


def _bars(axes: Axes, table: pd.DataFrame, jobs: int) -> None:
    """Seconds by row, a colour a kind."""
    left = np.zeros(len(table))
    for kind, colour in COLOURS.items():
        if kind in table:
            axes.barh(table.index, table[kind], 0.7, left=left, color=colour)
            left += table[kind].to_numpy()
    for place, total in enumerate(left):
        axes.annotate(f"{total:.0f}", (total, place), (2, 0), textcoords="offset points", va="center", fontsize=6)
    axes.set_xlim(0, left.max() * 1.08)
    axes.set_xlabel(f"seconds of all {jobs} jobs in the results folder ({left.sum() / 60:.1f} minutes)")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", labelsize=7)
    axes.margins(y=0.01)
