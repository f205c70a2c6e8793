"""Tables of how well a task is done: ours, the paper's, and what position alone answers (made-up metrics)."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT
from posinfo.run.tasks import TASK_TABLES, Tuning
from posinfo.store.sidecars import write_sidecar
from posinfo.tables import layouts, tasks

PUBLISHED = ROOT / "workflow/published"
SCENES = {"sky": 0.9, "road": 0.8, "pole": float("nan")}


def metrics(folder: Path, encoder: str, shift: float) -> Path:
    """Two held-out sets, each number moved by `shift`; what position alone answers is the same for all encoders."""
    ours = {"miou": 0.5, "accuracy": 0.7, "chance": 0.1, "f_adaptive": 0.6, "f_maximal": 0.7, "mae": 0.2}
    prior = {f"prior_{name}": 0.25 for name in ours} | {
        f"prior_iou_{name}": value / 2 for name, value in SCENES.items()
    }
    of_class = {f"iou_{name}": value - shift for name, value in SCENES.items()}
    moved = {name: value - shift for name, value in ours.items()}
    rows = [{"images": name, "n_images": 7, **moved, **of_class, **prior} for name in ("val", "test")]
    path = folder / f"{encoder}.metrics.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    write_sidecar(path, encoder=encoder)
    return path


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Path]:
    return {"VGG w/o padding": metrics(tmp_path, "none", 0.2), "VGG": metrics(tmp_path, "zeros", 0.0)}


@pytest.mark.parametrize(("name", "metric"), [("table5a", "f_adaptive"), ("table5b", "miou")])
def test_position_alone_has_a_row_for_each_set(made: dict[str, Path], name: str, metric: str) -> None:
    table = TASK_TABLES[name]
    rows = tasks.rows(table, made, PUBLISHED)
    alone = rows[rows["from"] == tasks.PRIOR]
    assert alone["images"].tolist() == ["val", "test"]
    assert alone[metric].tolist() == [0.25, 0.25]
    assert rows[rows["from"] == tasks.OURS]["encoder"].tolist() == ["none", "none", "zeros", "zeros"]
    assert len(tasks.caption(rows, table, Tuning()).split()) <= 75
    shown = tasks.layout(rows, table)
    assert shown.iloc[-2:].droplevel(1, axis=1)[metric].tolist() == [".250", ".250"]


def test_each_class_stands_beside_what_position_alone_gets(made: dict[str, Path], tmp_path: Path) -> None:
    table = TASK_TABLES["classes"]
    rows = tasks.class_rows(made)
    shown = tasks.layout(rows, table).droplevel(1, axis=1)
    assert list(shown.columns) == ["images", "class", "VGG w/o padding", "VGG", tasks.ALONE]
    assert shown["class"].tolist() == ["sky", "road", "pole", "mean"] * 2
    assert shown[shown["images"] == "val"].to_numpy().tolist() == [["val", "sky", ".700", ".900", ".450"]]
    assert shown.iloc[1:4, 2:].to_numpy().tolist() == [[".600", ".800", ".400"], ["", "", ""], [".300", ".500", ".250"]]
    text = tasks.caption(rows, table, Tuning())
    assert "paper" not in text
    layouts.write_layout(
        tasks.layout(rows, table), text, {"zeros": "x"}, "tab:x", tmp_path / "t.md", tmp_path / "t.tex"
    )
    assert "position alone" in (tmp_path / "t.md").read_text()
