"""The first convolution of every readout, on stages that are never brought to one size.

A k x k convolution is a sum of k² shifted channel mixings, and mixing channels commutes with bilinear resizing. So
the stages are mixed at their own (smaller) size by one [k² rows, C] matrix, and only the few mixed maps are resized,
padded and shifted. The result equals `nn.Conv2d` on the concatenated, resized stages.

Where there are many kernel positions or many rows, `products` does the same with fewer products.
"""

from dataclasses import replace

import torch
from torch import nn

from posinfo.protocol.alignment import Alignment, StageShape
from posinfo.protocol.resampling import shifted_resize
from posinfo.readouts.products import KEPT, Products, Side, Workspace
from posinfo.readouts.schemes import fewest


class AlignedConv(nn.Module):
    """A convolution of aligned stages; it has no weights of its own.

    Args:
        stages: the stages that are read, in the order of their channels.
        inverse_scale: what each stage is multiplied by before, float32 [stages].
        alignment: side and corner rule of the common size.
        kernel: side of the kernel.
        padding: of the aligned stages with zeros, in pixels.
        fewer: take fewer products along the rows, instead of shifting what was mixed. This pays where it saves more
            than about 60 products (rows times kernel positions) a value, for that is what the transform costs.

    Attributes:
        channel_scale: the stages' scale for each channel, float32 [C].
        side: side of the maps that come out.
    """

    channel_scale: torch.Tensor

    def __init__(
        self,
        stages: list[StageShape],
        inverse_scale: list[float],
        alignment: Alignment,
        kernel: int,
        padding: int,
        fewer: bool,
    ) -> None:
        super().__init__()
        self.stages, self.kernel, self.fewer, self.workspace = stages, kernel, fewer, Workspace()
        scale = [torch.full((stage.channels,), value) for stage, value in zip(stages, inverse_scale, strict=True)]
        self.register_buffer("channel_scale", torch.cat(scale))
        for side in {stage.side for stage in stages}:
            along = (alignment.side, side, kernel, padding, alignment.corners)
            self.register_buffer(f"shifts_{side}", shifted_resize(*along).float())
            if fewer:
                scheme = fewest(*along)
                for name in ("features", "kernel", "output"):
                    self.register_buffer(f"{name}_{side}", getattr(scheme, name).float())
        self.side = alignment.side + 2 * padding - kernel + 1

    def forward(self, weight: torch.Tensor, features: dict[str, torch.Tensor]) -> torch.Tensor:
        """The convolution with weight [k, k, rows, C], float32 [rows, batch, side, side]; no gradient to the features.

        Args:
            weight: float32, for kernel row, kernel column, output channel and input channel, in any memory layout.
            features: for each stage name, float32 [C, batch, h, w]: channels first, so that mixing is one product.
        """
        if self.fewer:
            maps: torch.Tensor = Products.apply(weight, self.channel_scale, self._sides(features))
            return maps
        return self._shifted(weight, features)

    def multiply_adds(self, rows: int) -> int:
        """Of one picture, forward: in mixing the channels, and in transforming the features where that is done."""
        total = 0
        for stage in self.stages:
            values, shifted = stage.channels * stage.side**2, self.kernel * stage.side
            along = len(getattr(self, f"features_{stage.side}")) if self.fewer else shifted
            total += rows * self.kernel * along * values // stage.side + self.fewer * along * values
        return total

    def _sides(self, features: dict[str, torch.Tensor]) -> list[Side]:
        by_side: dict[int, list[tuple[int, torch.Tensor]]] = {}
        start = 0
        for stage in self.stages:
            by_side.setdefault(stage.side, []).append((start, features[stage.name]))
            start += stage.channels
        sides = []
        for side, stages in by_side.items():
            names = ("features", "kernel", "output", "shifts")
            along_rows, weights, output, shifts = (getattr(self, f"{name}_{side}") for name in names)
            sides.append(Side(stages, along_rows, weights, output, shifts, self.workspace))
        if torch.is_grad_enabled() and sum(side.numbers for side in sides) <= KEPT:
            sides = [replace(side, keep=True) for side in sides]
        return sides

    def _shifted(self, weight: torch.Tensor, features: dict[str, torch.Tensor]) -> torch.Tensor:
        kernel, rows = self.kernel, weight.shape[2]
        mixing = (weight * self.channel_scale).reshape(kernel**2 * rows, -1)
        by_side: dict[int, torch.Tensor] = {}
        start = 0
        for stage in self.stages:
            maps = features[stage.name]
            mixed = mixing[:, start : start + stage.channels] @ maps.flatten(1)
            start += stage.channels
            by_side[stage.side] = by_side[stage.side] + mixed if stage.side in by_side else mixed
        batch = next(iter(features.values())).shape[1]
        total: torch.Tensor | None = None
        for side, mixed in by_side.items():
            shifts = getattr(self, f"shifts_{side}")
            # Shift and resize the columns: [k, k, rows batch side, side] -> [k, rows batch side, out], then the rows,
            # all k of them as one product. (Slicing kernel positions one by one costs far more, in the gradient.)
            across = (mixed.view(kernel, kernel, rows * batch * side, side) @ shifts.mT).sum(1)
            stacked = across.view(kernel, rows * batch, side, self.side).transpose(0, 1).flatten(1, 2)
            part = shifts.transpose(0, 1).flatten(1) @ stacked
            total = part if total is None else total + part
        assert total is not None
        return total.view(rows, batch, self.side, self.side)
