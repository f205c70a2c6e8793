"""The convolution of features by a scheme along their rows, with a gradient for the weights only.

Along the columns, the kernel's rows are stacked in one matrix product and shifted afterwards.

The mixed maps are far larger than the features: for each row of the mixing, k times the scheme's products. Autograd
would keep them for the gradient and fill the memory. But the convolution is linear in its weights, so the gradient
needs only the transformed features. So a block of rows is computed at a time, and no mixed map is kept. The features
are transformed again for the gradient, which takes 2 % of the time for layered readouts and 14 % for 15 heads of 7 x 7.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from posinfo.protocol.resampling import shifted_rows
from posinfo.readouts.schemes import smallest_scheme

# Limits in numbers of float32 values.
TRANSFORMED = 2**24  # transformed at a time, 64 MiB; fewer make shorter products, which take longer
MIXED = 2**25  # mixed maps at a time, 128 MiB; 300 rows of VGG16's stages with a 3 x 3 kernel


class Buffers:
    """Memory that every batch uses again: allocating new pages takes longer than the computation in them.

    Attributes:
        tensors: a flat tensor for each name.
    """

    def __init__(self) -> None:
        self.tensors: dict[str, torch.Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
        """A tensor of that shape in the buffer `name`, with whatever values the buffer holds."""
        size = torch.Size(shape).numel()
        buffer = self.tensors.get(name)
        if buffer is None or len(buffer) < size or (buffer.device, buffer.dtype) != (like.device, like.dtype):
            with torch.inference_mode(False):  # a buffer allocated while predicting must also serve training
                buffer = torch.empty(size, device=like.device, dtype=like.dtype)
            self.tensors[name] = buffer
        return buffer[:size].view(shape)


class StageGroup(nn.Module):
    """Stages of one stored side and one fit, and the matrices that convolve them.

    Args:
        resize: resizes the rows of a stage to the common side, float64 [side, stored side].
        kernel: length of the kernel.
        padding: zeros on each side of the resized rows; a negative number of values is cut away.
        memory: for intermediate values.

    Attributes:
        stages: the name of each stage, and its channels among those of all stages.
        shifts: `shifted_rows` along the columns, float32 [k, out, side].
        features, kernel, output: the scheme along the rows, float32 [P, side], [P, k] and [out, P].
    """

    shifts: torch.Tensor
    features: torch.Tensor
    kernel: torch.Tensor
    output: torch.Tensor

    def __init__(self, resize: torch.Tensor, kernel: int, padding: int, memory: Buffers) -> None:
        super().__init__()
        self.stages: list[tuple[str, slice]] = []
        self.memory = memory
        scheme = smallest_scheme(resize, kernel, padding)
        self.register_buffer("shifts", shifted_rows(resize, kernel, padding).float())
        self.register_buffer("features", scheme.features.float())
        self.register_buffer("kernel", scheme.kernel.float())
        self.register_buffer("output", scheme.output.float())

    def transformed(self, maps: dict[str, torch.Tensor]) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield blocks of channels: the slice of channels, and their transformed rows [P, channels, batch side].

        Args:
            maps: of each stage, float32 [C, batch, side, side].
        """
        products, side = self.features.shape
        for name, read in self.stages:
            channels = len(maps[name])
            pixels = maps[name][0].numel() // side
            blocks = -(-channels * products * pixels // TRANSFORMED)
            step = -(-channels // blocks)
            for start in range(0, channels, step):
                rows = maps[name][start : start + step].reshape(-1, pixels, side)
                values = self.memory.take("transformed", (len(rows), products, pixels), rows)
                # One product per channel instead of one for all: its operands then stay in the processor's cache.
                torch.bmm(self.features.expand(len(rows), -1, -1), rows.mT, out=values)
                yield slice(read.start + start, read.start + start + len(rows)), values.transpose(0, 1)

    def convolve(
        self,
        weight: torch.Tensor,
        scale: torch.Tensor,
        features: dict[str, torch.Tensor],
        maps: torch.Tensor,
        add: bool,
    ) -> None:
        """Set maps [rows, batch, out, out] to the convolution with weight [k, k, rows, C] * scale [C], or `add` it."""
        products = len(self.features)
        kernel = len(self.shifts)
        rows = weight.shape[2]
        moved, mixed = self._intermediate(maps)
        for block, (channels, transformed) in enumerate(self.transformed(features)):
            part = weight[..., channels]
            scaled = self.memory.take("scaled", (kernel, kernel, rows, part.shape[3]), weight)
            torch.mul(part.transpose(0, 1), scale[channels], out=scaled)
            mixing = self.memory.take("mixing", (products, scaled[0].numel()), weight)
            torch.mm(self.kernel, scaled.flatten(1), out=mixing)
            mixing = mixing.view(products, kernel * rows, -1)
            torch.baddbmm(mixed, mixing, transformed, beta=min(block, 1), out=mixed)
        columns = self._by_kernel_row(mixed)
        for position, shift in enumerate(self.shifts):
            shift_of_all = shift.mT.expand(products, -1, -1)
            torch.baddbmm(moved, columns[:, position], shift_of_all, beta=min(position, 1), out=moved)
        flat = maps.view(-1, maps.shape[-1])
        torch.addmm(flat, moved.view(products, -1).mT, self.output.mT, beta=int(add), out=flat)

    def gradient(
        self, maps: torch.Tensor, scale: torch.Tensor, features: dict[str, torch.Tensor], gradient: torch.Tensor
    ) -> None:
        """Write the weights' gradient [k, k, rows, C] for this group's channels, from the gradient of the maps."""
        products = len(self.features)
        kernel = len(self.shifts)
        rows = len(maps)
        moved, mixed = self._intermediate(maps)
        torch.mm(self.output.mT, maps.view(-1, maps.shape[-1]).mT, out=moved.view(products, -1))
        columns = self._by_kernel_row(mixed)
        for position, shift in enumerate(self.shifts):
            torch.bmm(moved, shift.expand(products, -1, -1), out=columns[:, position])
        for channels, transformed in self.transformed(features):
            mixing = self.memory.take("mixing", (products, kernel * rows, transformed.shape[1]), maps)
            torch.bmm(mixed, transformed.mT, out=mixing)
            scaled = self.memory.take("scaled", (kernel, mixing[0].numel()), maps)
            torch.mm(self.kernel.mT, mixing.flatten(1), out=scaled)
            by_position = scaled.view(kernel, kernel, rows, -1).transpose(0, 1)
            torch.mul(by_position, scale[channels], out=gradient[..., channels])

    def _intermediate(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Buffers for mixed maps after their columns were shifted, [P, rows batch, out], and before.

        Before, they are [P, k rows, batch side].
        """
        products, side = self.features.shape
        rows, batch, out, _ = maps.shape
        moved = self.memory.take("moved", (products, rows * batch, out), maps)
        mixed = self.memory.take("mixed", (products, len(self.shifts) * rows, batch * side), maps)
        return moved, mixed

    def _by_kernel_row(self, mixed: torch.Tensor) -> torch.Tensor:
        """A view of the mixed maps as [P, k, rows batch, side]."""
        products, side = self.features.shape
        return mixed.view(products, len(self.shifts), -1, side)


class TransformedConv(torch.autograd.Function):
    """Convolution of groups of stages with weight [k, k, rows, C] * scale [C]: float32 [rows, batch, out, out]."""

    @staticmethod
    def forward(
        ctx: Any,
        weight: torch.Tensor,
        scale: torch.Tensor,
        groups: list[StageGroup],
        features: dict[str, torch.Tensor],
    ) -> torch.Tensor:
        """Convolve a block of rows at a time."""
        ctx.save_for_backward(weight, scale)
        ctx.groups = groups
        ctx.features = features
        out = groups[0].shifts.shape[1]
        batch = next(iter(features.values())).shape[1]
        maps = weight.new_empty(weight.shape[2], batch, out, out)
        for rows in _blocks(groups, maps):
            for group in groups:
                group.convolve(weight[:, :, rows], scale, features, maps[rows], add=group is not groups[0])
        return maps

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, maps: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        """The gradient of the weights, in the memory layout of the weights."""
        weight, scale = ctx.saved_tensors
        gradient = torch.empty_like(weight)
        for rows in _blocks(ctx.groups, maps):
            for group in ctx.groups:
                group.gradient(maps[rows].contiguous(), scale, ctx.features, gradient[:, :, rows])
        return gradient, None, None, None


def _blocks(groups: list[StageGroup], maps: torch.Tensor) -> list[slice]:
    """Blocks of rows of maps [rows, batch, out, out], of one size, whose mixed maps fit into `MIXED`."""
    rows, batch = maps.shape[:2]
    mixed = max(group.features.numel() * len(group.shifts) * batch for group in groups)  # values for each row
    largest = max(1, MIXED // mixed)
    blocks = -(-rows // largest)
    step = -(-rows // blocks)
    return [slice(start, start + step) for start in range(0, rows, step)]
