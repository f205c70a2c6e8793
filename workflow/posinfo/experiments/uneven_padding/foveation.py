"""What padding does before anything is learnt: how often each pixel is used, and which strides pad one side only.

Definitions: Alsallakh, Kokhlikyan, Miglani, Yuan and Reblitz-Richardson, "Mind the Pad" (ICLR 2021).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from posinfo.encoders.architectures import Padding, empty_architecture, with_padding
from posinfo.encoders.taps import network

Kind = Padding | Literal["full"]
KINDS: tuple[Kind, ...] = ("none", "zeros", "full", "circular", "reflect", "replicate")


def padded(model: nn.Module, kind: Kind) -> nn.Module:
    """The model with that padding of every convolution; `full` pads by the kernel's side less one."""
    if kind != "full":
        return with_padding(model, kind)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            height, width = module.kernel_size
            module.padding = (height - 1, width - 1)
    return model


def _counting(module: nn.Module) -> nn.Module:
    """The module with convolutions that average, so that each path from a pixel to the output counts the same."""
    for name, child in module.named_children():
        if isinstance(child, nn.MaxPool2d):
            averaged = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode)
            setattr(module, name, averaged)
        elif isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.Identity())
        elif isinstance(child, nn.Conv2d):
            weight = torch.full_like(child.weight, 1 / child.weight[0].numel(), device="cpu")
            child.weight = nn.Parameter(weight, requires_grad=False)
            if child.bias is not None:
                child.bias = nn.Parameter(torch.zeros_like(child.bias, device="cpu"), requires_grad=False)
        else:
            _counting(child)
    return module


def foveation(model: nn.Module, kind: Kind, side: int) -> NDArray[np.float64]:
    """How often each pixel takes part in what the network gives, relative to the pixel that does most: [side, side].

    Every convolution averages, max poolings become mean poolings and biases vanish, so that the derivative of the sum
    of the outputs counts the paths from a pixel to an output.

    Args:
        model: pictures [1, 3, side, side] in, one map out; its weights do not matter, it is changed.
    """
    counting = _counting(padded(model, kind)).eval()
    picture = torch.ones(1, 3, side, side, requires_grad=True)
    with torch.enable_grad():
        counting(picture).sum().backward()
    assert picture.grad is not None
    found = picture.grad[0].double().mean(0).numpy()
    return np.asarray(found / found.max())


def foveation_of(architecture: str, kind: Kind, side: int) -> NDArray[np.float64]:
    """The same for an architecture by its name."""
    return foveation(empty_architecture(architecture), kind, side)


def one_layer(kind: Kind, side: int = 15) -> NDArray[np.float64]:
    """The same for one 3x3 convolution, as the paper's interactive page shows it."""
    return foveation(nn.Sequential(nn.Conv2d(3, 1, 3, padding=1)), kind, side)


@dataclass(frozen=True)
class Stride:
    """How a layer with a stride uses its padding along an axis.

    Attributes:
        layer: its name.
        side: of its input, in pixels, without padding.
        before, after: lines of padding that it reads; `after` is negative where lines of the input are never read.
    """

    layer: str
    side: int
    before: int
    after: int

    @property
    def even(self) -> bool:
        """Whether both sides are treated alike."""
        return self.before == self.after


def strides(architecture: str, side: int) -> list[Stride]:
    """Every layer with a stride, for an input of `side` pixels, in the order of computation; on the meta device.

    A layer of side i, kernel k, stride s and padding p gives o = floor((i + 2p - k) / s) + 1 and reads s (o - 1) + k
    lines: it pads evenly when these are i + 2p. Paddings by a module of their own count to the layer that follows.
    """
    model, found, ahead = network(architecture), [], [0, 0]

    def seen(name: str, module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if isinstance(module, nn.ZeroPad2d | nn.ReplicationPad2d | nn.ReflectionPad2d):
            ahead[:] = module.padding[0], module.padding[1]  # left, right
            return
        (kernel, stride, pad, dilation) = (
            _across(getattr(module, key)) for key in ("kernel_size", "stride", "padding", "dilation")
        )
        whole = inputs[0].shape[-1]
        read = stride * (output.shape[-1] - 1) + dilation * (kernel - 1) + 1
        if stride > 1:
            inner = whole - sum(ahead)
            before = pad + ahead[0]
            found.append(Stride(name, inner, before, read - inner - before))
        ahead[:] = 0, 0

    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.ZeroPad2d | nn.ReplicationPad2d | nn.ReflectionPad2d):
            module.register_forward_hook(lambda module, inputs, output, name=name: seen(name, module, inputs, output))
    with torch.inference_mode():
        model(torch.empty(1, 3, side, side, device="meta"))
    return found


def _across(value: Any) -> int:
    return int(value[-1] if isinstance(value, tuple) else value)
