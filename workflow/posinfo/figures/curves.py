"""Figures of training: the learning curve, and the loss of every epoch."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from posinfo.figures.data import FigureData
from posinfo.figures.style import COLUMN, PAPER, WHOLE, colour_of, finish_panels, name_of
from posinfo.figures.summaries import estimate, interval
from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout
from posinfo.run.shown import counted

PAPERS_IMAGES = 10_533  # on which the paper trained
ALONE = ("^", "s")  # markers of readouts of one stage


def learning_curve(data: FigureData) -> Figure:
    """SPC against the number of training images, with intervals; the paper's value at its own number."""
    run = data.run
    curve = data.curve()
    patterns = list(curve["pattern"].unique())
    titles = run.titles(curve["encoder"].unique())
    figure, panels = plt.subplots(1, len(patterns), figsize=(COLUMN, 3), sharey=True)
    printed = data.printed[data.printed["images"] == "natural"]
    frames = []
    for axes, pattern in zip(panels, patterns, strict=True):
        for (encoder, readout), part in curve[curve["pattern"] == pattern].groupby(["encoder", "readout"], sort=False):
            stages = Readout.parse(readout).stages
            marker = "o" if stages == "all" else ALONE[run.stages(encoder).index(stages) % 2]
            shown = pd.DataFrame([{"images": count, **estimate(rows)} for count, rows in part.groupby("images")])
            colour = colour_of(encoder, run)
            frames.append(shown)
            label = titles[encoder] if stages == "all" else f"{titles[encoder]}, {stages} alone"
            axes.errorbar(shown["images"], shown["value"], interval(shown), color=colour, marker=marker, label=label)
            same = (printed["encoder"] == encoder) & (printed["readout"] == readout) & (printed["pattern"] == pattern)
            printed_spc = printed[same]["spc"]
            axes.plot([PAPERS_IMAGES] * len(printed_spc), printed_spc, **(PAPER | {"mec": colour}))
        axes.margins(x=0.1)
        axes.set(xscale="log", title=name_of(pattern))
    panels[0].plot([], [], label="paper", **PAPER)
    finish_panels(figure, panels, "training images", pd.concat(frames))
    return figure


def training(data: FigureData) -> Figure:
    """The loss of every epoch and seed, a panel per pattern."""
    run = data.run
    losses = data.losses()
    figure, panels = plt.subplots(1, len(PATTERNS), figsize=(WHOLE, 1.9), sharex=True)
    titles = run.titles(losses["encoder"].unique())
    for axes, pattern in zip(panels, PATTERNS, strict=True):
        for encoder in titles:
            part = losses[(losses["pattern"] == pattern) & (losses["encoder"] == encoder)]
            for _, line in part.groupby("seed"):
                axes.plot(line["epoch"], line["loss"], color=colour_of(encoder, run), lw=0.9, alpha=0.8)
        axes.set(ylim=(0, None))
        axes.set_title(name_of(pattern), fontsize=7)
        axes.tick_params(labelsize=7)
    panels[0].set_ylabel("loss (squared error)")
    keys = [Line2D([], [], color=colour_of(encoder, run), label=title) for encoder, title in titles.items()]
    figure.legend(handles=keys, loc="outside upper center", ncols=len(keys))
    figure.supxlabel(f"epoch (a line per seed, {counted(losses['seed'].nunique(), 'seed')})", fontsize=8)
    return figure
