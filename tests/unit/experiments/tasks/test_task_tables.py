"""Tables of tasks, and the scores that claims compare: ours, the paper's and the baseline's (synthetic metrics)."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from posinfo.experiments.tasks import EXPERIMENT, tables
from posinfo.experiments.tasks.settings import Tasks
from posinfo.run.config import load_config
from posinfo.run.experiments import load
from posinfo.store.errors import InputError
from posinfo.store.sidecars import write_sidecar
from typeset import typeset

RUN = load_config(yaml.safe_load((ROOT / "workflow/configs/thousand.yaml").read_text()))
CLASSES = {"sky": 0.9, "road": 0.8, "pole": float("nan")}


def metrics(folder: Path, encoder: str, shift: float) -> Path:
    """Two held-out sets, each number moved by `shift`; the baseline is the same for all encoders."""
    ours = {"miou": 0.5, "accuracy": 0.7, "chance": 0.1, "f_adaptive": 0.6, "f_maximal": 0.7, "mae": 0.2}
    baseline = {f"baseline_{name}": 0.25 for name in ours}
    baseline |= {f"baseline_iou_{name}": value / 2 for name, value in CLASSES.items()}
    of_class = {f"iou_{name}": value - shift for name, value in CLASSES.items()}
    moved = {name: value - shift for name, value in ours.items()}
    rows = [{"images": name, "n_images": 7, **moved, **of_class, **baseline} for name in ("val", "test")]
    path = folder / f"{encoder}.metrics.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    write_sidecar(path, encoder=encoder)
    return path


@pytest.fixture
def measured(tmp_path: Path) -> list[Path]:
    return [metrics(tmp_path, "vgg16-saliency-nopad", 0.2), metrics(tmp_path, "vgg16-saliency", 0.0)]


@pytest.mark.parametrize(("name", "metric"), [("table5a", "f_adaptive"), ("table5b", "miou")])
def test_the_baseline_has_a_row_for_each_set(tmp_path: Path, measured: list[Path], name: str, metric: str) -> None:
    built = load(EXPERIMENT.tables[name].build)(RUN, name, measured)
    rows = built.tidy
    baseline = rows[rows["from"] == tables.BASELINE]
    assert baseline["images"].tolist() == ["val", "test"]
    assert baseline[metric].tolist() == [0.25, 0.25]
    assert rows[rows["from"] == tables.OURS]["encoder"].tolist() == [
        *["vgg16-saliency-nopad"] * 2,
        *["vgg16-saliency"] * 2,
    ]
    assert built.layout.iloc[-2:].droplevel(1, axis=1)[metric].tolist() == [".250", ".250"]
    assert "val, n = 7; test, n = 7; trained once, 2 epochs of 500 images" in built.caption
    assert list(built.titles) == ["vgg16-saliency-nopad", "vgg16-saliency"]
    typeset(built, tmp_path)


def test_published_numbers_stand_below_ours(measured: list[Path]) -> None:
    rows = tables.build(RUN, "table5b", measured).tidy
    assert rows["from"].tolist() == ["ours", "ours", "paper"] * 2 + ["baseline"] * 2
    assert rows[rows["from"] == tables.PAPER]["miou"].tolist() == pytest.approx([0.123, 0.231])


def test_each_class_stands_beside_the_baseline(tmp_path: Path, measured: list[Path]) -> None:
    built = tables.build_classes(RUN, "classes", measured)
    shown = built.layout.droplevel(1, axis=1)
    assert list(shown.columns) == ["images", "class", "VGG w/o padding", "VGG", tables.POSITION_ONLY]
    assert shown["class"].tolist() == ["sky", "road", "pole", "mean"] * 2
    assert shown[shown["images"] == "val"].to_numpy().tolist() == [["val", "sky", ".700", ".900", ".450"]]
    assert shown.iloc[1:4, 2:].to_numpy().tolist() == [[".600", ".800", ".400"], ["", "", ""], [".300", ".500", ".250"]]
    assert "paper" not in built.caption
    assert "Position-only baseline" in built.caption
    assert list(built.tidy.columns) == ["images", "n_images", "class", "model", "encoder", "iou"]
    typeset(built, tmp_path)


def test_a_damaged_file_of_metrics_is_refused(measured: list[Path]) -> None:
    measured[0].write_text(measured[0].read_text().replace("0.3", "0.9"))
    with pytest.raises(InputError, match="stale or damaged"):
        tables.build(RUN, "table5a", measured)


def image_scores(folder: Path, encoders: Sequence[str]) -> list[Path]:
    paths = []
    for shift, encoder in enumerate(encoders):
        rows = [{"image": "007", "f": 0.1 + shift, "iou": 0.2 + shift, "mae": 0, "images": name} for name in ("a", "b")]
        paths.append(folder / f"{encoder}.images.csv")
        pd.DataFrame(rows).to_csv(paths[-1], index=False)
        write_sidecar(paths[-1], encoder=encoder)
    return paths


def test_claims_compare_images_with_and_without_padding(tmp_path: Path) -> None:
    measurement = EXPERIMENT.measurements["tasks"]
    names = [Path(path).name.removesuffix(".images.csv") for path in measurement.inputs(RUN)]
    rows = load(measurement.rows)(RUN, measurement, image_scores(tmp_path, names))
    assert list(rows.columns) == [*measurement.keys, "image", "seed", measurement.metric]
    assert rows["image"].tolist() == ["a/007", "b/007"] * 4
    found = rows.groupby(["task", "padding"])["score"].mean().to_dict()
    tasks = RUN.section(Tasks).encoders
    assert found == {
        ("saliency", "without"): 0.1 + names.index(tasks["saliency_without_padding"]),
        ("saliency", "with"): 0.1 + names.index(tasks["saliency"]),
        ("segmentation", "without"): 0.2 + names.index(tasks["segmentation_without_padding"]),
        ("segmentation", "with"): 0.2 + names.index(tasks["segmentation"]),
    }


def test_published_scores_are_means_over_the_papers_sets() -> None:
    measurement = EXPERIMENT.measurements["tasks"]
    printed = load(measurement.printed)(RUN, measurement)
    assert list(printed.columns) == ["task", "padding", "published"]
    assert printed["published"].tolist() == pytest.approx([0.31, 0.69, 0.123, 0.231])
