"""Convolutions along an axis by fewer products: bilinear schemes, of which each side of stages gets the smallest.

A scheme writes the convolution of a resized and padded axis as output @ ((kernel @ w) * (features @ x)). What stands
between the two transforms is one product a row of the scheme; over many channels it is one matrix product a row, and
that is where all the time goes. The transforms are paid once a channel.
"""

import math
from dataclasses import dataclass

import torch

from posinfo.protocol.resampling import padded_resize, shifted_resize

POINTS = (0, 1, -1, 2, -1 / 2, -2, 1 / 2)  # and infinity; float32 keeps six of its seven digits


@dataclass(frozen=True)
class Scheme:
    """Three matrices, float64, of P products: `features` [P, side], `kernel` [P, k] and `output` [out, P].

    For an axis x of length side and k weights w, output @ ((kernel @ w) * (features @ x)) is the correlation with w of
    x resized to the common side and padded with zeros: out = common + 2 padding - k + 1 values.
    """

    features: torch.Tensor
    kernel: torch.Tensor
    output: torch.Tensor

    @property
    def products(self) -> int:
        """How many products it takes."""
        return len(self.features)


def fewest(align: int, side: int, kernel: int, padding: int, corners: bool) -> Scheme:
    """The scheme of fewest products; arguments as for `shifted_resize`.

    For 28 values and kernels of 3, 5 and 7, shifting takes 84, 140 and 196, tiles 36, 48 and 88, Fourier's 41 always.
    For 7 values resized to 28, shifting takes 21, 35 and 49.
    """
    ways = [shifting, fourier] if kernel > len(POINTS) else [shifting, fourier, tiles]
    return min((way(align, side, kernel, padding, corners) for way in ways), key=lambda scheme: scheme.products)


def shifting(align: int, side: int, kernel: int, padding: int, corners: bool) -> Scheme:
    """Every value with every weight: side * kernel products; arguments as for `shifted_resize`."""
    shifts = shifted_resize(align, side, kernel, padding, corners)
    return Scheme(
        features=torch.eye(side, dtype=torch.float64).repeat(kernel, 1),
        kernel=torch.eye(kernel, dtype=torch.float64).repeat_interleave(side, 0),
        output=shifts.transpose(0, 1).flatten(1),
    )


def fourier(align: int, side: int, kernel: int, padding: int, corners: bool) -> Scheme:
    """A product of discrete Fourier transforms of length n = align + padding; arguments as for `shifted_resize`.

    One padding is enough: what is read past the end comes round to the zeros at the beginning. Real transforms have a
    real value at frequency 0 (and n/2, if n is even) and pairs of complex ones between, and a complex product
    (a + ib)(c + id) takes three real ones: c (a + b), a (d - c) and b (c + d). For n = 28 these are 2 + 3 * 13 = 41.
    """
    inside = align + 2 * min(padding, 0)  # what is cut away is not transformed
    resize = padded_resize(align, side, min(padding, 0), corners)
    padding = max(padding, 0)
    length = inside + padding
    angles = 2 * math.pi / length * torch.arange(length, dtype=torch.float64)
    values = padding + torch.arange(inside)
    outputs = torch.arange(inside + 2 * padding - kernel + 1)
    features, weights, output = [], [], []
    for frequency in range(length // 2 + 1):
        # The angle of a whole turn's multiple is looked up, not computed: large angles would cost digits.
        place = angles[(frequency * torch.arange(length)) % length]
        cos, sin = place.cos(), place.sin()
        a, b = cos[values], -sin[values]
        c, d = (wave[torch.arange(kernel) % length] for wave in (cos, sin))  # a correlation takes the conjugate
        back_cos, back_sin = (wave[outputs % length] / length for wave in (cos, sin))
        if 2 * frequency in (0, length):
            features += [a]
            weights += [c]
            output += [back_cos]
        else:
            features += [a + b, a, b]
            weights += [c, d - c, c + d]
            output += [2 * (back_cos - back_sin), -2 * back_sin, -2 * back_cos]
    return Scheme(torch.stack(features) @ resize, torch.stack(weights), torch.stack(output, 1))


def tiles(align: int, side: int, kernel: int, padding: int, corners: bool) -> Scheme:
    """Toom and Cook's: tiles of m outputs take m + kernel - 1 products each; arguments as for `shifted_resize`.

    A product of polynomials is found from its values at as many points as it has coefficients, one product a point.
    More points than `POINTS` has would take fewer products and lose digits: each value is a sum of powers. So the
    kernel is at most as long as these.
    """
    padded = padded_resize(align, side, padding, corners)
    outputs = align + 2 * padding - kernel + 1
    tile = max(1, len(POINTS) + 2 - kernel)
    features, weights, output = [], [], []
    for start in range(0, outputs, tile):
        count = min(tile, outputs - start)
        length = count + kernel - 1
        analysis = torch.linalg.inv(_values(length, length)).T
        # Of a correlation the product's transforms change places; scaling keeps all numbers of the weights' size.
        taps, back = _values(length, kernel), _values(length, count).T
        by_tap, by_back = taps.abs().sum(1), back.abs().sum(0)
        features.append((analysis * (by_tap * by_back)[:, None]) @ padded[start : start + length])
        weights.append(taps / by_tap[:, None])
        output.append(back / by_back)
    return Scheme(torch.cat(features), torch.cat(weights), torch.block_diag(*output))  # type: ignore[no-untyped-call]


def _values(points: int, coefficients: int) -> torch.Tensor:
    """Values of a polynomial at the first points - 1 of POINTS and at infinity, from its coefficients."""
    found = torch.zeros(points, coefficients, dtype=torch.float64)
    found[:-1] = torch.tensor(POINTS[: points - 1], dtype=torch.float64)[:, None] ** torch.arange(coefficients)
    found[-1, -1] = 1
    return found
