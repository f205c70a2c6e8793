"""Rows of measurements: written, read and summarised. The rows are synthetic."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from posinfo.run.config import load_config
from posinfo.run.experiments import Measurement
from posinfo.store.errors import InputError
from posinfo.store.frames import write_rows
from posinfo.tables.built import BuiltTable
from posinfo.tables.layouts import latex, markdown
from posinfo.tables.measurements import caption, layout, read_rows, summarise, with_interval
from synthetic_measurements import accuracies

RUN = load_config({})
KEYS = ("padding", "positions")
ACCURACY = Measurement(keys=KEYS, metric="accuracy", inputs=lambda _: [], about="Squares", across="positions")
NOTHING = pd.DataFrame()
PRINTED = pd.DataFrame({"padding": ["valid", "same"], "positions": ["seen", "unseen"], "published": [1.0, 0.084]})


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = accuracies(KEYS, {("valid", "seen"): 0.5})
    write_rows(rows.assign(image=range(len(rows))), tmp_path / "numbers.csv")
    assert read_rows(RUN, ACCURACY, [tmp_path / "numbers.csv"])["image"][0] == "0"
    write_rows(rows, tmp_path / "valid.csv")
    read = read_rows(RUN, ACCURACY, [tmp_path / "valid.csv"])
    pd.testing.assert_frame_equal(read, rows, check_dtype=False)
    twice = read_rows(RUN, ACCURACY, [tmp_path / "valid.csv", tmp_path / "valid.csv"])
    assert twice.index.tolist() == list(range(2 * len(rows)))


def test_altered_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "valid.csv"
    write_rows(accuracies(KEYS, {("valid", "seen"): 0.5}), path)
    path.write_text(path.read_text().replace("valid,seen,0-0,0,1", "valid,seen,0-0,0,0"))
    with pytest.raises(InputError, match="stale or damaged"):
        read_rows(RUN, ACCURACY, [path])


def test_rows_with_other_columns_are_refused(tmp_path: Path) -> None:
    write_rows(accuracies(KEYS, {("valid", "seen"): 0.5}), tmp_path / "valid.csv")
    with pytest.raises(InputError, match=r"has the columns \['padding', .*expected \['encoder', 'grid'.*delete it"):
        read_rows(RUN, replace(ACCURACY, keys=("encoder", "grid")), [tmp_path / "valid.csv"])


def test_the_summary_is_beside_what_is_published() -> None:
    rows = accuracies(KEYS, {("valid", "seen"): 1, ("same", "unseen"): 0.25})
    summary = summarise(ACCURACY, rows, PRINTED)
    assert summary["accuracy"].tolist() == [1, 0.25]
    assert summary["published"].tolist() == [1.0, 0.084]
    assert summary["low"][1] < 0.25 < summary["high"][1]
    assert summary["n_seeds"].tolist() == [2, 2]
    assert summary["n_images"].tolist() == [60, 60]


def test_further_columns_are_summarised_as_means() -> None:
    rows = accuracies(KEYS, {("valid", "seen"): 1, ("same", "seen"): 0.25})
    rows["left"] = np.where(rows["padding"] == "valid", rows["seed"], 3.0)
    summary = summarise(replace(ACCURACY, beside=("left",)), rows, NOTHING)
    assert summary["left"].tolist() == [0.5, 3.0]
    assert "published" not in summary


def test_a_cell_shows_the_interval_and_published_number() -> None:
    row = {"accuracy": 0.123, "low": 0.1, "high": 0.15}
    assert with_interval(row, "accuracy") == ".123 [.100, .150]"
    assert with_interval({**row, "published": 1.0}, "accuracy") == ".123 [.100, .150] (1.000)"
    assert with_interval({**row, "published": np.nan}, "accuracy") == ".123 [.100, .150]"
    assert with_interval({**row, "low": np.nan}, "accuracy") == ".123"


def test_a_layout_has_a_column_for_each_value_across() -> None:
    rows = accuracies(KEYS, {("valid", "seen"): 1, ("valid", "unseen"): 0, ("same", "seen"): 1})
    printed = layout(ACCURACY, summarise(ACCURACY, rows, PRINTED))
    names = printed.columns.get_level_values(0).tolist()
    assert names == ["padding", "positions seen", "positions unseen"]
    assert set(printed.columns.get_level_values(1)) == {""}
    assert printed["padding", ""].tolist() == ["valid", "same"]
    assert printed["positions seen", ""].tolist() == ["1.000 [1.000, 1.000] (1.000)", "1.000 [1.000, 1.000]"]


def test_a_caption_says_how_much_was_measured() -> None:
    few = accuracies(KEYS, {("valid", "seen"): 1}, images=20)
    many = accuracies(KEYS, {("same", "seen"): 1})
    summary = summarise(ACCURACY, few, NOTHING)
    assert caption(replace(ACCURACY, note="A note."), summary) == (
        "Squares: accuracy with 95 % interval, n = 20 images, 2 seeds. A note."
    )
    both = summarise(ACCURACY, pd.concat([few, many]), NOTHING)
    assert "n = 20 to 60 images, 2 seeds." in caption(ACCURACY, both)


def test_a_table_without_encoders_lists_none() -> None:
    printed = pd.DataFrame([["valid", "1.000"]], columns=pd.MultiIndex.from_tuples([("padding", ""), ("seen", "")]))
    for titles, lists in (({}, False), ({"vgg16": "VGG16"}, True)):
        table = BuiltTable(printed, printed, "A caption.", titles)
        assert ("what it is" in markdown(table)) == lists
        assert (r"\footnotesize" in latex(table, "red_green")) == lists
