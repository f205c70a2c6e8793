"""The configuration: one model is its source, and mistakes are answered before the first job."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from posinfo.__main__ import main
from posinfo.protocol.readout import Readout
from posinfo.run import shown
from posinfo.run.config import load_config, load_passed, render_config
from posinfo.run.experiments import NAMES, experiment
from posinfo.run.roles import Models
from posinfo.store.errors import InputError


def test_config_yaml_is_what_the_model_says() -> None:
    # To mend: posinfo config --output config.yaml
    assert (ROOT / "config.yaml").read_text() == render_config()


def test_every_key_stands_below_a_comment() -> None:
    lines = [line for line in render_config().splitlines() if line.strip()]
    for above, line in pairwise(lines):
        if not line.strip().startswith("#"):
            assert above.strip().startswith("#") or above.endswith(":"), line


def test_config_yaml_loads_as_the_defaults() -> None:
    assert load_config(yaml.safe_load(render_config())).values() == load_config({}).values()


def tuned(**weights: str) -> dict[str, Any]:
    """An entry whose training starts from another encoder's weights."""
    preprocessing = {"order": "BGR", "range": 255, "mean": [103.939, 116.779, 123.68]}
    trained = {"task": "saliency", **weights}
    return {"architecture": "vgg16", "weights": trained, "input": preprocessing, "taps": {"f1": "features.3"}}


@pytest.mark.parametrize("overlay", ["smoke", "paper", "own", "thousand", "camvid", "atlas"])
def test_overlays_load(overlay: str) -> None:
    load_config(yaml.safe_load((ROOT / f"workflow/configs/{overlay}.yaml").read_text()))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sedes": [1]}, ["unknown key 'sedes'", "did you mean 'seeds'?"]),
        ({"training": {"epoch": 3}}, ["training.epoch", "did you mean 'epochs'?"]),
        ({"models": {"VGG": "vgg61"}}, ["models.VGG", "unknown encoder 'vgg61'", "did you mean 'vgg16'?"]),
        ({"images": {"natural": "fotos-test"}}, ["images.natural", "did you mean 'photos-test'?"]),
        ({"images": {"natural": "photos-train"}}, ["holds training photographs"]),
        ({"images": {"train": "photos-test"}}, ["kept for test"]),
        ({"images": {"train": "duts-tr", "natural": "duts-tr"}}, ["both duts-tr"]),
        ({"own": {"encoder": {}}}, ["own", "did you mean 'encoders'?"]),
        ({"own": {"encoders": {"mine": {"variant_of": "vgg61"}}}}, ["own: mine", "did you mean 'vgg16'?"]),
        (
            {"own": {"encoders": {"mine": {"architecture": "vgg16", "taps": {}}}}},
            ["own: encoders.mine.input", "required"],
        ),
        (
            {"own": {"images": {"mine": {"foldr": "x"}}}},
            ["own: images.mine", "photographs, archive, folder, constant"],
        ),
        ({"own": {"images": {"mine": {"folder": "x", "view": 2}}}}, ["images.mine.folder.view", "not permitted"]),
        (
            {"own": {"encoders": {"mine": {"variant_of": "vgg16", "padding": "zeroes"}}}},
            ["own: encoders.mine.padding", "did you mean 'zeros'?"],
        ),
        ({"own": {"encoders": {"a b": {"variant_of": "vgg16"}}}}, ["encoders.a b", "a name has letters"]),
        ({"own": {"images": {"../$(touch x)": {"folder": "x"}}}}, ["images.../$(touch x)", "a name has letters"]),
        ({"own": {"sources": {"mine": {"file": "salObj.zip"}}}}, ["pascal-s-original and mine", "archives/salObj.zip"]),
        ({"own": {"sources": {"mine": {"file": "x", "checksum": "md5:1"}}}}, ["sources.mine", "checksum"]),
        ({"patterns": "relesed"}, ["patterns", "'relesed'", "known: paper, released", "did you mean 'released'?"]),
        ({"training": {"scale": "rsm"}}, ["did you mean 'rms'?"]),
        ({"seeds": []}, ["seeds", "at least 1"]),
        ({"seeds": [1, 2, 1]}, ["1 is a duplicate entry"]),
        ({"seeds": "three"}, ["seeds", "valid list", "'three'"]),
        ({"seeds": [-1]}, ["seeds.0", "greater than or equal to 0", "-1"]),
        ({"training": {"epochs": 0}}, ["training.epochs", "greater than or equal to 1"]),
        ({"training": {"lr": "fast"}}, ["training.lr", "valid number", "'fast'"]),
        ({"alignment": {"side": 500}}, ["alignment.side", "less than or equal to 224"]),
        ({"device": "gpu"}, ["device", "known: auto, cpu, cuda"]),
        ({"results": "a b; rm"}, ["results: a path here has letters", "start the run in it", "'a b; rm'"]),
        ({"results": "-rf"}, ["results", "'-rf'"]),
        ({"results": "$(touch x)"}, ["results", "'$(touch x)'"]),
        ({"resources": "a\nb"}, ["resources"]),
        ({"results": "./"}, ["name one below this folder"]),
        ({"results": "same", "resources": "./same"}, ["both 'same'", "two folders"]),
        ({"models": {"VGG": "vgg16; rm -rf /"}}, ["unknown encoder 'vgg16; rm -rf /'"]),
        ({"models": {"VGG": "../vgg16"}}, ["unknown encoder '../vgg16'", "did you mean 'vgg16'?"]),
        ({"models": {"ResNet": "vgg16"}}, ["vgg16 stands for both", "VGG", "ResNet"]),
        ({"models": {"ResNet": "vgg16-cropped"}}, ["models.ResNet", "vgg16-cropped has fitted maps", "name vgg16"]),
        ({"models": "vgg16"}, ["models", "'vgg16'"]),
        ({"results": "my/released"}, ["my/released", "patterns: released", "name another folder"]),
        ({"controls": ["vgg16-randm-0"]}, ["controls", "did you mean 'vgg16-random-0'?"]),
        ({"controls": ["squeezenet", "squeezenet"]}, ["squeezenet is a duplicate entry"]),
        ({"controls": "squeezenet"}, ["controls", "valid list"]),
        ({"seeds": 3}, ["seeds", "valid list", "3"]),
        ({"seeds": [0.5]}, ["seeds.0", "0.5"]),
        ({"training": {"batch": 0}}, ["training.batch", "greater than or equal to 1"]),
        ({"training": {"lr": 0}}, ["training.lr", "greater than 0"]),
        ({"training": {"lr": float("inf")}}, ["training.lr", "finite number"]),
        ({"training": {"lr": float("nan")}}, ["training.lr", "finite number"]),
        ({"training": {"lr_decay": 2}}, ["training.lr_decay", "less than or equal to 1"]),
        ({"training": {"momentum": 1}}, ["training.momentum", "less than 1"]),
        ({"training": {"weight_decay": -1}}, ["training.weight_decay", "greater than or equal to 0"]),
        ({"training": {"hidden": "sam"}}, ["training.hidden", "'sam'"]),
        ({"training": {"output": "sigmoyd"}}, ["training.output", "did you mean 'sigmoid'?"]),
        ({"alignment": {"side": 0}}, ["alignment.side", "greater than or equal to"]),
        ({"alignment": {"corners": "perhaps"}}, ["alignment.corners", "valid boolean", "'perhaps'"]),
        ({"images": {"natral": "photos-test"}}, ["images.natral", "did you mean 'natural'?"]),
        ({"images": {"synthetic": "photos-test"}}, ["photos-test is no set with black, white and noise"]),
        ({"experiments": ["task"]}, ["experiments", "did you mean 'tasks'?"]),
        ({"experiments": ["tasks", "tasks"]}, ["tasks is a duplicate entry"]),
        ({"images": None}, ["  images: a section has keys below it", "None"]),
        ({"own": ["mine"]}, ["  own: a section has keys below it", "['mine']"]),
        ({"tasks": None}, ["  tasks: a section has keys below it"]),
        ({"own": {"encoders": {"mine": tuned(start="vgg61")}}}, ["encoders.mine", "did you mean 'vgg16'?"]),
        ({"own": {"encoders": {"mine": tuned(start="pixels")}}}, ["pixels has no weights"]),
        ({"own": {"encoders": {"mine": tuned(start="squeezenet")}}}, ["squeezenet is a squeezenet, not a vgg16"]),
        ({"own": {"encoders": {"mine": tuned(start="vgg16-torchvision")}}}, ["has another input than mine"]),
        ({"own": {"encoders": {"mine": tuned(start="mine")}}}, ["start from each other, mine from mine"]),
        (
            {"own": {"encoders": {"a": tuned(start="b"), "b": tuned(start="a")}}},
            ["start from each other, a from b from a"],
        ),
        (
            {"own": {"encoders": {"mine": tuned(start="vgg16", placed="middle")}}},
            ["mine.weights.task.placed", "known: centrally, uniformly"],
        ),
        ({"own": {"encoders": {"mine": {"variant_of": "vgg16", "step": 3}}}}, ["step is for variants"]),
        ({"tasks": {"tuning": {"lr_boddy": 1}}}, ["tasks.tuning.lr_boddy", "did you mean 'lr_body'?"]),
        ({"tasks": {"beside": ["vgg-slim-saliency"]}}, ["vgg-slim-saliency is a duplicate entry"]),
    ],
)
def test_mistakes_are_answered(values: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        load_config(values)
    for word in words:
        assert word in str(caught.value)


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "own", "--output", str(tmp_path)]) == 1
    assert f": {tmp_path}; fix that" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        (
            ["--configfile", "nope.yaml"],
            None,
            "nope.yaml is no configuration: there is no such file; write targets",
        ),
        (["-n", "--configfile=nope.yaml"], None, "nope.yaml is no configuration: there is no such file"),
        (["--configfiles", "good.yaml", "nope.yaml", "-n"], None, "nope.yaml is no configuration"),
        (["--configfile", "good.yaml", "out/table1.csv"], None, "out/table1.csv is no configuration: there is no such"),
        (
            ["--configfile", "good.yaml", "table1.csv"],
            None,
            "has no keys; write each as `key: value`, or",
        ),
        (
            ["--configfile", "good.yaml", "table1.csv"],
            None,
            "; write targets before --configfile, which",
        ),
        (["--configfile", "good.yaml", "."], None, ". is no configuration: it is a folder; write targets before"),
        (["-n"], "", "config.yaml is no configuration: it has no keys; write each as `key: value`"),
        (["-n"], "- seeds\n", "config.yaml is no configuration: it has no keys"),
        (["-n", "-d", ".."], "seeds: [0]\n", "../config.yaml is no configuration"),
    ],
)
def test_a_run_of_what_is_no_configuration_is_refused(
    options: list[str],
    settings: str | None,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "config.yaml").write_text("[]\n")
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("Snakemake was started"))
    Path("good.yaml").write_text("seeds: [0]\n")
    Path("table1.csv").write_text("pattern,spc\nH,1\n")
    if settings is not None:
        Path("config.yaml").write_text(settings)
    assert main(["run", "results/claims.md", *options]) == 1
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_run_hands_its_words_to_snakemake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, words: started.append(words))
    os.mkfifo("pipe")  # as bash gives it; reading it here would wait, and leave nothing to Snakemake
    Path("tabs.json").write_text('{\n\t"seeds": [0]\n}')
    words = ["results/claims.md", "-n", "--config", "seeds=[1]", "--configfile", "pipe", "tabs.json", "--cores", "2"]
    assert main(["run", *words]) == 0
    assert started[0][-len(words) :] == words


def test_the_help_of_a_run_names_targets_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    assert "usage: posinfo run TARGET... [OPTIONS OF snakemake]\n" in capsys.readouterr().out


def test_a_command_works_without_a_standard_output(tmp_path: Path) -> None:
    """As a daemon starts one, and as a job of it inherits."""
    command = ["sh", "-c", 'exec "$0" -m posinfo config --output mine.yaml >&-', sys.executable]
    done = subprocess.run(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "mine.yaml").read_text() == render_config()


@pytest.mark.parametrize("name", ["L1-k3-p0-all", "L3-k3-p0-all", "L1-k7-p0-all", "L1-k3-p0-f5", "L1-k3-p2-all"])
def test_readout_names_parse_back(name: str) -> None:
    assert Readout.parse(name).name == name


@pytest.mark.parametrize("name", ["L1-k4-p0-all", "L0-k3-p0-all", "L1-k3-all", "L1-k3-p0-", "l1-k3-p0-all"])
def test_other_readout_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        Readout.parse(name)


def test_a_readout_of_an_unknown_stage_is_refused() -> None:
    with pytest.raises(InputError, match="f1, f2, or all"):
        Readout.parse("L1-k3-p0-f9").stages_read(["f1", "f2"])


def test_a_job_reads_only_what_its_rule_passes() -> None:
    job = load_passed('{"seeds": [5], "own": {}}')
    assert job.seeds == [5]
    with pytest.raises(RuntimeError, match="'training', which its rule does not pass"):
        _ = job.training
    for name in NAMES:
        settings = experiment(name).settings
        if settings:
            with pytest.raises(RuntimeError, match=f"'{name}', which its rule does not pass"):
                job.section(settings)


def test_what_is_passed_is_what_the_run_says() -> None:
    run = load_config({"seeds": [7], "models": {"VGG": "squeezenet"}})
    job = load_passed(json.dumps(run.values("models", "seeds", "own")))
    assert job.models == run.models != Models()
    assert job.seeds == [7]


def test_every_experiment_can_be_left_out() -> None:
    run = load_config({"experiments": []})
    assert run.switched_on == {}
    assert "tasks:" in render_config()


@pytest.mark.parametrize("none", [None, "null"])
def test_a_model_can_be_taken_out_on_the_command_line(none: str | None) -> None:
    assert load_config({"models": {"VGG_as_released": none}}).models.of_vgg == {"VGG": "vgg16"}


def test_results_of_another_ground_truth_lie_apart() -> None:
    assert load_config({"patterns": "released"}).results == "results/released"
    thousand = load_config({"patterns": "released", "results": "results/thousand"})
    assert thousand.results == "results/thousand/released"
    assert load_config(thousand.values()).results == thousand.results  # as a job reads it
    assert load_config({"results": "results/thousand"}).results == "results/thousand"


def test_an_own_run_shows_its_network_beside_random_weights() -> None:
    run = load_config(yaml.safe_load((ROOT / "workflow/configs/own.yaml").read_text()))
    assert list(shown.tables(run)) == list(shown.figures(run)) == ["atlas"]
    random = {f"my-resnet-random-{draw}" for draw in range(3)}
    assert {cell.encoder for cell in shown.all_cells(run)} == {"my-resnet"} | random
    assert shown.claim_files(run) == []
