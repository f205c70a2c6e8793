"""Scores of networks, stage by stage, as one tidy frame, and as a table: of one network, and of the atlas."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from posinfo.run.shown import counted
from posinfo.run.tables import legend
from posinfo.tables.intervals import difference
from posinfo.tables.layouts import said_once, with_interval, with_sd

LABELS = ["network", "title", "weights", "draws", "stage", "pattern"]
SIZES = ["parameters", "channels", "side", "field", "border"]


def sizes(network: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """Sizes and receptive field of a stage; of `all` the sum of channels, and the largest side, field and border.

    Args:
        network: `parameters`, their number; and `stages`, as `receptive_fields.receptive_fields` returns them.
        stage: one of these, or all.
    """
    stages = network["stages"]
    parts = list(stages.values()) if stage == "all" else [stages[stage]]
    return {
        "parameters": network["parameters"],
        "channels": sum(part["channels"] for part in parts),
        **{key: max(part[key] for part in parts) for key in ("side", "field", "border")},
    }


def summarised(rows: pd.DataFrame) -> pd.DataFrame:
    """The numbers of each network, its weights (all draws), stage and pattern.

    Args:
        rows: one for each image and readout: columns `LABELS` and `SIZES`, encoder (a draw of the weights), seed (of
            the readout), image, spc, mae.

    Returns:
        Columns `LABELS`; n_images, n_seeds; spc, spc_sd, spc_low, spc_high (the 95 % interval), mae, mae_sd (over
        seeds, and draws where weights are random; the means are over images too); `SIZES`. The interval draws the
        seeds of one draw of the weights together, as these are not independent.
    """
    summaries = []
    for labels, group in rows.groupby(LABELS, sort=False):
        readout = group["encoder"] + " " + group["seed"].astype(str)  # of one draw of the weights, from one seed
        means = group.groupby(readout)[["spc", "mae"]].mean()
        drawn = group["encoder" if group["draws"].iloc[0] > 1 else "seed"].rename("seed")
        independent = group.groupby([drawn, "image"])["spc"].mean().reset_index()
        interval = difference(independent, None, "spc")
        summaries.append(
            {
                **dict(zip(LABELS, labels, strict=True)),
                "n_images": group["image"].nunique(),
                "n_seeds": group["seed"].nunique(),
                "spc": means["spc"].mean(),
                "spc_sd": means["spc"].std(),
                "spc_low": interval.low,
                "spc_high": interval.high,
                "mae": means["mae"].mean(),
                "mae_sd": means["mae"].std(),
                **{size: group[size].iloc[0] for size in SIZES},
            }
        )
    return pd.DataFrame(summaries)


def layout(scores: pd.DataFrame) -> pd.DataFrame:
    """The table as it is printed: a row for each network, weights and stage; SPC and MAE of each pattern, mean ± sd.

    Args:
        scores: as `summarised` returns them.

    Returns:
        Strings; columns are pairs (name, metric), the metric empty for what names a row.
    """
    patterns = list(scores["pattern"].unique())
    first = scores[scores["pattern"] == patterns[0]].reset_index(drop=True)
    columns: dict[tuple[str, str], Any] = {(name, ""): first[name] for name in ("network", "weights", "stage")}
    columns["side", ""] = first["side"].astype(str)
    columns["field", ""] = first["field"].map("{:.0f}".format)
    columns["sees border", ""] = first["border"].map("{:.0%}".format)
    for pattern in patterns:
        cells = scores[scores["pattern"] == pattern]
        shown = zip(cells["spc"], cells["spc_sd"], cells["spc_low"], cells["spc_high"], strict=True)
        columns[pattern, "SPC"] = [with_interval(*numbers) for numbers in shown]
        columns[pattern, "MAE"] = list(map(with_sd, cells["mae"], cells["mae_sd"]))
    return said_once(pd.DataFrame(columns), 2)


def caption(scores: pd.DataFrame, images: str) -> str:
    """What the table shows: readouts, images, seeds and draws, and what the columns mean.

    Args:
        scores: as `summarised` returns them.
        images: what the test images are.
    """
    spread = f"mean ± sd over {counted(scores['n_seeds'].max(), 'seed')}"
    random = scores[scores["weights"] == "random"]
    if len(random):
        counts = f"{counted(random['draws'].max(), 'draw')} of {counted(random['n_seeds'].max(), 'seed')} each"
        spread += f"; for random weights, over {counts}"
    return (
        f"Readouts of each stage alone, and of all: {spread}, [95 % interval] of SPC. Images: {images} "
        f"(n={scores['n_images'].max()}). Side: of the feature maps, in cells; field: receptive field of the middle "
        "cell, in pixels; sees border: share of cells whose receptive field reaches the image's border; for all, the "
        f"largest of its stages. {legend(scores['pattern'].unique())}"
    )
