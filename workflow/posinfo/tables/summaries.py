"""Tables: scores collected cell by cell beside the paper's numbers; csv for programs, md and tex for people."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.protocol.patterns import Definition, ground_truth
from posinfo.protocol.readout import SCORE_COLUMNS
from posinfo.run.cells import Cell
from posinfo.run.families import Family
from posinfo.run.tables import Table
from posinfo.store.errors import InputError
from posinfo.store.files import atomic_write
from posinfo.store.sidecars import verified

PUBLISHED_IMAGES = {"PASCAL-S": "natural"}  # the paper's name for its natural test images
MEASURED = ("n_images", "n_seeds", "spc", "spc_sd", "mae", "mae_sd", "n_constant")
PUBLISHED = ("published_model", "published_spc", "published_mae")
CONSTANT = "constant"


def read_scores(paths: Sequence[Path]) -> pd.DataFrame:
    """All score files as one frame; encoder, readout and images come from each path, `.../encoder/readout/images.csv`.

    Raises:
        InputError: when a file is not what its sidecar vouches for, lacks a column or holds a value that is no number.
    """
    frames = []
    for path in paths:
        verified(path)
        frame = pd.read_csv(path)
        if list(frame.columns) != list(SCORE_COLUMNS):
            raise InputError(
                f"{path} has the columns {list(frame.columns)}, expected {list(SCORE_COLUMNS)}; delete it and run again"
            )
        if frame[["spc", "mae"]].isna().to_numpy().any():
            raise InputError(f"{path} holds a score that is no number; delete it and run again")
        encoder, readout = path.parts[-3:-1]
        frames.append(frame.assign(encoder=encoder, readout=readout, images=path.stem))
    return pd.concat(frames, ignore_index=True)


Groups = dict[tuple[str, str, str, str], pd.DataFrame]


def by_cell(scores: pd.DataFrame) -> Groups:
    """The scores of each (encoder, readout, pattern, images)."""
    return {
        (str(key[0]), str(key[1]), str(key[2]), str(key[3])): group
        for key, group in scores.groupby(["encoder", "readout", "pattern", "images"])
    }


def scores_of_cell(groups: Groups, cell: Cell) -> pd.DataFrame:
    """The scores of one cell: one row per image and seed.

    Raises:
        InputError: when there are none, or not every seed has every image once.
    """
    key = (cell.encoder, cell.readout.name, cell.pattern, cell.images)
    if key not in groups:
        raise InputError(f"no scores for {' / '.join(key)}: the table would have a hole")
    grid = groups[key].groupby(["image", "seed"]).size().unstack(fill_value=0)
    if not (grid == 1).to_numpy().all():
        raise InputError(f"{' / '.join(key)}: not every seed has every image once")
    return groups[key]


def summarise(scores: pd.DataFrame, cells: Sequence[Cell]) -> pd.DataFrame:
    """One row per cell: mean over images and seeds, standard deviation over seeds (of each seed's mean over images).

    Columns: the cell's labels, encoder, readout, n_images, n_seeds, spc, spc_sd, mae, mae_sd, n_constant. `n_constant`
    counts the predictions (images x seeds) that were constant and therefore scored SPC 0. With one seed there is no
    standard deviation, and its columns are empty.
    """
    groups = by_cell(scores)
    rows = []
    for cell in cells:
        group = scores_of_cell(groups, cell)
        by_seed = group.groupby("seed")[["spc", "mae"]].mean()
        spread = by_seed.std(ddof=1)
        rows.append(
            {
                **cell.labels(),
                "encoder": cell.encoder,
                "readout": cell.readout.name,
                "n_images": group["image"].nunique(),
                "n_seeds": len(by_seed),
                "spc": by_seed["spc"].mean(),
                "spc_sd": spread["spc"],
                "mae": by_seed["mae"].mean(),
                "mae_sd": spread["mae"],
                "n_constant": int(group["constant"].sum()),
            }
        )
    return pd.DataFrame(rows)


def constant_rows(patterns: Sequence[str], definition: Definition) -> pd.DataFrame:
    """The best constant prediction per pattern, as rows for `summarise`: SPC 0, MAE about the median."""
    rows = []
    for pattern in patterns:
        truth = ground_truth(pattern, IMAGE_SIDE, definition)
        mae = float(np.abs(truth - np.median(truth)).mean())
        labels = {"model": CONSTANT, "cut": 0, "steps": 0, "pattern": pattern, "images": "natural"}
        labels |= {"encoder": CONSTANT, "readout": CONSTANT}
        rows.append({**labels, "n_images": 0, "n_seeds": 0, "spc": 0.0, "mae": mae, "n_constant": 0})
    return pd.DataFrame(rows)


def read_published(path: Path) -> pd.DataFrame:
    """A table of the paper, with its natural images called `natural`, and its columns `published_spc` and `_mae`."""
    printed = pd.read_csv(path).rename(columns={"spc": "published_spc", "mae": "published_mae"})
    if "images" in printed:
        printed["images"] = printed["images"].replace(PUBLISHED_IMAGES)
    return printed


def beside_published(summary: pd.DataFrame, table: Table, folder: Path) -> pd.DataFrame:
    """Add `published_model`, `published_spc` and `published_mae`, matched by key; empty for our own tables.

    They are empty as well for an encoder that stands in a table under its own name.

    Raises:
        InputError: when the paper's table lacks a cell.
    """
    if not table.published:
        return summary.assign(published_model="", published_spc=np.nan, published_mae=np.nan)
    printed = read_published(folder / table.published)
    joined = summary.merge(printed, on=list(table.keys), how="left", validate="one_to_one")
    missing = joined["published_spc"].isna()
    if (missing & (joined["model"] != joined["encoder"])).any():
        raise InputError(f"{folder / table.published} lacks some of the table's cells")
    return joined.assign(published_model=joined["model"].where(~missing, ""))


def with_seconds(summary: pd.DataFrame, families: Sequence[Family], benchmarks: Path) -> pd.DataFrame:
    """Add `seconds`: wall time of the job that made each row's readout; empty where nothing made it.

    Args:
        benchmarks: folder of Snakemake's benchmark files.

    Raises:
        InputError: when the file of a job is missing.
    """
    paths = {
        (family.encoder, readout.name): benchmarks / "readouts" / family.encoder / f"{family.name}.tsv"
        for family in families
        for readout in family.patterns
    }
    seconds = []
    for key in zip(summary["encoder"], summary["readout"], strict=True):
        if key in paths and not paths[key].exists():
            raise InputError(f"{paths[key]} is missing, so the job's seconds are unknown: run its readouts again")
        seconds.append(float(pd.read_csv(paths[key], sep="\t")["s"].mean()) if key in paths else np.nan)
    return summary.assign(seconds=seconds)


def tidy(joined: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The columns of the csv: what names a cell, what was measured, what was published."""
    named = [key for key in table.keys if key not in ("model", "images")]
    kind = ["encoder", "images"] if "images" in table.keys else ["encoder", "readout", "images"]
    if not table.published:
        named = ["model", *named]
    measured = (*MEASURED, "seconds") if table.timed else MEASURED
    return joined[[*named, *kind, *measured, *(PUBLISHED if table.published else ())]]


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write the tidy table with six decimals, whole or not at all."""
    with atomic_write(path) as partial:
        table.to_csv(partial, index=False, float_format="%.6f")
