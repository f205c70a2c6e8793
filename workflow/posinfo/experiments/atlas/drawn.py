"""The maps that an encoder's readouts draw of a few pictures, and where they err: what the atlas shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from posinfo.features.stored import StageFeatures
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.protocol.patterns import Definition, ground_truth
from posinfo.readouts.layered import Stack
from posinfo.readouts.upsampling import upsample
from posinfo.scores.measures import predict
from posinfo.store.arrays import read_arrays, write_arrays
from posinfo.store.errors import InputError
from posinfo.store.sidecars import again

LISTS = ("readouts", "patterns", "names")
RING = 8  # pixels: errors are averaged over rings of this width, from the border inwards


@dataclass(frozen=True)
class Drawn:
    """What one encoder's readouts draw.

    Attributes:
        readouts: `all` or a stage, shallow first, with `all` last.
        patterns: of the maps.
        names: of the few pictures.
        maps: before the upsampling, from the first seed, float16 [readouts, patterns, pictures, side, side].
        errors: mean absolute error by distance from the border, over all pictures and seeds, float32
            [readouts, patterns, rings].
    """

    readouts: list[str]
    patterns: list[str]
    names: list[str]
    maps: NDArray[np.float16]
    errors: NDArray[np.float32]


def rings(size: int = IMAGE_SIDE) -> NDArray[np.int64]:
    """The ring of each pixel, 0 at the border: int64 [size, size]."""
    from_edge = np.minimum(np.arange(size), np.arange(size)[::-1])
    return np.minimum.outer(from_edge, from_edge) // RING


def draw(
    stack: Stack,
    stages: Sequence[StageFeatures],
    pictures: Sequence[int],
    seed: int,
    definition: Definition,
    device: torch.device,
) -> tuple[list[str], NDArray[np.float16], NDArray[np.float32]]:
    """One readout's patterns, its maps [patterns, pictures, side, side], its errors [patterns, rings]; see `Drawn`."""
    small = predict(stack, stages, device)
    patterns = list(dict.fromkeys(head.pattern for head in stack.heads))
    ring = rings().ravel()
    sizes, maps, errors = np.bincount(ring), [], []
    for pattern in patterns:
        rows = [row for row, head in enumerate(stack.heads) if head.pattern == pattern]
        (first,) = [row for row in rows if stack.heads[row].seed == seed]
        maps.append(small[first, list(pictures)].numpy().astype(np.float16))
        truth = torch.from_numpy(ground_truth(pattern, IMAGE_SIDE, definition)).float()
        error = sum(
            (upsample(small[row], stages[0].alignment.corners) - truth).abs().mean(0).double() for row in rows
        ) / len(rows)
        errors.append(np.bincount(ring, torch.as_tensor(error).numpy().ravel()) / sizes)
    return patterns, np.stack(maps), np.stack(errors).astype(np.float32)


def write_drawn(drawn: Drawn, path: Path, **metadata: Any) -> None:
    """Write npz and its sidecar with a metadata."""
    write_arrays(vars(drawn), path, **metadata)


def read_drawn(path: Path) -> Drawn:
    """Read what `write_drawn` wrote.

    Raises:
        InputError: when its sidecar does not vouch for it.
    """
    stored = read_arrays(path)
    try:
        readouts, patterns, names = ([str(value) for value in stored[part]] for part in LISTS)
        return Drawn(readouts, patterns, names, stored["maps"], stored["errors"])
    except KeyError as error:
        raise InputError(f"{path} lacks {error}; {again(path)}") from None
