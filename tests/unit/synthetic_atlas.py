"""An atlas of two networks with made-up scores and maps."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from posinfo.experiments.atlas.drawn import Drawn
from posinfo.protocol.readout import Readout
from posinfo.run.cells import READ_IN_MOST_TABLES
from posinfo.run.config import RunConfig, load_config

RUN: RunConfig = load_config({"atlas": {"encoders": ["pixels", "squeezenet"], "draws": 2}, "seeds": [0, 1]})
ENCODERS = [member.encoder for member in RUN.atlas.members(RUN.registry)]
NAMES = ["first-0", "second-0", "third-0"]
PATTERNS = list(READ_IN_MOST_TABLES)


def spc_of(encoder: str, stage: str, pattern: str, image: str, seed: int) -> float:
    """A number of its own for each."""
    place = (ENCODERS.index(encoder), [*RUN.stages(encoder), "all"].index(stage), PATTERNS.index(pattern))
    return 0.2 * place[0] + 0.03 * place[1] + 0.01 * place[2] + 0.001 * NAMES.index(image) + 0.0001 * seed


def scores() -> pd.DataFrame:
    rows = []
    for encoder in ENCODERS:
        for stage, pattern, image, seed in product([*RUN.stages(encoder), "all"], PATTERNS, NAMES, RUN.seeds):
            spc = spc_of(encoder, stage, pattern, image, seed)
            rows.append((encoder, Readout(stages=stage).name, pattern, image, seed, spc, 1 - spc))
    rows.append(("pixels", Readout().name, "V", NAMES[0], 0, 0.5, 0.5))  # of Table 1, which shows more patterns
    return pd.DataFrame(rows, columns=["encoder", "readout", "pattern", "image", "seed", "spc", "mae"])


def structures() -> dict[str, dict[str, Any]]:
    def stage(place: int) -> dict[str, float]:
        return {"channels": 4 * place, "side": 56 // place, "field": 10 * place, "border": 0.25 * place}

    return {
        encoder: {
            "parameters": 1000,
            "stages": {name: stage(place) for place, name in enumerate(RUN.stages(encoder), 1)},
        }
        for encoder in ENCODERS
    }


def drawn() -> dict[str, Drawn]:
    found = {}
    for number, encoder in enumerate(ENCODERS):
        readouts = [*RUN.stages(encoder), "all"]
        rng = np.random.default_rng(number)
        maps = rng.uniform(0, 1, (len(readouts), len(PATTERNS), len(NAMES), 26, 26)).astype(np.float16)
        errors = rng.uniform(0, 1, (len(readouts), len(PATTERNS), 14)).astype(np.float32)
        found[encoder] = Drawn(readouts, PATTERNS, NAMES, maps, errors)
    return found
