"""The DAG on real inputs: a small run from fetched files to Table 1, and what is redone after which change."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import forked
import pandas as pd
import pytest
from conftest import ROOT, Workflow, copy_of_the_workflow, without_network
from posinfo.run import tables
from posinfo.run.families import families

TABLE1_COLUMNS = [
    *("pattern", "encoder", "images", "n_images", "n_seeds", "spc", "spc_sd", "mae", "mae_sd", "n_constant"),
    *("published_model", "published_spc", "published_mae"),
]
TABLE = "results/tables/table1.csv"


def test_table1_has_every_cell(smoke: Workflow) -> None:
    table = pd.read_csv(smoke.place / TABLE)
    assert list(table.columns) == TABLE1_COLUMNS
    assert len(table) == 60
    assert table[["spc", "mae", "published_spc", "published_mae"]].notna().all(axis=None)
    assert set(table["n_seeds"]) == {2}
    assert table.groupby("images")["n_images"].first().to_dict() == {"natural": 10, "black": 1, "white": 1, "noise": 10}
    # The picture of one grey value tells a readout without padding nothing: all its predictions are constant.
    silent = table[(table["encoder"] == "pixels") & table["images"].isin(["black", "white"])]
    assert (silent["n_constant"] == 2).all()
    assert (silent["spc"] == 0).all()


def test_the_layouts_show_theirs_in_brackets_and_say_what_was_used(smoke: Workflow) -> None:
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


IMAGES, ENCODER, TABLES = {"images"}, {"encoder"}, {"table"}
OF_TABLE1 = ("pixels", "vgg16", "resnet50-thin")
SCORES = {f"scores_{encoder}_base{group}" for encoder in OF_TABLE1 for group in ("", "_synthetic")} | TABLES
READOUTS = {f"readouts_{encoder}_base" for encoder in OF_TABLE1} | SCORES
FEATURES = {f"features_{encoder}{group}" for encoder in OF_TABLE1 for group in ("", "_synthetic")} | READOUTS
EVERYTHING = IMAGES | ENCODER | FEATURES
REDONE = {  # what an edit of a module makes Table 1 do again; all other modules decide nothing of it
    "encoders.architectures": ENCODER | FEATURES,
    "encoders.efficientnet": ENCODER | FEATURES,
    "encoders.embeddings": FEATURES,
    "encoders.grids": ENCODER | FEATURES,
    "encoders.initial": ENCODER | {rule for rule in FEATURES if "pixels" not in rule} | TABLES,
    "encoders.model_zoos": ENCODER | FEATURES,
    "encoders.weights": ENCODER | {rule for rule in FEATURES if "pixels" not in rule} | TABLES,
    "features.batches": READOUTS,
    "features.extraction": FEATURES,
    "features.stored": READOUTS,
    "features.writing": FEATURES,
    "images.pictures": IMAGES | FEATURES,
    "images.sets": IMAGES | FEATURES,
    "protocol.alignment": IMAGES | FEATURES,
    "protocol.patterns": READOUTS,
    "protocol.readout": READOUTS,
    "protocol.resampling": READOUTS,
    "readouts.deep": READOUTS,
    "readouts.heads": READOUTS,
    "readouts.mixing": READOUTS,
    "readouts.products": READOUTS,
    "readouts.schemes": READOUTS,
    "readouts.training": READOUTS,
    "readouts.upsampling": READOUTS,
    "registry.base": IMAGES | FEATURES,
    "registry.catalogue": IMAGES | FEATURES,
    "registry.entries": IMAGES | FEATURES,
    "registry.files": IMAGES | FEATURES,
    "registry.mistakes": IMAGES | FEATURES,
    "run.cells": TABLES,
    "run.families": TABLES,
    "run.tables": TABLES,
    "scores.measures": SCORES,
    "sources.archives": IMAGES | FEATURES,
    "sources.downloads": IMAGES | FEATURES,
    "sources.fetching": IMAGES | FEATURES,
    "sources.folders": IMAGES | FEATURES,
    "sources.globs": IMAGES | FEATURES,
    "sources.repositories": IMAGES | FEATURES,
    "store.errors": EVERYTHING,
    "store.files": EVERYTHING,
    "store.provenance": FEATURES,
    "store.sidecars": EVERYTHING,
    "store.tensors": ENCODER | FEATURES,
    "tables.layouts": TABLES,
    "tables.summaries": TABLES,
}
LIBRARY = ROOT / "workflow/posinfo"
MODULES = {".".join(path.relative_to(LIBRARY).with_suffix("").parts) for path in LIBRARY.rglob("*.py")}


@contextmanager
def edited(workflow: Workflow, modules: Iterable[str]) -> Iterator[None]:
    """The workflow with a comment at the end of those modules; their text, not their time stamps, is given back."""
    paths = [workflow.source / f"workflow/posinfo/{module.replace('.', '/')}.py" for module in modules]
    texts = [path.read_text() for path in paths]
    try:
        for path, text in zip(paths, texts, strict=True):
            path.write_text(f"{text}# an edit\n")
        yield
    finally:
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)


@pytest.mark.parametrize("module", sorted(REDONE))
def test_an_edit_redoes_exactly_what_the_module_decides(smoke: Workflow, module: str) -> None:
    with edited(smoke, [module]):
        assert smoke.planned(TABLE) == REDONE[module]


def test_all_other_modules_and_all_time_stamps_decide_nothing(smoke: Workflow) -> None:
    assert REDONE.keys() < MODULES
    with edited(smoke, MODULES - REDONE.keys()):
        assert smoke.planned(TABLE) == set()
    with edited(smoke, MODULES):
        pass
    assert smoke.planned(TABLE) == set()


@pytest.mark.parametrize("name", list(tables.TABLES))
def test_one_table_trains_nothing_that_it_does_not_show(smoke: Workflow, name: str) -> None:
    run = smoke.settings()
    planned = {
        rule for rule in smoke.planned(f"results/tables/{name}.csv", "--forceall") if rule.startswith("readouts_")
    }
    shown = {(cell.encoder, cell.readout) for cell in tables.TABLES[name].cells(run)}
    assert planned == {
        f"readouts_{family.encoder}_{family.name}"
        for family in families(run)
        if any((family.encoder, readout) in shown for readout in family.patterns)
    }
    for family in families(run):
        if f"readouts_{family.encoder}_{family.name}" in planned:
            assert {(family.encoder, readout) for readout in family.patterns} <= shown


def test_every_table_has_a_name_that_a_person_would_guess(smoke: Workflow) -> None:
    smoke.run("results/tables/main.csv", "results/tables/main.md")
    for suffix in ("csv", "md"):
        alias, table = (smoke.place / f"results/tables/{name}.{suffix}" for name in ("main", "table1"))
        assert alias.read_bytes() == table.read_bytes()
    assert {"layers", "kernels", "stages", "padding"} <= set(tables.ALIASES)


def test_a_readout_that_no_table_shows_is_built_by_its_path(smoke: Workflow) -> None:
    path = "results/scores/pixels/L1-k5-p1-all/photos-test-small.csv"
    smoke.run(path)
    assert len(pd.read_csv(smoke.place / path)) == 5 * 2 * 10  # patterns x seeds x images


def test_the_other_definition_leaves_features_alone(smoke: Workflow) -> None:
    other = Workflow(smoke.place, smoke.source, ["patterns=released"])
    assert other.planned(TABLE) == READOUTS


def test_results_copied_into_a_fresh_clone_are_complete(smoke: Workflow, tmp_path: Path) -> None:
    source = copy_of_the_workflow(tmp_path)
    for path in source.rglob("*.py"):
        path.touch()
    shutil.copytree(smoke.place / "results", tmp_path / "results")
    assert Workflow(tmp_path, source).planned(TABLE) == set()


def test_two_runs_are_equal_byte_for_byte(smoke: Workflow, tmp_path: Path) -> None:
    Workflow(tmp_path, copy_of_the_workflow(tmp_path)).run(TABLE)
    for suffix in ("csv", "md", "tex"):
        name = f"results/tables/table1.{suffix}"
        assert (tmp_path / name).read_bytes() == (smoke.place / name).read_bytes()


@pytest.mark.parametrize(
    ("target", "config", "words"),
    [
        (TABLE, ["patterns=relesed"], "did you mean 'released'?"),
        (TABLE, ["sede=3"], "did you mean 'seeds'?"),
        ("results/tables/table11.csv", [], "did you mean 'table1'?"),
        ("results/readouts/vgg61/L1-k3-p0-all/H.safetensors", [], "did you mean 'vgg16'?"),
        ("results/readouts/vgg16/L1-k4-p0-all/H.safetensors", [], "the kernel must be odd"),
        ("results/readouts/vgg16/L1-k3-p0-f6/H.safetensors", [], "f1, f2, f3, f4, f5, or all"),
        ("results/images/photo-test.npy", [], "did you mean 'photos-test'?"),
        ("results/readouts/$(touch touched)/L1-k3-p0-all/H.safetensors", [], "unknown encoder '$(touch touched)'"),
        ("results/readouts/vgg16;touch touched/L1-k3-p0-all/H.safetensors", [], "unknown encoder"),
        ("results/scores/'vgg16'/L1-k3-p0-all/black.csv", [], "unknown encoder"),
        ("results/tables/`touch touched`.csv", [], "unknown table '`touch touched`'"),
        (TABLE, ["device=$(touch touched)"], "known: auto, cpu, cuda"),
        (TABLE, ["results=a b"], "results"),
        ("results/atlas.html", [], "the configuration names no encoders"),
        ("results/tables/atlas.csv", ["atlas={encoders: [vgg61]}"], "did you mean 'vgg16'?"),
        ("results/atlas/vgg16.npz", ["atlas={encoders: [pixels]}"], "unknown encoder of the atlas 'vgg16'"),
    ],
)
def test_mistakes_stop_before_the_first_job(smoke: Workflow, target: str, config: list[str], words: str) -> None:
    done = Workflow(smoke.place, smoke.source, config).run(target, check=False)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert not list(smoke.place.rglob("touched"))
    assert "Finished jobid" not in done.stdout + done.stderr


def test_yaml_makes_no_objects(smoke: Workflow, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        f"seeds: !!python/object/apply:pathlib.Path.touch [!!python/object:pathlib.Path [{tmp_path}/touched]]"
    )
    done = forked.snakemake(TABLE, "--cores", "1", "--dry-run", "--configfile", str(overlay), folder=smoke.source)
    assert done.returncode != 0
    assert "not valid JSON or YAML" in done.stdout + done.stderr
    assert not (tmp_path / "touched").exists()
