"""Tables from made-up scores: cells, holes, spread, layout, and the check against committed values."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from posinfo.protocol.readout import SCORE_COLUMNS
from posinfo.run.config import RunConfig
from posinfo.run.tables import TABLES
from posinfo.scores.measures import write_scores
from posinfo.store.errors import InputError
from posinfo.tables import layouts, summaries
from posinfo.tables.verify import cells_outside

RUN = RunConfig()
PUBLISHED = ROOT / "workflow/published"


def write_all_scores(folder: Path, name: str, seeds: int = 3) -> list[Path]:
    """Score files for every cell of a table: SPC is the seed / 10, one image of four is constant."""
    frames: dict[Path, list[pd.DataFrame]] = {}
    for cell in TABLES[name].cells(RUN):
        path = folder / cell.encoder / cell.readout.name / f"{cell.images}.csv"
        rows = [
            (cell.pattern, seed, f"image{image}-0", seed / 10, 0.2, int(image == 0))
            for seed in range(seeds)
            for image in range(4)
        ]
        frames.setdefault(path, []).append(pd.DataFrame(rows, columns=list(SCORE_COLUMNS)))
    for path, parts in frames.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_scores(pd.concat(parts).drop_duplicates(), path)
    return list(frames)


@pytest.mark.parametrize("name", list(TABLES))
def test_every_table_is_complete_beside_the_published_numbers(tmp_path: Path, name: str) -> None:
    table = TABLES[name]
    summary = summaries.summarise(summaries.read_scores(write_all_scores(tmp_path, name)), table.cells(RUN))
    joined = summaries.beside_published(summary, table, PUBLISHED)
    np.testing.assert_allclose(joined["spc"], 0.1)
    np.testing.assert_allclose(joined["spc_sd"], 0.1)
    assert (joined["n_constant"] == 3).all()
    if table.published:
        printed = pd.read_csv(PUBLISHED / table.published)
        beside = joined["published_spc"].isna()
        assert (joined["model"] == joined["encoder"])[beside].all()  # encoders that stand there under their own names
        assert sorted(joined["published_spc"][~beside]) == sorted(printed["spc"])
    shown = layouts.layout(joined, table)
    text = layouts.caption(joined, table, RUN.images.tests, {"ground truth": "paper", "scale": "rms"})
    assert len(text.split()) <= 60  # longer ones are not read
    titles = {name: f"title of {name}" for name in joined["encoder"].unique()}
    layouts.write_layout(shown, text, titles, "tab:x", tmp_path / "t.md", tmp_path / "t.tex")
    markdown, latex = (tmp_path / "t.md").read_text(), (tmp_path / "t.tex").read_text()
    assert markdown.count(".100 ± .100") == len(joined)
    assert latex.count(r".100 $\pm$ .100") == len(joined)
    told = joined["published_spc"].dropna()
    assert len(re.findall(r"± [.\d]+ \(-?[.\d]+\)", markdown)) == 2 * len(told)  # SPC and MAE, the paper's in brackets
    for title in titles.values():
        assert title in markdown
        assert title in latex
    # One line for each row of the paper's, and what stands in the line above is not said again.
    rows = [line.split("|")[1:-1] for line in markdown.split("**MAE**")[0].splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(joined.drop_duplicates(list(table.down)))
    assert len([row for row in rows if row[0].strip()]) == joined[table.down[0]].nunique()
    assert max(len(line) for line in markdown.splitlines() if line.startswith("|")) <= 140


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    paths = write_all_scores(tmp_path, "table3", seeds=1)
    summary = summaries.summarise(summaries.read_scores(paths), TABLES["table3"].cells(RUN))
    assert summary["spc_sd"].isna().all()
    joined = summaries.beside_published(summary, TABLES["table3"], PUBLISHED)
    assert "±" not in layouts.layout(joined, TABLES["table3"]).to_string()


def test_holes_are_errors(tmp_path: Path) -> None:
    paths = write_all_scores(tmp_path, "table3")
    cells = TABLES["table3"].cells(RUN)
    with pytest.raises(InputError, match=r"no scores for vgg16 / L1-k3-p0-f1 / H / photos-test"):
        summaries.summarise(summaries.read_scores(paths[1:]), cells)
    frame = pd.read_csv(paths[0])
    write_scores(frame[1:], paths[0])
    with pytest.raises(InputError, match="not every seed has every image once"):
        summaries.summarise(summaries.read_scores(paths), cells)
    write_scores(frame.assign(spc=np.nan), paths[0])
    with pytest.raises(InputError, match="no number"):
        summaries.read_scores(paths)
    write_scores(frame.drop(columns="mae"), paths[0])
    with pytest.raises(InputError, match="has the columns"):
        summaries.read_scores(paths)


def test_verify_names_the_cells_outside(tmp_path: Path) -> None:
    expected, made = tmp_path / "expected.csv", tmp_path / "made.csv"
    frame = pd.DataFrame({"pattern": ["H", "G"], "encoder": "vgg16", "spc": [0.5, 0.6], "mae": [0.2, 0.1]})
    frame.to_csv(expected, index=False)
    frame.assign(spc=[0.509, 0.6]).to_csv(made, index=False)
    assert cells_outside(made, expected).empty
    frame.assign(spc=[0.5, 0.62], mae=[0.2, np.nan]).to_csv(made, index=False)
    outside = cells_outside(made, expected)
    assert outside[["cell", "what"]].to_numpy().tolist() == [["G vgg16", "spc"], ["G vgg16", "mae"]]
    frame[:1].to_csv(made, index=False)
    with pytest.raises(InputError, match="do not have the same cells"):
        cells_outside(made, expected)


EXPECTED = ROOT / "workflow/expected/default"
COMMITTED = sorted(path.stem for path in EXPECTED.glob("*.csv"))


@pytest.mark.parametrize("folder", ["default", "thousand"])
def test_every_table_is_committed_but_that_of_encoders_trained_here(folder: str) -> None:
    committed = {path.stem for path in (EXPECTED.parent / folder).glob("*.csv")}
    assert set(TABLES) - committed == {"table6", "tuning"}  # a training rounds differently on another machine


@pytest.mark.parametrize("name", COMMITTED)
def test_the_committed_values_are_the_default_runs_cells(tmp_path: Path, name: str) -> None:
    table = TABLES[name]
    summary = summaries.summarise(summaries.read_scores(write_all_scores(tmp_path, name)), table.cells(RUN))
    if not table.published:
        constants = summaries.constant_rows(list(summary["pattern"].unique()), RUN.patterns)
        summary = pd.concat([summary, constants], ignore_index=True)
    if table.timed:
        summary["seconds"] = 0.0
    made = summaries.tidy(summaries.beside_published(summary, table, PUBLISHED), table)
    committed = pd.read_csv(EXPECTED / f"{name}.csv")
    keys = [
        key for key in ("model", "pattern", "layers", "kernel", "stages", "encoder", "readout", "images") if key in made
    ]
    assert list(committed.columns) == list(made.columns)
    assert committed[keys].to_numpy().tolist() == made[keys].to_numpy().tolist()


@pytest.mark.parametrize("path", sorted((ROOT / "workflow/report").glob("*.rst")), ids=lambda path: path.stem)
def test_captions_of_the_report_are_short(path: Path) -> None:
    text = re.sub(r"\{\{.*?\}\}", "value", path.read_text(), flags=re.DOTALL)
    assert len(text.split()) <= (120 if path.stem == "workflow" else 60)
