"""Bilinear resizing as a matrix: separable, linear, and therefore free to move past other linear maps."""

import torch
from torch.nn import functional


def bilinear_matrix(out_side: int, in_side: int, corners: bool = False) -> torch.Tensor:
    """The float64 [out_side, in_side] matrix U with U x Uᵀ = `interpolate(x, out_side, mode="bilinear")`.

    Args:
        out_side: length after resizing, in pixels.
        in_side: length before, in pixels.
        corners: torch's `align_corners`; the released code used False in 2020 and True from 2021-08.
    """
    target = torch.arange(out_side, dtype=torch.float64)
    if corners:
        place = target * ((in_side - 1) / (out_side - 1)) if out_side > 1 else target * 0
    else:
        place = ((target + 0.5) * (in_side / out_side) - 0.5).clamp(min=0)
    left = place.floor().clamp(max=in_side - 1).long()
    right = (left + 1).clamp(max=in_side - 1)
    weight = (place - left).clamp(max=1)
    matrix = torch.zeros(out_side, in_side, dtype=torch.float64)
    rows = torch.arange(out_side)
    matrix.index_put_((rows, left), 1 - weight, accumulate=True)
    matrix.index_put_((rows, right), weight, accumulate=True)
    return matrix


def padded_resize(align: int, in_side: int, padding: int, corners: bool) -> torch.Tensor:
    """Resizing to `align`, then zeros on each side (below zero, cutting): float64 [align + 2 padding, in_side]."""
    return functional.pad(bilinear_matrix(align, in_side, corners), (0, 0, padding, padding))


def shifted_resize(align: int, in_side: int, kernel: int, padding: int, corners: bool) -> torch.Tensor:
    """Resizing to `align`, zero padding and one shift per kernel position, as float64 [kernel, out, in_side].

    With A = shifted_resize(...), a k x k convolution of the resized, padded map is
    sum over (a, b) of A[a] M[a, b] A[b]ᵀ, where M[a, b] is the map mixed over channels with the weights of kernel
    position (a, b) at its own size. `out` is align + 2 padding - kernel + 1.
    """
    out = align + 2 * padding - kernel + 1
    padded = padded_resize(align, in_side, padding, corners)
    return torch.stack([padded[shift : shift + out] for shift in range(kernel)])
