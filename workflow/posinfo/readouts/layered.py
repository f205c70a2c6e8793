"""Readouts of several layers, stacked: one wide first convolution, then one group a head."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import cast

import torch
from torch import nn

from posinfo.protocol.alignment import Alignment, StageShape
from posinfo.protocol.readout import Readout
from posinfo.readouts.aligned_conv import AlignedConv
from posinfo.readouts.stacked import VECTORS, Head, StackedReadouts


class StackedLayeredReadouts(nn.Module):
    """Readouts of several layers, stacked: Conv -> BatchNorm -> ReLU, then Conv -> BatchNorm -> output, as released.

    Arguments as for `StackedReadouts`, and `hidden`: channels between the layers. The first layer of all heads is one
    wide convolution of the stages, which are never aligned (see `aligned_conv`); from then on each head is a group of
    a grouped convolution.
    """

    def __init__(
        self,
        readout: Readout,
        heads: list[Head],
        stages: list[StageShape],
        inverse_scale: list[float],
        alignment: Alignment,
        output: str,
        hidden: int,
    ) -> None:
        super().__init__()
        self.readout, self.heads, self.stages, self.output = readout, heads, stages, output
        count = len(heads)
        channels = sum(stage.channels for stage in stages)
        widths = [channels, *[hidden] * (readout.layers - 1), 1]
        generators = [head.generator() for head in heads]
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        for layer, (wide, narrow) in enumerate(pairwise(widths)):
            first = layer == 0
            conv = nn.Conv2d(
                wide if first else count * wide,
                count * narrow,
                readout.kernel,
                padding=readout.padding,
                groups=1 if first else count,
            )
            bound = math.sqrt(6 / ((wide + narrow) * readout.kernel**2))  # xavier_uniform, as released
            with torch.no_grad():
                by_head = conv.weight.view(count, narrow, *conv.weight.shape[1:])
                for rows, generator in zip(by_head, generators, strict=True):
                    rows.uniform_(-bound, bound, generator=generator)
            nn.init.zeros_(cast("torch.Tensor", conv.bias))
            self.convs.append(conv)
            self.norms.append(nn.BatchNorm2d(count * narrow))
        # Several hidden channels a head make so many rows that transforming the features always pays.
        fewer = readout.kernel > 1
        self.mixer = AlignedConv(stages, inverse_scale, alignment, readout.kernel, readout.padding, fewer)
        self.side = alignment.side + readout.layers * (2 * readout.padding - readout.kernel + 1)

    @property
    def channel_scale(self) -> torch.Tensor:
        """What each channel is multiplied by before the readout, float32 [C]."""
        return self.mixer.channel_scale

    def tensors(self) -> dict[str, torch.Tensor]:
        """What was learned, each [heads, ...]: `layer{n}.weight` [heads, out, in, k, k] and vectors [heads, out]."""
        found: dict[str, torch.Tensor] = {}
        for name, tensor in self._named():
            found[name] = tensor.detach().view(len(self.heads), -1, *tensor.shape[1:])
        return found

    @torch.no_grad()
    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Set what `tensors` returned."""
        for name, tensor in self._named():
            tensor.copy_(tensors[name].flatten(0, 1))

    def _named(self) -> Iterator[tuple[str, torch.Tensor]]:
        for layer, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            state = (conv.weight, conv.bias, norm.weight, norm.bias, norm.running_mean, norm.running_var)
            for name, tensor in zip(("weight", *VECTORS), state, strict=True):
                yield f"layer{layer}.{name}", cast("torch.Tensor", tensor)

    def forward(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        """Predicted maps before the upsampling, float32 [heads, batch, side, side]."""
        first = self.convs[0]
        weight, bias = cast("torch.Tensor", first.weight), cast("torch.Tensor", first.bias)
        maps: torch.Tensor = self.mixer(weight.permute(2, 3, 0, 1), features).transpose(0, 1) + bias[:, None, None]
        maps = self.norms[0](maps)
        for conv, norm in zip(self.convs[1:], self.norms[1:], strict=True):
            maps = norm(conv(maps.relu()))
        maps = maps.transpose(0, 1)
        return maps.sigmoid() if self.output == "sigmoid" else maps


Stack = StackedReadouts | StackedLayeredReadouts
