"""The atlas as a table: a row for each network, weights (trained or random), stage and pattern."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from posinfo.experiments.atlas.inputs import STRUCTURE, Atlas, members, same_network
from posinfo.probing.table import caption, layout, sizes, summarised
from posinfo.protocol.readout import Readout
from posinfo.run.cells import MOST_PATTERNS
from posinfo.run.config import RunConfig
from posinfo.store.files import read_json
from posinfo.tables.built import BuiltTable
from posinfo.tables.summaries import read_scores


def build(run: RunConfig, _: str, paths: Sequence[Path]) -> BuiltTable:
    """The atlas's table.

    Args:
        run: the config.
        paths: as `inputs.scores_and_structures` names them.
    """
    frame = read_atlas(run, paths)
    titles = run.titles(run.section(Atlas).encoders)
    return BuiltTable(tidy=frame, layout=layout(frame), caption=caption(frame, run.images.natural), titles=titles)


def read_atlas(run: RunConfig, paths: Sequence[Path]) -> pd.DataFrame:
    """The atlas's numbers, from score files and the files that say what stages see; columns as in `tidy`."""
    scores = read_scores([path for path in paths if path.suffix == ".csv"])
    found = [path for path in paths if path.name.endswith(STRUCTURE)]
    structures = {path.name.removesuffix(STRUCTURE): read_json(path) for path in found}
    return tidy(scores, run, {encoder: structures[first] for encoder, first in same_network(run).items()})


def tidy(scores: pd.DataFrame, run: RunConfig, structures: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """The atlas's numbers as `probing.table.summarised` returns them, networks in the order of the config.

    Args:
        scores: as `tables.summaries.read_scores` returns them, of every encoder of the atlas.
        run: the config.
        structures: encoder to what `structure.describe_network` says of it.
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
            **sizes(structures[one.encoder], stage),
        }
        for one in encoders
        for stage in [*run.stages(one.encoder), "all"]
        for pattern in MOST_PATTERNS
    ]
    return summarised(pd.DataFrame(cells).merge(scores, on=["encoder", "readout", "pattern"]))
