"""Feature files being written: other threads convert, check, write and hash the maps."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np
import torch

from posinfo.store.errors import InputError
from posinfo.store.files import StreamedArray

SIDECAR = "features.json"  # one for all stages of a directory
FAINT = 2**-10  # RMS below which float16 is too coarse for many values: its smallest step is 2**-24
WAITING = 4  # batches that several threads write at once: of 64 images of VGG16, each takes 0.1 GB


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

    @torch.inference_mode()  # a setting of each thread
    def write(self, maps: torch.Tensor, first: int, before: Future[None] | None) -> None:
        """Write the maps of some images, of any type and on any device, where they are converted and checked.

        Args:
            maps: of some images, [batch, C, h, h].
            first: number of the first of these images.
            before: the writing of the batch before, if that may not be done: digest and sum take the batches in order.

        Raises:
            InputError: when a feature is not finite in the file's type.
        """
        stored = maps.to(self.dtype).contiguous()
        values = stored.float()
        low, high = values.aminmax()
        largest = max(-float(low), float(high))
        if not math.isfinite(largest):
            dtype = str(self.dtype).removeprefix("torch.")
            last = first + len(maps) - 1
            raise InputError(f"{self.where}: a feature is not finite in {dtype} (images {first} to {last})")
        # float32 is exact enough for the norm of one map, not for the sum over all maps.
        squares = float(torch.linalg.vector_norm(values, dim=(2, 3)).double().square().sum())
        rows = stored.cpu().numpy()
        self.array.write(rows, first)
        if before:
            before.result()
        self.array.digest(rows)
        self.squares += squares
        self.largest = max(self.largest, largest)

    def close(self) -> dict[str, Any]:
        """Close the file and return its metadata: sha256, shape, native side, RMS and largest absolute value."""
        if not self.largest:
            warn(f"{self.where}: all maps are zero, so readouts can read nothing there", stacklevel=2)
        return {
            "sha256": self.array.close(),
            "shape": list(self.array.shape),
            "native_side": self.native_side,
            "rms": math.sqrt(self.squares / math.prod(self.array.shape)),
            "largest": self.largest,
        }


@contextmanager
def background_writer(threads: int = 1) -> Iterator[Callable[[Mapping[StageFile, torch.Tensor], int], None]]:
    """Yield a function that writes the maps of a batch to their files in other threads.

    It takes the maps by file, and the number of the batch's first image. One thread writes a batch while the next one
    is computed; several write the stages of up to `WAITING` batches at once. Whoever gives one batch more waits for the
    first of them, and gets its error. The threads have ended when the block ends, also by an error: they touch no file
    afterwards.

    Args:
        threads: cores that neither the network nor another job needs.

    Raises:
        InputError: when a feature was not finite.
        OSError: when the disk refused a batch.
    """
    limit = 1 if threads == 1 else WAITING
    of_torch = torch.get_num_threads()
    waiting: deque[dict[StageFile, Future[None]]] = deque()

    def finish() -> None:
        for written in waiting.popleft().values():
            written.result()

    try:
        with ThreadPoolExecutor(threads, "writer", initializer=torch.set_num_threads, initargs=(1,)) as pool:

            def write(batch: Mapping[StageFile, torch.Tensor], first: int) -> None:
                if len(waiting) == limit:
                    finish()
                before = waiting[-1] if waiting else {}
                waiting.append(
                    {file: pool.submit(file.write, maps, first, before.get(file)) for file, maps in batch.items()}
                )

            yield write
            while waiting:
                finish()
    finally:
        torch.set_num_threads(of_torch)  # later threads start with the number that was set last
