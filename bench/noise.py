"""Images, features and weights from noise: time and memory depend on shapes, not on values.

The shapes are VGG16's. Features are made once, in results/bench, for the largest number of images asked for so far.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from posinfo.encoders.architectures import empty_architecture
from posinfo.features.stored import StageFeatures
from posinfo.images.decoded import DecodedImage, noise, write_images
from posinfo.protocol.alignment import Alignment
from posinfo.store.files import atomic_write, drop_pages, preallocated_npy
from posinfo.store.tensors import write_tensors
from timing import ROOT
from torch import nn

FOLDER = ROOT / "results/bench"
SHAPES = {"f1": (64, 28), "f2": (128, 28), "f3": (256, 28), "f4": (512, 28), "f5": (512, 14)}  # channels, stored side
BLOCK = 64  # images that are drawn; the rest repeats them
METADATA: dict[str, Any] = {"encoder": "vgg16", "images": "noise", "alignment": Alignment().model_dump()}
RMS = 0.5**0.5  # of standard normal values after a ReLU


def folder() -> Path:
    """The folder for the bench's own files, on the disk of the results."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER


def features(count: int, share: float = 1.0) -> list[StageFeatures]:
    """Stages of noise after a ReLU, for `count` images and the first share of each stage's channels."""
    stages = []
    for name, (channels, side) in SHAPES.items():
        path = folder() / f"{name}.npy"
        if not path.exists() or len(np.load(path, mmap_mode="r")) < count:
            _write(path, (count, channels, side, side))
        array = np.load(path, mmap_mode="r")[:count, : round(share * channels)]
        stages.append(StageFeatures(name, array, {**METADATA, "stage": name, "rms": RMS}))
    return stages


def warm(count: int) -> None:
    """Make the stages of `count` images and read them once, so that they are in memory when work is timed."""
    for stage in features(count):
        for image in stage.array:
            image.max()


def _write(path: Path, shape: tuple[int, int, int, int]) -> None:
    drawn = np.random.default_rng(0).standard_normal((BLOCK, *shape[1:]), dtype=np.float32)
    block = np.maximum(drawn, 0).astype(np.float16)
    with atomic_write(path) as partial:
        array = preallocated_npy(partial, np.float16, shape)
        for start in range(0, shape[0], BLOCK):
            array[start : start + BLOCK] = block[: shape[0] - start]
            drop_pages(array)


def names(count: int) -> list[str]:
    """Names of `count` images, four views of each photograph."""
    return [f"photo{index // 4}-{index % 4}" for index in range(count)]


def write_noise(count: int, path: Path) -> None:
    """Write a set of images of noise."""
    drawn = [noise(128, 60, index).pixels for index in range(min(count, BLOCK))]
    images = (DecodedImage(name, drawn[index % BLOCK]) for index, name in enumerate(names(count)))
    write_images(images, count, path)


@cache
def weights() -> Path:
    """VGG16's weights where they were fetched; otherwise random ones, as it is initialised."""
    fetched = ROOT / "resources/encoders/vgg16.safetensors"
    if fetched.exists():
        return fetched
    drawn = folder() / "vgg16.safetensors"
    if not drawn.exists():
        generator = torch.Generator().manual_seed(0)
        model = empty_architecture("vgg16").to_empty(device="cpu")
        for tensor in model.state_dict().values():
            if tensor.ndim > 1:
                nn.init.kaiming_normal_(tensor, mode="fan_out", nonlinearity="relu", generator=generator)
            else:
                tensor.zero_()
        write_tensors({name: tensor.numpy() for name, tensor in model.state_dict().items()}, {}, drawn)
    return drawn
