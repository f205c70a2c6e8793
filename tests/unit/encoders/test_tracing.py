"""What a tap gives is the value when it is computed, whatever else is read or computed after it."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import timm
import torch
from posinfo.encoders.architectures import tapped
from posinfo.encoders.tracing import Trace, kept
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
    trace = Trace(model)
    hooked: dict[str, torch.Tensor] = {}

    def record(module: nn.Module, _: Any, output: Any) -> None:
        hooked.setdefault(places[module], kept(output))

    places = {module: place for place, module in model.named_modules()}
    hooks = [module.register_forward_hook(record) for module in places]
    with torch.inference_mode():
        model(image)
        for hook in hooks:
            hook.remove()
        together = trace.reader({node: node for node in trace.nodes}, kept)(image)
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
