"""Normal equations of a k x k convolution, from correlations of channel pairs.

The least-squares matrix of a convolution holds, for kernel positions i and j, the sum over pictures and outputs o of
x[c, o + i] x[c', o + j]. It depends on the offset j - i and on where the outputs begin, so most of it is shared: the
pixel pairs at one offset are cut into a core, which every kernel position sees, and single rows and columns at the
border, which only some see. Each pair is multiplied once: 13 products for k = 3 where the dense matrix takes 81 (45
by symmetry), and every block of the matrix is a sum of pieces, exactly.
"""

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import lapack


def cuts(side: int, kernel: int, offset: int) -> list[tuple[int, int]]:
    """Along one axis, the pixels p whose partner p + offset exists, cut into pieces [start, stop).

    With r = kernel - 1 - |offset|: r single pixels, the core, r single pixels. The outputs of the kernel positions
    (i, i + offset) see the pieces from min(i, i + offset) on, r + 1 of them.
    """
    singles, first = kernel - 1 - abs(offset), max(0, -offset)
    core = side - kernel + 1 - singles
    edges = [first, *(first + 1 + place for place in range(singles))]
    edges += [edges[-1] + core + place for place in range(singles + 1)]
    return list(pairwise(edges))


class Moments:
    """Sums over pictures that decide every ridge solution of a convolution, for any target.

    Args:
        channels: C, of all stages together.
        side: of the aligned and padded maps, in pixels; at least 2 kernel - 1.
        kernel: side of the kernel.
        dtype: of the sums of products.
        device: where products are computed; the assembled matrices lie on the CPU.

    Attributes:
        total: sum of the maps over pictures, float64 [C, side, side].
        count: pictures added.
    """

    def __init__(
        self, channels: int, side: int, kernel: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        if side < 2 * kernel - 1:
            raise ValueError(f"maps of side {side} are too small for a kernel of {kernel}")
        self.channels, self.side, self.kernel, self.device, self.dtype = channels, side, kernel, device, dtype
        self.total = torch.zeros(channels, side, side, dtype=torch.float64, device=device)
        self.count = 0
        self._pieces: dict[tuple[int, int], torch.Tensor] = {}
        # Rows and columns run over (kernel position, channel); only blocks on and above the diagonal are filled.
        self._gram = torch.zeros(kernel**2 * channels, kernel**2 * channels, dtype=dtype)
        self._single = torch.zeros(channels, channels, dtype=dtype)

    def add(self, maps: torch.Tensor) -> None:
        """Add a batch of aligned, scaled and padded maps [C, batch, side, side]."""
        maps = maps.to(self.dtype)
        self.total += maps.sum(1, dtype=torch.float64)
        self.count += maps.shape[1]
        reach = self.kernel - 1
        for down, right in product(range(reach + 1), range(-reach, reach + 1)):
            if (down, right) < (0, 0):
                continue  # the transpose of another offset
            rows, columns = cuts(self.side, self.kernel, down), cuts(self.side, self.kernel, right)
            if (down, right) not in self._pieces:
                shape = (len(rows), len(columns), self.channels, self.channels)
                self._pieces[down, right] = torch.zeros(shape, dtype=self.dtype, device=self.device)
            sums = self._pieces[down, right]
            for (i, (top, bottom)), (j, (left, end)) in product(enumerate(rows), enumerate(columns)):
                here = maps[:, :, top:bottom, left:end].flatten(1)
                there = maps[:, :, top + down : bottom + down, left + right : end + right].flatten(1)
                sums[i, j].addmm_(here, there.T)

    def _assemble(self) -> None:
        """Move the pieces into the matrices, one offset at a time, so that both are never whole at once."""
        kernel, size = self.kernel, self.channels
        places = list(product(range(kernel), repeat=2))
        for down, right in list(self._pieces):
            pieces = self._pieces.pop((down, right)).cpu()
            if (down, right) == (0, 0):
                self._single += pieces.sum((0, 1))
            seen_down, seen_right = kernel - down, kernel - abs(right)  # pieces that each kernel position sees
            for i, (row, column) in enumerate(places):
                if (row + down, column + right) not in places:
                    continue
                j, begin = places.index((row + down, column + right)), min(column, column + right)
                window = pieces[row : row + seen_down, begin : begin + seen_right]
                block = self._gram[i * size : (i + 1) * size, j * size : (j + 1) * size]
                for piece in window.flatten(0, 1):
                    block += piece

    def equations(self, kernel: int, channels: torch.Tensor) -> "NormalEquations":
        """Those of a convolution over some channels (int64, ascending), with this kernel or a 1 x 1 one."""
        self._assemble()
        if kernel not in (1, self.kernel):
            raise ValueError(f"these sums are for kernels of 1 and {self.kernel}, not {kernel}")
        windows = self.total[channels.to(self.device)].cpu().unfold(1, self.side - kernel + 1, 1)
        windows = windows.unfold(2, self.side - kernel + 1, 1).permute(1, 2, 0, 3, 4).flatten(0, 2)
        whole = self._gram if kernel == self.kernel else self._single
        if len(channels) < self.channels:
            chosen = (torch.arange(kernel**2)[:, None] * self.channels + channels).flatten()
            whole = whole[chosen[:, None], chosen]
        return NormalEquations(whole, windows, self.count)


class NormalEquations:
    """Ridge regression of target maps on the pixels under a kernel, with an unpenalised bias.

    Args:
        gram: sums of products [P, P], P = kernel² channels; read above the diagonal, its lower triangle is work space.
        windows: for each unknown the sum over pictures of the map that it multiplies, float64 [P, out, out].
        count: pictures.
    """

    def __init__(self, gram: torch.Tensor, windows: torch.Tensor, count: int) -> None:
        self.gram, self.windows = gram, windows
        self.observations = count * windows.shape[-1] ** 2
        self.sums = windows.sum((1, 2))
        self._diagonal = gram.diagonal().clone()

    def solve(self, targets: torch.Tensor, ridges: Sequence[float]) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights [ridges, heads, P] and biases [ridges, heads], float64, for target maps [heads, out, out].

        Each target is the same for every picture. A ridge is relative: it is multiplied by the mean variance of the
        unknowns' inputs times the number of observations. Centring takes the bias out of the system.
        """
        means = targets.mean((1, 2))
        right = torch.einsum("pij,hij->ph", self.windows, targets.double()) - self.sums[:, None] * means
        scale = float((self._diagonal - self.sums**2 / self.observations).mean())
        weights = torch.stack([self._solved(right, ridge * scale) for ridge in ridges])
        return weights, means - weights @ self.sums / self.observations

    def _solved(self, right: torch.Tensor, ridge: float) -> torch.Tensor:
        """Cholesky in the lower triangle, so that one matrix holds the system and its factor. [heads, P]."""
        step, size = 2048, len(self.gram)
        centre = (self.sums / self.observations**0.5).to(self.gram.dtype)
        for start in range(0, size, step):
            rows = slice(start, min(start + step, size))
            for begin in range(0, start, step):
                columns = slice(begin, begin + step)
                block = self.gram[rows, columns].copy_(self.gram[columns, rows].T)
                block.addr_(centre[rows], centre[columns], alpha=-1)
            square = self.gram[rows, rows]
            upper = square.triu(1)
            lower = upper.T - torch.outer(centre[rows], centre[rows]).tril(-1)
            diagonal = self._diagonal[rows] - self.sums[rows] ** 2 / self.observations + ridge
            square.copy_(upper + lower + torch.diag(diagonal.to(square.dtype)))
        single = self.gram.dtype == torch.float32
        factorise, substitute = (lapack.spotrf, lapack.spotrs) if single else (lapack.dpotrf, lapack.dpotrs)
        # The transpose of a C-ordered lower triangle is a Fortran-ordered upper one: nothing is copied.
        matrix: NDArray[np.floating] = self.gram.numpy().T
        factor, failed = factorise(matrix, lower=0, clean=0, overwrite_a=1)
        if failed:
            raise ArithmeticError(f"the normal equations are not positive definite at a ridge of {ridge:.3g}")
        solution, _ = substitute(factor, right.to(self.gram.dtype).numpy(), lower=0)
        self.gram.diagonal().copy_(self._diagonal)
        return torch.from_numpy(np.ascontiguousarray(solution.T)).double()
