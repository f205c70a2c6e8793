"""Networks as people hold them in memory are read as they compute, or refused in a line."""

import warnings
from collections.abc import Callable

import pytest
import torch
from posinfo.encoders.reading.in_memory import own_copy, redrawn
from posinfo.encoders.reading.tapped import tapped
from posinfo.encoders.taps import stages, taps
from posinfo.store.errors import InputError
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm
from torchvision.models import resnet18, vit_b_16
from torchvision.ops import FrozenBatchNorm2d

IMAGE = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))


def layers() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3, 8, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3, 2, padding=1))


def changed(change: Callable[[nn.Module], object]) -> nn.Module:
    """The layers after a change of the first, and after a pass that computes its weights."""
    network = layers()
    change(network[0])
    network(IMAGE)
    return network


class Whole(nn.Module):
    """A network around others, with a plain tensor that no device move reaches."""

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.head = head
        self.mean = torch.full((1, 3, 1, 1), 0.5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = self.head(self.body(images - self.mean))
        return values


def lazy() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, 8), nn.LazyConv2d(6, 3, 2))


def run_once(network: nn.Module) -> nn.Module:
    network(IMAGE)
    return network


KINDS: dict[str, Callable[[], nn.Module]] = {
    "weight norm, by a hook": lambda: changed(weight_norm),
    "weight norm, parametrised": lambda: changed(parametrizations.weight_norm),
    "spectral norm": lambda: changed(spectral_norm),
    "pruned": lambda: changed(lambda layer: prune.l1_unstructured(layer, "weight", 0.5)),  # type: ignore
    "lazy, after a pass": lambda: run_once(lazy()),
    "a plain tensor": lambda: Whole(layers(), nn.Conv2d(6, 6, 3)),
    "data parallel": lambda: nn.DataParallel(layers()),
    "compiled": lambda: torch.compile(layers()),  # type: ignore
    "wrapped inside": lambda: Whole(nn.DataParallel(layers()), torch.compile(nn.Conv2d(6, 6, 3))),  # type: ignore
    "scripted inside": lambda: Whole(torch.jit.script(layers()), nn.Conv2d(6, 6, 3)),
    "double precision": lambda: layers().double(),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_the_last_stage_is_what_the_network_computes(kind: str) -> None:
    torch.manual_seed(0)
    theirs = KINDS[kind]().eval()
    before = {name: values.clone() for name, values in theirs.state_dict().items()}
    ours = own_copy(theirs)
    chosen = stages(taps(ours))
    eager = theirs.float() if kind == "double precision" else theirs
    with torch.inference_mode(), torch.compiler.set_stance("force_eager"):
        maps = tapped(ours, chosen)(IMAGE)
        torch.testing.assert_close(maps[f"f{len(chosen)}"], eager(IMAGE))
    for name, values in theirs.state_dict().items():
        torch.testing.assert_close(values, before[name], check_dtype=False)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_in_float32_and_said(dtype: torch.dtype) -> None:
    with pytest.warns(UserWarning, match=f"Sequential is read in float32; it has {dtype}"):
        ours = own_copy(layers().to(dtype))
    assert tapped(ours, {"f1": "2"})(IMAGE)["f1"].dtype == torch.float32
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own_copy(layers())


class TwoInputs(nn.Module):
    def forward(self, images: torch.Tensor, masks: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        return images * masks * scale


def replaced() -> nn.Module:
    """The layers, in which a function around the forward of the first took its place."""
    network = layers()
    forward = network[0].forward
    network[0].forward = lambda images: forward(images / 2)
    return network


class Broken(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        raise KeyError(f"{len(images)} layers\nin two lines")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda: "torchvision/resnet18", "the network is a str, not a torch module; build it first"),
        (lambda: layers().state_dict(), "the network is a OrderedDict, not a torch module"),
        (lambda: TwoInputs(), r"TwoInputs takes 2 inputs \(images, masks\); posinfo gives one"),
        (lazy, "Sequential is lazy: 1.weight has no shape yet; run the network on one image first"),
        (lambda: layers().to("meta"), "Sequential: 0.weight has a shape but no values"),
        (lambda: torch.jit.script(layers()), "scripted, so nothing inside it can be read; give the module"),
        (lambda: torch.jit.trace(layers(), IMAGE), "scripted, so nothing inside it can be read"),  # type: ignore
        (
            replaced,
            "Sequential: a function took the place of forward of 0, and reads other layers than those of a copy",
        ),
        (lambda: Broken(), "Broken reads no RGB images of 224x224"),
        (lambda: nn.Sequential(nn.Conv2d(1, 3, 3)), "reads no RGB images of 224x224: .* to have 1 channels"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(given: Callable[[], nn.Module], words: str) -> None:
    with pytest.raises(InputError, match=words) as raised:
        taps(own_copy(given()))
    assert "\n" not in str(raised.value)


def test_random_weights_are_drawn_for_every_layer() -> None:
    network = resnet18().requires_grad_(False)
    for values in (*network.parameters(), *network.buffers()):
        values.fill_(7)
    state = torch.random.get_rng_state()
    drawn, again, other = (redrawn(network, seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(state, torch.random.get_rng_state())
    assert not any((values == 7).any() for name, values in drawn.items())
    assert all(torch.equal(values, again[name]) for name, values in drawn.items())
    assert not torch.equal(drawn["conv1.weight"], other["conv1.weight"])
    kaiming = (2 / (512 * 9)) ** 0.5  # fan out, as torchvision draws a ResNet
    assert float(drawn["layer4.0.conv2.weight"].std()) == pytest.approx(kaiming, rel=0.01)
    assert set(drawn["bn1.running_var"].tolist()) == {1}
    assert all((values == 7).all() for values in network.parameters())


def pruned(layer: nn.Module) -> None:
    prune.RandomUnstructured.apply(layer, "weight", 0.5)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), FrozenBatchNorm2d(4)), r"1\.running_mean belongs to no layer"),
        (lambda: changed(parametrizations.weight_norm), r"0\.parametrizations\.weight\.original0 belongs to no"),
        (lambda: changed(weight_norm), r"0\.weight_g belongs to no layer"),
        (lambda: changed(pruned), r"0\.weight_orig belongs"),
        (lambda: vit_b_16(), "class_token belongs to no layer"),
    ],
)
def test_weights_that_no_layer_draws_are_named(network: Callable[[], nn.Module], words: str) -> None:
    with pytest.raises(InputError, match=words):
        redrawn(own_copy(network()), 0)
