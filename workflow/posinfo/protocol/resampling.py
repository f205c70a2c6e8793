"""Bilinear resizing as a matrix: separable and linear, so that it can change places with other linear operations."""

import torch
from torch.nn import functional

from posinfo.protocol.alignment import Alignment, StageFit, StageShape


def bilinear_matrix(out_side: int, in_side: int, corners: bool = False) -> torch.Tensor:
    """The float64 [out_side, in_side] matrix U with U x Uᵀ = `interpolate(x, out_side, mode="bilinear")`.

    Args:
        out_side: length after resizing, in pixels.
        in_side: length before, in pixels.
        corners: torch's `align_corners`; the released code used False in 2020 and True from 2021-08.
    """
    return _interpolation(_positions(out_side, in_side, corners), in_side)


def stage_matrix(stage: StageShape, alignment: Alignment) -> torch.Tensor:
    """The matrix that fits a stored stage and resizes it to the common side, float64 [alignment.side, stage.side].

    A cropped stage keeps the central `fit.side` of its `fit.native` cells. A resized stage is first brought to
    `fit.side` with antialiasing, unless it is stored at a smaller side.
    """
    if stage.fit and stage.fit.how == "crop":
        return _crop(stage.side, stage.fit, alignment)
    if stage.fit is None or stage.fit.side >= stage.side:
        return bilinear_matrix(alignment.side, stage.side, alignment.corners)
    identity = torch.eye(stage.side, dtype=torch.float64)[None, None]
    size = (stage.fit.side, stage.side)
    smaller = functional.interpolate(identity, size, mode="bilinear", antialias=True)[0, 0]
    return bilinear_matrix(alignment.side, stage.fit.side, alignment.corners) @ smaller


def padded_rows(resize: torch.Tensor, padding: int) -> torch.Tensor:
    """A resizing matrix [side, in_side] followed by zero padding: [side + 2 padding, in_side].

    A negative padding cuts rows away.
    """
    return functional.pad(resize, (0, 0, padding, padding))


def shifted_rows(resize: torch.Tensor, kernel: int, padding: int) -> torch.Tensor:
    """A resizing matrix [side, in_side], padded and shifted to each kernel position: [kernel, out, in_side].

    With A = shifted_rows(...), a k x k convolution of the resized, padded map is
    sum over (a, b) of A[a] M[a, b] A[b]ᵀ, where M[a, b] is the map mixed over channels with the weights of kernel
    position (a, b) at its own size. `out` is side + 2 padding - kernel + 1.
    """
    padded = padded_rows(resize, padding)
    out = len(padded) - kernel + 1
    return torch.stack([padded[shift : shift + out] for shift in range(kernel)])


def _crop(stored: int, fit: StageFit, alignment: Alignment) -> torch.Tensor:
    """Interpolation at the positions that the common grid has in the kept cells, [alignment.side, stored]."""
    start = (fit.native - fit.side) // 2
    # Outside the centres of the first and last kept cell, bilinear resizing repeats their values.
    native = start + _positions(alignment.side, fit.side, alignment.corners).clamp(0, fit.side - 1)
    if stored == fit.native:
        positions = native
    elif alignment.corners:
        positions = native * (stored - 1) / (fit.native - 1)
    else:
        positions = (native + 0.5) * stored / fit.native - 0.5
    return _interpolation(positions.clamp(0, stored - 1), stored)


def _positions(out_side: int, in_side: int, corners: bool) -> torch.Tensor:
    """The position of each cell of the output among those of the input, float64 [out_side]."""
    target = torch.arange(out_side, dtype=torch.float64)
    if not corners:
        return ((target + 0.5) * (in_side / out_side) - 0.5).clamp(min=0)
    if out_side == 1:
        return target
    return target * ((in_side - 1) / (out_side - 1))


def _interpolation(positions: torch.Tensor, in_side: int) -> torch.Tensor:
    """Linear interpolation at `positions`, float64 [len(positions), in_side]."""
    left = positions.floor().clamp(max=in_side - 1).long()
    right = (left + 1).clamp(max=in_side - 1)
    weight = (positions - left).clamp(max=1)
    matrix = torch.zeros(len(positions), in_side, dtype=torch.float64)
    rows = torch.arange(len(positions))
    matrix.index_put_((rows, left), 1 - weight, accumulate=True)
    matrix.index_put_((rows, right), weight, accumulate=True)
    return matrix
