"""The networks: torch modules without weights, cut after the last stage anyone taps, and how stages are tapped."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import nn
from torch.nn import functional
from torchvision.models import squeezenet1_1, vgg16
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names
from torchvision.models.vgg import make_layers

from posinfo.encoders import model_zoos
from posinfo.encoders.efficientnet import EfficientNetLite0
from posinfo.encoders.grids import Tapped
from posinfo.store.errors import InputError, unknown

Weights = dict[str, torch.Tensor]
Padding = Literal["zeros", "none", "reflect", "replicate", "circular"]


class Pixels(nn.Module):
    """No encoder at all: the picture itself. The paper's "PosENet alone"."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Identity()

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """[batch, 3, side, side], unchanged."""
        maps: torch.Tensor = self.image(pictures)
        return maps


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions and a shortcut; the stride sits on the first 1x1, as in Caffe's ResNet.

    Batch norm is folded into the convolutions.
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, stride)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv3 = nn.Conv2d(width, 4 * width, 1)
        changes = stride != 1 or channels != 4 * width
        self.shortcut = nn.Conv2d(channels, 4 * width, 1, stride) if changes else nn.Identity()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """[batch, channels, side, side] to [batch, 4 width, side / stride, side / stride]."""
        inner = functional.relu(self.conv2(functional.relu(self.conv1(maps))))
        return functional.relu(self.conv3(inner) + self.shortcut(maps))


def _stage(channels: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(channels, width, stride)
    return nn.Sequential(first, *(Bottleneck(4 * width, width, 1) for _ in range(blocks - 1)))


class ResNet50Thin(nn.Module):
    """ResNet-50 at half the width (stages 3-4-6-3; 128, 256, 512, 1024 channels), as in Yahoo's open_nsfw.

    The max pooling repeats the last row and column instead of padding on all sides.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3)
        self.edge = nn.ReplicationPad2d((0, 1, 0, 1))
        self.pool = nn.MaxPool2d(3, 2)
        self.layer1 = _stage(64, 32, blocks=3, stride=1)
        self.layer2 = _stage(128, 64, blocks=4, stride=2)
        self.layer3 = _stage(256, 128, blocks=6, stride=2)
        self.layer4 = _stage(512, 256, blocks=3, stride=2)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """[batch, 3, 224, 224] to the last stage, [batch, 1024, 7, 7]."""
        maps: torch.Tensor = self.pool(self.edge(functional.relu(self.conv1(pictures))))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            maps = stage(maps)
        return maps


def _vgg16() -> nn.Module:
    return nn.Sequential(OrderedDict(features=vgg16(weights=None).features[:30]))


def _slim_vgg16(divisor: int) -> Callable[[], nn.Module]:
    """VGG16 with that part of its channels, for training where VGG16 itself would take too long."""

    def built() -> nn.Module:
        blocks = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
        plan = [step for width, count in blocks for step in (*[width // divisor] * count, "M")]
        return nn.Sequential(OrderedDict(features=make_layers(plan)[:30]))

    return built


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "pixels": Pixels,
    "vgg16": _vgg16,
    "vgg16-half": _slim_vgg16(2),
    "vgg16-quarter": _slim_vgg16(4),
    "vgg16-eighth": _slim_vgg16(8),
    "resnet50-thin": ResNet50Thin,
    "squeezenet": squeezenet1_1,
    "efficientnet-lite0": EfficientNetLite0,
}


def _built(name: str) -> nn.Module:
    return (ARCHITECTURES[name]() if name in ARCHITECTURES else model_zoos.build(name)).eval()


def empty_architecture(name: str) -> nn.Module:
    """The architecture on the meta device: shapes without memory, for `load_state_dict(..., assign=True)`.

    Raises:
        InputError: for an unknown name.
    """
    if name not in ARCHITECTURES and "/" not in name:
        raise InputError(f"{unknown('architecture', name, ARCHITECTURES)}; or torchvision/NAME, or timm/NAME")
    try:
        with torch.device("meta"):
            return _built(name)
    except NotImplementedError:  # RegNet computes its widths with tensors, which needs their values
        return _built(name).to("meta")


def with_weights(architecture: str, weights: Weights, what: str) -> nn.Module:
    """The frozen network with these weights; `what` names them in an error.

    Raises:
        InputError: when names or shapes do not match strictly, or a value is not finite.
    """
    model = empty_architecture(architecture)
    if differences := misfits(model.state_dict(), weights):
        raise InputError(f"{what} do not fit the architecture {architecture}: {differences}")
    model.load_state_dict(weights, strict=True, assign=True)
    broken = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise InputError(f"{what} hold values that are not finite: {', '.join(broken[:3])}")
    if any(buffer.is_meta for buffer in model.buffers()):
        # What a network computes when it is made and does not store (Swin: which offset two places have).
        constants = dict(_built(architecture).named_buffers())
        for name, buffer in model.named_buffers():
            if buffer.is_meta:
                module, _, last = name.rpartition(".")
                model.get_submodule(module).register_buffer(last, constants[name], persistent=False)
    return model.requires_grad_(False)


def misfits(wanted: Mapping[str, torch.Tensor], weights: Weights) -> str:
    """Which tensors of `weights` are not those of a network, in words: at most three of a kind; empty if all fit."""
    shapes = [
        f"{name} ({list(weights[name].shape)}, not {list(tensor.shape)})"
        for name, tensor in wanted.items()
        if name in weights
        and weights[name].shape not in (tensor.shape, tensor.shape or (1,))  # numbers are stored as [1]
    ]
    kinds = {
        "missing": [name for name in wanted if name not in weights],
        "unexpected": sorted(name for name in weights if name not in wanted),
        "of another shape": shapes,
    }
    return "; ".join(
        f"{len(names)} {kind}: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
        for kind, names in kinds.items()
        if names
    )


def with_padding(model: nn.Module, padding: Padding) -> nn.Module:
    """The same network and weights with another padding of every convolution.

    Args:
        padding: `zeros` (as built), `none` (maps shrink), or `reflect`, `replicate`, `circular` of the same width.

    Raises:
        InputError: when the network pads outside its convolutions, so that changing them would not change its padding.
    """
    if padding == "zeros":
        return model
    for module in model.modules():
        if isinstance(module, nn.ZeroPad2d):
            raise InputError(f"padding {padding!r}: this network pads outside its convolutions; only zeros is possible")
        if isinstance(module, nn.Conv2d) and padding == "none":
            # What torch prepares for the other modes has to be zeroed as well.
            module.padding, module._reversed_padding_repeated_twice = (0, 0), [0, 0, 0, 0]
        elif isinstance(module, nn.Conv2d) and padding != "none":
            module.padding_mode = padding
    return model


def fitted(maps: torch.Tensor, how: Literal["crop", "resize"], side: int) -> torch.Tensor:
    """Maps [batch, C, h, h] cut or resized to [batch, C, side, side], to tell loss of padding from loss of map size.

    Args:
        how: `crop` keeps the centre, `resize` is bilinear with antialiasing.
    """
    if how == "crop":
        start = (maps.shape[-1] - side) // 2
        return maps[..., start : start + side, start : start + side]
    return functional.interpolate(maps, side, mode="bilinear", antialias=True)


def nodes_of(model: nn.Module) -> list[str]:
    """The names of the traced network's nodes, in the order of computation.

    Raises:
        InputError: when what the network computes depends on the values, so that it cannot be traced.
    """
    try:
        nodes: list[str] = get_graph_node_names(model, suppress_diff_warning=True)[1]
    except Exception as error:  # a network is anybody's code: tracing it may raise anything
        raise InputError(f"{type(model).__name__} cannot be traced, so it has no taps: {error}") from None
    return nodes


def tapped(model: nn.Module, taps: dict[str, str]) -> Tapped:
    """A module that maps pictures to {stage: map} in one forward pass and computes nothing past the last tap.

    Args:
        taps: stage name to the name of a node of the traced network, such as `features.3`.

    Raises:
        InputError: when the network has no such node.
    """
    nodes = nodes_of(model)
    for node in taps.values():
        if not any(name == node or name.startswith(f"{node}.") for name in nodes):
            raise InputError(unknown("tap", node, nodes))
    extractor: nn.Module = create_feature_extractor(
        model, return_nodes={node: stage for stage, node in taps.items()}, suppress_diff_warning=True
    )
    return Tapped(extractor, dict(taps))
