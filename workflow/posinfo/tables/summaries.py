"""Scores collected cell by cell, and the paper's numbers beside them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.protocol.patterns import Definition, ground_truth
from posinfo.protocol.readout import SCORE_COLUMNS
from posinfo.run.cells import Cell, printed_model
from posinfo.run.experiments import CellLayout
from posinfo.run.roles import SYNTHETIC
from posinfo.store.errors import InputError
from posinfo.store.sidecars import verified

PUBLISHED_IMAGES = {"PASCAL-S": "natural"}  # the paper's name for its natural test images
MEASURED = ("n_images", "n_seeds", "spc", "spc_sd", "mae", "mae_sd", "n_constant")
PUBLISHED = ("published_model", "published_spc", "published_mae")
CONSTANT = "constant"

Groups = dict[tuple[str, str, str, str], pd.DataFrame]  # scores by encoder, readout, pattern and set of images


def read_scores(paths: Sequence[Path]) -> pd.DataFrame:
    """All score files as one frame; encoder and images come from each path, `.../encoder/readouts/images.csv`.

    Raises:
        InputError: when a file differs from its sidecar, lacks a column or holds a value that is no number.
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
        frames.append(frame.assign(encoder=path.parts[-3], images=path.stem))
    return (
        pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*SCORE_COLUMNS, "encoder", "images"])
    )


def by_cell(scores: pd.DataFrame) -> Groups:
    """The scores of each encoder, readout, pattern and set of images."""
    return {
        (str(key[0]), str(key[1]), str(key[2]), str(key[3])): group
        for key, group in scores.groupby(["encoder", "readout", "pattern", "images"])
    }


def scores_of_cell(groups: Groups, cell: Cell) -> pd.DataFrame:
    """The scores of one cell: a row per image and seed.

    Raises:
        InputError: when there are none, or not every seed has every image once.
    """
    key = (cell.encoder, cell.readout.name, cell.pattern, cell.images)
    if key not in groups:
        raise InputError(f"no scores for {' / '.join(key)}: the table would have a hole")
    rows = groups[key]
    if cell.role in SYNTHETIC:  # one file holds all synthetic images; a name is its kind and a number
        rows = rows[rows["image"].str.startswith(f"{cell.role}-")]
    grid = rows.groupby(["image", "seed"]).size().unstack(fill_value=0)
    if rows.empty or not (grid == 1).to_numpy().all():
        raise InputError(f"{' / '.join(key)}: not every seed has every {cell.role} image once")
    return rows


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


def constant_mae(pattern: str, definition: Definition) -> float:
    """MAE of the best constant prediction, which is the median of the ground truth."""
    truth = ground_truth(pattern, IMAGE_SIDE, definition)
    return float(np.abs(truth - np.median(truth)).mean())


def constant_rows(patterns: Sequence[str], definition: Definition, layout: CellLayout) -> pd.DataFrame:
    """The best constant prediction per pattern, as rows for `summarise`: SPC 0, MAE about the median."""
    blank = {key: 0 for key in layout.keys if key not in ("model", "pattern", "images")}
    rows = []
    for pattern in patterns:
        labels = {"model": CONSTANT, **blank, "pattern": pattern, "images": "natural"}
        labels |= {"encoder": CONSTANT, "readout": CONSTANT}
        numbers = {"n_images": 0, "n_seeds": 0, "spc": 0.0, "mae": constant_mae(pattern, definition), "n_constant": 0}
        rows.append({**labels, **numbers})
    return pd.DataFrame(rows)


def read_published(path: Path) -> pd.DataFrame:
    """A table of the paper, with its natural images called `natural`, and its columns `published_spc` and `_mae`."""
    printed = pd.read_csv(path).rename(columns={"spc": "published_spc", "mae": "published_mae"})
    if "images" in printed:
        printed["images"] = printed["images"].replace(PUBLISHED_IMAGES)
    return printed


def beside_published(summary: pd.DataFrame, published: Path | None, keys: Sequence[str]) -> pd.DataFrame:
    """Add `published_model`, `published_spc` and `published_mae`, matched by `keys`; empty for our own tables.

    They are empty as well for an encoder that stands in a table under its own name.

    Raises:
        InputError: when the paper's table lacks a cell.
    """
    if published is None:
        return summary.assign(published_model="", published_spc=np.nan, published_mae=np.nan)
    ours = summary.assign(model=summary["model"].map(printed_model))
    joined = ours.merge(read_published(published), on=list(keys), how="left", validate="many_to_one")
    missing = joined["published_spc"].isna()
    if (missing & (joined["model"] != joined["encoder"])).any():
        raise InputError(f"{published} lacks some of the table's cells")
    return joined.assign(model=summary["model"], published_model=joined["model"].where(~missing, ""))
