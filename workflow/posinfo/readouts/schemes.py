"""Convolution along an axis with fewer products, by discrete Fourier transforms.

It pays for Table 2(a)'s layered readouts and Table 2(b)'s 7 x 7 kernel: on VGG16's stages, the convolution and its
gradient take .54 and .36 of the time that shifting takes. (docs/speed.md has Table 2(a) as a whole.)

A scheme writes the convolution of a resized and padded axis as output @ ((kernel @ w) * (features @ x)). Between the
two transforms stands one product per row of the scheme. Over many channels each of these is a matrix product, which
takes nearly all the time; the transforms are paid once a channel.
"""

import math
from dataclasses import dataclass

import torch

from posinfo.protocol.resampling import padded_rows, shifted_rows


@dataclass(frozen=True)
class Scheme:
    """Three matrices, float64, of P products: `features` [P, in_side], `kernel` [P, k] and `output` [out, P].

    For an axis x of length in_side and k weights w, output @ ((kernel @ w) * (features @ x)) is the correlation with w
    of x, resized to the common side and padded with zeros: out = side + 2 padding - k + 1 values.
    """

    features: torch.Tensor
    kernel: torch.Tensor
    output: torch.Tensor

    @property
    def products(self) -> int:
        """The number of products, P."""
        return len(self.features)


def smallest_scheme(resize: torch.Tensor, kernel: int, padding: int) -> Scheme:
    """The scheme with fewer products, of `shifting` and `fourier`.

    For 28 values and kernels of 3, 5 and 7, shifting takes 84, 140 and 196 products, Fourier's scheme always 41.
    For 7 values resized to 28, shifting takes 21, 35 and 49.

    Args:
        resize: resizes the axis to the common side, float64 [side, in_side].
        kernel: length of the kernel.
        padding: zeros on each side of the resized axis; a negative number of values is cut away.
    """
    schemes = [shifting(resize, kernel, padding), fourier(resize, kernel, padding)]
    return min(schemes, key=lambda scheme: scheme.products)


def shifting(resize: torch.Tensor, kernel: int, padding: int) -> Scheme:
    """Multiply every value by every weight: in_side * kernel products; arguments as for `smallest_scheme`."""
    side = resize.shape[1]
    identity = torch.eye(side, dtype=torch.float64)
    return Scheme(
        features=identity.repeat(kernel, 1),
        kernel=torch.eye(kernel, dtype=torch.float64).repeat_interleave(side, 0),
        output=shifted_rows(resize, kernel, padding).transpose(0, 1).flatten(1),
    )


def fourier(resize: torch.Tensor, kernel: int, padding: int) -> Scheme:
    """Multiply discrete Fourier transforms of length n = side + padding; arguments as for `smallest_scheme`.

    One padding is enough: the transform is periodic, so the values past its end are the zeros at its beginning. Real
    transforms have a real value at frequency 0 (and n/2, if n is even) and pairs of complex values between. A complex
    product (a + ib)(c + id) takes three real products: c (a + b), a (d - c) and b (c + d). For n = 28 these are
    2 + 3 * 13 = 41.
    """
    kept = padded_rows(resize, min(padding, 0))  # cells that are cut away are not transformed
    zeros = max(padding, 0)
    length = len(kept) + zeros
    angles = 2 * math.pi / length * torch.arange(length, dtype=torch.float64)
    values = zeros + torch.arange(len(kept))
    taps = torch.arange(kernel) % length
    outputs = torch.arange(len(kept) + 2 * zeros - kernel + 1) % length
    features: list[torch.Tensor] = []
    weights: list[torch.Tensor] = []
    output: list[torch.Tensor] = []
    for frequency in range(length // 2 + 1):
        # Angles of whole turns are looked up, not computed: large angles would cost digits.
        angle = angles[(frequency * torch.arange(length)) % length]
        cos = angle.cos()
        sin = angle.sin()
        a = cos[values]
        b = -sin[values]
        c = cos[taps]
        d = sin[taps]  # a correlation takes the conjugate
        back_cos = cos[outputs] / length
        back_sin = sin[outputs] / length
        if 2 * frequency in (0, length):
            features += [a]
            weights += [c]
            output += [back_cos]
        else:
            features += [a + b, a, b]
            weights += [c, d - c, c + d]
            output += [2 * (back_cos - back_sin), -2 * back_sin, -2 * back_cos]
    return Scheme(torch.stack(features) @ kept, torch.stack(weights), torch.stack(output, 1))
