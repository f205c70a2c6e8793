"""An atlas of two networks with synthetic scores and maps."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from posinfo.experiments.atlas.inputs import members
from posinfo.protocol.readout import Readout
from posinfo.run.cells import MOST_PATTERNS
from posinfo.run.config import RunConfig, load_config

RUN: RunConfig = load_config(
    {
        "experiments": ["atlas"],
        "atlas": {"encoders": ["pixels", "squeezenet"], "draws": 2},
        "seeds": [0, 1],
    }
)
ENCODERS = [one.encoder for one in members(RUN)]
NAMES = ["first-0", "second-0", "third-0"]
PATTERNS = list(MOST_PATTERNS)


def spc_of(encoder: str, stage: str, pattern: str, image: str, seed: int) -> float:
    """A different number for each combination."""
    of_encoder = 0.2 * ENCODERS.index(encoder)
    of_stage = 0.03 * [*RUN.stages(encoder), "all"].index(stage)
    return of_encoder + of_stage + 0.01 * PATTERNS.index(pattern) + 0.001 * NAMES.index(image) + 0.0001 * seed


def scores() -> pd.DataFrame:
    rows = []
    for encoder in ENCODERS:
        for stage, pattern, image, seed in product([*RUN.stages(encoder), "all"], PATTERNS, NAMES, RUN.seeds):
            spc = spc_of(encoder, stage, pattern, image, seed)
            rows.append((encoder, Readout(stages=stage).name, pattern, image, seed, spc, 1 - spc))
    rows.append(("pixels", Readout().name, "V", NAMES[0], 0, 0.5, 0.5))  # Table 1 shows more patterns
    return pd.DataFrame(rows, columns=["encoder", "readout", "pattern", "image", "seed", "spc", "mae"])


def structures() -> dict[str, dict[str, Any]]:
    def stage(number: int) -> dict[str, float]:
        return {"channels": 4 * number, "side": 56 // number, "field": 10 * number, "border": 0.25 * number}

    return {
        encoder: {
            "parameters": 1000,
            "stages": {name: stage(number) for number, name in enumerate(RUN.stages(encoder), 1)},
        }
        for encoder in ENCODERS
    }


def predicted() -> dict[str, dict[str, NDArray[Any]]]:
    found = {}
    for number, encoder in enumerate(ENCODERS):
        stages = [*RUN.stages(encoder), "all"]
        rng = np.random.default_rng(number)
        maps = rng.uniform(0, 1, (len(stages), len(PATTERNS), len(NAMES), 26, 26)).astype(np.float16)
        errors = rng.uniform(0, 1, (len(stages), len(PATTERNS), 14)).astype(np.float32)
        labels = {"stages": np.array(stages), "patterns": np.array(PATTERNS), "images": np.array(NAMES)}
        found[encoder] = {**labels, "maps": maps, "errors": errors}
    return found
