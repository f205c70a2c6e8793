"""What a tap gives is the value when it is computed, whatever else is read or computed after it."""

from collections.abc import Callable, Iterator
from functools import partial
from types import MethodType
from typing import Any

import pytest
import timm
import torch
from posinfo.encoders.architectures import empty_architecture
from posinfo.encoders.reading.in_memory import own_copy
from posinfo.encoders.reading.tapped import kept, tapped
from posinfo.encoders.reading.tracing import TracedNetwork
from posinfo.encoders.taps import stages, taps
from posinfo.store.errors import InputError
from torch import nn
from torchvision import models

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "vgg11": lambda: models.vgg11(init_weights=False),
    "resnet18": models.resnet18,
    "densenet": lambda: models.DenseNet(8, (2, 2, 2), 16),
    "squeezenet1_1": models.squeezenet1_1,
    "mobilenet_v3_small": models.mobilenet_v3_small,
    "mnasnet0_5": models.mnasnet0_5,
    "regnet_y_400mf": models.regnet_y_400mf,
    **{
        name: partial(timm.create_model, name)
        for name in ("resnet10t", "test_convnext", "test_efficientnet", "test_mambaout", "test_resnet")
    },
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they save on maps this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_tap_alone_equals_all_taps_together(name: str) -> None:
    torch.manual_seed(0)
    model = NETWORKS[name]().eval()
    image = torch.randn(1, 3, 32, 32)
    trace = TracedNetwork(model)
    hooked: dict[str, torch.Tensor] = {}

    def record(module: nn.Module, _: Any, output: Any) -> None:
        hooked.setdefault(places[module], kept(output))

    places = {module: place for place, module in model.named_modules()}
    hooks = [module.register_forward_hook(record) for module in places]
    with torch.inference_mode():
        model(image)
        for hook in hooks:
            hook.remove()
        together = trace.reader({node: node for node in trace.names}, kept)(image)
        assert len(together) > 20
        for node, values in together.items():
            alone = trace.reader({node: node}, kept)(image)[node]
            torch.testing.assert_close(alone, values, rtol=0, atol=0)
            torch.testing.assert_close(hooked.get(node, values), values, rtol=0, atol=0)


def test_a_tap_before_a_relu_in_place_keeps_its_negative_values() -> None:
    model = models.vgg11(init_weights=False).eval()
    with torch.inference_mode():
        maps = tapped(model, {"f1": "features.0", "f2": "features.3"})(torch.randn(1, 3, 32, 32))
    assert float(maps["f1"].min()) < 0


class _Written(nn.Module):
    """Writes into its maps without using what the writing returns, and returns the first of two results."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = images * 2
        maps.mul_(3)
        larger = maps + 1
        maps.neg()
        return larger


def test_what_is_written_without_use_is_part_of_the_network() -> None:
    image = torch.rand(1, 3, 8, 8)
    model = nn.Sequential(_Written(), nn.Identity())
    maps = tapped(model, {"double": "0.mul", "larger": "0.add", "module": "0", "last": "1"})(image)
    torch.testing.assert_close(maps["double"], image * 2)
    for stage in ("larger", "module", "last"):
        torch.testing.assert_close(maps[stage], image * 6 + 1)


READ = {  # networks whose modules return several values, whose heads are called in parts, or that cannot be traced
    "timm/tnt_s_legacy_patch16_224": [(384, 14)] * 4,
    "timm/pit_ti_224": [(64, 27), (128, 14), (256, 7)],
    "timm/selecsls42": [(32, 112), (64, 56), (144, 28), (304, 14)],
    "timm/poolformer_s12": [(64, 56), (128, 28), (320, 14), (512, 7)],
    "timm/csatv2": [(3, 224), (32, 28), (72, 14), (168, 7), (386, 3)],
    "timm/mobilevit_xxs": [(16, 112), (24, 56), (48, 28), (64, 14), (320, 7)],
}


@pytest.mark.parametrize("name", READ)
def test_what_is_listed_is_what_is_read(name: str) -> None:
    model = empty_architecture(name)
    found = {tap.name: (tap.channels, tap.side) for tap in taps(model)}
    with torch.inference_mode():
        maps = tapped(model, {tap: tap for tap in found})(torch.empty(2, 3, 224, 224, device="meta"))
    assert {tap: (values.shape[1], values.shape[2]) for tap, values in maps.items()} == found
    assert [found[tap] for tap in stages(taps(model)).values()] == READ[name]


class Branching(nn.Module):
    """Its operations depend on its values."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 3, 3, 2), nn.ReLU(inplace=True))
        self.never = nn.Conv2d(3, 3, 3)
        self.ended = False

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.layers(images if images.sum() > 0 else -images)
        self.ended = True
        return maps


class Asking(nn.Module):
    """Asks whether its images are a tensor, which what stands for them in a trace is not."""

    def __init__(self, scales: bool) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, 2)
        self.scales = scales

    def forward(self, images: Any) -> torch.Tensor:
        if not isinstance(images, torch.Tensor):
            images = images if self.scales else images["image"]
        elif self.scales:
            images = images * 255
        maps: torch.Tensor = self.layer(images)
        return maps


class Drawing(nn.Module):
    """Adds noise to each image, which a trace would draw once for all."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, 2)
        self.second = nn.Conv2d(3, 3, 3, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.second(self.first(images) + torch.rand(1))
        return maps


def half_as_bright(network: nn.Module, how: str) -> nn.Module:
    """A network of a zoo that halves its images, by a hook or by a forward of its own."""
    if how == "hook":
        network.register_forward_pre_hook(lambda _, images: (images[0] / 2,))
    else:
        network.forward = MethodType(lambda self, images: type(self).forward(self, images / 2), network)
    return network


@pytest.mark.parametrize("how", ["hook", "forward"])
def test_what_is_changed_in_a_network_of_a_zoo_is_read(how: str) -> None:
    network = models.squeezenet1_1(weights=None).eval()
    plain = network.features[:2]
    image = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        read = tapped(own_copy(half_as_bright(network, how)), {"f1": "features.1"})(image)["f1"]
        torch.testing.assert_close(read, plain(image / 2))


@pytest.mark.parametrize("model", [Asking(scales=True), Asking(scales=False)])
def test_a_network_that_asks_what_it_is_given_is_read_as_it_computes(model: nn.Module) -> None:
    image = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        assert [tap.name for tap in taps(model)] == ["layer"]
        torch.testing.assert_close(tapped(model, {"f1": "layer"})(image)["f1"], model(image))


def test_a_network_that_draws_draws_for_each_image() -> None:
    with pytest.warns(UserWarning, match="tap 'second' gives other values at each call"):
        reader = tapped(Drawing(), {"f1": "second"})
    image = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        assert not torch.equal(reader(image)["f1"], reader(image)["f1"])


def test_a_network_that_cannot_be_traced_is_read_at_modules() -> None:
    model = Branching()
    image = torch.rand(1, 3, 16, 16)
    wanted = {"f1": "layers.0", "f2": "layers"}
    reader = tapped(model, wanted)
    model.ended = False
    with torch.inference_mode():
        maps = reader(image)
        assert not model.ended  # nothing is computed after the last tap
        torch.testing.assert_close(maps["f1"], model.layers[0](image))
        torch.testing.assert_close(maps["f2"], model.layers(image))
    assert float(maps["f1"].min()) < 0
    with pytest.raises(InputError, match=r"unknown tap 'layer'; .*did you mean 'layers'"):
        tapped(model, {"f1": "layer"})
    with pytest.raises(InputError, match="tap 'never' is never called"):
        tapped(Branching(), {"f1": "never", "f2": "layers.0"})(image)


class Keeping(nn.Module):
    """Keeps what it computes at its first call, as networks keep coordinates, and calls a block three times."""

    def __init__(self, branches: bool) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 3, 3, 2, padding=1), nn.ReLU())
        self.last = nn.Conv2d(3, 3, 3)
        self.branches = branches
        self.coordinates: torch.Tensor | None = None

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.block(images)
        if self.coordinates is None:
            self.coordinates = torch.linspace(0, 1, maps.shape[-1]).expand_as(maps[:1])
        if self.branches and images.sum() == 0:
            return maps
        maps = self.block(self.block(maps + self.coordinates))
        last: torch.Tensor = self.last(maps)
        return last


@pytest.mark.parametrize("branches", [False, True])
def test_a_network_that_keeps_what_it_computes_is_read(branches: bool) -> None:
    """With branches, it is kept when the trace has begun, and the network is read at its modules."""
    model = Keeping(branches).eval()
    image = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        maps = tapped(model, {"f1": "block", "f2": "last"})(image)
        torch.testing.assert_close(maps["f1"], model.block(image))  # at its first call
        torch.testing.assert_close(maps["f2"], model(image))


def test_what_is_read_is_the_network_itself_not_a_copy() -> None:
    """A network that is trained further is trained with its own modules, batch norms included."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4))
    reader = tapped(network, {"f1": "1"})
    network.train()
    reader(torch.ones(2, 3, 224, 224))
    assert network[1].num_batches_tracked == 1
