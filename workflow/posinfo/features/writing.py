"""Feature files on their way to the disk: another thread converts, checks, sums, writes and hashes, in order."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posinfo.store.errors import InputError
from posinfo.store.files import StreamedArray

FAINT = 2**-10  # a root mean square below which float16 lacks digits for many values: it has none below 2**-24


class StageFile:
    """A stage's [N, C, h, h] being written, with what its sidecar will say of it.

    It is float16, or float32 if the first maps are too faint for it. In untrained networks the values can fall a
    hundredfold from stage to stage, and a readout, which divides a stage by its root mean square, sees none of that.

    Args:
        partial: where to.
        like: the first maps to be written, [batch, C, h, h].
        count: N.
        native_side: of the maps before they were brought to the common side.
        where: names the file to people.

    Raises:
        OSError: when there is no room for the whole.
    """

    def __init__(self, partial: Path, like: torch.Tensor, count: int, native_side: int, where: str) -> None:
        rms = float(torch.linalg.vector_norm(like.double())) / math.sqrt(like.numel())
        self.dtype, dtype = (torch.float32, np.float32) if 0 < rms < FAINT else (torch.float16, np.float16)
        self.array = StreamedArray(partial, dtype, (count, *like.shape[1:]))
        self.native_side, self.where, self.squares, self.largest = native_side, where, 0.0, 0.0

    def append(self, maps: torch.Tensor) -> None:
        """Write the next pictures' maps, of any type and on any device.

        Raises:
            InputError: when a feature is not finite in the file's type.
        """
        stored = maps.to("cpu", self.dtype).contiguous()  # in this order least is moved about
        values = stored.float()
        low, high = values.aminmax()
        largest = max(-float(low), float(high))
        if not math.isfinite(largest):
            kind = str(self.dtype).removeprefix("torch.")
            first, last = self.array.filled, self.array.filled + len(maps) - 1
            raise InputError(f"{self.where}: a feature is not finite in {kind} (pictures {first} to {last})")
        # Norms over one map each are exact enough in float32; their sum is not.
        self.squares += float(torch.linalg.vector_norm(values, dim=(2, 3)).double().square().sum())
        self.largest = max(self.largest, largest)
        self.array.append(stored.numpy())

    def told(self) -> dict[str, Any]:
        """What the sidecar says of the file, which is closed."""
        return {
            "sha256": self.array.close(),
            "shape": list(self.array.shape),
            "native_side": self.native_side,
            "rms": math.sqrt(self.squares / math.prod(self.array.shape)),
            "largest": self.largest,
        }


class Writer:
    """Appends batches in another thread, one after another, while the caller computes the next.

    One batch at most is on its way: whoever hands over the next waits for it, and meets its error.
    """

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread
        self._writing: Future[None] | None = None

    def append(self, batch: Sequence[tuple[StageFile, torch.Tensor]]) -> None:
        """Have the maps of one batch appended to their files."""
        self.finish()
        self._writing = self._thread.submit(_append, batch)

    def finish(self) -> None:
        """Wait until all that was handed over is written.

        Raises:
            InputError: when a feature was not finite.
            OSError: when the disk refused it.
        """
        if self._writing:
            self._writing.result()


@torch.inference_mode()  # which a thread has for itself
def _append(batch: Sequence[tuple[StageFile, torch.Tensor]]) -> None:
    for file, maps in batch:
        file.append(maps)


@contextmanager
def writer() -> Iterator[Writer]:
    """A writer, whose thread is gone when the block ends, however it ends: it touches no file any more.

    It works on one core, whatever torch's other threads have: it has little to do, and more would be taken from the
    network or from another job.
    """
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(1, "writer", initializer=torch.set_num_threads, initargs=(1,)) as thread:
            yield Writer(thread)
    finally:
        torch.set_num_threads(threads)  # threads to come have the number that was set last
