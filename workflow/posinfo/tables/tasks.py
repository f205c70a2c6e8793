"""How well encoders trained with and without padding do their task, and position alone; beside the paper's numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from posinfo.registry.entries import Task
from posinfo.run.tasks import TASK_TABLES, Recipe, TaskTable
from posinfo.store.sidecars import verified
from posinfo.tables.layouts import said_once, three_decimals

OURS, PAPER, PRIOR = "ours", "paper", "prior"
ALONE = "position alone"  # the row of what the mean of the training masks at each pixel answers
MEAN = "mean"


def rows(table: TaskTable, metrics: Mapping[str, Path], published: Path) -> pd.DataFrame:
    """One row for each held-out set of each of our encoders, each row of the paper's, and what position alone does.

    Columns: model, from (ours, paper, prior), encoder, images, n_images, the table's metrics, chance. What the paper
    does not print is empty.

    Args:
        metrics: model to `{encoder}.metrics.csv`.
        published: folder of the published tables.

    Raises:
        InputError: when a file is not what its sidecar vouches for.
    """
    printed = pd.read_csv(published / table.published)
    found: list[dict[str, object]] = []
    for model, path in metrics.items():
        encoder = verified(path)["encoder"]
        for row in pd.read_csv(path).to_dict("records"):
            own = {"model": model, "from": OURS, "encoder": encoder, "images": row["images"]}
            found.append({**own, **{name: row[name] for name in ("n_images", *table.metrics, "chance")}})
        for row in printed[printed["model"] == model].to_dict("records"):
            values = {name: row[theirs] / table.unit for name, theirs in table.metrics.items() if theirs}
            found.append({"model": model, "from": PAPER, "images": row["images"], **values})
    for row in pd.read_csv(path).to_dict("records"):  # the same for both, which learn from the same masks
        values = {name: row[f"prior_{name}"] for name in (*table.metrics, "chance")}
        found.append({"model": ALONE, "from": PRIOR, "images": row["images"], "n_images": row["n_images"], **values})
    return pd.DataFrame(found)


def class_rows(metrics: Mapping[str, Path]) -> pd.DataFrame:
    """The IoU of each class of each held-out set, and their mean: columns images, n_images, class, model, encoder, iou.

    Args:
        metrics: model to `{encoder}.metrics.csv`.

    Raises:
        InputError: when a file is not what its sidecar vouches for.
    """
    found: list[dict[str, object]] = []
    for place, (model, path) in enumerate(metrics.items(), 1):
        encoder = verified(path)["encoder"]
        told = {"iou_": (model, encoder, "miou")}
        if place == len(metrics):
            told["prior_iou_"] = (ALONE, "", "prior_miou")
        for row in pd.read_csv(path).to_dict("records"):
            where = {"images": row["images"], "n_images": row["n_images"]}
            for start, (name, of, mean) in told.items():
                by_class = {str(key)[len(start) :]: value for key, value in row.items() if str(key).startswith(start)}
                found += [
                    {**where, "class": kind, "model": name, "encoder": of, "iou": value}
                    for kind, value in [*by_class.items(), (MEAN, row[mean])]
                ]
    return pd.DataFrame(found)


@dataclass(frozen=True)
class TaskScores:
    """How the encoders of the tables do their task, picture by picture.

    Attributes:
        pictures: encoder to rows image (with its set), seed, score.
        metric: of each task: what the score is.
        printed: of each task: by how much padding helps in the paper, mean over its sets of the first metric it prints.
    """

    pictures: Mapping[str, pd.DataFrame]
    metric: Mapping[Task, str]
    printed: Mapping[Task, float]


def read_task_scores(encoders: Mapping[str, str], folder: Path, published: Path) -> TaskScores:
    """What `TaskScores` holds.

    Args:
        encoders: role (a task, or one without padding) to encoder.
        folder: holds `{encoder}.pictures.csv`.
        published: folder of the published tables.

    Raises:
        InputError: when a file is not what its sidecar vouches for.
    """
    pictures, printed = {}, {}
    for table in [table for table in TASK_TABLES.values() if table.published]:
        told = pd.read_csv(published / table.published)
        theirs = next(name for name in table.metrics.values() if name)
        without, beside = (told.loc[told["model"] == model, theirs].mean() for model in table.models)
        printed[table.task] = float(beside - without) / table.unit
        for role in table.models.values():
            path = folder / f"{encoders[role]}.pictures.csv"
            verified(path)
            read = pd.read_csv(path, dtype={"image": str, "images": str})
            rows = {"image": read["images"] + "/" + read["image"], "seed": 0, "score": read[table.score]}
            pictures[encoders[role]] = pd.DataFrame(rows)
    return TaskScores(pictures, {table.task: table.score for table in TASK_TABLES.values()}, printed)


def layout(made: pd.DataFrame, table: TaskTable) -> pd.DataFrame:
    """The rows as printed: strings, three decimals, empty where there is no number."""
    if table.by_class:
        columns = ["images", "class"]
        wide = made.assign(iou=made["iou"].map(lambda value: three_decimals(value) if pd.notna(value) else ""))
        shown = wide.pivot_table(
            index=columns, columns="model", values="iou", aggfunc="first", sort=False
        ).reset_index()
        shown.columns = pd.MultiIndex.from_tuples([(str(column), "") for column in shown.columns])
        return said_once(shown, 1)
    shown = made[["model", "from", "images"]].astype(str)
    for name in (*table.metrics, "chance"):
        shown[name] = [three_decimals(value) if pd.notna(value) else "" for value in made[name]]
    shown.columns = pd.MultiIndex.from_tuples([(column, "") for column in shown.columns])
    return said_once(shown, 2)


def caption(made: pd.DataFrame, table: TaskTable, recipe: Recipe) -> str:
    """What the table really shows, in at most about 60 words; docs/results.md says how pictures are composed."""
    counts = made.drop_duplicates("images") if table.by_class else made[made["from"] == OURS].drop_duplicates("images")
    sizes = zip(counts["images"], counts["n_images"], strict=True)
    sets = "; ".join(f"{name}, n = {count:.0f}" for name, count in sizes)
    theirs = " Rows named paper: its own encoders and sets." if table.published else ""
    return (
        f"{table.about}: {sets}; trained once, {recipe.epochs} epochs of {recipe.pictures} pictures, by a recipe of "
        f"ours.{theirs} {ALONE.capitalize()}: the training masks' mean at each pixel. {table.note}"
    )
