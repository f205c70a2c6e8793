"""Scores that no readout made: of every cell of every table, with chosen means."""

import numpy as np
import pandas as pd
from posinfo.run.config import RunConfig
from posinfo.run.tables import TABLES
from posinfo.tables.summaries import Groups, by_cell


def scores(values: np.ndarray, names: list[str] | None = None) -> pd.DataFrame:
    """Rows (seed, image) from an array [seeds, images]."""
    seeds, images = values.shape
    names = names or [f"photo{index}-0" for index in range(images)]
    rows = [(seed, names[image], values[seed, image], 0.2, 0) for seed in range(seeds) for image in range(images)]
    return pd.DataFrame(rows, columns=["seed", "image", "spc", "mae", "constant"])


def noisy(mean: float, sd: float, seed: int, images: int = 20) -> np.ndarray:
    return mean + sd * np.random.default_rng(seed).normal(size=(3, images))


def made_up(run: RunConfig, spc: dict[tuple[str, str, str], float]) -> Groups:
    """Scores of every cell of every table: .5, or what `spc` says for (encoder, readout, pattern)."""
    frames: list[pd.DataFrame] = []
    for table in TABLES.values():
        for cell in table.cells(run):
            mean = spc.get((cell.encoder, cell.readout.name, cell.pattern), 0.5)
            frame = scores(noisy(mean, 0.01, len(frames)))
            key = {
                "encoder": cell.encoder,
                "readout": cell.readout.name,
                "pattern": cell.pattern,
                "images": cell.images,
            }
            frames.append(frame.assign(**key))
    return by_cell(pd.concat(frames).drop_duplicates(["encoder", "readout", "pattern", "images", "seed", "image"]))
