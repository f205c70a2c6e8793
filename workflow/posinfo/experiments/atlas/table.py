"""The atlas as a table: a row for each network, weights (trained or random), stage and pattern."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from posinfo.experiments.atlas.inputs import STRUCTURE, Atlas, members, same_network
from posinfo.protocol.readout import Readout
from posinfo.run.cells import MOST_PATTERNS
from posinfo.run.tables import LEGEND
from posinfo.store.files import read_json
from posinfo.tables.built import BuiltTable
from posinfo.tables.intervals import difference
from posinfo.tables.layouts import said_once, with_interval, with_sd
from posinfo.tables.summaries import read_scores

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig

LABELS = ["network", "title", "weights", "draws", "stage", "pattern"]


def build(run: "RunConfig", _: str, paths: Sequence[Path]) -> BuiltTable:
    """The atlas's table.

    Args:
        run: the config.
        paths: as `inputs.scores_and_structures` names them.
    """
    frame = read_atlas(run, paths)
    titles = run.titles(run.section(Atlas).encoders)
    return BuiltTable(tidy=frame, layout=layout(frame), caption=caption(frame, run), titles=titles)


def read_atlas(run: "RunConfig", paths: Sequence[Path]) -> pd.DataFrame:
    """The atlas's numbers, from score files and the files that say what stages see; columns as in `tidy`."""
    scores = read_scores([path for path in paths if path.suffix == ".csv"])
    found = [path for path in paths if path.name.endswith(STRUCTURE)]
    structures = {path.name.removesuffix(STRUCTURE): read_json(path) for path in found}
    return tidy(scores, run, {encoder: structures[first] for encoder, first in same_network(run).items()})


def tidy(scores: pd.DataFrame, run: "RunConfig", structures: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """The atlas's numbers, networks in the order of the config.

    Args:
        scores: as `tables.summaries.read_scores` returns them, of every encoder of the atlas.
        run: the config.
        structures: encoder to what `structure.describe_network` says of it.

    Returns:
        Columns network, title, weights (trained, random or none), draws, stage (or all), pattern, n_images, n_seeds,
        spc, spc_sd, spc_low, spc_high (the 95 % interval), mae, mae_sd (over seeds, and draws where weights are random;
        the means are over images too),
        parameters, channels, side, field (pixels) and border (share of cells), as in `structure.receptive_fields`; for
        `all` the sum of channels, and the largest side, field and border.
    """
    encoders = members(run)
    draws = Counter((one.network, one.weights) for one in encoders)
    titles = run.titles([one.network for one in encoders])
    cells = [
        {
            **vars(one),
            "title": titles[one.network],
            "draws": draws[one.network, one.weights],
            "stage": stage,
            "readout": Readout(stages=stage).name,
            "pattern": pattern,
            **_sizes(structures[one.encoder], stage),
        }
        for one in encoders
        for stage in [*run.stages(one.encoder), "all"]
        for pattern in MOST_PATTERNS
    ]
    of_cells = pd.DataFrame(cells).merge(scores, on=["encoder", "readout", "pattern"])
    return pd.DataFrame(
        [
            {**dict(zip(LABELS, labels, strict=True)), **_summary(rows)}
            for labels, rows in of_cells.groupby(LABELS, sort=False)
        ]
    )


def _summary(rows: pd.DataFrame) -> dict[str, Any]:
    """Numbers of one network, its weights (all draws), one stage and one pattern."""
    trained = rows["encoder"] + " " + rows["seed"].astype(str)  # a readout: of one draw of the weights, from one seed
    means = rows.groupby(trained)[["spc", "mae"]].mean()
    interval = difference(rows.assign(seed=trained), None, "spc")
    return {
        "n_images": rows["image"].nunique(),
        "n_seeds": rows["seed"].nunique(),
        "spc": means["spc"].mean(),
        "spc_sd": means["spc"].std(),
        "spc_low": interval.low,
        "spc_high": interval.high,
        "mae": means["mae"].mean(),
        "mae_sd": means["mae"].std(),
        **{size: rows[size].iloc[0] for size in ("parameters", "channels", "side", "field", "border")},
    }


def _sizes(structure: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """Sizes and receptive field of a stage, or of all stages together."""
    stages = structure["stages"]
    parts = list(stages.values()) if stage == "all" else [stages[stage]]
    return {
        "parameters": structure["parameters"],
        "channels": sum(part["channels"] for part in parts),
        **{key: max(part[key] for part in parts) for key in ("side", "field", "border")},
    }


def layout(frame: pd.DataFrame) -> pd.DataFrame:
    """The table as it is printed: a row for each network, weights and stage; SPC and MAE of each pattern, mean ± sd.

    Args:
        frame: as `tidy` returns it.

    Returns:
        Strings; columns are pairs (name, metric), the metric empty for what names a row.
    """
    first = frame[frame["pattern"] == MOST_PATTERNS[0]].reset_index(drop=True)
    columns: dict[tuple[str, str], Any] = {(name, ""): first[name] for name in ("network", "weights", "stage")}
    columns["side", ""] = first["side"].astype(str)
    columns["field", ""] = first["field"].astype(int).astype(str)
    columns["sees border", ""] = first["border"].map("{:.0%}".format)
    for pattern in MOST_PATTERNS:
        cells = frame[frame["pattern"] == pattern]
        shown = zip(cells["spc"], cells["spc_sd"], cells["spc_low"], cells["spc_high"], strict=True)
        columns[pattern, "SPC"] = [with_interval(*numbers) for numbers in shown]
        columns[pattern, "MAE"] = list(map(with_sd, cells["mae"], cells["mae_sd"]))
    return said_once(pd.DataFrame(columns), 2)


def caption(frame: pd.DataFrame, run: "RunConfig") -> str:
    """What the table shows: readouts, images, seeds and draws, and what the columns mean."""
    draws = frame.loc[frame["weights"] == "random", "draws"]
    spread = f"mean ± sd over {frame['n_seeds'].max()} seeds"
    if len(draws):
        spread += f" and, for random weights, {draws.max()} draws"
    return (
        f"Readouts of each stage alone, and of all: {spread}, [95 % interval] of SPC. Images: {run.images.natural} "
        f"(n={frame['n_images'].max()}). Side: of the feature maps, in cells; field: receptive field of the middle "
        "cell, in pixels; sees border: share of cells whose receptive field reaches the image's border; for all, the "
        f"largest of its stages. {LEGEND}"
    )
