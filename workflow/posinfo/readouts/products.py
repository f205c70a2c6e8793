"""The convolution of features by a scheme along their rows, with a gradient to the weights only.

Along the columns the kernel's rows are stacked in one matrix product and shifted afterwards.

What is mixed is far larger than the features: k times the scheme's products for each row of the mixing. Kept for the
gradient, as autograd would, it would fill the memory. But the convolution is linear in its weights, so the gradient
needs only the transformed features, which are the same for every row of the mixing. So some rows at a time are worked
on, and of what was mixed nothing is kept. The transformed features are kept if they are few enough, and otherwise made
again, which costs a tenth more.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.autograd.function import once_differentiable

TRANSFORMED = 2**24  # numbers transformed at a time, 64 MiB; fewer make shorter products, which take longer
KEPT = 2**26  # numbers: at most 256 MiB of transformed features are kept for the gradient; a batch of VGG16's are 178
MIXED = 2**25  # numbers: 128 MiB of mixed maps, which is 300 rows of VGG16's stages with a 3 x 3 kernel


@dataclass
class Workspace:
    """Memory that is used again from batch to batch: fresh pages cost more than what is computed in them.

    Attributes:
        held: a flat tensor for each name.
        owner: the call whose transformed features are kept here.
    """

    held: dict[str, torch.Tensor] = field(default_factory=dict)
    owner: object = None

    def take(self, name: str, shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
        """A tensor of that shape, in the place and with the content of the last one of that name."""
        size = torch.Size(shape).numel()
        found = self.held.get(name)
        if found is None or len(found) < size or (found.device, found.dtype) != (like.device, like.dtype):
            with torch.inference_mode(False):  # made while predicting, it must still serve training
                found = self.held[name] = torch.empty(size, device=like.device, dtype=like.dtype)
        return found[:size].view(shape)


@dataclass(frozen=True)
class Side:
    """The stages of one side, and how they are convolved.

    Attributes:
        stages: first channel of each, and its maps, float32 [C, batch, side, side].
        features, kernel, output: the scheme along the rows, float32 [P, side], [P, k] and [out, P].
        shifts: `shifted_resize` along the columns, float32 [k, out, side].
        room: where its numbers are held.
        keep: whether the transformed features are kept.
    """

    stages: list[tuple[int, torch.Tensor]]
    features: torch.Tensor
    kernel: torch.Tensor
    output: torch.Tensor
    shifts: torch.Tensor
    room: Workspace
    keep: bool = False

    @property
    def mixed(self) -> int:
        """How many numbers are mixed for each row of the mixing."""
        products, side = self.features.shape
        return products * len(self.shifts) * self.stages[0][1].shape[1] * side

    @property
    def numbers(self) -> int:
        """How many numbers its features are when transformed."""
        products, side = self.features.shape
        return sum(maps.numel() // side * products for _, maps in self.stages)

    def transformed(self, known: bool) -> Iterator[tuple[slice, torch.Tensor]]:
        """Some channels at a time: which, and their rows, transformed or already `known`, [P, channels, batch side]."""
        products, side = self.features.shape
        end = 0
        for first, maps in self.stages:
            channels, pixels = len(maps), maps[0].numel() // side
            step = -(-channels // -(-channels * products * pixels // TRANSFORMED))
            for start in range(0, channels, step):
                rows = maps[start : start + step].reshape(-1, pixels, side)
                size = len(rows) * products * pixels
                if self.keep:
                    place = self.room.take(f"transformed {side}", (self.numbers,), rows)[end : end + size]
                    end += size
                else:
                    place = self.room.take("transformed", (size,), rows)
                into = place.view(len(rows), products, pixels)
                if not known:
                    # A product for each channel, not one for all: its operands then stay in the cache.
                    torch.bmm(self.features.expand(len(rows), -1, -1), rows.mT, out=into)
                yield slice(first + start, first + start + len(rows)), into.transpose(0, 1)

    def add(self, weight: torch.Tensor, scale: torch.Tensor, into: torch.Tensor, fresh: bool, known: bool) -> None:
        """Add the convolution with weight [k, k, rows, C] * scale to maps [rows, batch, out, out], or set `fresh` ones.

        Args:
            known: the features lie transformed in the room.
        """
        products, kernel, rows = len(self.features), len(self.shifts), weight.shape[2]
        moved, mixed, columns = self._places(into)
        for place, (channels, transformed) in enumerate(self.transformed(known)):
            part = weight[..., channels]
            scaled = self.room.take("scaled", (kernel, kernel, rows, part.shape[3]), weight)
            torch.mul(part.transpose(0, 1), scale[channels], out=scaled)
            mixing = self.room.take("mixing", (products, scaled[0].numel()), weight)
            torch.mm(self.kernel, scaled.flatten(1), out=mixing)
            mixing = mixing.view(products, kernel * rows, -1)
            torch.baddbmm(mixed, mixing, transformed, beta=min(place, 1), out=mixed)
        for place, shift in enumerate(self.shifts):
            torch.baddbmm(moved, columns[:, place], shift.mT.expand(products, -1, -1), beta=min(place, 1), out=moved)
        flat = into.view(-1, into.shape[-1])
        torch.addmm(flat, moved.view(products, -1).mT, self.output.mT, beta=1 - fresh, out=flat)

    def gradient(self, maps: torch.Tensor, scale: torch.Tensor, into: torch.Tensor, known: bool) -> None:
        """Set the weights' gradient [k, k, rows, C] in the channels of this side, from that of the maps."""
        products, kernel, rows = len(self.features), len(self.shifts), len(maps)
        moved, mixed, columns = self._places(maps)
        torch.mm(self.output.mT, maps.view(-1, maps.shape[-1]).mT, out=moved.view(products, -1))
        for place, shift in enumerate(self.shifts):
            torch.bmm(moved, shift.expand(products, -1, -1), out=columns[:, place])
        for channels, transformed in self.transformed(known):
            mixing = self.room.take("mixing", (products, kernel * rows, transformed.shape[1]), maps)
            torch.bmm(mixed, transformed.mT, out=mixing)
            scaled = self.room.take("scaled", (kernel, mixing[0].numel()), maps)
            torch.mm(self.kernel.mT, mixing.flatten(1), out=scaled)
            found = scaled.view(kernel, kernel, rows, -1).transpose(0, 1)
            torch.mul(found, scale[channels], out=into[..., channels])

    def _places(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Room for what is mixed, before ([P, k rows, batch side], and by kernel row) and after moving the columns."""
        (products, side), (rows, batch, out, _), kernel = self.features.shape, maps.shape, len(self.shifts)
        moved = self.room.take("moved", (products, rows * batch, out), maps)
        mixed = self.room.take("mixed", (products, kernel * rows, batch * side), maps)
        return moved, mixed, mixed.view(products, kernel, rows * batch, side)


class Products(torch.autograd.Function):
    """Convolution of the `sides` with weight [k, k, rows, C] * scale [C]: float32 [rows, batch, out, out]."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, scale: torch.Tensor, sides: list[Side]) -> torch.Tensor:
        """Some rows at a time."""
        ctx.save_for_backward(weight, scale)
        ctx.sides, ctx.call = sides, object()
        out, batch = sides[0].shifts.shape[1], sides[0].stages[0][1].shape[1]
        maps = weight.new_empty(weight.shape[2], batch, out, out)
        for rows, known in _blocks(sides, len(maps), ctx.call):
            for place, side in enumerate(sides):
                side.add(weight[:, :, rows], scale, maps[rows], place == 0, known)
        return maps

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, maps: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """The gradient of the weights, in the memory layout that the weights have."""
        weight, scale = ctx.saved_tensors
        gradient = torch.empty_like(weight)
        for rows, known in _blocks(ctx.sides, len(maps), ctx.call):
            for side in ctx.sides:
                side.gradient(maps[rows].contiguous(), scale, gradient[:, :, rows], known)
        return gradient, None, None


def _blocks(sides: list[Side], rows: int, call: object) -> Iterator[tuple[slice, bool]]:
    """Rows to work on together, and whether the room has the call's transformed features by then."""
    step = -(-rows // -(-rows // max(1, MIXED // max(side.mixed for side in sides))))
    room, keep = sides[0].room, sides[0].keep
    for start in range(0, rows, step):
        known = keep and room.owner is call
        if keep and not known:
            room.owner = None  # until all of them are there
        yield slice(start, start + step), known
        if keep:
            room.owner = call
