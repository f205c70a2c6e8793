"""Cells that do not lie as the image does are found, whatever the network; others are not."""

from collections.abc import Callable

import pytest
import torch
from posinfo.encoders.reading.cell_order import out_of_order
from posinfo.encoders.reading.grids import as_maps
from torch import nn

Change = Callable[[torch.Tensor], torch.Tensor]  # of maps [batch, C, 14, 14]


class Read(nn.Module):
    """Two random convolutions, whose maps are then put into another order."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 16, 16), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
        self.change = change

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = self.layers(images)
        return {"plain": maps, "changed": as_maps(self.change(maps), "a tap")}


def tokens(maps: torch.Tensor) -> torch.Tensor:
    return maps.flatten(2).transpose(1, 2)


def windows(maps: torch.Tensor, side: int = 7) -> torch.Tensor:
    """Tokens window by window."""
    rows = maps.reshape(*maps.shape[:2], 2, side, 2, side)
    return tokens(rows.transpose(3, 4))


IN_ORDER: dict[str, Change] = {
    "tokens": tokens,
    "class token before": lambda maps: nn.functional.pad(tokens(maps), (0, 0, 1, 0)),
    "channels last": lambda maps: maps.permute(0, 2, 3, 1),
    "two rows": lambda maps: nn.functional.adaptive_avg_pool2d(maps, 2),
    "one cell": lambda maps: maps.mean((2, 3), keepdim=True),
    "one value": torch.zeros_like,
}
OUT_OF_ORDER: dict[str, Change] = {
    "columns first": lambda maps: maps.transpose(2, 3),
    "mirrored": lambda maps: maps.flip(3),
    "upside down": lambda maps: maps.flip(2),
    "rolled by half": lambda maps: maps.roll((7, 7), (2, 3)),
    "windows": windows,
    "registers behind": lambda maps: nn.functional.pad(tokens(maps), (0, 0, 0, 4)),
    "channels before cells": lambda maps: maps.repeat(1, 8, 1, 1).flatten(2),
    "shuffled": lambda maps: tokens(maps)[:, torch.randperm(196, generator=torch.Generator().manual_seed(0))],
}


@pytest.mark.parametrize("how", IN_ORDER)
def test_cells_in_order_are_not_named(how: str) -> None:
    assert out_of_order(Read(IN_ORDER[how])) == []


@pytest.mark.parametrize("how", OUT_OF_ORDER)
def test_cells_in_another_order_are_named(how: str) -> None:
    assert out_of_order(Read(OUT_OF_ORDER[how])) == ["changed"]
