"""Normal equations of a k x k convolution, from correlations of channel pairs.

The least-squares matrix of a convolution holds, for kernel positions i and j, the sum over pictures and outputs o of
x[c, o + i] x[c', o + j]. How these sums are made, exactly and with fewer products than outputs, is in `correlations`.
"""

from collections.abc import Iterator, Sequence
from itertools import product as combinations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import lapack
from torch.nn import functional

from posinfo.experiments.least_squares.axis import Axis
from posinfo.experiments.least_squares.correlations import Points, blocks
from posinfo.protocol.alignment import StageShape
from posinfo.protocol.resampling import bilinear_matrix

ROOM = 920_000_000  # bytes of transformed pictures that are multiplied at once: 132 of VGG16's
MOST_PICTURES = 256  # at once; more make no product faster
NEAR = 10.001  # factor between ridges of which one factorisation serves both: those of one decade
MOST_STEPS = 500  # of conjugate gradients; even double precision takes 60


class Moments:
    """Sums over pictures that decide every ridge solution of a convolution, for any target.

    Args:
        stages: that enter, in the order of their channels, each at its own side.
        scales: what each stage is multiplied by.
        axis: of the common grid to which the stages are resized and on which the kernel moves.
        device: where products are computed; the assembled matrices lie on the CPU.
        dtype: of the sums of products.

    Attributes:
        count: pictures added.
    """

    def __init__(
        self,
        stages: Sequence[StageShape],
        scales: Sequence[float],
        axis: Axis,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.stages, self.scales, self.axis, self.device, self.dtype = list(stages), list(scales), axis, device, dtype
        self.channels, self.count = sum(stage.channels for stage in stages), 0
        self._totals = [
            torch.zeros(stage.channels, stage.side, stage.side, dtype=torch.float64, device=device) for stage in stages
        ]
        each = Points.values(axis) * self.channels * dtype.itemsize
        self._room = max(1, min(MOST_PICTURES, ROOM // each))
        self._points: Points | None = None
        self._waiting = 0  # pictures transformed but not yet multiplied
        # Rows and columns run over (kernel position, channel); only what is on and above the diagonal is filled.
        size = axis.kernel**2 * self.channels
        self._gram = torch.zeros(size, size, dtype=dtype)
        self._single = torch.zeros(self.channels, self.channels, dtype=dtype)

    def add(self, maps: Sequence[torch.Tensor]) -> None:
        """Add a batch of pictures: each stage's maps as they are stored, [C, batch, h, h]."""
        for total, stage in zip(self._totals, maps, strict=True):
            total += stage.sum(1, dtype=torch.float64)
        batch, start = maps[0].shape[1], 0
        self.count += batch
        while start < batch:
            taken = min(batch - start, self._room - self._waiting)
            if self._points is None:
                self._points = Points(self.axis, self.channels, self._room, self.dtype, self.device)
            channel = 0
            for stage, scale in zip(maps, self.scales, strict=True):
                self._points.fill(stage[:, start : start + taken], channel, self._waiting, scale)
                channel += len(stage)
            start, self._waiting = start + taken, self._waiting + taken
            if self._waiting == self._room:
                self._multiply()

    def _multiply(self) -> None:
        """Add the products of the waiting pictures to the matrices."""
        if self._points is None or not self._waiting:
            return
        kernel, channels = self.axis.kernel, self.channels
        gram = self._gram.view(kernel, kernel, channels, kernel, kernel, channels)
        parts = list(blocks(channels))
        for place, left in enumerate(parts):
            for right in parts[place:]:
                sums, every = self._points.sums(left, right, self._waiting)
                self._single[left, right] += every.cpu()
                sums = sums.cpu()
                for row, other_row, column, other_column in combinations(range(kernel), repeat=4):
                    block = sums[row, other_row, column, other_column]
                    if (row, column) <= (other_row, other_column):
                        gram[row, column, left, other_row, other_column, right] += block
                    elif left != right:  # below the diagonal: what stands above it is the transpose
                        gram[other_row, other_column, right, row, column, left] += block.T
        self._waiting = 0

    def total(self) -> torch.Tensor:
        """Sum of the resized, scaled and padded maps over pictures, float64 [C, side, side]."""
        resized = []
        for total, stage, scale in zip(self._totals, self.stages, self.scales, strict=True):
            enlarge = bilinear_matrix(self.axis.align, stage.side, self.axis.corners)
            resized.append(enlarge @ (scale * total.cpu()) @ enlarge.T)
        return functional.pad(torch.cat(resized), (self.axis.padding,) * 4)

    def equations(self, kernel: int, channels: torch.Tensor) -> "NormalEquations":
        """Those of a convolution over some channels (int64, ascending), with this kernel or a 1 x 1 one."""
        if kernel not in (1, self.axis.kernel):
            raise ValueError(f"these sums are for kernels of 1 and {self.axis.kernel}, not {kernel}")
        self._multiply()
        self._points = None  # its memory is the solver's now
        outputs = self.axis.side - kernel + 1
        windows = self.total()[channels].unfold(1, outputs, 1).unfold(2, outputs, 1)
        windows = windows.permute(1, 2, 0, 3, 4).flatten(0, 2)
        whole = self._gram if kernel == self.axis.kernel else self._single
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
        weights = torch.empty(len(ridges), *right.T.shape, dtype=torch.float64)
        for factorised, served in shared_factors(ridges):
            lower = self._factor(factorised * scale)
            shifts = [(ridges[place] - factorised) * scale for place in served]
            weights[served] = _solved_near(lower, right, torch.tensor(shifts, dtype=torch.float64))
        self.gram.diagonal().copy_(self._diagonal)
        return weights, means - weights @ self.sums / self.observations

    def _factor(self, ridge: float) -> torch.Tensor:
        """Cholesky in the lower triangle, so that one matrix holds the system and its factor: that matrix, [P, P].

        The diagonal is the factor's; `solve` restores it.
        """
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
        factorise = lapack.spotrf if self.gram.dtype == torch.float32 else lapack.dpotrf
        # The transpose of a C-ordered lower triangle is a Fortran-ordered upper one: nothing is copied.
        matrix: NDArray[np.floating] = self.gram.numpy().T
        _, failed = factorise(matrix, lower=0, clean=0, overwrite_a=1)
        if failed:
            raise ArithmeticError(f"the normal equations are not positive definite at a ridge of {ridge:.3g}")
        return self.gram


def shared_factors(ridges: Sequence[float]) -> Iterator[tuple[float, list[int]]]:
    """Few ridges of which every other is within a factor of `NEAR`, and for each the places of those it serves."""
    waiting = sorted(range(len(ridges)), key=ridges.__getitem__)
    while waiting:
        factorised = max(ridges[place] for place in waiting if ridges[place] <= NEAR * ridges[waiting[0]])
        served = [place for place in waiting if ridges[place] <= NEAR * factorised]
        waiting = waiting[len(served) :]
        yield factorised, served


def _solved_near(lower: torch.Tensor, right: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Solutions of (L Lᵀ + shift) x = right for all shifts, by conjugate gradients preconditioned with the factor.

    L Lᵀ times a direction follows from the residuals, so a step takes two substitutions and no product with the matrix.
    Where the shift makes a ridge at most `NEAR` times larger or smaller, the condition number is at most that, and 27
    steps reach single precision, whatever the features are. Without a shift the start is the solution.

    Args:
        lower: L in the lower triangle, [P, P].
        right: float64 [P, heads].
        shifts: float64 [shifts].

    Returns:
        float64 [shifts, heads, P].

    Raises:
        ArithmeticError: when the steps do not converge, as when a number is not finite.
    """
    heads, tiny = right.shape[1], torch.finfo(torch.float64).tiny

    def substituted(vectors: torch.Tensor) -> torch.Tensor:
        # Residuals shrink below what single precision holds, so they are scaled for the way there.
        size = vectors.abs().amax(0).clamp_min(tiny)
        half = torch.linalg.solve_triangular(lower, (vectors / size).to(lower.dtype), upper=False)
        whole: torch.Tensor = torch.linalg.solve_triangular(lower.T, half, upper=True)
        return whole.double() * size

    start = substituted(right)
    solution, shift = start.repeat(1, len(shifts)), shifts.repeat_interleave(heads)
    enough = torch.finfo(lower.dtype).eps ** 2 * (right * start).sum(0).repeat(len(shifts))
    residual = -shift * solution
    direction, image, before = torch.zeros_like(solution), torch.zeros_like(solution), torch.ones_like(shift)
    for _ in range(MOST_STEPS):
        ready = substituted(residual)
        size = (residual * ready).sum(0)
        if bool((size <= enough).all()):
            return solution.T.reshape(len(shifts), heads, -1)
        direction, image = ready + size / before * direction, residual + size / before * image  # image: L Lᵀ direction
        product = image + shift * direction
        length = size / (direction * product).sum(0).clamp_min(tiny)
        solution, residual, before = solution + length * direction, residual - length * product, size.clamp_min(tiny)
    raise ArithmeticError(f"the normal equations are not solved after {MOST_STEPS} steps")
