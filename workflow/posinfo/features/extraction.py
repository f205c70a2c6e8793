"""Feature maps: one forward pass of a frozen encoder gives all its stages, stored with their metadata."""

import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from posinfo.encoders.architectures import with_weights
from posinfo.encoders.embeddings import with_position
from posinfo.encoders.reading.tapped import tapped
from posinfo.encoders.steps import weights_file
from posinfo.features.writing import SIDECAR, StageFile, background_writer
from posinfo.images.decoded import read_images
from posinfo.protocol.alignment import Alignment
from posinfo.registry.entries import Encoder, PreprocessingEntry
from posinfo.store.errors import InputError
from posinfo.store.files import atomic_directory, read_json, write_text
from posinfo.store.provenance import code_digest
from posinfo.store.tensors import read_tensors

CPU_BATCH = 4  # images per forward pass; larger batches only move more memory
CUDA_BATCH = 64


@dataclass(frozen=True)
class Preprocessing:
    """How an encoder expects its images.

    Attributes:
        order: `RGB` or `BGR`.
        range: the value of white: 1 or 255.
        mean, std: of each channel, in the encoder's order; a value x becomes (x - mean) / std.
    """

    order: str
    range: float
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @classmethod
    def of(cls, entry: PreprocessingEntry) -> Self:
        """The preprocessing of a registry entry."""
        return cls(**entry.model_dump())

    def prepare(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn uint8 RGB [batch, side, side, 3] into float32 [batch, 3, side, side], channels last in memory."""
        values = pixels.flip(-1) if self.order == "BGR" else pixels
        mean = torch.tensor(self.mean, device=pixels.device)
        std = torch.tensor(self.std, device=pixels.device)
        return values.float().mul_(self.range / 255).sub_(mean).div_(std).permute(0, 3, 1, 2)


def open_encoder(entry: Encoder, weights: Path | None) -> nn.Module:
    """The frozen encoder of an entry: maps float32 [batch, 3, side, side] to {stage: [batch, C, h, h]}.

    Args:
        entry: says architecture, taps, padding, and what happens to a position embedding; its `fit` is applied where
            features are read.
        weights: safetensors in the architecture's own names, or the folder of saved steps of an entry with a step;
            None for an architecture without weights.

    Raises:
        InputError: when weights, taps or padding do not fit the architecture.
    """
    if weights:
        weights = weights_file(weights, entry.step)
    arrays = read_tensors(weights)[0] if weights else {}
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    network = with_weights(entry.architecture, tensors, str(weights or "no weights, as its entry says,"))
    network = with_position(network, entry.position_change)
    return tapped(network, entry.taps, entry.padding)


def aligned(maps: torch.Tensor, alignment: Alignment) -> torch.Tensor:
    """Resize maps that are larger than the common side to it; smaller ones stay. [batch, C, side, side]."""
    if maps.shape[-1] <= alignment.side:
        return maps
    return functional.interpolate(maps, alignment.side, mode="bilinear", align_corners=alignment.corners)


def extract(
    *,
    model: nn.Module,
    preprocessing: Preprocessing,
    images: Path,
    output: Path,
    metadata: dict[str, Any],
    alignment: Alignment,
    device: torch.device,
    batch: int | None = None,
) -> None:
    """Compute and write the feature maps of every stage of one encoder for one set of images, as `write_features` does.

    Args:
        model: frozen; maps float32 [batch, 3, side, side] to {stage: [batch, C, h, h]}.
        preprocessing: what the model expects.
        images: uint8 [N, side, side, 3].
        output: the directory.
        metadata: what is known of the model; `encoder` is its name.
        alignment: says the common side.
        device: where the model runs.
        batch: images per forward pass; by default as suits the device.

    Raises:
        InputError: as `write_features` does.
    """
    pixels = read_images(images)
    model = model.eval().to(device).to(memory_format=torch.channels_last)

    def maps_of(part: slice) -> Mapping[str, torch.Tensor]:
        maps: Mapping[str, torch.Tensor] = model(
            preprocessing.prepare(torch.from_numpy(np.array(pixels[part])).to(device))
        )
        return maps

    metadata = {**metadata, "device": device.type, "preprocessing": asdict(preprocessing)}
    batch = batch or (CUDA_BATCH if device.type == "cuda" else CPU_BATCH)
    threads = torch.get_num_threads() if device.type == "cuda" else 1  # on a CPU the network needs the others
    write_features(maps_of, len(pixels), images, output, metadata, alignment, batch, threads)


@torch.inference_mode()
def write_features(
    maps_of: Callable[[slice], Mapping[str, torch.Tensor]],
    count: int,
    images: Path,
    output: Path,
    metadata: dict[str, Any],
    alignment: Alignment,
    batch: int = CPU_BATCH,
    threads: int = 1,
) -> None:
    """Write the feature maps of every stage of one encoder for one set of images; the directory is whole or absent.

    `{stage}.npy` is a `StageFile`, [N, C, h, h], h the smaller of the stage's own and the common side.
    `features.json` holds what the features were made from, and for each stage its digest, shape, native side, RMS and
    largest value. While the next maps are computed, other threads write the batches before.

    Args:
        maps_of: {stage: [images, C, h, h]} of some images; asked for batch after batch.
        count: N.
        images: the file of the set; its sidecar is beside it.
        output: the directory.
        metadata: what is known of the encoder; `encoder` is its name.
        alignment: says the common side.
        batch: images asked for at once.
        threads: that write; the files do not depend on it.

    Raises:
        InputError: when a feature is not finite in the type of its file, or the maps are not square, change their side,
            or are not one for each image.
    """
    started = time.monotonic()
    sidecar = {
        **metadata,
        "images": images.stem,
        "images_sha256": read_json(images.with_suffix(".json"))["sha256"],
        "alignment": alignment.model_dump(),
        "code": code_digest("features.extraction"),
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()},
    }
    encoder = metadata["encoder"]
    files: dict[str, StageFile] = {}
    with atomic_directory(output) as folder:
        with background_writer(threads) as write:
            for start in tqdm(
                range(0, count, batch), f"{encoder} x {images.stem}", unit="batch", disable=None, leave=False
            ):
                batched = {}
                for name, maps in maps_of(slice(start, start + batch)).items():
                    where = f"{encoder}, stage {name}, {images}"
                    _check_maps(maps, min(batch, count - start), where)
                    small = aligned(maps, alignment)
                    if name not in files:
                        files[name] = StageFile(folder / f"{name}.npy", small, count, maps.shape[-1], where)
                    if maps.shape[-1] != files[name].native_side:
                        raise InputError(
                            f"{where}: maps have side {maps.shape[-1]} from image {start} on, had "
                            f"{files[name].native_side} before; a readout needs one side for all images"
                        )
                    batched[files[name]] = small
                write(batched, start)
        sidecar["stages"] = {name: file.close() for name, file in files.items()}
        sidecar["seconds"] = round(time.monotonic() - started, 3)
        # Not sorted: readers take the stages in this order, shallow first.
        write_text(folder / SIDECAR, json.dumps(sidecar, indent=1) + "\n")


def _check_maps(maps: torch.Tensor, count: int, where: str) -> None:
    """Refuse maps that are not square, or not one for each image."""
    if maps.ndim != 4:
        raise InputError(
            f"{where}: a tap gives {list(maps.shape)}, not [batch, channels, side, side]; see: posinfo taps"
        )
    found, _, height, width = maps.shape
    if height != width:
        raise InputError(f"{where}: maps are {height} x {width}, not square; give square images, or another tap")
    if found != count:
        raise InputError(f"{where}: {found} maps for {count} images; each image needs its own")
