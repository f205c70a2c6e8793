"""The maps that an encoder's readouts predict for a few images, and their errors by distance from the border."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from posinfo.features.stored import StageFeatures
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.protocol.patterns import Definition, ground_truth
from posinfo.readouts.stacked import StackedReadouts
from posinfo.readouts.upsampling import upsample
from posinfo.scores.measures import predict

RING = 8  # pixels: errors are averaged over rings of this width, from the border inwards
TOGETHER = 64  # maps that are upsampled at once; each takes 200 kB


def rings() -> NDArray[np.int64]:
    """The ring of each pixel of an image, 0 at the border: int64 [224, 224]."""
    from_edge = np.minimum(np.arange(IMAGE_SIDE), np.arange(IMAGE_SIDE)[::-1])
    return np.minimum.outer(from_edge, from_edge) // RING


def predict_maps(
    stack: StackedReadouts,
    stages: Sequence[StageFeatures],
    patterns: Sequence[str],
    images: Sequence[int],
    seed: int,
    definition: Definition,
    device: torch.device,
) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """Predict one readout's maps, and average its errors over rings.

    Args:
        stack: the readout's heads; those of other patterns are left out.
        stages: the features that it reads.
        patterns: which to predict, in this order.
        images: indices of the images whose maps are returned.
        seed: of the head whose maps are returned; errors are over all seeds.
        definition: of the ground truth.
        device: where to compute.

    Returns:
        Maps before the upsampling, [patterns, images, side, side], and mean absolute errors [patterns, rings] over all
        images and seeds.
    """
    small = predict(stack, stages, device)
    ring = rings().ravel()
    maps = []
    errors = []
    for pattern in patterns:
        rows = [row for row, head in enumerate(stack.heads) if head.pattern == pattern]
        (first,) = [row for row in rows if stack.heads[row].seed == seed]
        maps.append(small[first, list(images)].numpy().astype(np.float16))
        truth = torch.from_numpy(ground_truth(pattern, IMAGE_SIDE, definition)).float()
        of_pattern = small[rows].flatten(0, 1)
        error = torch.zeros(truth.shape, dtype=torch.float64)
        for some in torch.split(of_pattern, TOGETHER):
            error += (upsample(some, stages[0].alignment.corners) - truth).abs().sum(0, dtype=torch.float64)
        mean = (error / len(of_pattern)).numpy().ravel()
        errors.append(np.bincount(ring, mean) / np.bincount(ring))
    return np.stack(maps), np.stack(errors).astype(np.float32)
