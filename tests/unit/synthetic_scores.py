"""Scores that no readout made: of every cell that tables and figures show, with chosen means."""

from pathlib import Path

import numpy as np
import pandas as pd
from posinfo.protocol.readout import SCORE_COLUMNS
from posinfo.run.cells import Cell
from posinfo.run.config import RunConfig
from posinfo.run.groups import group_of
from posinfo.run.roles import SYNTHETIC
from posinfo.run.shown import all_cells, all_maps
from posinfo.store.frames import write_rows
from posinfo.tables.summaries import Groups, by_cell


def scores(values: np.ndarray, names: list[str] | None = None) -> pd.DataFrame:
    """Rows (seed, image) from an array [seeds, images]."""
    seeds, images = values.shape
    names = names or [f"photo{index}-0" for index in range(images)]
    rows = [(seed, names[image], values[seed, image], 0.2, 0) for seed in range(seeds) for image in range(images)]
    return pd.DataFrame(rows, columns=["seed", "image", "spc", "mae", "constant"])


def noisy(mean: float, sd: float, seed: int, images: int = 20) -> np.ndarray:
    return mean + sd * np.random.default_rng(seed).normal(size=(3, images))


def names_of(cell: Cell, count: int) -> list[str]:
    """Names of a cell's images."""
    stem = cell.role if cell.role in SYNTHETIC else "photo"
    return [f"{stem}-{index}" if cell.role in SYNTHETIC else f"{stem}{index}-0" for index in range(count)]


def synthetic_groups(run: RunConfig, spc: dict[tuple[str, str, str], float]) -> Groups:
    """Scores of every cell of tables and maps: .5, or what `spc` says for (encoder, readout, pattern)."""
    frames: list[pd.DataFrame] = []
    for cell in {cell.key: cell for cell in [*all_cells(run), *all_maps(run)]}.values():
        mean = spc.get((cell.encoder, cell.readout.name, cell.pattern), 0.5)
        frame = scores(noisy(mean, 0.01, len(frames)), names_of(cell, 20))
        key = {"encoder": cell.encoder, "readout": cell.readout.name, "pattern": cell.pattern, "images": cell.images}
        frames.append(frame.assign(**key))
    return by_cell(pd.concat(frames))


def write_synthetic_scores(folder: Path, cells: list[Cell], seeds: int = 3) -> list[Path]:
    """Score files of some cells: SPC is the seed / 10, one image of four is constant."""
    frames: dict[Path, list[pd.DataFrame]] = {}
    for cell in {cell.key: cell for cell in cells}.values():
        path = folder / cell.encoder / group_of(cell.readout) / f"{cell.images}.csv"
        rows = [
            (cell.readout.name, cell.pattern, seed, name, seed / 10, 0.2, int(index == 0))
            for seed in range(seeds)
            for index, name in enumerate(names_of(cell, 4))
        ]
        frames.setdefault(path, []).append(pd.DataFrame(rows, columns=list(SCORE_COLUMNS)))
    for path, parts in frames.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_rows(pd.concat(parts), path)
    return list(frames)
