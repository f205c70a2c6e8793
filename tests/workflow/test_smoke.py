"""The DAG on real inputs: a small run from fetched files to Table 1, and what is redone after which change."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import forked
import pandas as pd
import pytest
from conftest import ROOT, Workflow, copy_of_the_workflow, without_network
from injection import started
from posinfo.run import shown
from posinfo.run.groups import group_of
from posinfo.run.tables import TABLES

TABLE1_COLUMNS = [
    *("pattern", "encoder", "images", "n_images", "n_seeds", "spc", "spc_sd", "mae", "mae_sd", "n_constant"),
    *("published_model", "published_spc", "published_mae"),
]
TABLE = "results/tables/table1.csv"
BASE = "results/{}/{}/base"


def test_table1_has_every_cell(smoke: Workflow) -> None:
    table = pd.read_csv(smoke.place / TABLE)
    assert list(table.columns) == TABLE1_COLUMNS
    assert len(table) == 60
    assert table[["spc", "mae", "published_spc", "published_mae"]].notna().all(axis=None)
    assert set(table["n_seeds"]) == {2}
    assert table.groupby("images")["n_images"].first().to_dict() == {"natural": 10, "black": 1, "white": 1, "noise": 10}
    # An image of one grey value tells a readout without padding nothing: all its predictions are constant.
    silent = table[(table["encoder"] == "pixels") & table["images"].isin(["black", "white"])]
    assert (silent["n_constant"] == 2).all()
    assert (silent["spc"] == 0).all()


def test_a_printed_table_shows_the_paper_and_the_settings(smoke: Workflow) -> None:
    markdown = (smoke.place / "results/tables/table1.md").read_text()
    rows = [line for line in markdown.splitlines() if re.match(r"\| +(H|V|G|HS|VS)? +\| (PosENet|VGG|ResNet) ", line)]
    assert len(rows) == 30  # SPC, then MAE
    assert re.search(r"VGG +\| vgg16 +\| -?\.\d{3} ± \.\d{3} \(\.742\)", rows[1])
    assert "ResNet-50 of half width (Yahoo open_nsfw)" in markdown
    assert "natural photos-test-small (n=10), black (n=1)" in markdown
    latex = (smoke.place / "results/tables/table1.tex").read_text()
    assert latex.count(r"\\") >= 17
    assert r"\toprule" in latex


def test_the_run_needed_no_network() -> None:
    prefix = without_network()
    if not prefix:
        pytest.skip("no network namespace may be made here: the smoke run had a network")
    reach = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"
    done = subprocess.run([*prefix, sys.executable, "-c", reach], capture_output=True, text=True, check=False)
    assert "Network is unreachable" in done.stderr  # and in such a place the smoke run was made


def test_nothing_is_left_to_do(smoke: Workflow) -> None:
    assert smoke.planned(TABLE) == set()


def test_deleted_tables_are_collected_again_and_nothing_else(smoke: Workflow) -> None:
    before = (smoke.place / TABLE).read_bytes()
    shutil.rmtree(smoke.place / "results/tables")
    assert smoke.planned(TABLE) == {"table"}
    smoke.run(TABLE)
    assert (smoke.place / TABLE).read_bytes() == before


IMAGES = {"images"}
ENCODER = {"encoder"}
FEATURES_ONLY = {"features"}
TABLES_ONLY = {"table"}
SCORES = {"scores"} | TABLES_ONLY
READOUTS = {"readouts"} | SCORES
FEATURES = FEATURES_ONLY | READOUTS
EVERYTHING = IMAGES | ENCODER | FEATURES
REDONE = {  # what another statement in a module makes Table 1 do again
    "encoders.architectures": ENCODER | FEATURES,
    "encoders.reading.tapped": FEATURES,
    "encoders.state_dicts": ENCODER | FEATURES,
    "encoders.weights": ENCODER | FEATURES,
    "features.batches": READOUTS,
    "features.elsewhere": FEATURES,
    "features.extraction": FEATURES,
    "features.stored": READOUTS,
    "features.writing": FEATURES,
    "images.decoded": IMAGES | FEATURES,
    "images.decoding": IMAGES | FEATURES,
    "images.sets": IMAGES | FEATURES,
    "protocol.patterns": READOUTS,
    "protocol.readout": READOUTS,
    "protocol.resampling": READOUTS,
    "readouts.aligned_conv": READOUTS,
    "readouts.stacked": READOUTS,
    "readouts.stored": READOUTS,
    "readouts.training": READOUTS,
    "run.cells": TABLES_ONLY,
    "run.shown": TABLES_ONLY,
    "run.tables": TABLES_ONLY,
    "scores.measures": SCORES,
    "sources.archives": EVERYTHING,
    "store.checkpoints": READOUTS,
    "store.files": EVERYTHING,
    "store.frames": SCORES,
    "store.sidecars": EVERYTHING,
    "tables.cells": TABLES_ONLY,
    "tables.layouts": TABLES_ONLY,
    "tables.summaries": TABLES_ONLY,
}
# These decide nothing of Table 1: errors, the configuration's reading, and what other results are made by.
NOTHING = (
    "command_line",
    "figures",
    "experiments",
    "images.duplicates",
    "probing",
    "report",
    "run.config",
    "run.experiments",
    "run.inputs",
    "run.roles",
)
LIBRARY = ROOT / "workflow/posinfo"
MODULES = {".".join(path.relative_to(LIBRARY).with_suffix("").parts) for path in LIBRARY.rglob("*.py")}


@contextmanager
def edited(workflow: Workflow, modules: Iterable[str], edit: str = "assert True\n") -> Iterator[None]:
    """The workflow with another statement in those modules; their text, not their time stamps, is given back."""
    paths = [workflow.source / f"workflow/posinfo/{module.replace('.', '/')}.py" for module in modules]
    texts = [path.read_text() for path in paths]
    try:
        for path, text in zip(paths, texts, strict=True):
            path.write_text(f"{text}{edit}")
        yield
    finally:
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)


@pytest.mark.parametrize("module", sorted(REDONE))
def test_an_edit_redoes_exactly_what_the_module_decides(smoke: Workflow, module: str) -> None:
    with edited(smoke, [module]):
        assert smoke.planned(TABLE) == REDONE[module]


def test_other_modules_and_time_stamps_decide_nothing(smoke: Workflow) -> None:
    others = {module for module in MODULES if module.startswith(NOTHING)}
    assert len(others) > 50
    with edited(smoke, others):
        assert smoke.planned(TABLE) == set()
    with edited(smoke, MODULES):
        pass
    assert smoke.planned(TABLE) == set()


@pytest.mark.parametrize("module", ["readouts.training", "scores.measures", "features.extraction"])
def test_words_redo_nothing(smoke: Workflow, module: str) -> None:
    with edited(smoke, [module], "# a comment\n"):
        assert smoke.planned(TABLE) == set()


@pytest.mark.parametrize("name", list(TABLES))
def test_one_table_trains_nothing_that_it_does_not_show(smoke: Workflow, name: str) -> None:
    run = smoke.settings()
    output = smoke.run(f"results/tables/{name}.csv", "--forceall", "--dry-run", "--verbose").stdout
    planned = set(re.findall(r"output: results/readouts/([^/]+)/(\S+)", output))
    cells = TABLES[name].cells
    assert cells is not None
    assert planned == {(cell.encoder, group_of(cell.readout)) for cell in cells(run)}


def test_an_alias_is_a_table_with_all_its_files(smoke: Workflow) -> None:
    smoke.run("results/tables/main.csv")
    for suffix in ("csv", "md", "tex"):
        alias, table = (smoke.place / f"results/tables/{name}.{suffix}" for name in ("main", "table1"))
        assert alias.read_bytes() == table.read_bytes()
    aliases = {table.alias for table in shown.tables(smoke.settings()).values()}
    assert {"layers", "kernels", "stages", "padding"} <= aliases


def test_a_readout_that_no_table_shows_is_built_by_its_path(smoke: Workflow) -> None:
    path = "results/scores/pixels/L1-k5-p1-all/photos-test-small.csv"
    smoke.run(path)
    assert len(pd.read_csv(smoke.place / path)) == 5 * 2 * 10  # patterns x seeds x images


def test_features_may_go_once_they_are_read(smoke: Workflow) -> None:
    """They are made again for what is asked for later, and only then."""
    short = Workflow(smoke.place, smoke.source, ["keep={features: false}", "results=short"])
    scores = "short/scores/pixels/{}/photos-test-small.csv"
    short.run(scores.format("base"))
    assert not list((smoke.place / "short/features").rglob("*.npy"))
    assert short.planned(scores.format("base")) == set()
    assert short.planned(scores.format("L1-k1-p0-all")) == {"features", "readouts", "scores"}


def test_another_ground_truth_has_a_folder_of_its_own(smoke: Workflow) -> None:
    other = Workflow(smoke.place, smoke.source, ["patterns=released"])
    assert {"readouts", "scores", "table"} <= other.planned("results/released/tables/table1.csv")
    done = other.run(TABLE, "--dry-run", check=False)
    assert "results lie in results/released/" in done.stdout.rstrip().splitlines()[-1]


def test_results_copied_into_a_fresh_clone_are_complete(smoke: Workflow, tmp_path: Path) -> None:
    source = copy_of_the_workflow(tmp_path)
    for path in source.rglob("*.py"):
        path.touch()
    shutil.copytree(smoke.place / "results", tmp_path / "results")
    assert Workflow(tmp_path, source).planned(TABLE) == set()
    kept = "results in results are kept as they are"
    assert kept in Workflow(tmp_path, source, ["seeds=[7]"]).run(TABLE).stdout
    assert kept not in smoke.run(TABLE).stdout


def test_two_runs_are_equal_byte_for_byte(smoke: Workflow, tmp_path: Path) -> None:
    Workflow(tmp_path, copy_of_the_workflow(tmp_path)).run(TABLE)
    for suffix in ("csv", "md", "tex"):
        name = f"results/tables/table1.{suffix}"
        assert (tmp_path / name).read_bytes() == (smoke.place / name).read_bytes()


def test_a_run_prints_one_line_a_job(smoke: Workflow) -> None:
    shutil.rmtree(smoke.place / "results/tables")
    printed = smoke.run(TABLE, "results/tables/main.csv").stdout.splitlines()
    lines = [line for line in printed if " left " in line]
    assert [line.split(" left ")[1] for line in lines[:1]] in (["table table1"], ["table main"])
    assert re.fullmatch(r" +2 of 2 █+ \d\d:\d\d left table (table1|main)", lines[1])
    assert len(lines) == 2
    assert len(printed) < 25
    assert max(map(len, printed)) < 200


def test_a_dry_run_counts_jobs_before_it_lists_them(smoke: Workflow) -> None:
    arguments = (TABLE, "--forceall", "--dry-run", "--quiet", "host")
    listed = smoke.run(*arguments).stdout
    assert listed.index("Job stats:") < listed.index("scores vgg16 base photos-test-small")
    assert max(map(len, listed.splitlines())) < 200
    assert "output: results/scores/vgg16/base/photos-test-small.csv" in smoke.run(*arguments, "--verbose").stdout


# What Snakemake's event loop may do after Ctrl-C, when a run is torn down.
FAILING_END = """
def failing_end(self):
    raise RuntimeError("Cannot close a running event loop")
workflow.__class__.tear_down = failing_end
"""


@pytest.mark.parametrize("end", ["", FAILING_END], ids=["", "torn down"])
def test_a_failed_run_ends_in_the_reason(finished: Workflow, end: str) -> None:
    with (finished.source / "Snakefile").open("a") as file:
        file.write(end)
    features = finished.place / "results/features/pixels/photos-test-small"
    shutil.rmtree(finished.place / "results/scores/pixels/base")
    (stage,) = features.glob("*.npy")
    os.truncate(stage, stage.stat().st_size // 2)
    printed = finished.run("results/scores/pixels/base/photos-test-small.csv", check=False).stdout
    last = printed.rstrip().splitlines()[-1]
    assert last.startswith("scores pixels base photos-test-small: results/features/pixels/photos-test-small")


@pytest.mark.parametrize("after", ["Building DAG", "total"])
def test_an_interrupted_run_ends_in_one_line(finished: Workflow, tmp_path: Path, after: str) -> None:
    for made in ("scores", "tables"):
        shutil.rmtree(finished.place / "results" / made)
    log = tmp_path / "log"
    process = started(finished, log)
    while after not in log.read_text():
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait() != 0
    assert log.read_text().rstrip().splitlines()[-1] == "Stopped. The same command resumes the run."


@pytest.mark.parametrize(
    ("target", "config", "words"),
    [
        (TABLE, ["patterns=relesed"], "did you mean 'released'?"),
        (TABLE, ["sede=3"], "did you mean 'seeds'?"),
        ("results/tables/table11.csv", [], "did you mean 'table1'?"),
        ("results/thousand/tables/table1.csv", [], "results lie in results/; others need their --configfile"),
        ("tabel3", [], "the nearest is results/tables/table3.csv."),
        ("/proc/none/tables/table1.csv", ["results=/proc/none"], "/proc/none/ cannot be written"),
        ("results/readouts/vgg61/L1-k3-p0-all", [], "did you mean 'vgg16'?"),
        ("results/readouts/vgg16/L1-k4-p0-all", [], "the kernel must be odd"),
        ("results/readouts/vgg16/L1-k3-p0-f6", [], "f1, f2, f3, f4, f5, or all"),
        ("results/images/photo-test.npy", [], "did you mean 'photos-test'?"),
        ("results/readouts/$(touch touched)/L1-k3-p0-all", [], "unknown encoder '$(touch touched)'"),
        ("results/readouts/vgg16;touch touched/L1-k3-p0-all", [], "unknown encoder"),
        ("results/scores/'vgg16'/L1-k3-p0-all/synthetic.csv", [], "unknown encoder"),
        ("results/tables/`touch touched`.csv", [], "unknown table '`touch touched`'"),
        (TABLE, ["device=$(touch touched)"], "known: auto, cpu, cuda"),
        (TABLE, ["results=a b"], "results"),
        ("results/atlas.html", ["experiments=[atlas]"], "names no encoders"),
        ("results/figures/stagess.png", [], "did you mean 'stages'?"),
        ("results/readouts/vgg16/layer", [], "did you mean 'layers'?"),
        ("results/features/vgg16/photo-test", [], "did you mean 'photos-test'?"),
        ("results/tables/atlas.csv", ["experiments=[atlas]", "atlas={encoders: [vgg61]}"], "did you mean 'vgg16'?"),
        (
            "results/atlas/vgg16.npz",
            ["experiments=[atlas]", "atlas={encoders: [pixels]}"],
            "unknown encoder of the atlas",
        ),
    ],
)
def test_mistakes_stop_before_the_first_job(smoke: Workflow, target: str, config: list[str], words: str) -> None:
    done = Workflow(smoke.place, smoke.source, config).run(target, check=False)
    assert done.returncode != 0
    assert words in done.stdout.rstrip().splitlines()[-1]
    assert not list(smoke.place.rglob("touched"))
    assert " left " not in done.stdout  # no job ended


def test_yaml_makes_no_objects(smoke: Workflow, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        f"seeds: !!python/object/apply:pathlib.Path.touch [!!python/object:pathlib.Path [{tmp_path}/touched]]"
    )
    done = forked.snakemake(TABLE, "--cores", "1", "--dry-run", "--configfile", str(overlay), folder=smoke.source)
    assert done.returncode != 0
    assert "not valid JSON or YAML" in done.stdout + done.stderr
    assert not (tmp_path / "touched").exists()


def test_an_experiment_is_a_folder_and_a_line(smoke: Workflow) -> None:
    """The example of CONTRIBUTING, as printed."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    files = {re.search(r"# (\w+\.py)\n", block)[1]: block.replace("NAME", "eleven") for block in blocks}  # type: ignore[index]
    folder = smoke.source / "workflow/posinfo/experiments/eleven"
    names = smoke.source / "workflow/posinfo/run/experiments.py"
    text = names.read_text()
    folder.mkdir()
    try:
        for name, content in files.items():
            (folder / name).write_text(content)
        (folder / "captions.yaml").write_text("eleven: '**A kernel of 11** on {VGG}'\n")
        names.write_text(text.replace('NAMES = ("tasks", ', 'NAMES = ("eleven", "tasks", '))
        targets = ("results/tables/eleven.csv", "results/figures/eleven.png")
        smoke.run(*targets, "--config", "experiments=[eleven]")
        table = pd.read_csv(smoke.place / targets[0])
        assert table["encoder"].tolist() == ["vgg16", "vgg16", "constant", "constant"]
        assert (smoke.place / targets[1]).read_bytes().startswith(b"\x89PNG")
        layout = folder / "__init__.py"
        layout.write_text(layout.read_text().replace('("H", "G")', '("H", "HS")'))
        again = smoke.planned(*targets, "--config", "experiments=[eleven]")
        assert again == {"readouts", "scores", "table", "figure"}
    finally:
        shutil.rmtree(folder)
        names.write_text(text)
