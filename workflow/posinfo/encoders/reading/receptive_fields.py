"""What the cells of a network's stages see of an image, measured with images that are NaN in places.

NaN spreads through convolutions, norms, poolings and attention, whatever the weights. A cell that becomes NaN depends
on a pixel that is NaN, so receptive fields are found without knowing any layer. Attention that is masked by a large
negative number still counts as seeing.
"""

import math
from bisect import bisect_left
from functools import cache

import torch
from torch import nn

from posinfo.protocol.alignment import IMAGE_SIDE


@torch.inference_mode()
def receptive_fields(model: nn.Module, side: int = IMAGE_SIDE) -> dict[str, dict[str, float]]:
    """Receptive fields of the cells of each stage.

    Args:
        model: images [batch, 3, side, side] to {stage: maps [batch, C, h, h]}; with finite weights.
        side: of the image, in pixels.

    Returns:
        For each stage: `channels`, `side` (h), `field` (width of the middle cell's receptive field in pixels, at most
        the image's side), `border` (share of cells whose receptive field reaches the outermost pixels).
    """
    framed = torch.zeros(1, 3, side, side)
    for edge in (0, -1):
        framed[:, :, edge] = math.nan
        framed[:, :, :, edge] = math.nan

    @cache
    def reached(count: int, mirrored: bool) -> dict[str, bool]:
        """For each stage, whether its middle cell is NaN when the first (mirrored: last) columns are."""
        image = torch.zeros(1, 3, side, side)
        image[..., :count] = math.nan
        maps_of = model(image.flip(-1) if mirrored else image)
        return {stage: bool(_middle(maps).isnan().any()) for stage, maps in maps_of.items()}

    def reach(stage: str, mirrored: bool) -> int:
        """Pixels from the leftmost one that the middle cell sees to the right edge; mirrored, to the left edge."""
        return side - bisect_left(range(1, side), 1, key=lambda count: reached(count, mirrored)[stage])

    return {
        stage: {
            "channels": maps.shape[1],
            "side": maps.shape[2],
            "border": float(maps.isnan().any(1).float().mean()),
            "field": reach(stage, mirrored=False) + reach(stage, mirrored=True) - side,
        }
        for stage, maps in model(framed).items()
    }


def _middle(maps: torch.Tensor) -> torch.Tensor:
    """The middle cell of maps [batch, C, h, h]."""
    return maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2]
