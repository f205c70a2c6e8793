"""What the cells of a network's stages can see: measured with pictures that are no numbers in some places.

NaN goes wherever a value goes: through convolutions, norms, poolings, attention, whatever the weights. A cell that is
NaN depends on a pixel that is, so the structure of any network is read off without knowing its layers. Where attention
is masked by a large negative number it still counts as seeing.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from posinfo.encoders.architectures import empty_architecture, tapped, with_padding, with_weights
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.registry.entries import Encoder


def structure(entry: Encoder) -> dict[str, Any]:
    """Parameters of a network without its head, and what its stages see, at pictures of 224x224.

    Returns:
        `parameters`: their number; `stages`: for each `channels`, `side`, and as `what_cells_see` says.
    """
    empty = empty_architecture(entry.architecture)
    zeros = {name: torch.zeros(tensor.shape, dtype=tensor.dtype) for name, tensor in empty.state_dict().items()}
    network = with_weights(entry.architecture, zeros, "zeros") if zeros else empty.to_empty(device="cpu")
    model = tapped(with_padding(network, entry.padding), entry.taps).eval()
    return {"parameters": sum(value.numel() for value in empty.parameters()), "stages": what_cells_see(model)}


@torch.inference_mode()
def what_cells_see(model: nn.Module, side: int = IMAGE_SIDE) -> dict[str, dict[str, float]]:
    """What each stage's cells see of a picture.

    Args:
        model: pictures [batch, 3, side, side] to {stage: maps [batch, C, h, h]}; with finite weights.

    Returns:
        For each stage: `channels`, `side` (h), `field` (pixels of the receptive field of the middle cell from left to
        right, at most the picture's side), `border` (share of cells whose field reaches the outermost pixels).
    """
    framed = torch.zeros(1, 3, side, side)
    for edge in (0, -1):
        framed[:, :, edge], framed[:, :, :, edge] = math.nan, math.nan
    maps = model(framed)
    found = {
        stage: {
            "channels": values.shape[1],
            "side": values.shape[2],
            "border": float(values.isnan().any(1).float().mean()),
        }
        for stage, values in maps.items()
    }
    left, right = _reach(model, list(found), side, mirrored=False), _reach(model, list(found), side, mirrored=True)
    for stage, values in found.items():
        values["field"] = left[stage] + right[stage] - side
    return found


def _reach(model: nn.Module, stages: list[str], side: int, *, mirrored: bool) -> dict[str, int]:
    """How many pixels lie from the leftmost that the middle cell sees to the right edge; mirrored, to the left edge.

    Found by halving, for all stages in the same forward passes: of the columns before the k-th, does the cell see any?
    """
    low, high = dict.fromkeys(stages, 1), dict.fromkeys(stages, side)  # the smallest k for which it does
    while open_ := [stage for stage in stages if low[stage] < high[stage]]:
        middles = sorted({(low[stage] + high[stage]) // 2 for stage in open_})
        sees = _seen(model, middles, side, mirrored)
        for stage in open_:
            middle = (low[stage] + high[stage]) // 2
            if sees[stage][middles.index(middle)]:
                high[stage] = middle
            else:
                low[stage] = middle + 1
    return {stage: side - low[stage] + 1 for stage in stages}


def _seen(model: nn.Module, counts: list[int], side: int, mirrored: bool) -> Mapping[str, list[bool]]:
    pictures = torch.zeros(len(counts), 3, side, side)
    for picture, count in zip(pictures, counts, strict=True):
        picture[:, :, slice(side - count, None) if mirrored else slice(None, count)] = math.nan
    seen = {}
    for stage, values in model(pictures).items():
        middle = values.shape[2] // 2
        seen[stage] = values[:, :, middle, middle].isnan().any(1).tolist()
    return seen
