"""The atlas as a figure: a row a network, a panel a pattern, stages as a line, trained beside random weights."""

from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from posinfo.figures.style import MODEL_COLOURS, WHOLE, write_drawn

LOOKS = {  # of the weights: colour, line, marker
    "trained": (MODEL_COLOURS["VGG"], "-", "o"),
    "random": (MODEL_COLOURS["PosENet"], "--", "s"),
    "none": (MODEL_COLOURS["ResNet"], "-", "D"),
}


def draw(frame: pd.DataFrame) -> Figure:
    """SPC of each stage, then of all together, with standard deviations.

    Args:
        frame: as `table.tidy` gives it.
    """
    networks, patterns = list(frame["network"].unique()), list(frame["pattern"].unique())
    size = (WHOLE, 0.6 + 1.1 * len(networks))
    figure, panels = plt.subplots(len(networks), len(patterns), figsize=size, sharey=True, squeeze=False)
    low = min(-0.1, float((frame["spc"] - frame["spc_sd"].fillna(0)).min()) - 0.02)
    for row, network in zip(panels, networks, strict=True):
        for axes, pattern in zip(row, patterns, strict=True):
            shown = frame[(frame["network"] == network) & (frame["pattern"] == pattern)]
            stages = list(shown["stage"].unique())
            for weights, line in shown.groupby("weights", sort=False):
                colour, dash, marker = LOOKS[str(weights)]
                places = [stages.index(stage) for stage in line["stage"]]
                spread = line["spc_sd"].fillna(0)
                look = {"color": colour, "marker": marker}
                axes.errorbar(places[:-1], line["spc"].iloc[:-1], spread.iloc[:-1], ls=dash, label=weights, **look)
                axes.errorbar(places[-1:], line["spc"].iloc[-1:], spread.iloc[-1:], ls="none", **look)
            axes.set(ylim=(low, 1), xlim=(-0.3, len(stages) - 0.7))
            axes.set_xticks(range(len(stages)), stages)
        row[0].set_ylabel(f"{network}\nSPC", fontsize=7)
    for axes, pattern in zip(panels[0], patterns, strict=True):
        axes.set_title(f"pattern {pattern}")
    handles = {
        str(label): handle
        for axes in panels.flat
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=len(handles))
    return figure


def write_figure(frame: pd.DataFrame, output: Path) -> None:
    """Write `output` with the suffixes .pdf and .png."""
    write_drawn(lambda: draw(frame), output.with_suffix(".pdf"), output.with_suffix(".png"))
