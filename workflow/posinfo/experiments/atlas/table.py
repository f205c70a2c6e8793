"""The atlas as a table: a row for each network, trained or random, stage and pattern."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from posinfo.protocol.readout import Readout
from posinfo.run.cells import READ_IN_MOST_TABLES
from posinfo.run.config import RunConfig
from posinfo.store.files import atomic_write, write_text
from posinfo.tables.layouts import said_once, with_sd

WEIGHTS = ("trained", "random", "none")


def tidy(scores: pd.DataFrame, run: RunConfig, structures: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """The atlas's numbers, network by network as the configuration names them.

    Args:
        scores: as `tables.summaries.read_scores` gives them, of every encoder of the atlas.
        structures: what `structure.structure` says of each encoder.

    Returns:
        Columns network, title, weights (trained, random or none), draws, stage (or all), pattern, n_images, n_seeds,
        spc, spc_sd, mae, mae_sd (over seeds, and draws where weights are random; the means are over images too),
        parameters, channels, side, field (pixels) and border (share of cells), as `structure.what_cells_see` says; of
        `all` the largest.
    """
    members = run.atlas.members(run.registry)
    titles = run.titles(run.atlas.encoders)
    rows = []
    for name in run.atlas.encoders:
        for weights in WEIGHTS:
            encoders = [one.encoder for one in members if (one.network, one.weights) == (name, weights)]
            if not encoders:
                continue
            known = structures[encoders[0]]
            for stage in [*run.stages(encoders[0]), "all"]:
                shown = scores[scores["encoder"].isin(encoders) & (scores["readout"] == Readout(stages=stage).name)]
                shown = shown[shown["pattern"].isin(READ_IN_MOST_TABLES)]  # other tables may show more of an encoder
                about = known["stages"].values() if stage == "all" else [known["stages"][stage]]
                for pattern, group in shown.groupby("pattern", sort=False):
                    means = group.groupby(["encoder", "seed"])[["spc", "mae"]].mean()
                    spread = means.std(ddof=1)
                    rows.append(
                        {
                            "network": name,
                            "title": titles[name],
                            "weights": weights,
                            "draws": len(encoders),
                            "stage": stage,
                            "pattern": pattern,
                            "n_images": group["image"].nunique(),
                            "n_seeds": group["seed"].nunique(),
                            "spc": means["spc"].mean(),
                            "spc_sd": spread["spc"],
                            "mae": means["mae"].mean(),
                            "mae_sd": spread["mae"],
                            "parameters": known["parameters"],
                            "channels": sum(part["channels"] for part in about),
                            **{key: max(part[key] for part in about) for key in ("side", "field", "border")},
                        }
                    )
    return pd.DataFrame(rows)


def printed(frame: pd.DataFrame) -> pd.DataFrame:
    """The table for people: a row a network, weights and stage; SPC and MAE a pattern, mean ± sd."""
    rows = []
    for labels, group in frame.groupby(["network", "weights", "stage"], sort=False):
        first = group.iloc[0]
        row = dict(zip(("network", "weights", "stage"), map(str, labels), strict=True))
        row |= {"side": str(first["side"]), "field": str(int(first["field"])), "sees border": f"{first['border']:.0%}"}
        for cell in group.to_dict("records"):
            row |= {f"{cell['pattern']} SPC": with_sd(cell["spc"], cell["spc_sd"])}
            row |= {f"{cell['pattern']} MAE": with_sd(cell["mae"], cell["mae_sd"])}
        rows.append(row)
    return said_once(pd.DataFrame(rows), 2)


def write_table(frame: pd.DataFrame, output: Path) -> None:
    """Write `output` with the suffixes .csv (tidy) and .md."""
    with atomic_write(output.with_suffix(".csv")) as partial:
        frame.to_csv(partial, index=False, float_format="%.6g")
    write_text(output.with_suffix(".md"), printed(frame).to_markdown(index=False, disable_numparse=True) + "\n")
