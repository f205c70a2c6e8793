"""Left and right: whether a network's maps, and what is read out of them, differ from side to side.

Each picture is shown together with its mirror image, so that what it shows cannot make left and right differ in the
mean: only the network can. After Alsallakh et al., "Mind the Pad" (ICLR 2021).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from posinfo.features.extraction import Preprocessing
from posinfo.store.files import atomic_write

RIDGE = 1e-3  # relative to the channels' mean square
BATCH = 4


@dataclass
class Solution:
    """A linear readout of each cell's channels: column and row (0 to 1) by ridge least squares, in float64.

    Attributes:
        squares: [C + 1, C + 1], products of channels and of 1, summed.
        targets: [C + 1, 2], their products with column and row.
    """

    squares: torch.Tensor | None = None
    targets: torch.Tensor | None = None
    solved: torch.Tensor = field(default_factory=lambda: torch.empty(0))

    def add(self, maps: torch.Tensor) -> None:
        """Learn from maps [batch, C, h, h]."""
        values = _rows(maps)
        wanted = places(maps.shape[-1]).repeat(len(maps), 1).to(values)
        squares, targets = values.T @ values, values.T @ wanted
        self.squares = squares if self.squares is None else self.squares + squares
        self.targets = targets if self.targets is None else self.targets + targets

    def solve(self) -> None:
        """Weights [C + 1, 2] from all that was added."""
        assert self.squares is not None
        assert self.targets is not None
        penalty = RIDGE * float(self.squares.diagonal()[:-1].mean()) * torch.eye(len(self.squares)).to(self.squares)
        penalty[-1, -1] = 0  # the constant is free
        self.solved = torch.linalg.solve(self.squares + penalty, self.targets)

    def error(self, maps: torch.Tensor) -> torch.Tensor:
        """How far off column and row are, in widths of the map: [batch, 2, h, h]."""
        side = maps.shape[-1]
        off = (_rows(maps) @ self.solved).reshape(len(maps), side * side, 2) - places(side).to(self.solved)
        return off.abs().permute(0, 2, 1).reshape(len(maps), 2, side, side)


def _rows(maps: torch.Tensor) -> torch.Tensor:
    flat = maps.double().permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    return torch.cat([flat, torch.ones_like(flat[:, :1])], 1)


def places(side: int) -> torch.Tensor:
    """Column and row of each cell's middle, in widths of the map: [side * side, 2]."""
    middle = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    rows, columns = torch.meshgrid(middle, middle, indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten()], 1)


def asymmetry(mean_map: NDArray[np.float64]) -> float:
    """The first column's mean less the last one's, without sign, relative to the map's mean."""
    return float(abs(mean_map[:, 0].mean() - mean_map[:, -1].mean()) / abs(mean_map.mean()))


@dataclass(frozen=True)
class Sides:
    """What `compared_sides` finds.

    Attributes:
        rows: columns side, stage, image, seed, asymmetry, and the readout's error at left, right, top and bottom.
        maps: (side, stage) to the mean over channels and pictures, relative to its own mean, float64 [h, h].
    """

    rows: pd.DataFrame
    maps: dict[tuple[int, str], NDArray[np.float64]]


@torch.inference_mode()
def compared_sides(
    model: nn.Module,
    preprocessing: Preprocessing,
    learnt: NDArray[np.uint8],
    tested: NDArray[np.uint8],
    names: Sequence[str],
    sides: Sequence[int],
    device: torch.device,
) -> Sides:
    """Mean maps and readout errors for inputs of several sides; pictures are resized to them (bilinear).

    Args:
        model: pictures in, {stage: map} out.
        learnt, tested: [N, side, side, 3]; readouts learn from the first, all is measured on the second.
        names: of the tested pictures.
    """
    model, rows = model.eval().to(device).to(memory_format=torch.channels_last), []
    sums: dict[tuple[int, str], NDArray[np.float64]] = {}
    for side in sides:
        readouts: dict[str, Solution] = {}
        for pair in _pairs(learnt, side, preprocessing, device):
            for stage, maps in model(pair).items():
                readouts.setdefault(stage, Solution()).add(maps)
        for readout in readouts.values():
            readout.solve()
        for name, pair in zip(names, _pairs(tested, side, preprocessing, device, 1), strict=True):
            for stage, maps in model(pair).items():
                mean = maps.double().mean((0, 1)).cpu().numpy()
                column, row = readouts[stage].error(maps).mean(0).cpu().numpy()
                sums[side, stage] = sums.get((side, stage), 0) + mean / mean.mean()
                off = {"left": column[:, 0], "right": column[:, -1], "top": row[0], "bottom": row[-1]}
                measured = {"asymmetry": asymmetry(mean)} | {
                    where: float(values.mean()) for where, values in off.items()
                }
                rows.append({"side": side, "stage": stage, "image": name, "seed": 0, **measured})
    return Sides(pd.DataFrame(rows), {key: total / len(tested) for key, total in sums.items()})


def _pairs(
    pictures: NDArray[np.uint8], side: int, preprocessing: Preprocessing, device: torch.device, batch: int = BATCH
) -> Iterator[torch.Tensor]:
    """Pictures and their mirror images, float32 [2 batch, 3, side, side]."""
    for start in range(0, len(pictures), batch):
        chunk = torch.from_numpy(np.array(pictures[start : start + batch])).to(device)
        shown = preprocessing.prepare(torch.cat([chunk, chunk.flip(2)]))
        if side != shown.shape[-1]:
            shown = functional.interpolate(shown, side, mode="bilinear", align_corners=False)
        yield shown


def write_maps(maps: dict[tuple[int, str], NDArray[np.float64]], path: Path) -> None:
    """Write mean maps as .npz, an array named `side/stage` each."""
    with atomic_write(path) as partial, partial.open("wb") as file:
        named = {f"{side}/{stage}": values for (side, stage), values in maps.items()}
        np.savez(file, **named)  # type: ignore[arg-type]


def read_maps(path: Path) -> dict[tuple[int, str], NDArray[np.float64]]:
    """The maps as they were written."""
    with np.load(path, allow_pickle=False) as file:
        named = [(name, *name.split("/")) for name in file.files]
        return {(int(side), stage): file[name] for name, side, stage in named}
