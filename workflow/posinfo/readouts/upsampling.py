"""The readout's last step, the upsampling to the image's size, and the loss at that size without the large map."""

import torch
from torch import nn

from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.protocol.resampling import bilinear_matrix


class UpsampledLoss(nn.Module):
    """The mean squared error at 224x224, computed on the small map.

    The upsampling is p -> U p Uᵀ. So with A = UᵀU, C = Uᵀ g U and n = 224²,
    |U p Uᵀ - g|²/n = (<p, A p A> - 2 <p, C> + |g|²)/n, and the large map never exists while training.

    Args:
        truth: the ground-truth map of each head, float64 [heads, size, size].
        side: side of the small maps, in pixels.
        corners: torch's `align_corners` of the upsampling.
    """

    gram: torch.Tensor
    target: torch.Tensor
    energy: torch.Tensor

    def __init__(self, truth: torch.Tensor, side: int, corners: bool) -> None:
        super().__init__()
        size = truth.shape[-1]
        enlarge = bilinear_matrix(size, side, corners)
        self.pixels = size * size
        self.register_buffer("gram", (enlarge.T @ enlarge).float())
        self.register_buffer("target", (enlarge.T @ truth @ enlarge).float())
        self.register_buffer("energy", truth.square().sum((1, 2)).float())

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Mean squared error of each head over batch and pixels, float32 [heads]; maps [heads, batch, side, side]."""
        quadratic = (maps * (self.gram @ maps @ self.gram - 2 * self.target[:, None])).sum((2, 3)).mean(1)
        return (quadratic + self.energy) / self.pixels


def upsample(maps: torch.Tensor, corners: bool, size: int = IMAGE_SIDE) -> torch.Tensor:
    """Bilinear upsampling of [..., side, side] to [..., size, size], as the readout's last step."""
    if maps.shape[-1] == size:
        return maps
    enlarge = bilinear_matrix(size, maps.shape[-1], corners).to(maps)
    return enlarge @ maps @ enlarge.T
