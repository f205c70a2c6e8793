"""Batches of features for training: each image once an epoch, in an order that depends on a seed alone."""

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray

from posinfo.features.stored import StageFeatures
from posinfo.store.files import drop_pages

RUN = 16  # neighbouring images read together: 16 images of VGG16 are 27 MB, a long read for any disk
GPU_SHARE = 0.5  # of a GPU's free memory that features may take, so that they stay there
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
        passes: how often all images are read. A GPU keeps them, as they are stored, if they are read again and take at
            most `GPU_SHARE` of its free memory.
    """

    def __init__(self, stages: list[StageFeatures], batch: int, device: torch.device, passes: int = 1) -> None:
        self.stages = stages
        self.batch = batch
        self.device = device
        self.count = len(stages[0].array)
        self.kept: dict[str, torch.Tensor] = {}
        size = sum(math.prod(stage.array.shape) * stage.array.dtype.itemsize for stage in stages)
        if device.type == "cuda" and passes > 1 and size <= GPU_SHARE * torch.cuda.mem_get_info(device)[0]:
            everything = np.array_split(np.arange(self.count), -(-self.count // POOL))
            for stage in stages:
                self.kept[stage.name] = torch.cat([self._on_gpu(stage, indices) for indices in everything])

    def load(self, indices: NDArray[np.int64]) -> dict[str, torch.Tensor]:
        """The maps of some images by stage, float32 [C, len(indices), h, h] on the device."""
        loaded = {}
        cuda = self.device.type == "cuda"
        chosen = torch.from_numpy(indices).to(self.device) if self.kept else None
        for stage in self.stages:
            _, channels, side, _ = stage.array.shape
            maps = torch.empty(channels, len(indices), side, side, device=self.device)
            if cuda:
                stored = self._on_gpu(stage, indices) if chosen is None else self.kept[stage.name][chosen]
                maps.copy_(stored.transpose(0, 1))
            else:
                for position, index in enumerate(indices.tolist()):
                    # One image at a time: rows of h x h values move whole, several times faster than a strided gather.
                    maps[:, position].copy_(torch.from_numpy(stage.array[index].copy()))
                drop_pages(stage.array)
            loaded[stage.name] = maps
        return loaded

    def _on_gpu(self, stage: StageFeatures, indices: NDArray[np.int64]) -> torch.Tensor:
        """The maps of some images as they are stored, [len(indices), C, h, h], through pinned memory."""
        dtype = torch.from_numpy(np.empty(0, stage.array.dtype)).dtype
        maps = torch.empty(len(indices), *stage.array.shape[1:], dtype=dtype, pin_memory=True)
        for position, index in enumerate(indices.tolist()):
            maps[position].copy_(torch.from_numpy(stage.array[index].copy()))
        drop_pages(stage.array)
        return maps.to(self.device, non_blocking=True)

    def in_order(self) -> Iterator[dict[str, torch.Tensor]]:
        """The batches of all images, from the first to the last."""
        return self.images(np.arange(self.count))

    def images(self, order: NDArray[np.int64]) -> Iterator[dict[str, torch.Tensor]]:
        """The batches of some images in a given order; a thread reads ahead while the caller computes.

        It reads one batch ahead, for a GPU two.
        """
        batches = [order[start : start + self.batch] for start in range(0, len(order), self.batch)]
        ahead = 2 if self.device.type == "cuda" else 1
        with ThreadPoolExecutor(1) as thread:
            reading = deque(thread.submit(self.load, indices) for indices in batches[:ahead])
            for following in batches[ahead:]:
                loaded = reading.popleft().result()
                reading.append(thread.submit(self.load, following))
                yield loaded
            while reading:
                yield reading.popleft().result()
