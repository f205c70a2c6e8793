"""The padding of a network: as it is built, or another for every layer that pads.

A network pads in convolutions, poolings and `pad`, whichever of its modules or functions calls them. These calls are
changed while it runs; nothing of the network itself is.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Literal

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from posinfo.encoders.reading.grids import grid_of

Padding = Literal["zeros", "none", "reflect", "replicate", "circular"]
PADDINGS: tuple[Padding, ...] = ("none", "reflect", "replicate", "circular")  # other than a network's own


class OtherPadding(TorchFunctionMode):
    """While it is on, every call that pads does so in another way.

    Attributes:
        changed: how many calls were padded.
    """

    def __init__(self, padding: Padding) -> None:
        super().__init__()
        self.padding = padding
        self.changed = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function of torch, or what stands for it."""
        named = dict(kwargs or {})
        if func not in _PADDED:
            return func(*args, **named)
        maps = named.pop("input") if "input" in named else args[0]
        return _PADDED[func](self, maps, *args[1:], **named)

    def _padded(self, maps: torch.Tensor, widths: list[int]) -> torch.Tensor:
        """Pad the last two axes by these widths: left, right, top, bottom."""
        if not any(widths):
            return maps
        self.changed += 1
        return maps if self.padding == "none" else functional.pad(maps, widths, self.padding)

    def _conv2d(
        self,
        maps: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> torch.Tensor:
        if padding == "same":
            totals = [_of_axis(dilation, axis) * (weight.shape[2 + axis] - 1) for axis in (1, 0)]
            widths = [width for total in totals for width in (total // 2, total - total // 2)]
        else:
            widths = _widths(0 if padding == "valid" else padding)
        return torch.conv2d(self._padded(maps, widths), weight, bias, stride, 0, dilation, groups)

    def _pool(
        self,
        maps: torch.Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        *options: Any,
        function: Callable[..., Any],
        **named: Any,
    ) -> Any:
        return function(self._padded(maps, _widths(padding)), kernel_size, stride or kernel_size, 0, *options, **named)

    def _unfold(
        self, maps: torch.Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> torch.Tensor:
        return functional.unfold(self._padded(maps, _widths(padding)), kernel_size, dilation, 0, stride)

    def _pad(self, maps: torch.Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> torch.Tensor:
        """Pad the sides of maps in another way; channels, and what is no map, are padded as asked."""
        grid = grid_of(maps.shape) if maps.ndim == 4 else None
        if grid is None:
            return functional.pad(maps, pad, mode, value)
        first = 2 if grid.kind == "channels last" else 0
        asked = [*pad, *[0] * (8 - len(pad))]
        widths = [max(width, 0) for width in asked[first : first + 4]]
        asked[first : first + 4] = [min(width, 0) for width in asked[first : first + 4]]  # negative widths crop
        if first:
            padded = self._padded(maps.permute(0, 3, 1, 2), widths).permute(0, 2, 3, 1)
        else:
            padded = self._padded(maps, widths)
        return functional.pad(padded, asked, value=value) if any(asked) else padded


_PADDED: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.conv2d: OtherPadding._conv2d,
    torch.max_pool2d: partial(OtherPadding._pool, function=torch.max_pool2d),
    functional.max_pool2d: partial(OtherPadding._pool, function=functional.max_pool2d),
    functional.avg_pool2d: partial(OtherPadding._pool, function=functional.avg_pool2d),
    functional.unfold: OtherPadding._unfold,
    functional.pad: OtherPadding._pad,
}


def _of_axis(value: Any, axis: int) -> int:
    """The value of an axis, 0 or 1, of an argument that is one number or a number for each axis."""
    if isinstance(value, int):
        return value
    return int(value[axis if len(value) == 2 else 0])


def _widths(padding: Any) -> list[int]:
    horizontal = _of_axis(padding, 1)
    vertical = _of_axis(padding, 0)
    return [horizontal, horizontal, vertical, vertical]


def in_padding(padding: Padding) -> AbstractContextManager[Any]:
    """Within this context, a network pads in this way."""
    return nullcontext() if padding == "zeros" else OtherPadding(padding)
