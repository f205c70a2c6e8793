"""Readouts of several layers, stacked: one wide first convolution, then one group a head."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import cast

import torch
from torch import nn
from torch.nn import functional

from posinfo.protocol.alignment import Alignment, StageShape
from posinfo.protocol.readout import Readout
from posinfo.readouts.heads import VECTORS, Head, HeadStack
from posinfo.readouts.upsampling import upsample


class DeepStack(nn.Module):
    """Readouts of several layers, stacked: Conv -> BatchNorm -> ReLU, then Conv -> BatchNorm -> output, as released.

    Arguments as for `HeadStack`, and `hidden`: channels between the layers. The first layer of all heads is one wide
    convolution over the aligned stages; from then on each head is a group of a grouped convolution.
    """

    channel_scale: torch.Tensor

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
        self.alignment, count = alignment, len(heads)
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
        scale = [torch.full((stage.channels,), value) for stage, value in zip(stages, inverse_scale, strict=True)]
        self.register_buffer("channel_scale", torch.cat(scale))
        self.side = alignment.side + readout.layers * (2 * readout.padding - readout.kernel + 1)

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
        """Predicted maps before the upsampling, float32 [heads, batch, side, side]; features as for `HeadStack`."""
        side, corners = self.alignment.side, self.alignment.corners
        aligned = [upsample(features[stage.name], corners, side).transpose(0, 1) for stage in self.stages]
        maps: torch.Tensor = torch.cat(aligned, 1)
        first = self.convs[0]
        # Scaling the few weights equals scaling the many features.
        scaled = cast("torch.Tensor", first.weight) * self.channel_scale[:, None, None]
        maps = functional.conv2d(maps, scaled, cast("torch.Tensor", first.bias), padding=self.readout.padding)
        maps = self.norms[0](maps)
        for conv, norm in zip(self.convs[1:], self.norms[1:], strict=True):
            maps = norm(conv(maps.relu()))
        maps = maps.transpose(0, 1)
        return maps.sigmoid() if self.output == "sigmoid" else maps


Stack = HeadStack | DeepStack
