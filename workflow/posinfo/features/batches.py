"""Batches of features for training: each image once an epoch, in an order that depends on a seed alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray

from posinfo.features.stored import StageFeatures
from posinfo.store.files import drop_pages

RUN = 16  # neighbouring images read together: 16 images of VGG16 are 27 MB, a long read for any disk
POOL = 512  # images shuffled together: 0.9 GB of VGG16 features, which the page cache can hold


def epoch_order(count: int, seed: int, epoch: int, run: int = RUN, pool: int = POOL) -> NDArray[np.int64]:
    """The order of one epoch: each index from 0 to `count - 1` once, int64 [count].

    Runs of neighbours are dealt at random into pools, and each pool is shuffled: the disk sees long reads. A set that
    fits into one pool is shuffled as a whole. The order depends on (count, seed, epoch), not on the heads.
    """
    rng = np.random.default_rng([seed, epoch])
    if count <= pool:
        return rng.permutation(count)
    runs = [np.arange(start, min(start + run, count)) for start in range(0, count, run)]
    dealt = np.concatenate([runs[index] for index in rng.permutation(len(runs))])
    pools = [dealt[start : start + pool] for start in range(0, count, pool)]
    return np.concatenate([rng.permutation(indices) for indices in pools])


class BatchReader:
    """Reads batches of all stages as float32, channels first.

    Args:
        stages: the stages to read, all with the same N.
        batch: images per batch.
        device: where the batches go.
    """

    def __init__(self, stages: list[StageFeatures], batch: int, device: torch.device) -> None:
        self.stages = stages
        self.batch = batch
        self.device = device
        self.count = len(stages[0].array)

    def load(self, indices: NDArray[np.int64]) -> dict[str, torch.Tensor]:
        """The maps of some images by stage, float32 [C, len(indices), h, h] on the device.

        For a GPU they are read into pinned memory and travel in their stored type while the GPU computes.
        """
        loaded = {}
        cuda = self.device.type == "cuda"
        for stage in self.stages:
            _, channels, side, _ = stage.array.shape
            dtype = torch.float16 if cuda and stage.array.dtype == np.float16 else torch.float32
            maps = torch.empty(channels, len(indices), side, side, dtype=dtype, pin_memory=cuda)
            for position, index in enumerate(indices.tolist()):
                # One image at a time: rows of h x h values move whole, several times faster than a strided gather.
                maps[:, position].copy_(torch.from_numpy(stage.array[index].copy()))
            drop_pages(stage.array)
            loaded[stage.name] = maps.to(self.device, non_blocking=cuda).float()
        return loaded

    def in_order(self) -> Iterator[dict[str, torch.Tensor]]:
        """The batches of all images, from the first to the last."""
        return self.images(np.arange(self.count))

    def images(self, order: NDArray[np.int64]) -> Iterator[dict[str, torch.Tensor]]:
        """The batches of some images in a given order; a thread reads the next batch while the caller computes."""
        batches = [order[start : start + self.batch] for start in range(0, len(order), self.batch)]
        with ThreadPoolExecutor(1) as thread:
            reading = thread.submit(self.load, batches[0])
            for following in batches[1:]:
                loaded = reading.result()
                reading = thread.submit(self.load, following)
                yield loaded
            yield reading.result()
