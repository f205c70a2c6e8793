"""One axis of the grid on which a kernel moves: which pixel pairs its positions see, and the transform that pairs them.

Two kernel positions i and j see the pairs (p, p + j - i) that some output o puts at (o + i, o + j). Those are all pairs
at this offset, hence a correlation, but a few at the borders.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import torch

from posinfo.protocol.resampling import bilinear_matrix


@dataclass(frozen=True)
class Axis:
    """One axis of the common grid; both axes are alike.

    Args:
        align: common side to which every stage is resized, in pixels.
        padding: zeros on each side of it.
        kernel: side of the kernel.
        corners: torch's `align_corners` of the resizing.

    Raises:
        ValueError: when the padded side is below 2 kernel - 1.
    """

    align: int
    padding: int
    kernel: int
    corners: bool

    def __post_init__(self) -> None:
        if self.side < 2 * self.kernel - 1:
            raise ValueError(f"maps of side {self.side} are too small for a kernel of {self.kernel}")

    @property
    def side(self) -> int:
        """Pixels with the padding."""
        return self.align + 2 * self.padding

    @property
    def reach(self) -> int:
        """Largest offset between two kernel positions."""
        return self.kernel - 1

    @property
    def length(self) -> int:
        """Points of the Fourier transform: no offset up to the reach wraps around."""
        return self.align + self.reach

    @property
    def half(self) -> int:
        """Frequencies of which the others are conjugates, for a real signal."""
        return self.length // 2 + 1

    @property
    def spans(self) -> list[int]:
        """Of a real map, how many frequencies down count for each of the `half` across; all others are conjugates."""
        return [self.half if 2 * across % self.length == 0 else self.length for across in range(self.half)]

    @property
    def offsets(self) -> range:
        """From -reach to reach."""
        return range(-self.reach, self.reach + 1)

    def unseen(self, i: int, j: int) -> list[tuple[int, int]]:
        """Pixel pairs (p, p + j - i) of the unpadded axis that no output has under kernel positions i and j."""
        first, stop = i - self.padding, i - self.padding + self.side - self.reach
        pairs = ((pixel, pixel + j - i) for pixel in range(self.align) if not first <= pixel < stop)
        return [pair for pair in pairs if 0 <= pair[1] < self.align]

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """All of them, each once: 8 for a kernel of 3 without padding, none with padding 2."""
        positions = product(range(self.kernel), repeat=2)
        return sorted({pair for i, j in positions for pair in self.unseen(i, j)})

    @cached_property
    def borders(self) -> list[int]:
        """Pixels in those pairs, ascending: two at each end for a kernel of 3 without padding."""
        return sorted({pixel for pair in self.pairs for pixel in pair})

    def assembly(self) -> torch.Tensor:
        """Sums for each (i, j) out of the correlations at `offsets` and the products of `pairs`, 0, 1 and -1.

        float64 [kernel², offsets + pairs].
        """
        pairs = self.pairs
        matrix = torch.zeros(self.kernel**2, len(self.offsets) + len(pairs), dtype=torch.float64)
        for row, (i, j) in enumerate(product(range(self.kernel), repeat=2)):
            matrix[row, j - i + self.reach] = 1
            for pair in self.unseen(i, j):
                matrix[row, len(self.offsets) + pairs.index(pair)] = -1
        return matrix

    def waves(self, side: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines of a resized signal at all `length` frequencies, float64 [length, side] each."""
        places = torch.arange(self.length, dtype=torch.float64)
        phases = 2 * math.pi / self.length * (torch.outer(places, places[: self.align]) % self.length)
        enlarge = bilinear_matrix(self.align, side, self.corners)
        return phases.cos() @ enlarge, phases.sin() @ enlarge

    def border_rows(self, side: int) -> torch.Tensor:
        """The resized signal's pixels at `borders`, float64 [borders, side]."""
        return bilinear_matrix(self.align, side, self.corners)[self.borders]
