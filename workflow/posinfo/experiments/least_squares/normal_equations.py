"""Normal equations of a k x k convolution, and their ridge solutions.

The matrix of the equations holds, for channels c and c' and kernel positions i and j, the sum over images and outputs o
of x[c, o + i] x[c', o + j]. A `Scheme`, used along both axes, makes these sums from few products; each product is one
matrix multiplication over images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve

from posinfo.experiments.least_squares.correlations import correlation_scheme
from posinfo.protocol.alignment import Alignment, StageShape
from posinfo.protocol.resampling import padded_rows, stage_matrix

BLOCK = 184  # channels multiplied at once, an eighth of VGG16's


class Moments:
    """Sums over images that decide every ridge solution of a convolution, for any target.

    Args:
        stages: that are read, in the order of their channels, each at its own side.
        scales: what each stage is multiplied by.
        alignment: of the common grid to which the stages are resized.
        padding: zeros on each side of the resized maps, in pixels.
        kernel: side of the convolution's kernel.
        device: where products are computed.
        dtype: of the sums.

    Attributes:
        images: how many were added.
        side: of the resized and padded maps, in pixels.

    Raises:
        ValueError: when the maps are too small for the kernel.
    """

    def __init__(
        self,
        stages: Sequence[StageShape],
        scales: Sequence[float],
        alignment: Alignment,
        padding: int,
        kernel: int,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.kernel = kernel
        self.device = device
        self.dtype = dtype
        self.images = 0
        self.side = alignment.side + 2 * padding
        self.channels = sum(stage.channels for stage in stages)
        # Resizing, padding and scaling are one matrix, applied along both axes.
        self._resize = [
            scale**0.5 * padded_rows(stage_matrix(stage, alignment), padding).to(device)
            for stage, scale in zip(stages, scales, strict=True)
        ]
        self._totals = [
            torch.zeros(stage.channels, stage.side, stage.side, dtype=torch.float64, device=device) for stage in stages
        ]
        scheme = correlation_scheme(self.side, kernel)
        self._left = [(scheme.left.to(device) @ resize).to(dtype) for resize in self._resize]
        self._right = [(scheme.right.to(device) @ resize).to(dtype) for resize in self._resize]
        self._scheme_sums = scheme.sums.to(device, dtype)
        blocks = [slice(start, min(start + BLOCK, self.channels)) for start in range(0, self.channels, BLOCK)]
        # For each pair of blocks of channels: [kernel² + 1, kernel² + 1, C, C'], see `Scheme.sums`.
        count = len(scheme.sums)
        self._sums = []
        for one, other in combinations_with_replacement(blocks, 2):
            shape = (count, count, one.stop - one.start, other.stop - other.start)
            self._sums.append((one, other, torch.zeros(shape, dtype=dtype, device=device)))

    def add(self, maps: Sequence[torch.Tensor]) -> None:
        """Add a batch of images: each stage's maps as they are stored, [C, batch, h, h]."""
        self.images += maps[0].shape[1]
        for total, stage in zip(self._totals, maps, strict=True):
            for image in stage.unbind(1):  # one at a time, so that no float64 copy of the batch is made
                total += image
        # [h, batch, C, h]: the transform along the columns is then one matrix multiplication.
        rows_first = [stage.to(self.dtype).permute(2, 1, 0, 3).contiguous() for stage in maps]
        products = self._scheme_sums.shape[1]
        left, right = torch.empty(2, products, maps[0].shape[1], self.channels, dtype=self.dtype, device=self.device)
        for row in range(products):
            _transform(rows_first, self._left, row, left)
            _transform(rows_first, self._right, row, right)
            for one, other, sums in self._sums:
                multiplied = left[..., one].mT @ right[..., other]
                across = self._scheme_sums @ multiplied.flatten(1)
                sums.flatten(1).addr_(self._scheme_sums[:, row], across.flatten())

    def equations(self, kernel: int, channels: slice) -> "NormalEquations":
        """The equations of a convolution over some channels, with this kernel or a 1 x 1 one.

        The unknowns are in the order of a convolution's weights: channel, row, column.
        """
        if kernel not in (1, self.kernel):
            raise ValueError(f"these sums are for kernels of 1 and {self.kernel}, not {kernel}")
        gram = torch.empty(self.channels, kernel, kernel, self.channels, kernel, kernel, dtype=self.dtype)
        positions = slice(-1, None) if kernel == 1 else slice(kernel**2)
        for one, other, sums in self._sums:
            # In the order of the scheme: rows of both positions, columns of both positions, both channels.
            found = sums[positions, positions].cpu().reshape(*[kernel] * 4, *sums.shape[2:])
            gram[one, :, :, other] = found.permute(4, 0, 2, 5, 1, 3)
            gram[other, :, :, one] = found.permute(5, 1, 3, 4, 0, 2)
        resized = [resize @ total @ resize.T for total, resize in zip(self._totals, self._resize, strict=True)]
        outputs = self.side - kernel + 1
        windows = torch.cat(resized).cpu()[channels].unfold(1, outputs, 1).unfold(2, outputs, 1).flatten(0, 2)
        chosen = gram[channels, :, :, channels].reshape(len(windows), len(windows))
        return NormalEquations(chosen, windows, self.images)


def _transform(maps: Sequence[torch.Tensor], matrices: Sequence[torch.Tensor], row: int, out: torch.Tensor) -> None:
    """Transform maps down by one row of the scheme and across by all of them.

    Args:
        maps: of each stage, [h, batch, C, h].
        matrices: of each stage, [products, h].
        row: of the matrices.
        out: is filled, [products, batch, C] of all stages.
    """
    channel = 0
    for stage, matrix in zip(maps, matrices, strict=True):
        side, batch, channels, _ = stage.shape
        down = (matrix[row] @ stage.flatten(1)).view(batch * channels, side)
        out[..., channel : channel + channels] = (matrix @ down.T).view(-1, batch, channels)
        channel += channels


@dataclass(frozen=True)
class NormalEquations:
    """Ridge regression of target maps on the pixels under a kernel, with an unpenalised bias.

    Attributes:
        gram: sums of products of the unknowns' inputs, [P, P], P = kernel² channels.
        windows: for each unknown the sum over images of the map that it multiplies, float64 [P, out, out].
        images: how many.
    """

    gram: torch.Tensor
    windows: torch.Tensor
    images: int

    def solve(self, targets: torch.Tensor, ridges: Sequence[float]) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights [ridges, heads, P] and biases [ridges, heads], float64, for target maps [heads, out, out].

        Each target is the same for every image. A ridge is relative: it is multiplied by the mean variance of the
        unknowns' inputs times the number of observations. Centring takes the bias out of the system.

        Raises:
            ArithmeticError: when the equations have no unique finite solution.
        """
        observations = self.images * self.windows.shape[-1] ** 2
        sums = self.windows.sum((1, 2))
        variances = self.gram.diagonal().double() - sums**2 / observations
        centre = (sums / observations**0.5).to(self.gram.dtype)
        means = targets.mean((1, 2))
        inputs = torch.einsum("pij,hij->ph", self.windows, targets.double()) - sums[:, None] * means
        right = inputs.to(self.gram.dtype).numpy()
        solutions = []
        for ridge in ridges:
            system = torch.addr(self.gram, centre, centre, alpha=-1)
            system.diagonal().copy_(variances + ridge * variances.mean())
            try:
                # The system is symmetric, so that its transpose is in Fortran's order and is factorised in place.
                factor = cho_factor(system.numpy().T, overwrite_a=True, check_finite=False)
            except np.linalg.LinAlgError:
                raise ArithmeticError(f"normal equations are not positive definite at a ridge of {ridge:.3g}") from None
            solutions.append(cho_solve(factor, right, check_finite=False).T)
        weights = torch.from_numpy(np.stack(solutions)).double()
        return weights, means - weights @ sums / observations
