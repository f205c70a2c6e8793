"""The first convolution of every readout, on stages of different sizes that are never resized themselves.

A k x k convolution is a sum of k² shifted channel mixings, and mixing channels commutes with bilinear resizing. So one
[k² rows, C] matrix mixes the stages at their own (smaller) size, and only the few mixed maps are resized, padded and
shifted. The result equals `nn.Conv2d` on the concatenated, resized stages, as `posinfo.reference` computes it.

With many kernel positions or many rows, `transformed_conv` computes the same with fewer products.
"""

from functools import reduce
from typing import cast

import torch
from torch import nn

from posinfo.protocol.alignment import Alignment, StageShape
from posinfo.protocol.resampling import stage_matrix
from posinfo.readouts.transformed_conv import Buffers, StageGroup, TransformedConv


class AlignedConv(nn.Module):
    """A convolution of aligned stages; it has no weights of its own.

    Args:
        stages: the stages that are read, in the order of their channels.
        inverse_scale: the factor of each stage, float32 [stages].
        alignment: side and corner rule of the common size.
        kernel: side of the kernel.
        padding: zero padding of the aligned stages, in pixels; a negative number of pixels is cut away.
        transform: transform the features along their rows to take fewer products, instead of shifting mixed maps. This
            pays where it saves more than about 60 products (rows times kernel positions) a value, the transform's cost.

    Attributes:
        channel_scale: the factor of each channel, float32 [C].
        groups: the stages by stored side and fit: those of a group share matrices, and are summed before the shifts.
    """

    channel_scale: torch.Tensor

    def __init__(
        self,
        stages: list[StageShape],
        inverse_scale: list[float],
        alignment: Alignment,
        kernel: int,
        padding: int,
        transform: bool,
    ) -> None:
        super().__init__()
        self.transform = transform
        self.memory = Buffers()
        scale = [torch.full((stage.channels,), value) for stage, value in zip(stages, inverse_scale, strict=True)]
        self.register_buffer("channel_scale", torch.cat(scale))
        self.groups = nn.ModuleList()
        groups: dict[object, StageGroup] = {}
        start = 0
        for stage in stages:
            key = (stage.side, stage.fit)
            if key not in groups:
                groups[key] = StageGroup(stage_matrix(stage, alignment), kernel, padding, self.memory)
            groups[key].stages.append((stage.name, slice(start, start + stage.channels)))
            start += stage.channels
        self.groups.extend(groups.values())

    def forward(self, weight: torch.Tensor, features: dict[str, torch.Tensor]) -> torch.Tensor:
        """The convolution with weight [k, k, rows, C], float32 [rows, batch, side, side]; no gradient to the features.

        Args:
            weight: float32, for kernel row, kernel column, output channel and input channel, in any memory layout.
            features: for each stage name, float32 [C, batch, h, w]: channels first, so that mixing is one product.
        """
        groups = cast("list[StageGroup]", list(self.groups))
        if self.transform:
            maps: torch.Tensor = TransformedConv.apply(weight, self.channel_scale, groups, features)
            return maps
        kernel, _, rows, channels = weight.shape
        mixing = (weight * self.channel_scale).reshape(-1, channels)
        parts = []
        for group in groups:
            shifts = group.shifts
            out, side = shifts.shape[1:]
            mixed = reduce(torch.add, [mixing[:, read] @ features[name].flatten(1) for name, read in group.stages])
            # Shift and resize the columns: [k, k, rows batch side, side] -> [k, rows batch side, out], then the rows,
            # all k of them as one product. (Slicing kernel positions one by one costs far more, in the gradient.)
            across = (mixed.view(kernel, kernel, -1, side) @ shifts.mT).sum(1)
            stacked = across.view(kernel, -1, side, out).transpose(0, 1).flatten(1, 2)
            parts.append(shifts.transpose(0, 1).flatten(1) @ stacked)
        total = reduce(torch.add, parts)
        return total.view(rows, -1, *total.shape[1:])
