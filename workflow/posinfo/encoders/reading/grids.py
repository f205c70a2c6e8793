"""Converts outputs inside a network to feature maps: maps, maps with channels last, or a square grid of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Literal

import torch

from posinfo.store.errors import InputError

MOST_PREFIX = 16  # tokens before the grid: a class token, a distillation token, registers
READABLE = (
    "position is read from square maps [batch, channels, side, side], also with their channels last, or from tokens "
    f"[batch, tokens, channels] that lie in a square after at most {MOST_PREFIX} others, such as a class token"
)


@dataclass(frozen=True)
class Grid:
    """The layout of an output that holds a square grid of features.

    Attributes:
        kind: maps [batch, C, side, side], channels last [batch, side, side, C], or tokens [batch, prefix + side², C],
            row by row.
        channels: C.
        side: rows, and columns, of the grid.
        prefix: number of tokens before the grid, which are left out.
    """

    kind: Literal["maps", "channels last", "tokens"]
    channels: int
    side: int
    prefix: int = 0


def grid_of(shape: Sequence[int]) -> Grid | None:
    """Find the grid in an output of this shape; None if there is no square grid."""
    if len(shape) == 4 and shape[2] == shape[3]:
        return Grid("maps", shape[1], shape[2])
    if len(shape) == 4 and shape[1] == shape[2]:
        return Grid("channels last", shape[3], shape[1])
    if len(shape) == 3:
        side = isqrt(shape[1])
        prefix = shape[1] - side**2
        without_channels = prefix > 0 and shape[1] == shape[2]  # a map, or attention between tokens
        if side > 1 and prefix <= MOST_PREFIX and not without_channels:
            return Grid("tokens", shape[2], side, prefix)
    return None


def grid_in(output: object) -> object:
    """The last grid of the values that a module returns, but no table of attention between tokens; else its output."""
    values = output if isinstance(output, tuple | list) else ()
    grids = [value for value in values if isinstance(value, torch.Tensor) and grid_of(value.shape)]
    tables = {(value.shape[1], value.shape[1]) for value in grids if value.ndim == 3}
    features = [value for value in grids if tuple(value.shape[-2:]) not in tables]
    return (features or grids)[-1] if grids else output


def as_maps(output: object, where: str) -> torch.Tensor:
    """Convert a network's output to maps [batch, C, side, side], of the same dtype and on the same device.

    Args:
        output: what a tap gives.
        where: names the tap in an error.

    Raises:
        InputError: when the output holds no square grid of floats.
    """
    grid = grid_of(output.shape) if isinstance(output, torch.Tensor) else None
    if grid is None or not isinstance(output, torch.Tensor) or not output.is_floating_point():
        what = f"{list(output.shape)} of {output.dtype}" if isinstance(output, torch.Tensor) else type(output).__name__
        raise InputError(f"{where} gives {what}, which is no square grid of floats: {READABLE}; see: posinfo taps")
    if grid.kind == "channels last":
        return output.permute(0, 3, 1, 2)
    if grid.kind == "tokens":
        return output[:, grid.prefix :].transpose(1, 2).reshape(len(output), -1, grid.side, grid.side)
    return output
