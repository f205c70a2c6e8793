"""Every layer that pads does so in another way, whoever calls it; what cannot be changed is refused by its name."""

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from posinfo.encoders.reading.padding import PADDINGS, Padding
from posinfo.encoders.reading.tapped import tapped
from posinfo.store.errors import InputError
from torch import nn
from torch.nn import functional
from torchvision.models.inception import InceptionA
from torchvision.ops import DeformConv2d

OTHER: tuple[Padding, ...] = ("reflect", "replicate", "circular")
SIDE = 16


class Calls(nn.Module):
    """Calls a function with a 3x3 kernel of its own, after a convolution without padding."""

    def __init__(self, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.kernel = nn.Parameter(torch.randn(4, 4, 3, 3))
        self.function = function

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.function(self.first(images), self.kernel)


def padded_at_the_end(maps: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """As Swin pads its maps with channels last."""
    last = functional.pad(maps.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    return functional.conv2d(last.permute(0, 3, 1, 2), kernel)


def as_columns(maps: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    columns = kernel.flatten(1) @ functional.unfold(maps, 3, padding=1)
    return columns.reshape(maps.shape)


PADDED: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "conv2d": lambda maps, kernel: functional.conv2d(maps, kernel, padding=1),
    "named": lambda maps, kernel: functional.conv2d(input=maps, weight=kernel, padding=(1, 1)),
    "same": lambda maps, kernel: torch.conv2d(maps, kernel, padding="same"),
    "dilated": lambda maps, kernel: functional.conv2d(maps, kernel, padding="same", dilation=2),
    "average": lambda maps, _: functional.avg_pool2d(maps, 3, 1, 1),
    "maximum": lambda maps, _: functional.max_pool2d(maps, 3, 1, 1),
    "pad": lambda maps, kernel: functional.conv2d(functional.pad(maps, (1, 1, 1, 1)), kernel),
    "channels last": padded_at_the_end,
    "unfold": as_columns,
}


def layers() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    modules: dict[str, nn.Module] = {
        "Conv2d": nn.Conv2d(3, 4, 3, padding=1),
        "ZeroPad2d": nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(3, 4, 3)),
        "other mode": nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
        "pools": nn.Sequential(nn.Conv2d(3, 4, 1), nn.AvgPool2d(3, 1, 1), nn.MaxPool2d(3, 1, 1)),
        "InceptionA": InceptionA(3, 4).eval(),
    }
    return modules | {name: Calls(function) for name, function in PADDED.items()}


def read(model: nn.Module, padding: Padding, image: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    monkeypatch.setattr("posinfo.encoders.reading.tapped.IMAGE_SIDE", SIDE)
    with torch.inference_mode():
        maps: torch.Tensor = tapped(nn.Sequential(model).eval(), {"f1": "0"}, padding)(image)["f1"]
    return maps


@pytest.mark.parametrize("name", layers())
def test_circular_maps_move_with_the_image(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = layers()[name]
    image = torch.randn(1, 3, SIDE, SIDE)
    moved, still = (read(model, "circular", given, monkeypatch) for given in (image.roll((3, 5), (2, 3)), image))
    torch.testing.assert_close(moved, still.roll((3, 5), (2, 3)), rtol=1e-4, atol=1e-5)
    assert still.shape == model(image).shape


@pytest.mark.parametrize("name", layers())
@pytest.mark.parametrize("padding", OTHER)
def test_an_even_grey_gives_even_maps(name: str, padding: Padding, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = read(layers()[name], padding, torch.full((1, 3, SIDE, SIDE), 2.0), monkeypatch)
    torch.testing.assert_close(maps, maps[..., :1, :1].expand_as(maps), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in layers() if name != "InceptionA"])
def test_without_padding_the_inside_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = layers()[name].eval()
    image = torch.randn(1, 3, SIDE, SIDE)
    if name == "unfold":
        with pytest.raises(InputError, match=r"padding 'none' of Sequential: in 0 \(Calls\), "):
            read(model, "none", image, monkeypatch)
        return
    maps = read(model, "none", image, monkeypatch)
    lost = (SIDE - maps.shape[-1]) // 2
    assert lost == (2 if name in ("dilated", "pools") else 1)
    torch.testing.assert_close(maps, model(image)[..., lost:-lost, lost:-lost], rtol=1e-4, atol=1e-5)


def test_channels_that_are_added_stay_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortcuts of small ResNets."""
    model = Calls(lambda maps, _: functional.pad(maps, (0, 0, 0, 0, 0, 2)))
    model.first = nn.Conv2d(3, 4, 3, padding=1)
    maps = read(model, "circular", torch.randn(1, 3, SIDE, SIDE), monkeypatch)
    assert maps.shape == (1, 6, SIDE, SIDE)
    assert float(maps[:, 4:].abs().max()) == 0


class Sum(nn.Module):
    """A block with a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.layer(images)
        return maps + images


class Placed(nn.Module):
    """Adds an embedding of positions."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)
        self.positions = nn.Parameter(torch.randn(1, 3, SIDE, SIDE))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.layer(images)
        return maps + 10 * self.positions


class Deformed(nn.Module):
    """Pads inside a function that torch has no part in, after a layer that can be changed."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)
        self.deformed = DeformConv2d(3, 4, 3, padding=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.layer(images)
        values: torch.Tensor = self.deformed(maps, maps.new_zeros(len(maps), 18, SIDE, SIDE))
        return values


@pytest.mark.parametrize(
    ("model", "padding", "words"),
    [
        (Sum, "none", r"in 0 \(Sum\), maps whose sides differ are added or joined: .*14.*16.*; use padding: zeros"),
        (Placed, "circular", r"not constant, because of 0 \(Placed\); use padding: zeros"),
        (Deformed, "reflect", r"not constant, because of 0.deformed \(DeformConv2d\); use"),
        (Deformed, "none", r"in 0.deformed \(DeformConv2d\), "),
        (lambda: nn.Conv2d(3, 4, 3), "circular", "changes nothing, since no layer pads; leave it out"),
        (lambda: nn.Conv2d(3, 4, 3), "none", "changes nothing, since no layer pads; leave it out"),
        (lambda: torch.jit.script(nn.Conv2d(3, 4, 3, padding=1)), "circular", "changes nothing"),
        (lambda: nn.Conv2d(3, 4, 35, padding=17), "reflect", r"in 0 \(Conv2d\), "),
    ],
)
def test_what_is_in_the_way_is_named_in_a_line(
    model: Callable[[], nn.Module], padding: Padding, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=words) as raised:
        read(model(), padding, torch.zeros(1, 3, SIDE, SIDE), monkeypatch)
    assert "\n" not in str(raised.value)


def test_convolutions_that_standardise_their_weights_change() -> None:
    """They call `conv2d` themselves; their variants were the zero-padded maps byte for byte."""
    model: Any = timm.create_model("test_nfnet").eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        zeros, *others = (tapped(model, {"f1": "stem"}, padding)(image)["f1"] for padding in ("zeros", *OTHER))
    assert all(float((other - zeros).abs().max()) > 1e-2 for other in others)


def test_every_variant_is_tried() -> None:
    assert set(PADDINGS) == {"none", *OTHER}
