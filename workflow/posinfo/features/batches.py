"""Reading features for training: every picture once per epoch, in an order that depends on a seed alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray

from posinfo.features.stored import StageFeatures
from posinfo.store.files import drop_pages

RUN = 16  # neighbouring pictures read together: 16 VGG16 pictures are 27 MB, a long read for any disk
POOL = 512  # pictures shuffled among themselves: 0.9 GB of VGG16 features, which the page cache can hold


def epoch_order(count: int, seed: int, epoch: int, run: int = RUN, pool: int = POOL) -> NDArray[np.int64]:
    """The order of one epoch: each of `count` picture indices once, int64 [count].

    Runs of neighbours are dealt at random into pools, and each pool is shuffled, so that the disk sees long reads. A
    set that fits into one pool is shuffled whole. The order depends on (count, seed, epoch) only, never on which
    heads are trained.
    """
    rng = np.random.default_rng([seed, epoch])
    if count <= pool:
        return rng.permutation(count)
    runs = [np.arange(start, min(start + run, count)) for start in range(0, count, run)]
    dealt = np.concatenate([runs[index] for index in rng.permutation(len(runs))])
    return np.concatenate([rng.permutation(dealt[start : start + pool]) for start in range(0, count, pool)])


class BatchReader:
    """Batches of all stages as float32, channels first.

    Args:
        stages: the stages to read, all with the same N.
        batch: pictures per batch.
        device: where the batches go.
    """

    def __init__(self, stages: list[StageFeatures], batch: int, device: torch.device) -> None:
        self.stages, self.batch, self.device = stages, batch, device
        self.count = len(stages[0].array)

    def load(self, indices: NDArray[np.int64]) -> dict[str, torch.Tensor]:
        """The pictures `indices` of each stage, float32 [C, len(indices), h, h] on the device.

        For a GPU they are read into pinned memory, from which they travel as they are stored while the GPU works.
        """
        loaded, cuda = {}, self.device.type == "cuda"
        for stage in self.stages:
            _, channels, side, _ = stage.array.shape
            dtype = torch.float16 if cuda and stage.array.dtype == np.float16 else torch.float32
            out = torch.empty(channels, len(indices), side, side, dtype=dtype, pin_memory=cuda)
            for place, index in enumerate(indices.tolist()):
                # One picture at a time: rows of h x h values move whole, several times faster than a strided gather.
                out[:, place].copy_(torch.from_numpy(stage.array[index].copy()))
            drop_pages(stage.array)
            loaded[stage.name] = out.to(self.device, non_blocking=cuda).float()
        return loaded

    def epoch(self, seed: int, epoch: int) -> Iterator[dict[str, torch.Tensor]]:
        """The batches of one epoch in `epoch_order`."""
        yield from self.pictures(epoch_order(self.count, seed, epoch))

    def in_order(self) -> Iterator[dict[str, torch.Tensor]]:
        """All pictures from the first to the last."""
        yield from self.pictures(np.arange(self.count))

    def pictures(self, order: NDArray[np.int64]) -> Iterator[dict[str, torch.Tensor]]:
        """Batches of these pictures in that order; the next one is read while the present one is worked on."""
        batches = [order[start : start + self.batch] for start in range(0, len(order), self.batch)]
        with ThreadPoolExecutor(1) as reader:
            waiting = reader.submit(self.load, batches[0])
            for following in batches[1:]:
                ready, waiting = waiting.result(), reader.submit(self.load, following)
                yield ready
            yield waiting.result()
