"""Tables 5a and 5b, segmentation class by class, and the scores of single images that claims compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from posinfo.experiments.tasks.inputs import encoders_by_padding, recipe_of
from posinfo.registry.entries import Task
from posinfo.run.config import RunConfig
from posinfo.run.experiments import Measurement
from posinfo.run.shown import table_of
from posinfo.store.sidecars import verified
from posinfo.tables.built import BuiltTable
from posinfo.tables.layouts import said_once, three_decimals

MODELS = {"without": "VGG w/o padding", "with": "VGG"}  # padding to the paper's row label
OURS = "ours"
PAPER = "paper"
BASELINE = "baseline"
POSITION_ONLY = "position-only baseline"  # the row of the mean training mask


@dataclass(frozen=True)
class TaskMetrics:
    """The metrics of a table that says how well encoders do their task.

    Attributes:
        task: what the encoders are trained for.
        score: the metric of a single image.
        columns: our metrics, as `{encoder}.metrics.csv` names them, to the published columns; empty where none is.
        unit: by which published numbers are divided.
        note: how the metrics are defined, for the caption.
    """

    task: Task
    score: str
    columns: dict[str, str]
    unit: float
    note: str


METRICS = {
    "table5a": TaskMetrics(
        task="saliency",
        score="f",
        columns={"f_adaptive": "f_measure", "f_maximal": "", "mae": "mae"},
        unit=1,
        note="F with beta squared .3: adaptive at twice a map's mean, maximal over 256 thresholds; chance: all pixels "
        "salient.",
    ),
    "table5b": TaskMetrics(
        task="segmentation",
        score="iou",
        columns={"miou": "miou_percent", "accuracy": ""},
        unit=100,
        note="mIoU over all classes; chance: all pixels of the commonest class.",
    ),
}


def build(run: RunConfig, name: str, paths: Sequence[Path]) -> BuiltTable:
    """Table 5a or 5b: a row for each held-out set of each encoder, each row of the paper, and the baseline.

    The csv has the columns model, from (ours, paper, baseline), encoder, images, n_images, the table's metrics and
    chance. What the paper does not print is empty.

    Args:
        paths: `{encoder}.metrics.csv` without padding, then with padding.

    Raises:
        InputError: when the bytes of a file differ from its sidecar's SHA-256.
    """
    described = METRICS[name]
    columns = [*described.columns, "chance"]
    printed = _printed(run, name)
    metrics = _read_metrics(paths)
    parts = []
    for model, measured in metrics.items():
        parts.append(measured.assign(**{"model": model, "from": OURS}))
        parts.append(printed[printed["model"] == model].assign(**{"from": PAPER}))
    measured = metrics[MODELS["with"]]  # the same for both encoders: they learn from the same masks
    values = {key: measured[f"baseline_{key}"] for key in columns}
    baseline = measured[["images", "n_images"]].assign(**values)
    parts.append(baseline.assign(**{"model": POSITION_ONLY, "from": BASELINE}))
    tidy = pd.concat(parts, ignore_index=True)[["model", "from", "encoder", "images", "n_images", *columns]]
    shown = tidy[["model", "from", "images"]].astype(str)
    for key in columns:
        shown[key] = _decimals(tidy[key])
    caption = _caption(run, described.task, table_of(run, name)[1].about, tidy[tidy["from"] == OURS])
    caption += f" Rows named paper: its own encoders and sets. {described.note}"
    return BuiltTable(tidy, _without_metrics(shown, 2), caption, run.titles(tidy["encoder"].dropna().unique()))


def build_classes(run: RunConfig, name: str, paths: Sequence[Path]) -> BuiltTable:  # noqa: ARG001 (one signature)
    """Segmentation class by class: IoU over all pixels of each held-out set, and the mean over classes.

    The csv has the columns images, n_images, class, model, encoder, iou.

    Args:
        paths: `{encoder}.metrics.csv` without padding, then with padding.

    Raises:
        InputError: when the bytes of a file differ from its sidecar's SHA-256.
    """
    metrics = _read_metrics(paths)
    parts = [_class_rows(measured, model, "") for model, measured in metrics.items()]
    parts.append(_class_rows(metrics[MODELS["with"]].assign(encoder=""), POSITION_ONLY, "baseline_"))
    tidy = pd.concat(parts, ignore_index=True)
    wide = tidy.assign(iou=_decimals(tidy["iou"])).pivot_table(
        index=["images", "class"], columns="model", values="iou", aggfunc="first", sort=False
    )
    caption = _caption(run, "segmentation", "Segmentation class by class, IoU of all pixels", tidy)
    caption += " A class that is neither in a set nor predicted has none."
    encoders = [encoder for encoder in tidy["encoder"].unique() if encoder]
    return BuiltTable(tidy, _without_metrics(wide.reset_index(), 1), caption, run.titles(encoders))


def image_scores(_run: RunConfig, _: Measurement, paths: Sequence[Path]) -> pd.DataFrame:
    """The score of each held-out image: columns task, padding, image (with its set), seed, score.

    Args:
        paths: `{encoder}.images.csv` of Tables 5a and 5b, each without padding, then with padding.

    Raises:
        InputError: when the bytes of a file differ from its sidecar's SHA-256.
    """
    conditions = [(described, padding) for described in METRICS.values() for padding in MODELS]
    frames = []
    for (described, padding), path in zip(conditions, paths, strict=True):
        verified(path)
        read = pd.read_csv(path, dtype={"image": str, "images": str})
        image = read["images"] + "/" + read["image"]
        columns = {"task": described.task, "padding": padding, "image": image, "seed": 0}
        frames.append(pd.DataFrame({**columns, "score": read[described.score]}))
    return pd.concat(frames, ignore_index=True)


def published_scores(run: RunConfig, _: Measurement) -> pd.DataFrame:
    """The paper's scores, mean over its sets of the first metric that it prints: columns task, padding, published."""
    rows = []
    for name, described in METRICS.items():
        printed = _printed(run, name)
        metric = next(iter(described.columns))
        for padding, model in MODELS.items():
            mean = printed.loc[printed["model"] == model, metric].mean()
            rows.append({"task": described.task, "padding": padding, "published": mean})
    return pd.DataFrame(rows)


def _printed(run: RunConfig, name: str) -> pd.DataFrame:
    """The paper's rows of a table: model, images, and its numbers under the names of ours."""
    described = METRICS[name]
    published = table_of(run, name)[1].published
    assert published is not None
    printed = pd.read_csv(published)
    values = {ours: printed[theirs] / described.unit for ours, theirs in described.columns.items() if theirs}
    return printed[["model", "images"]].assign(**values)


def _read_metrics(paths: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """Model to its metrics, a row for each held-out set, with a column `encoder`."""
    frames = [pd.read_csv(path).assign(encoder=verified(path)["encoder"]) for path in paths]
    return dict(zip(MODELS.values(), frames, strict=True))


def _class_rows(metrics: pd.DataFrame, model: str, prefix: str) -> pd.DataFrame:
    """The IoU of each class, and the mean, of each held-out set; their columns in `metrics` begin with `prefix`."""
    start = f"{prefix}iou_"
    names = {name: name.removeprefix(start) for name in metrics.columns if name.startswith(start)}
    names[f"{prefix}miou"] = "mean"
    keys = ["images", "n_images", "encoder"]
    wide = metrics[[*keys, *names]].rename(columns=names)
    rows = wide.melt(keys, var_name="class", value_name="iou", ignore_index=False).sort_index(kind="stable")
    return rows.assign(model=model)[["images", "n_images", "class", "model", "encoder", "iou"]]


def _decimals(values: "pd.Series[float]") -> list[str]:
    return [three_decimals(value) if pd.notna(value) else "" for value in values]


def _without_metrics(shown: pd.DataFrame, named_by: int) -> pd.DataFrame:
    """The layout of a table whose columns are not split into SPC and MAE."""
    shown.columns = pd.MultiIndex.from_tuples([(str(column), "") for column in shown.columns])
    return said_once(shown, named_by)


def _caption(run: RunConfig, task: Task, about: str, measured: pd.DataFrame) -> str:
    """Sets, numbers of images, training and baseline; docs/results.md describes the compositions."""
    counts = measured.drop_duplicates("images").set_index("images")["n_images"]
    sets = "; ".join(f"{name}, n = {count:.0f}" for name, count in counts.items())
    recipe = recipe_of(run, encoders_by_padding(run, task)["with"])
    return (
        f"{about}: {sets}; trained once, {recipe.epochs} epochs of {recipe.images} images, by a recipe of ours. "
        f"{POSITION_ONLY.capitalize()}: the mean training mask."
    )
