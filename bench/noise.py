"""Pictures, features and weights from noise: time and memory do not depend on values, only on shapes.

The shapes are VGG16's. Features are made once, in results/bench, for as many pictures as were ever asked for.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from posinfo.encoders.architectures import empty_architecture
from posinfo.features.stored import StageFeatures
from posinfo.images.pictures import Picture, noise, write_images
from posinfo.protocol.alignment import Alignment
from posinfo.store.files import atomic_write, drop_pages, preallocated_npy
from posinfo.store.tensors import write_tensors
from timing import ROOT
from torch import nn

FOLDER = ROOT / "results/bench"
SHAPES = {"f1": (64, 28), "f2": (128, 28), "f3": (256, 28), "f4": (512, 28), "f5": (512, 14)}  # channels, stored side
BLOCK = 64  # pictures that are drawn; the rest repeats them
STORY: dict[str, Any] = {"encoder": "vgg16", "images": "noise", "weights_sha256": None, "code": "", "preprocessing": {}}


def folder() -> Path:
    """Where the bench keeps what it makes for itself, on the disk of the results."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER


def features(count: int, share: float = 1.0) -> list[StageFeatures]:
    """The stages of so many pictures of noise, as after a ReLU, with the first share of each stage's channels."""
    alignment, stages = Alignment().model_dump(), []
    for name, (channels, side) in SHAPES.items():
        path = FOLDER / f"{name}.npy"
        if not path.exists() or len(np.load(path, mmap_mode="r")) < count:
            _write(path, (count, channels, side, side))
        array = np.load(path, mmap_mode="r")[:count, : round(share * channels)]
        stages.append(StageFeatures(name, array, {**STORY, "stage": name, "alignment": alignment, "rms": 0.5**0.5}))
    return stages


def warm(count: int) -> None:
    """Make the stages of so many pictures, and read them once: what is timed then finds them in memory."""
    for stage in features(count):
        for picture in stage.array:
            picture.max()


def _write(path: Path, shape: tuple[int, int, int, int]) -> None:
    drawn = np.random.default_rng(0).standard_normal((BLOCK, *shape[1:]), dtype=np.float32)
    block = np.maximum(drawn, 0).astype(np.float16)
    with atomic_write(path) as partial:
        array = preallocated_npy(partial, np.float16, shape)
        for start in range(0, shape[0], BLOCK):
            array[start : start + BLOCK] = block[: shape[0] - start]
            drop_pages(array)


def names(count: int) -> list[str]:
    """Names of that many pictures, four views a photograph."""
    return [f"photo{place // 4}-{place % 4}" for place in range(count)]


def images(count: int, path: Path) -> None:
    """A set of pictures of noise."""
    pictures = (Picture(name, noise(128, 60, place).pixels) for place, name in enumerate(names(count)))
    write_images(pictures, count, path)


@cache
def weights() -> Path:
    """VGG16's weights where they were fetched; otherwise random ones, as it is initialised."""
    fetched, drawn = ROOT / "resources/encoders/vgg16.safetensors", FOLDER / "vgg16.safetensors"
    if fetched.exists():
        return fetched
    if not drawn.exists():
        generator = torch.Generator().manual_seed(0)
        model = empty_architecture("vgg16").to_empty(device="cpu")
        for tensor in model.state_dict().values():
            if tensor.ndim > 1:
                nn.init.kaiming_normal_(tensor, mode="fan_out", nonlinearity="relu", generator=generator)
            else:
                tensor.zero_()
        write_tensors({name: tensor.numpy() for name, tensor in model.state_dict().items()}, {}, folder() / drawn.name)
    return drawn
