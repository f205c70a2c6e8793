"""The networks as torch modules: built without weights, and loaded."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.nn import functional
from torchvision.models import squeezenet1_1
from torchvision.models.vgg import cfgs, make_layers

from posinfo.encoders import model_zoos
from posinfo.encoders.efficientnet import efficientnet_lite0
from posinfo.registry.entries import ELSEWHERE
from posinfo.store.errors import InputError

Weights = dict[str, torch.Tensor]


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and a shortcut; the first 1x1 has the stride, as in Caffe's ResNet.

    Batch norm is folded into the convolutions.
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, stride)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv3 = nn.Conv2d(width, 4 * width, 1)
        changes_shape = stride != 1 or channels != 4 * width
        self.shortcut = nn.Conv2d(channels, 4 * width, 1, stride) if changes_shape else nn.Identity()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map [batch, channels, side, side] to [batch, 4 width, side / stride, side / stride]."""
        inner = functional.relu(self.conv2(functional.relu(self.conv1(maps))))
        return functional.relu(self.conv3(inner) + self.shortcut(maps))


def _stage(channels: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(channels, width, stride)
    return nn.Sequential(first, *(Bottleneck(4 * width, width, 1) for _ in range(blocks - 1)))


def _resnet50_thin() -> nn.Module:
    """ResNet-50 at half the width (stages 3-4-6-3; 128, 256, 512, 1024 channels), as in Yahoo's open_nsfw.

    Max pooling repeats the last row and column instead of padding all sides.
    """
    layers = OrderedDict(
        conv1=nn.Conv2d(3, 64, 7, 2, padding=3),
        relu=nn.ReLU(),
        edge=nn.ReplicationPad2d((0, 1, 0, 1)),
        pool=nn.MaxPool2d(3, 2),
        layer1=_stage(64, 32, blocks=3, stride=1),
        layer2=_stage(128, 64, blocks=4, stride=2),
        layer3=_stage(256, 128, blocks=6, stride=2),
        layer4=_stage(512, 256, blocks=3, stride=2),
    )
    return nn.Sequential(layers)


def _pixels() -> nn.Module:
    """No encoder: its one stage is the image itself. The paper's "PosENet alone"."""
    return nn.Sequential(OrderedDict(image=nn.Identity()))


def _vgg16(divisor: int = 1) -> nn.Module:
    """VGG16 up to its last ReLU; with its channels divided, for training where VGG16 would take too long."""
    layers = [width if isinstance(width, str) else width // divisor for width in cfgs["D"]]
    return nn.Sequential(OrderedDict(features=make_layers(layers)[:30]))


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "pixels": _pixels,
    "vgg16": _vgg16,
    "vgg16-eighth": partial(_vgg16, 8),
    "resnet50-thin": _resnet50_thin,
    "squeezenet": squeezenet1_1,
    "efficientnet-lite0": efficientnet_lite0,
}


def _build(name: str) -> nn.Module:
    model = ARCHITECTURES[name]() if name in ARCHITECTURES else model_zoos.build(name)
    return model.eval()


def empty_architecture(name: str) -> nn.Module:
    """Build the architecture on the meta device: shapes without memory, for `load_state_dict(..., assign=True)`.

    Raises:
        InputError: for an unknown name.
    """
    if name == ELSEWHERE:
        raise InputError("the encoder has `features` of another program, and no network that could be read here")
    if name not in ARCHITECTURES and "/" not in name:
        raise InputError(model_zoos.unknown_network("architecture", name, ARCHITECTURES))
    try:
        with torch.device("meta"):
            return _build(name)
    except NotImplementedError:  # RegNet computes its widths with tensors, whose values it needs
        return _build(name).to("meta")


def with_weights(architecture: str, weights: Weights, what: str) -> nn.Module:
    """Build the frozen network with these weights; `what` names them in an error.

    Raises:
        InputError: when names or shapes do not match strictly, or a value is not finite.
    """
    model = empty_architecture(architecture)
    versioned = OrderedDict(weights)
    # A network may refuse weights without its own version (MNASNet); torch keeps versions in this attribute.
    versioned._metadata = {"": model.state_dict()._metadata[""]}  # type: ignore[attr-defined]
    try:
        missing, unexpected = model.load_state_dict(versioned, strict=False, assign=True)
        misfits = [*_listed("missing", missing), *_listed("unexpected", sorted(unexpected))]
    except RuntimeError as error:  # some tensors have another shape; torch describes each on a line
        misfits = str(error).split("\n\t")[1:4]
    if misfits:
        raise InputError(f"{what} do not fit the architecture {architecture}: {'; '.join(misfits)}")
    not_finite = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if not_finite:
        raise InputError(f"{what} hold values that are not finite: {', '.join(not_finite[:3])}")
    if any(buffer.is_meta for buffer in model.buffers()):
        # Buffers that a network computes when it is built and does not store (Swin: offsets between positions).
        constants = dict(_build(architecture).named_buffers())
        for name, buffer in model.named_buffers():
            if buffer.is_meta:
                module, _, last = name.rpartition(".")
                model.get_submodule(module).register_buffer(last, constants[name], persistent=False)
    return model.requires_grad_(False)


def _listed(kind: str, names: list[str]) -> list[str]:
    """A line with the number of names and the first three; none for no names."""
    return [f"{len(names)} {kind}: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"] if names else []
