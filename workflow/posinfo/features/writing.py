"""Feature files being written: a background thread converts, checks, writes and hashes the maps, in order."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posinfo.store.errors import InputError
from posinfo.store.files import StreamedArray

SIDECAR = "features.json"  # one for all stages of a directory
FAINT = 2**-10  # RMS below which float16 is too coarse for many values: its smallest step is 2**-24


class StageFile:
    """The `.npy` file of one stage, [N, C, h, h], while it is written.

    It is float16, or float32 if the first maps are too faint for float16. In untrained networks the values can fall a
    hundredfold from stage to stage; a readout divides each stage by its RMS and does not see it.

    Args:
        path: where to.
        first: the first maps, [batch, C, h, h]; they decide shape and type, and are not written yet.
        count: N.
        native_side: side of the maps before they were resized to the common side, in pixels.
        where: names encoder, stage and images in an error.

    Raises:
        OSError: when the disk has no room for the whole file.
    """

    def __init__(self, path: Path, first: torch.Tensor, count: int, native_side: int, where: str) -> None:
        rms = float(torch.linalg.vector_norm(first.double())) / math.sqrt(first.numel())
        faint = 0 < rms < FAINT
        self.dtype = torch.float32 if faint else torch.float16
        self.array = StreamedArray(path, np.float32 if faint else np.float16, (count, *first.shape[1:]))
        self.native_side = native_side
        self.where = where
        self.squares = 0.0
        self.largest = 0.0

    def append(self, maps: torch.Tensor) -> None:
        """Write the maps of the next images, of any type and on any device.

        Raises:
            InputError: when a feature is not finite in the file's type.
        """
        stored = maps.to("cpu", self.dtype).contiguous()  # in this order the fewest bytes are moved
        values = stored.float()
        low, high = values.aminmax()
        largest = max(-float(low), float(high))
        if not math.isfinite(largest):
            dtype = str(self.dtype).removeprefix("torch.")
            first = self.array.filled
            last = first + len(maps) - 1
            raise InputError(f"{self.where}: a feature is not finite in {dtype} (images {first} to {last})")
        # float32 is exact enough for the norm of one map, not for the sum over all maps.
        self.squares += float(torch.linalg.vector_norm(values, dim=(2, 3)).double().square().sum())
        self.largest = max(self.largest, largest)
        self.array.append(stored.numpy())

    def close(self) -> dict[str, Any]:
        """Close the file and return its metadata: sha256, shape, native side, RMS and largest absolute value."""
        return {
            "sha256": self.array.close(),
            "shape": list(self.array.shape),
            "native_side": self.native_side,
            "rms": math.sqrt(self.squares / math.prod(self.array.shape)),
            "largest": self.largest,
        }


@torch.inference_mode()  # a setting of each thread
def _append(batch: Sequence[tuple[StageFile, torch.Tensor]]) -> None:
    for file, maps in batch:
        file.append(maps)


@contextmanager
def background_writer() -> Iterator[Callable[[Sequence[tuple[StageFile, torch.Tensor]]], None]]:
    """Yield a function that appends the maps of a batch to their files in another thread, one batch after another.

    At most one batch waits to be written: whoever appends the next batch waits for it, and gets its error. The thread
    has ended when the block ends, also by an error: it touches no file afterwards. It uses one core: more would be
    taken from the network or from another job.

    Raises:
        InputError: when a feature was not finite.
        OSError: when the disk refused a batch.
    """
    threads = torch.get_num_threads()
    writing: Future[None] | None = None
    try:
        with ThreadPoolExecutor(1, "writer", initializer=torch.set_num_threads, initargs=(1,)) as thread:

            def append(batch: Sequence[tuple[StageFile, torch.Tensor]]) -> None:
                nonlocal writing
                if writing:
                    writing.result()
                writing = thread.submit(_append, batch)

            yield append
            if writing:
                writing.result()
    finally:
        torch.set_num_threads(threads)  # later threads start with the number that was set last
