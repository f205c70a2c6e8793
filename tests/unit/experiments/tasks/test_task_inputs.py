"""What the experiment's files are made from: sets, saved steps, weights to start from; and its section's mistakes."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from posinfo.encoders.steps import weights_file
from posinfo.experiments.tasks import EXPERIMENT, inputs
from posinfo.experiments.tasks.settings import Tasks
from posinfo.run.config import RunConfig, load_config
from posinfo.store.errors import InputError
from pydantic import ValidationError

RUN = load_config({})


def configured(name: str) -> RunConfig:
    return load_config(yaml.safe_load((ROOT / f"workflow/configs/{name}.yaml").read_text()))


def test_steps_are_saved_where_the_registry_names_them() -> None:
    run = configured("thousand")
    steps = {step: f"vgg16-saliency-step-{step}" for step in (30, 100, 300)}
    assert inputs.saved_steps(run, "vgg16-saliency") == steps
    assert inputs.checkpoints_by_step(run, "vgg16-saliency") == {0: "vgg16", **steps, 500: "vgg16-saliency"}
    assert inputs.checkpoints_by_step(run, "vgg16-saliency-nopad") == {0: "vgg16-nopad", 500: "vgg16-saliency-nopad"}
    from_random = inputs.checkpoints_by_step(run, "vgg16-saliency-from-random")
    assert from_random == {0: "vgg16-random-0", 500: "vgg16-saliency-from-random"}
    short = load_config({"tasks": {"tuning": {"epochs": 1, "images": 60}}})
    assert list(inputs.checkpoints_by_step(short, "vgg16-saliency")) == [0, 30]  # 30 is the last step


def test_a_training_is_told_the_file_that_it_starts_from() -> None:
    assert inputs.start_of(RUN, "vgg-slim-saliency") == []
    assert inputs.start_file(RUN, "vgg-slim-saliency", []) == []
    assert inputs.start_of(RUN, "vgg16-saliency-nopad") == ["vgg16"]
    assert inputs.start_file(RUN, "vgg16-saliency-nopad", ["w.safetensors"]) == ["w.safetensors"]


def test_weights_of_a_step_lie_in_the_directory_of_steps() -> None:
    assert weights_file(Path("e/a.steps"), 30) == Path("e/a.steps/step-30.safetensors")
    assert weights_file(Path("e/a.safetensors"), None) == Path("e/a.safetensors")


def test_compositions_are_made_of_the_runs_photographs() -> None:
    assert inputs.training_files(RUN, "vgg-slim-saliency") == ["results/images/photos-train.npy"]
    assert inputs.held_out_options(RUN, "vgg-slim-saliency") == ["--test", "results/images/photos-test.npy"]
    assert inputs.sets_with_masks(RUN) == []


def test_sets_with_masks_come_with_lists_and_sidecars() -> None:
    run = configured("camvid")
    folder = run.results
    assert EXPERIMENT.image_sets(run) == ["camvid-train", "camvid-val", "camvid-test"]
    assert inputs.training_files(run, "vgg16-segmentation") == [
        f"{folder}/images/camvid-train.npy",
        f"{folder}/masks/camvid-train.npy",
    ]
    sets = ("camvid-train", "camvid-val", "camvid-test")
    expected = {f"{folder}/images/{name}.{suffix}" for name in sets for suffix in ("npy", "csv", "json")}
    expected |= {f"{folder}/masks/{name}.{suffix}" for name in sets for suffix in ("npy", "json")}
    found = inputs.examples(run, "vgg16-segmentation")
    assert set(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("encoder", "task", "words"),
    [
        ("vgg16", None, "'vgg16' is not trained here; those that are: .*vgg16-saliency"),
        ("vgg16-saliency-step-30", None, "not trained here"),
        ("vgg16-segmentation", "saliency", "not trained here for saliency; those that are: .*vgg16-saliency"),
        ("vgg61", None, "unknown encoder 'vgg61'"),
    ],
)
def test_encoders_that_are_not_trained_here_are_named(encoder: str, task: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        inputs.trained_encoder(RUN, encoder, task)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"beside": ["vgg-slim-saliency"]}, "vgg-slim-saliency is a duplicate entry"),
        ({"saliency": "vgg16"}, "saliency: vgg16 is not trained for saliency"),
        ({"saliency_without_padding": "vgg16-saliency"}, "has padding zeros; name an encoder with padding: none"),
        ({"beside": ["vgg61"]}, "did you mean 'vgg16'"),
        ({"saliency_sets": {"tests": ["compositions", "compositions"]}}, "compositions is a duplicate entry"),
        ({"saliency_sets": {"train": "ecssd", "tests": ["ecssd"]}}, "both learned from and tested on"),
        ({"saliency_sets": {"train": "photos-train"}}, "has no masks"),
        ({"tuning": {"lr_boddy": 1}}, "lr_boddy"),
    ],
)
def test_mistakes_of_the_section_are_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Tasks.model_validate(values)


@pytest.mark.parametrize("kind", ["tables", "figures"])
def test_each_table_and_figure_has_a_caption(kind: str) -> None:
    captions = yaml.safe_load((EXPERIMENT.folder / "captions.yaml").read_text())
    assert set(getattr(EXPERIMENT, kind)) <= set(captions)
    assert set(captions) == {*EXPERIMENT.tables, *EXPERIMENT.figures}
    assert "vgg-slim-saliency" in captions["table5a"].format(**EXPERIMENT.encoders(RUN), seeds=3)


def test_claims_name_its_measurement_and_its_encoders() -> None:
    claims = {claim["name"]: claim for claim in yaml.safe_load((EXPERIMENT.folder / "claims.yaml").read_text())}
    compared = claims["tasks-need-padding"]
    assert set(compared["each"]) | set(compared["rises"][0]) == set(EXPERIMENT.measurements[compared["measured"]].keys)
    roles = EXPERIMENT.encoders(RUN)
    named = [part["encoder"].format(**roles) for part in claims["tasks-in-order"]["rises"]]
    assert named == ["vgg-slim-classification", "vgg-slim-saliency", "vgg-slim-segmentation"]


def test_published_numbers_lie_in_the_folder() -> None:
    published = [table.published for table in EXPERIMENT.tables.values() if table.published]
    assert {path.name for path in published} == {"table5a_saliency.csv", "table5b_segmentation.csv", "table6_tasks.csv"}
    assert all(path.is_file() and path.is_relative_to(EXPERIMENT.folder) for path in published)
