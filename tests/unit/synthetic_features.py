"""Small synthetic inputs that several tests share: images, archives, and feature maps of a small random network."""

import io
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from posinfo.features.extraction import Preprocessing, extract
from posinfo.images.decoded import DecodedImage, write_images
from posinfo.protocol.alignment import Alignment
from posinfo.protocol.readout import Readout
from posinfo.readouts.stacked import Head
from torch import nn
from torch.nn import functional

ALIGNMENT = Alignment(side=16)


class TwoStages(nn.Module):
    """A stage larger than the common side and one smaller."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(gain * torch.randn(4, 3, 3, 3, generator=generator))

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = functional.conv2d(images, self.weight, padding=1)
        return {"f1": maps, "f2": functional.avg_pool2d(maps, 8)}


PREPROCESSING = Preprocessing("RGB", 1)
CPU = torch.device("cpu")
IMAGE_FILES = {"set.npy", "set.csv", "set.json"}  # what `small_features` makes beside the features


class OneShort(TwoStages):
    """Loses one image of every batch."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return super().forward(images[1:])


class Growing(TwoStages):
    """Gives larger maps of the last image, which is alone in its batch."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return super().forward(images if len(images) > 1 else images.repeat(1, 1, 2, 2))


class Oblong(TwoStages):
    """Gives maps that are wider than high."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return super().forward(images[:, :, :16])


class DeepNamedFirst(TwoStages):
    """Names its stages against the alphabet: `z` is shallow, `a` is deep."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = super().forward(images)
        return {"z": maps["f1"], "a": maps["f2"]}


def small_features(
    folder: Path,
    count: int = 7,
    gain: float = 1.0,
    weights: str = "w",
    device: torch.device = CPU,
    network: type[TwoStages] = TwoStages,
) -> Path:
    """Make a set of images and its features in `folder`; returns the features' directory."""
    images = folder / "set.npy"
    rng = np.random.default_rng(0)
    pictures = [DecodedImage(f"{index}", rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for index in range(count)]
    write_images(iter(pictures), count, images, side=32)
    extract(
        model=network(gain),
        preprocessing=PREPROCESSING,
        images=images,
        output=folder / "set",
        metadata={"encoder": "two-stages", "entry": None, "weights_sha256": weights},
        alignment=ALIGNMENT,
        device=device,
        batch=3,
    )
    return folder / "set"


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def heads_of(readout: Readout) -> list[Head]:
    return [Head(readout, pattern, seed) for pattern in ("H", "G") for seed in (0, 1)]


def jpeg(grey: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (12, 9), (grey, grey, grey)).save(file, "JPEG")
    return file.getvalue()


def committed(path: Path, members: dict[str, bytes], commit: str = "c0" * 20, top: str | None = None) -> Path:
    """A repository's archive as git writes it: a note of the commit, one top folder, folders, one time for all.

    Args:
        members: path below the top folder to bytes.
        top: its name, `NAME-COMMIT` unless given.
    """
    top = top or f"photographs-{commit}"
    folders = {str(folder) for name in members for folder in PurePosixPath(f"{top}/{name}").parents} - {"."}
    note = {"comment": commit}
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT, pax_headers=note) as archive:
        for name in sorted([*folders, *(f"{top}/{name}" for name in members)]):
            info = tarfile.TarInfo(name)
            info.mtime, info.mode = 1_600_000_000, 0o664
            if name in folders:
                info.type, info.mode = tarfile.DIRTYPE, 0o775
                archive.addfile(info)
            else:
                data = members[name.removeprefix(f"{top}/")]
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


def packed(path: Path, members: dict[str, bytes]) -> Path:
    """A zip or a tar, as its suffix says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path
