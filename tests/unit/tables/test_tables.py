"""Tables from synthetic scores: cells, holes, spread, layout, and the check against committed values."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from posinfo.__main__ import main
from posinfo.run.config import load_config
from posinfo.run.experiments import Table
from posinfo.run.shown import tables
from posinfo.store.errors import InputError
from posinfo.store.frames import write_rows
from posinfo.tables import cells
from posinfo.tables.built import BuiltTable
from posinfo.tables.layouts import escape_latex, three_decimals, write_table
from posinfo.tables.summaries import read_scores, summarise
from posinfo.tables.verify import cells_outside
from synthetic_scores import write_synthetic_scores
from typeset import TEX, typeset

RUN = load_config({})
TABLES = {name: table for name, table in tables(RUN).items() if table.build == "tables.cells:build"}
EXPECTED = ROOT / "workflow/expected/default"


def made(folder: Path, name: str, seeds: int = 3) -> BuiltTable:
    """A table of synthetic scores."""
    table = TABLES[name]
    assert table.cells is not None
    return cells.build(RUN, name, write_synthetic_scores(folder, table.cells(RUN), seeds))


def published_spc(table: Table) -> list[float]:
    return sorted(pd.read_csv(table.published)["spc"]) if table.published else []


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_complete_beside_the_published(tmp_path: Path, name: str) -> None:
    table = TABLES[name]
    assert table.layout is not None
    built = made(tmp_path, name)
    tidy = built.tidy[built.tidy["encoder"] != "constant"]
    np.testing.assert_allclose(tidy["spc"], 0.1)
    np.testing.assert_allclose(tidy["spc_sd"], 0.1)
    assert (tidy["n_constant"] == 3).all()
    if table.published:
        assert sorted(tidy["published_spc"].dropna()) == published_spc(table)
    write_table(built, name, tmp_path / "t")
    markdown = (tmp_path / "t.md").read_text()
    latex = (tmp_path / "t.tex").read_text()
    assert markdown.count(".100 ± .100") == len(tidy)
    assert latex.count(r".100 $\pm$ .100") == len(tidy)
    told = re.findall(r"± [.\d]+ \(-?[.\d]+\)", markdown)
    assert len(told) == 2 * len(published_spc(table))  # SPC and MAE, the paper's in brackets
    for title in built.titles.values():
        assert title in markdown
        assert escape_latex(title) in latex
    # One line for each row of the layout, and what stands in the line above is not said again.
    rows = [line.split("|")[1:-1] for line in markdown.split("**MAE**")[0].splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(built.layout)
    assert max(len(line) for line in markdown.splitlines() if line.startswith("|")) <= 140


def test_black_white_and_noise_are_told_apart(tmp_path: Path) -> None:
    tidy = made(tmp_path, "table1").tidy
    assert tidy["images"].unique().tolist() == ["natural", "black", "white", "noise"]
    assert (tidy["n_images"] == 4).all()


def test_numbers_are_printed_with_three_decimals() -> None:
    numbers = {0.1234: ".123", -0.25: "-.250", -0.0001: ".000", 0.9999: "1.000", 10.5: "10.500", -120.25: "-120.250"}
    assert {number: three_decimals(number) for number in numbers} == numbers


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    built = made(tmp_path, "table3", seeds=1)
    assert built.tidy["spc_sd"].isna().all()
    assert built.caption.startswith("Each stage alone, and all: mean over 1 seed, in brackets the paper.")
    assert "±" not in built.layout.to_string()


def test_holes_are_errors(tmp_path: Path) -> None:
    table = TABLES["table3"]
    assert table.cells is not None
    shown = table.cells(RUN)
    paths = write_synthetic_scores(tmp_path, shown)
    with pytest.raises(InputError, match=r"no scores for vgg16 / L1-k3-p0-f1 / H / photos-test"):
        summarise(read_scores(paths[1:]), shown)
    frame = pd.read_csv(paths[0])
    write_rows(frame[1:], paths[0])
    with pytest.raises(InputError, match="not every seed has every natural image once"):
        summarise(read_scores(paths), shown)
    write_rows(frame.assign(spc=np.nan), paths[0])
    with pytest.raises(InputError, match="no number"):
        read_scores(paths)
    write_rows(frame.drop(columns="mae"), paths[0])
    with pytest.raises(InputError, match="has the columns"):
        read_scores(paths)


def test_verify_names_a_table_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for missing in (tmp_path / "table1.csv", tmp_path):
        assert main(["verify", "--tables", str(missing), "--expected", str(tmp_path)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("posinfo verify: ")
        assert str(missing) in line


def test_verify_needs_a_table_to_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--tables", "--expected", str(tmp_path)]) == 1
    words = f"posinfo verify: no table of this run has committed values in {tmp_path}; see `expected` in the config"
    assert capsys.readouterr().err.strip() == words


def test_verify_names_the_cells_outside(tmp_path: Path) -> None:
    expected = tmp_path / "expected.csv"
    other = tmp_path / "made.csv"
    frame = pd.DataFrame({"pattern": ["H", "G"], "encoder": "vgg16", "spc": [0.5, 0.6], "mae": [0.2, 0.1]})
    frame.to_csv(expected, index=False)
    frame.assign(spc=[0.509, 0.6]).to_csv(other, index=False)
    assert cells_outside(other, expected).empty
    frame.assign(spc=[0.5, 0.62], mae=[0.2, np.nan]).to_csv(other, index=False)
    outside = cells_outside(other, expected)
    assert outside[["cell", "what"]].to_numpy().tolist() == [["G vgg16", "spc"], ["G vgg16", "mae"]]
    frame[:1].to_csv(other, index=False)
    with pytest.raises(InputError, match="do not have the same cells"):
        cells_outside(other, expected)


@pytest.mark.parametrize("folder", ["default", "thousand"])
def test_every_core_table_is_committed(folder: str) -> None:
    committed = {path.stem for path in (EXPECTED.parent / folder).glob("*.csv")}
    # The trainings of an experiment round differently on another machine.
    assert set(TABLES) - committed == {"table6", "tuning"}


@pytest.mark.parametrize("name", [path.stem for path in sorted(EXPECTED.glob("*.csv")) if path.stem in TABLES])
def test_committed_values_are_the_default_runs_cells(tmp_path: Path, name: str) -> None:
    tidy = made(tmp_path, name).tidy
    committed = pd.read_csv(EXPECTED / f"{name}.csv")
    named = ("model", "pattern", "layers", "kernel", "stages", "encoder", "readout", "images")
    keys = [key for key in named if key in tidy]
    assert list(committed.columns) == list(tidy.columns)
    assert committed[keys].to_numpy().tolist() == tidy[keys].to_numpy().tolist()


@pytest.mark.skipif(not TEX, reason="no TeX: Debian's texlive-latex-base, -recommended")
def test_a_real_tex_takes_every_table(tmp_path: Path) -> None:
    for name in TABLES:
        typeset(made(tmp_path / name, name), tmp_path)


@pytest.mark.skipif(not TEX, reason="no TeX: Debian's texlive-latex-base, -recommended")
def test_a_real_tex_takes_every_character(tmp_path: Path) -> None:
    latin = "".join(map(chr, range(0x180)))
    for text in (
        latin,
        "[0] x",
        "* x",
        "a\n\nb",
        "α β Δ λ ε µ",
        "² ³ × ± − ≤ ≥ ≈ → – — … “x” ’ °",
        "日本 ☃ ᵀ e\u0301 e\u0336",
    ):
        layout = pd.DataFrame({"what": [text, text]})
        layout.columns = pd.MultiIndex.from_tuples([(text, "")])
        typeset(BuiltTable(layout, layout, text, {"my_net": text}), tmp_path)


def test_latex_prints_what_a_title_says() -> None:
    assert escape_latex(r"a_b # $ % & { } ^ ~ \ ±") == (
        r"a\_b \# \$ \% \& \{ \} \textasciicircum{} \textasciitilde{} \textbackslash{} $\pm$"
    )
    assert escape_latex("é β Δ λ ² – x < y | z") == (
        r"é $\beta$ $\Delta$ $\lambda$ $^2$ -- x \textless{} y \textbar{} z"
    )
    assert escape_latex("e\u0301 日") == r"é \ifdefined\Umathchar 日\else[U+65E5]\fi{}"
