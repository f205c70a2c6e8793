"""Finds stages whose cells do not lie as the image does, such as tokens in the order of windows."""

from itertools import permutations, product
from warnings import warn

import torch
from torch import nn

from posinfo.protocol.alignment import IMAGE_SIDE

NEARLY = 0.95  # most networks reach .5 to .8, at most .92; where layers mix all tokens alike, nothing tells the order


def warn_of_order(model: nn.Module, name: str) -> None:
    """Warn, in a line for each stage, of cells that may not be in the order of the image.

    Args:
        model: as of `out_of_order`.
        name: of the network.
    """
    for stage in out_of_order(model):
        warn(
            f"{name}: {stage} does not change most where an image changes; its scores are wrong if its cells are not "
            "in the order of the image, row by row",
            stacklevel=3,
        )


@torch.inference_mode()
def out_of_order(model: nn.Module, side: int = IMAGE_SIDE) -> list[str]:
    """Find the stages whose maps do not change most where an image changes.

    Each quarter of an image of noise is replaced by other noise. Such a stage has another assignment of the quarters of
    the image to those of its map with at least `NEARLY` the changes of the true one.

    Args:
        model: images [batch, 3, side, side] to {stage: maps [batch, C, h, h]}.
        side: of the image, in pixels.
    """
    image, other = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    images = image.repeat(5, 1, 1, 1)  # the last stays as it is
    for number, new in enumerate(_quarters(other)):
        _quarters(images[number])[number].copy_(new)
    found = []
    for stage, maps in model.eval()(images).items():
        changes = _quarters((maps[:-1] - maps[-1]).abs().mean(1))
        seen = torch.stack([change.mean((1, 2)) for change in changes])  # in a quarter of the map, by changed quarter
        true, *others = (seen[range(4), list(assigned)].sum() for assigned in permutations(range(4)))
        if max(others) > NEARLY * true:
            found.append(stage)
    return found


def _quarters(maps: torch.Tensor) -> list[torch.Tensor]:
    """The quarters of maps [..., side, side], without a line in the middle; empty ones of a side of 1."""
    half = maps.shape[-1] // 2
    halves = (slice(None, half), slice(maps.shape[-1] - half, None))
    return [maps[..., rows, columns] for rows, columns in product(halves, halves)]
