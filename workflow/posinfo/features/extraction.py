"""Feature maps: one forward pass of a frozen encoder gives all its stages, stored with their metadata."""

import platform
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from posinfo.encoders.architectures import Padding, fitted, tapped, with_padding, with_weights
from posinfo.encoders.embeddings import Position, with_position
from posinfo.features.writing import StageFile, writer
from posinfo.images.pictures import read_pictures
from posinfo.protocol.alignment import Alignment
from posinfo.store.errors import InputError
from posinfo.store.files import atomic_write, read_json, write_json
from posinfo.store.provenance import code_digest
from posinfo.store.tensors import read_tensors


@dataclass(frozen=True)
class Preprocessing:
    """How an encoder wants its pictures.

    Attributes:
        order: `RGB` or `BGR`.
        range: the value of white: 1 or 255.
        mean, std: subtracted from, then divided into, the values, in the encoder's channel order.
    """

    order: str
    range: float
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def prepare(self, pictures: torch.Tensor) -> torch.Tensor:
        """uint8 RGB [batch, side, side, 3] to float32 [batch, 3, side, side], channels last in memory."""
        values = pictures.flip(-1) if self.order == "BGR" else pictures
        mean, std = (torch.tensor(part, device=pictures.device) for part in (self.mean, self.std))
        return values.float().mul_(self.range / 255).sub_(mean).div_(std).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Target:
    """Where the maps of one encoder go; encoders that differ only in `fit` share one forward pass.

    Attributes:
        outputs: stage to the `.npy` file to write.
        metadata: what the files are made from; `encoder` names it.
        fit: how each stage's map is brought to which side, in pixels, if it is.
    """

    outputs: dict[str, Path]
    metadata: dict[str, Any]
    fit: tuple[Literal["crop", "resize"], dict[str, int]] | None = None

    def of(self, stage: str, maps: torch.Tensor) -> torch.Tensor:
        """A stage's maps, [batch, C, side, side], as this encoder gives them."""
        return fitted(maps, self.fit[0], self.fit[1][stage]) if self.fit else maps


def open_encoder(
    architecture: str,
    weights: Path | None,
    taps: dict[str, str],
    padding: Padding = "zeros",
    position: Position = None,
) -> nn.Module:
    """The frozen encoder as `extract` wants it: pictures in, {stage: map} out.

    Args:
        weights: safetensors in the architecture's own names; None for an architecture that has none.
        taps: stage name to node name.
        padding: of every convolution.
        position: what becomes of its position embedding, if it is not kept.
    """
    loaded = {name: torch.from_numpy(array) for name, array in read_tensors(weights)[0].items()} if weights else {}
    network = with_position(with_weights(architecture, loaded, str(weights)), position)
    return tapped(with_padding(network, padding), taps)


def aligned(maps: torch.Tensor, alignment: Alignment) -> torch.Tensor:
    """Maps larger than the common side, resized to it; smaller ones as they are. [batch, C, side, side]."""
    if maps.shape[-1] <= alignment.side:
        return maps
    return functional.interpolate(maps, alignment.side, mode="bilinear", align_corners=alignment.corners)


@torch.inference_mode()
def extract(
    *,
    model: nn.Module,
    preprocessing: Preprocessing,
    images: Path,
    targets: Sequence[Target],
    alignment: Alignment,
    device: torch.device,
    batch: int | None = None,
) -> None:
    """Write each target's `outputs[stage]`, a `StageFile`: [N, C, h, w], h the smaller of its and the common side.

    Beside each `.npy` lies a `.json`: channels, sides, root mean square and largest value, what the file was made
    from (the target's metadata, the digest of the pictures and of this code, versions) and the seconds that it took.
    While the network computes, another thread writes the batch before.

    Args:
        model: frozen; maps float32 [batch, 3, side, side] to a dict of stage name to [batch, C, h, w].
        images: uint8 [N, side, side, 3].
        batch: pictures per forward pass; by default 4 on a CPU (more only moves more memory), 64 on CUDA.

    Raises:
        InputError: when a feature is not finite in the type of its file, or the model's maps are not square, not of one
            side, or not one a picture.
    """
    started = time.monotonic()
    pictures = read_pictures(images)
    digest = read_json(images.with_suffix(".json"))["sha256"]  # which read_pictures has verified
    batch = batch or (64 if device.type == "cuda" else 4)
    model = model.eval().to(device).to(memory_format=torch.channels_last)
    named = ", ".join(target.metadata["encoder"] for target in targets)
    with ExitStack() as open_files:
        partials = {
            path: open_files.enter_context(atomic_write(path)) for one in targets for path in one.outputs.values()
        }
        files: dict[Path, StageFile] = {}
        with writer() as behind:
            for start in tqdm(range(0, len(pictures), batch), desc=f"{named} x {images.stem}", unit="batch"):
                chunk = torch.from_numpy(np.array(pictures[start : start + batch])).to(device)
                ready = []
                for name, native in model(preprocessing.prepare(chunk)).items():
                    for target in targets:
                        path, where = target.outputs[name], f"{target.metadata['encoder']}, stage {name}, {images}"
                        maps = _checked(target.of(name, native), len(chunk), where)
                        small = aligned(maps, alignment)
                        if path not in files:
                            files[path] = StageFile(partials[path], small, len(pictures), maps.shape[-1], where)
                        elif maps.shape[-1] != files[path].native_side:
                            raise InputError(
                                f"{where}: maps have side {maps.shape[-1]} from picture {start} on, had "
                                f"{files[path].native_side} before: a readout needs one side for all pictures"
                            )
                        ready.append((files[path], small))
                behind.append(ready)
            behind.finish()
        common = {
            "images": images.stem,
            "images_sha256": digest,
            "alignment": alignment.model_dump(),
            "code": code_digest("features.extraction"),
            "versions": {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()},
            "device": device.type,
            "preprocessing": asdict(preprocessing),
        }
        for target in targets:
            for name, path in target.outputs.items():
                told = {**target.metadata, **common, "stage": name, **files[path].told()}
                write_json(path.with_suffix(".json"), {**told, "seconds": round(time.monotonic() - started, 3)})


def _checked(maps: torch.Tensor, pictures: int, where: str) -> torch.Tensor:
    """Maps that are square and one a picture; a readout needs both."""
    if maps.ndim != 4:
        raise InputError(f"a tap gives {list(maps.shape)}, not [batch, channels, side, side]; see: posinfo taps")
    count, _, height, width = maps.shape
    if height != width:
        raise InputError(f"maps are {height} x {width}, not square: the readout needs square pictures and maps")
    if count != pictures:
        raise InputError(f"{where}: {count} maps for {pictures} pictures; each picture needs its own")
    return maps
