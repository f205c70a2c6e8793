"""Least squares for kernels whose normal equations do not fit in memory: conjugate gradients on the cached features.

Each step is one pass over the features: a convolution and its gradient, for all heads at once. Stopping early is what
keeps the solution from fitting noise, as a ridge does; how early is chosen on held-out photographs.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from posinfo.features.batches import BatchReader
from posinfo.features.stored import StageFeatures
from posinfo.readouts.stacked import StackedReadouts

BATCH = 32


class NormalOperator:
    """The centred normal equations of a stack's convolution over some pictures, without ever forming them.

    Args:
        stack: its weights are work space.
        stages: the features that it reads.
        pictures: which of them, int64.
        targets: what each head regresses on, the same for every picture, [heads, side, side].
        device: where the products are computed.

    Attributes:
        right: the right-hand side, float32 [k², heads, C], as `StackedReadouts.mixing`.
        means: of each unknown's inputs, float32 [k², C].
        levels: mean of each target, float32 [heads].
    """

    def __init__(
        self,
        stack: StackedReadouts,
        stages: Sequence[StageFeatures],
        pictures: NDArray[np.int64],
        targets: torch.Tensor,
        device: torch.device,
    ) -> None:
        self.stack, self.pictures = stack.to(device), pictures
        self.reader = BatchReader(list(stages), BATCH, device)
        self.observations = len(pictures) * stack.side**2
        self.levels = targets.mean((1, 2)).to(device, torch.float32)
        centred = (targets - targets.mean((1, 2), keepdim=True)).to(device, torch.float32)
        self.means = self._against(torch.ones_like(centred))[:, 0] / self.observations
        self.right = self._against(centred)

    def __call__(self, weights: torch.Tensor) -> torch.Tensor:
        """The operator on weights [k², heads, C]."""
        with torch.no_grad():
            self.stack.mixing.copy_(weights)
        product = self._gradient(None)
        level = torch.einsum("khc,kc->h", weights, self.means)
        return product - self.observations * level[None, :, None] * self.means[:, None]

    def biases(self, weights: torch.Tensor) -> torch.Tensor:
        """The best bias of each head, float32 [heads]."""
        return self.levels - torch.einsum("khc,kc->h", weights, self.means)

    def _against(self, maps: torch.Tensor) -> torch.Tensor:
        """Sums of inputs times a map per head, over pictures and outputs."""
        return self._gradient(maps[:, None])

    def _gradient(self, against: torch.Tensor | None) -> torch.Tensor:
        """The gradient that maps [heads, 1, side, side], or the convolution's own outputs, send to the weights."""
        self.stack.zero_grad(set_to_none=True)
        with torch.no_grad():
            self.stack.bias.zero_()
        for features in self.reader.pictures(self.pictures):
            drawn = self.stack.convolve(features)
            sent = drawn.detach() if against is None else against.expand_as(drawn)
            drawn.backward(sent)  # type: ignore[no-untyped-call]
        gradient = self.stack.mixing.grad
        assert gradient is not None
        return gradient.clone()


def steps(operator: NormalOperator, count: int, describe: str = "steps") -> Iterator[torch.Tensor]:
    """The solution after each step, float32 [k², heads, C]; every head has its own step lengths."""
    weights = torch.zeros_like(operator.right)
    residual = operator.right.clone()
    direction, size = residual.clone(), _dots(residual, residual)
    for _ in tqdm(range(count), desc=describe, unit="step"):
        image = operator(direction)
        length = size / _dots(direction, image).clamp_min(torch.finfo(torch.float32).tiny)
        weights = weights + length[:, None] * direction
        residual = residual - length[:, None] * image
        new = _dots(residual, residual)
        direction, size = residual + (new / size.clamp_min(torch.finfo(torch.float32).tiny))[:, None] * direction, new
        yield weights


def _dots(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """For each head the inner product, float32 [heads]."""
    return (one * other).sum((0, 2))
