"""The disk that a run takes, before it starts: images and feature maps, whose sizes follow from shapes alone.

Shapes are found on the meta device; nothing is read or computed. Everything else that a run makes is small beside them.
"""

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import torch

from posinfo.encoders.architectures import empty_architecture
from posinfo.encoders.reading.tapped import tapped
from posinfo.features.elsewhere import open_maps
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.registry.catalogue import Registry, look_up
from posinfo.registry.entries import ArchiveImages, Encoder, Folder, SyntheticImages, Wheel
from posinfo.run.config import RunConfig
from posinfo.run.paths import features_folder, images_file
from posinfo.run.shown import all_cells
from posinfo.sources.folders import photographs_in, stage_files
from posinfo.store.errors import InputError

FLOAT16 = 2  # bytes
SPARE = 1.02  # file systems, sidecars and logs


def image_count(name: str, registry: Registry) -> int:
    """How many images a set has.

    Raises:
        InputError: for an unknown set, or a folder that is not there.
    """
    entry = look_up("set of images", name, registry.images)
    if isinstance(entry, ArchiveImages | SyntheticImages):
        return entry.count
    if isinstance(entry, Folder):
        return len(photographs_in(Path(entry.folder), entry.count)) * entry.views
    collection = look_up("collection of photographs", entry.photographs, registry.photographs)
    sources = [look_up("source", source, registry.sources) for source in collection.sources]
    count = sum(len(source.members) for source in sources if isinstance(source, Wheel))
    kept = count - collection.held_out if entry.part == "train" else collection.held_out
    return kept * entry.views


def bytes_per_image(entry: Encoder, images: str, side: int) -> int:
    """Bytes of an encoder's stored feature maps of one image of a set: float16, no larger than the common side."""
    if entry.features:
        shapes = [open_maps(path).shape for path in stage_files(entry, images).values()]
    else:
        reader = tapped(empty_architecture(entry.architecture), entry.taps, entry.padding)
        with torch.inference_mode():
            maps = reader(torch.empty(1, 3, IMAGE_SIDE, IMAGE_SIDE, device="meta"))
        shapes = [stage.shape for stage in maps.values()]
    return sum(channels * min(width, side) ** 2 * FLOAT16 for _, channels, _, width in shapes)


def needs(run: RunConfig) -> dict[str, int]:
    """Bytes of every set of images and of every folder of features of a whole run, by path."""
    registry = run.registry
    found: dict[str, int] = {}
    for _, images in run.images:
        found[images_file(run, images)] = image_count(images, registry) * IMAGE_SIDE**2 * 3
    pairs = {(cell.encoder, cell.images) for cell in all_cells(run)}
    pairs |= {(encoder, run.images.train) for encoder, _ in pairs}
    sizes: dict[str, int] = {}  # of networks that differ in weights only
    for encoder, images in sorted(pairs):
        entry = registry.encoders[encoder]
        shape = entry.model_dump_json(include={"architecture", "features", "padding", "taps"})
        if shape not in sizes:
            sizes[shape] = bytes_per_image(entry, images, run.alignment.side)
        found[features_folder(run, encoder, images)] = image_count(images, registry) * sizes[shape]
    return found


def table(found: dict[str, int]) -> str:
    """The plan as text: a row a file or folder, and their sum."""
    rows = [(path, size / 1e9) for path, size in found.items()]
    rows.append(("all", sum(found.values()) / 1e9))
    return str(pd.DataFrame(rows, columns=["path", "disk GB"]).to_markdown(index=False, floatfmt=".2f"))


def at_a_time(asked: dict[str, int]) -> dict[str, int]:
    """Of what a run without kept features makes, the most that lies on the disk at a time: features of two encoders.

    On one machine two jobs run at a time, each with half of its cores (`THREADS` of the rules), and what reads features
    goes before what makes others. A cluster, where many jobs run, may need more.
    """
    by_encoder: Counter[Path] = Counter()
    for path, size in asked.items():
        if Path(path).parents[1].name == "features":
            by_encoder[Path(path).parent] += size
    largest = [folder for folder, _ in by_encoder.most_common(2)]
    return {path: size for path, size in asked.items() if Path(path).parent in largest or "/features/" not in path}


def room_for(found: dict[str, int], wanted: Iterable[str], *, keep_features: bool = True) -> str:
    """What is going to be made takes on the disk and what is free, in words, a line a disk.

    Args:
        found: what a whole run takes.
        wanted: the files that are going to be made.
        keep_features: whether features stay once everything that reads them is made.

    Raises:
        InputError: when the disk cannot hold it.
    """
    names = set(wanted)
    asked = {path: size for path, size in found.items() if path in names}
    free: dict[int, int] = {}
    taken: dict[int, int] = {}
    for path, size in (asked if keep_features else at_a_time(asked)).items():
        place = next(parent for parent in Path(path).absolute().parents if parent.exists())
        disk = place.stat().st_dev
        free.setdefault(disk, shutil.disk_usage(place).free)
        free[disk] += _size(Path(path))  # what is made again gives its own place back
        taken[disk] = taken.get(disk, 0) + size
    lines = []
    for disk, size in taken.items():
        makes = "makes" if keep_features else "keeps at any time at most"
        said = f"this run {makes} {size / 1e9:.1f} GB of images and features, and {free[disk] / 1e9:.1f} GB are free"
        if size * SPARE > free[disk]:
            raise InputError(f"not enough disk: {said}; make room, name another folder as `results`, or ask for less")
        lines.append(said)
    return "\n".join(lines)


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.iterdir())
    return path.stat().st_size if path.exists() else 0
