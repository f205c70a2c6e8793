"""Differences between left and right of a network's maps, and the errors of a position readout at each edge.

Each image is shown together with its mirror image, so that its content cannot make left and right differ in the mean:
only the network can. After Alsallakh et al., "Mind the Pad" (ICLR 2021).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from posinfo.experiments.uneven_padding.settings import EDGES
from posinfo.features.extraction import Preprocessing

RIDGE = 1e-3  # relative to the channels' mean square
BATCH = 4


class PositionReadout:
    """A linear readout of each cell's channels: column and row (0 to 1) by ridge least squares, in float64.

    Attributes:
        gram: [C + 1, C + 1], summed products of channels and of 1.
        targets: [C + 1, 2], their summed products with column and row.
    """

    def __init__(self) -> None:
        self.gram = torch.zeros(())  # takes its shape from the first maps
        self.targets = torch.zeros(())

    def add(self, maps: torch.Tensor) -> None:
        """Learn from maps [batch, C, h, h]."""
        values = _cells(maps)
        self.gram = self.gram + values.T @ values
        self.targets = self.targets + values.T @ cell_centres(maps.shape[-1]).repeat(len(maps), 1).to(values)

    @cached_property
    def weights(self) -> torch.Tensor:
        """Solve for the weights, [C + 1, 2], from all that was added."""
        penalty = RIDGE * float(self.gram.diagonal()[:-1].mean()) * torch.eye(len(self.gram)).to(self.gram)
        penalty[-1, -1] = 0  # the constant is free
        solved: torch.Tensor = torch.linalg.solve(self.gram + penalty, self.targets)
        return solved

    def error(self, maps: torch.Tensor) -> torch.Tensor:
        """The absolute error of column and row, in widths of the map: [batch, 2, h, h]."""
        side = maps.shape[-1]
        predicted = (_cells(maps) @ self.weights).reshape(len(maps), side * side, 2)
        off = predicted - cell_centres(side).to(self.weights)
        return off.abs().permute(0, 2, 1).reshape(len(maps), 2, side, side)


def _cells(maps: torch.Tensor) -> torch.Tensor:
    """A row for each cell, its channels and 1: float64 [batch * h * h, C + 1]."""
    flat = maps.double().permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    return torch.cat([flat, torch.ones_like(flat[:, :1])], 1)


def cell_centres(side: int) -> torch.Tensor:
    """Column and row of each cell's centre, in widths of the map: float64 [side * side, 2]."""
    centres = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    rows, columns = torch.meshgrid(centres, centres, indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten()], 1)


def asymmetry(mean_map: NDArray[np.float64]) -> float:
    """The absolute difference between the means of the first and last column, relative to the map's mean."""
    return float(abs(mean_map[:, 0].mean() - mean_map[:, -1].mean()) / abs(mean_map.mean()))


@torch.inference_mode()
def measure_sides(
    model: nn.Module,
    preprocessing: Preprocessing,
    train: NDArray[np.uint8],
    test: NDArray[np.uint8],
    names: Sequence[str],
    sides: Sequence[int],
    device: torch.device,
) -> tuple[pd.DataFrame, dict[str, NDArray[np.float64]]]:
    """Measure mean maps and readout errors for inputs of several sides; images are resized to them (bilinear).

    Args:
        model: images in, {stage: map} out.
        train, test: [N, side, side, 3]; readouts learn from the first, everything is measured on the second.
        names: of the test images.

    Returns:
        Rows with the columns side, stage, image, seed, asymmetry, and the readout's error at left, right, top and
        bottom; and maps [h, h], named `side/stage`: the mean over channels and images, relative to its own mean.
    """
    model = model.eval().to(device).to(memory_format=torch.channels_last)
    rows = []
    sums: dict[str, NDArray[np.float64]] = {}
    for side in sides:
        readouts: defaultdict[str, PositionReadout] = defaultdict(PositionReadout)
        for images in _mirrored(train, side, preprocessing, device, BATCH):
            for stage, maps in model(images).items():
                readouts[stage].add(maps)
        for name, pair in zip(names, _mirrored(test, side, preprocessing, device, 1), strict=True):
            for stage, maps in model(pair).items():
                mean = maps.double().mean((0, 1)).cpu().numpy()
                where = f"{side}/{stage}"
                sums[where] = sums.get(where, 0) + mean / mean.mean()
                row = {"side": side, "stage": stage, "image": name, "seed": 0, "asymmetry": asymmetry(mean)}
                rows.append(row | _edge_errors(readouts[stage].error(maps)))
    return pd.DataFrame(rows), {where: total / len(test) for where, total in sums.items()}


def _edge_errors(errors: torch.Tensor) -> dict[str, float]:
    """The mean error of the column at left and right, of the row at top and bottom."""
    column, row = errors.mean(0).cpu().numpy()
    at_edges = (column[:, 0], column[:, -1], row[0], row[-1])
    return {edge: float(values.mean()) for edge, values in zip(EDGES, at_edges, strict=True)}


def _mirrored(
    images: NDArray[np.uint8], side: int, preprocessing: Preprocessing, device: torch.device, batch: int
) -> Iterator[torch.Tensor]:
    """Batches of images and their mirror images, float32 [2 batch, 3, side, side]."""
    for start in range(0, len(images), batch):
        chunk = torch.from_numpy(np.array(images[start : start + batch])).to(device)
        prepared = preprocessing.prepare(torch.cat([chunk, chunk.flip(2)]))
        if side != prepared.shape[-1]:
            prepared = functional.interpolate(prepared, side, mode="bilinear", align_corners=False)
        yield prepared
