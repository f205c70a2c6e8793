"""Sums over pictures of x[c, o + i] x[c', o + j], for all channels c, c' and kernel positions i, j, by Fourier.

What decides a k x k least-squares convolution are correlations of channel pairs at (2k - 1)² offsets, less what lies at
the borders. A correlation is one product for each frequency, so each channel pair is multiplied at the N²/2 complex
frequencies, N the common side plus k - 1, and not at every pixel for every offset. A kernel position sees all but k - 1
rows and columns; those are transformed along the border only and subtracted, so the sums are exact.

For k = 3 at 28 x 28 a channel pair takes 2,188 real products: 1,356 for whole maps, 768 for border rows and columns, 64
for corners. Multiplying at each of 13 offsets takes 9,370. And only blocks of channels on and above the diagonal are
multiplied, as i and j may change places with c and c'.

Everything is separable, so it is made along one axis (`Axis`) and used along both. Resizing is linear, so it is part of
the transform's matrix: a stage is transformed from its own side, and the resized maps never exist.
"""

import math
from collections.abc import Iterator
from itertools import pairwise, product

import torch

from posinfo.experiments.least_squares.axis import Axis

GROUP = 8  # frequencies whose products lie in the processor's cache together: 8 blocks of 184 x 184 are 1 MB


def spectral_weights(turns: torch.Tensor, own: torch.Tensor, length: int) -> torch.Tensor:
    """What a spectrum's real and imaginary parts are weighed with to give correlations at offsets >= 0.

    The correlation is the difference of the two sums, and at minus the offset it is their sum.

    Args:
        turns: offset times frequency, in parts of `length`, int64 [offsets, frequencies].
        own: which frequencies are their own conjugates; the others count twice. bool [frequencies].
        length: points of the transform.

    Returns:
        float64 [2, offsets, frequencies].
    """
    phases = (2 * math.pi / length) * (turns % length).double()
    return torch.stack([phases.cos(), phases.sin()]) * ((2 - own.double()) / length)


class Points:
    """The transformed maps of some pictures, and sums of products of them.

    Args:
        axis: of the common grid.
        channels: of all stages together.
        pictures: for how many there is room.
        dtype: of the values and of the sums of products.
        device: where they lie and are multiplied.
    """

    def __init__(self, axis: Axis, channels: int, pictures: int, dtype: torch.dtype, device: torch.device) -> None:
        self.axis, self.dtype, self.device = axis, dtype, device
        half, borders = axis.half, len(axis.borders)

        def room(*points: int) -> torch.Tensor:
            # Channels last: products over pictures then run at the highest rate, and whole rows are written.
            return torch.zeros(*points, pictures, channels, dtype=dtype, device=device)

        # First the real and the imaginary part; then frequencies (down, across), border rows by frequencies across,
        # border columns by frequencies down. Corners are real.
        self._whole, self._corners = room(2, sum(axis.spans)), room(borders, borders)
        self._rows, self._columns = room(2, borders, half), room(2, borders, half)
        self._assembly = self._ready(axis.assembly())
        self._whole_weights, self._line_weights = self._weights_of_whole(), self._weights_of_lines()

    def _ready(self, *parts: torch.Tensor) -> torch.Tensor:
        return torch.cat(parts).to(self.dtype).to(self.device)

    @staticmethod
    def values(axis: Axis) -> int:
        """Real numbers for each map."""
        half, borders = axis.half, len(axis.borders)
        return 2 * sum(axis.spans) + 4 * half * borders + borders**2

    def _weights_of_whole(self) -> torch.Tensor:
        """See `spectral_weights`; the offsets are those (down, across) >= (0, 0)."""
        axis = self.axis
        down = torch.cat([torch.arange(span) for span in axis.spans])
        across = torch.cat([torch.full((span,), place) for place, span in enumerate(axis.spans)])
        offsets = torch.tensor([pair for pair in product(axis.offsets, repeat=2) if pair >= (0, 0)])
        own = (2 * down % axis.length == 0) & (2 * across % axis.length == 0)
        turns = offsets @ torch.stack([down, across])
        return self._ready(spectral_weights(turns, own, axis.length) / axis.length)

    def _weights_of_lines(self) -> torch.Tensor:
        """See `spectral_weights`; the offsets are those >= 0."""
        frequencies = torch.arange(self.axis.half)
        turns = torch.outer(torch.arange(self.axis.kernel), frequencies)
        own = 2 * frequencies % self.axis.length == 0
        return self._ready(spectral_weights(turns, own, self.axis.length))

    def fill(self, maps: torch.Tensor, channel: int, picture: int, scale: float) -> None:
        """Transform maps [C, batch, h, h] of one stage, times `scale`, into the places from (channel, picture) on."""
        axis, (channels, pictures, side, _) = self.axis, maps.shape
        half, length, borders = axis.half, axis.length, len(axis.borders)
        # Each axis brings the root of the scale.
        cosines, sines = (scale**0.5 * part for part in axis.waves(side))
        border = scale**0.5 * axis.border_rows(side)
        none = torch.zeros_like(border)
        of_map = self._ready(cosines[:half], -sines[:half], border)
        # Along the columns, [frequencies and border columns, batch C h], then along the rows.
        across = of_map @ maps.to(self.dtype).transpose(0, 1).reshape(-1, side).T
        across = across.view(len(of_map), pictures * channels, side)
        of_real, of_imaginary = self._ready(cosines, -sines, border, none), self._ready(sines, cosines, none, border)
        here, start = (slice(picture, picture + pictures), slice(channel, channel + channels)), 0
        for place, span in enumerate(axis.spans):
            found = (of_real @ across[place].T).addmm_(of_imaginary, across[half + place].T)
            parts = torch.split(found.view(-1, pictures, channels), [length, length, borders, borders])
            for part in (0, 1):
                self._whole[part, start : start + span, *here] = parts[part][:span]
                self._rows[part, :, place, *here] = parts[2 + part]
            start += span
        for place in range(borders):
            found = of_map @ across[2 * half + place].T
            real, imaginary, pixels = torch.split(found.view(-1, pictures, channels), [half, half, borders])
            self._columns[0, place, :, *here], self._columns[1, place, :, *here] = real, imaginary
            self._corners[:, place, *here] = pixels

    def sums(self, left: slice, right: slice, pictures: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Sums over the first `pictures` pictures and all outputs, for two ranges of channels.

        Returns:
            For kernel positions (i, j) along the rows and (i', j') along the columns
            x[left, o + i, o' + i'] x[right, o + j, o' + j'], [kernel, kernel, kernel, kernel, left, right] in the order
            i, j, i', j'; and the sums over all pixels of x[left] x[right], [left, right].
        """
        axis, offsets, pairs = self.axis, len(self.axis.offsets), len(self.axis.pairs)
        size = (left.stop - left.start, right.stop - right.start)
        found = torch.zeros(offsets + pairs, offsets + pairs, *size, dtype=self.dtype, device=self.device)
        one, other = self._whole[:, :, :pictures, left], self._whole[:, :, :pictures, right]
        found[:offsets, :offsets] = _correlations(one, other, self._whole_weights).view(offsets, offsets, *size)
        first, second = ([axis.borders.index(pair[end]) for pair in axis.pairs] for end in (0, 1))
        for place, (i, j) in enumerate(zip(first, second, strict=True), offsets):
            for lines, into in ((self._rows, found[place, :offsets]), (self._columns, found[:offsets, place])):
                one, other = lines[:, i, :, :pictures, left], lines[:, j, :, :pictures, right]
                into.copy_(_correlations(one, other, self._line_weights).view(offsets, *size))
        if pairs:
            one, other = self._corners[:, :, :pictures, left], self._corners[:, :, :pictures, right]
            corners = one[first][:, first].mT @ other[second][:, second]
            found[offsets:, offsets:] = corners
        every = found[axis.reach, axis.reach].clone()
        across = self._assembly @ found.flatten(2)
        both = self._assembly @ across.flatten(1)
        return both.view(*[axis.kernel] * 4, *size), every


def _correlations(one: torch.Tensor, other: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Correlations at all offsets, from minus the largest on, of transforms [2, frequencies, pictures, C].

    [offsets, C C'], with `spectral_weights`. The spectrum conj(x) y, with x = a + ib and y = c + id, takes
    three real products: ac, bd and (a + b)(c - d).
    """
    size = (one.shape[3], other.shape[3])
    even, odd = one.new_zeros(2, weights.shape[1], size[0] * size[1])
    work = one.new_empty(3, GROUP, *size)
    for start in range(0, one.shape[1], GROUP):
        group = slice(start, start + GROUP)
        (a, b), (c, d) = one[:, group], other[:, group]
        real, of_imaginary, imaginary = work[:, : len(a)]
        torch.bmm(a.mT, c, out=real)
        torch.bmm(b.mT, d, out=of_imaginary)
        if len(even) > 1:  # without offsets, the imaginary part has no weight
            torch.sub(real, of_imaginary, out=imaginary)
            imaginary.baddbmm_((a + b).mT, c - d, alpha=-1)
            odd.addmm_(weights[1][:, group], imaginary.flatten(1))
        real += of_imaginary
        even.addmm_(weights[0][:, group], real.flatten(1))
    return torch.cat([(even + odd)[1:].flip(0), even - odd])


def blocks(channels: int, largest: int = 192) -> Iterator[slice]:
    """Ranges of channels of nearly one size, at most `largest`."""
    count = -(-channels // largest)
    edges = [channels * place // count for place in range(count + 1)]
    yield from (slice(start, stop) for start, stop in pairwise(edges))
