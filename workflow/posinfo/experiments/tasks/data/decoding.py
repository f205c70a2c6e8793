"""Decode the masks of a set of images out of its archives or folders, resized as the images are."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from PIL import Image

from posinfo.experiments.tasks.data.masks import UNKNOWN, Mask
from posinfo.images.decoded import stored_image
from posinfo.images.sets import fetched_archive
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.registry.catalogue import Registry
from posinfo.registry.entries import ArchiveImages, Folder
from posinfo.sources.archives import images_in, read_stems
from posinfo.sources.folders import photographs_in
from posinfo.store.errors import InputError
from posinfo.store.sidecars import verified


def decode_mask(image: Image.Image, name: str, entry: ArchiveImages | Folder, side: int = IMAGE_SIDE) -> Mask:
    """A stored mask, its values as the set's entry describes them, resized by the nearest pixel.

    Returns:
        uint8 [side, side]: saliency 0 or 1 (a grey value above 127 is an object); or classes (the grey value, or the
        index of a palette image), `UNKNOWN` where there is no label.

    Raises:
        InputError: when it has colours where classes are expected, or values beyond the classes.
    """
    if entry.masks_show == "saliency":
        grey = image.convert("L").resize((side, side), Image.Resampling.NEAREST)
        return (np.asarray(grey) > 127).astype(np.uint8)
    if image.mode not in ("P", "L"):
        raise InputError(f"{name} has colours ({image.mode}), where a class is a palette index or a grey value")
    unknown = entry.masks_unknown
    values = np.asarray(image)
    if (highest := int(values.max())) > unknown:
        raise InputError(f"{name} has the value {highest}, beyond {unknown} for unknown and the classes below it")
    highest = int(values[values != unknown].max(initial=0))
    if entry.masks_classes and highest >= len(entry.masks_classes):
        raise InputError(
            f"{name} has the value {highest}, beyond the {len(entry.masks_classes)} classes that the set names "
            f"({unknown} is unknown)"
        )
    stored = np.asarray(image.resize((side, side), Image.Resampling.NEAREST))
    return np.where(stored == unknown, UNKNOWN, stored).astype(np.uint8)


def entry_with_masks(name: str, registry: Registry) -> ArchiveImages | Folder:
    """The entry of a set of images that has masks.

    Raises:
        InputError: when it has none.
    """
    entry = registry.mask_dependencies(name).images[name]
    assert isinstance(entry, ArchiveImages | Folder)
    return entry


def decode_masks(name: str, registry: Registry, resources: Path, sizes: Sequence[tuple[int, int]]) -> Iterator[Mask]:
    """Yield the masks of a set, in the order of its images.

    Args:
        registry: holds at least the entries behind the set's masks.
        resources: the folder of the fetched sources.
        sizes: width and height of each image, in pixels, as `image_sizes` reads them.

    Raises:
        InputError: when an image has no mask, when a mask is no image or has another size than its image, or as
            `decode_mask`.
    """
    entry = entry_with_masks(name, registry)
    for (member, data), size in zip(_stored_masks(entry, registry, resources, len(sizes)), sizes, strict=True):
        image = stored_image(data, member)
        if image.size != size:
            found = " x ".join(map(str, image.size))
            expected = " x ".join(map(str, size))
            raise InputError(f"{member} is {found} pixels, its image {expected}; a mask has the size of its image")
        yield decode_mask(image, member, entry)


def _stored_masks(
    entry: ArchiveImages | Folder, registry: Registry, resources: Path, count: int
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each of `count` masks."""
    assert entry.masks is not None
    if isinstance(entry, Folder):
        folder = Path(entry.masks)
        images = photographs_in(Path(entry.folder), entry.count)
        for path in _paired(images, photographs_in(folder), folder, count):
            yield path, (folder / path).read_bytes()
        return
    with ExitStack() as stack:
        archive, where = stack.enter_context(fetched_archive(entry.archive, registry, resources))
        masks_archive, masks_where = archive, where
        if entry.masks_archive:
            opened = fetched_archive(entry.masks_archive, registry, resources)
            masks_archive, masks_where = stack.enter_context(opened)
        only = read_stems(archive, where, entry.listed) if entry.listed else None
        images = images_in(archive, where, entry.images, entry.count, only=only)
        masks = images_in(masks_archive, masks_where, entry.masks, None, only=only)
        for member in _paired(images, masks, masks_where, count):
            yield member, masks_archive.read(member)


def image_sizes(csv: Path) -> list[tuple[int, int]]:
    """Width and height of the whole photographs of a set, in pixels, from its csv.

    Raises:
        InputError: when the csv is not the one that the set's sidecar describes.
    """
    verified(csv, "names_sha256")
    table = pd.read_csv(csv, usecols=["right", "bottom"])
    return [(int(width), int(height)) for width, height in zip(table["right"], table["bottom"], strict=True)]


def _paired(images: Sequence[str], masks: Sequence[str], where: Path, count: int) -> list[str]:
    """The mask of each of `count` images: the one of the same stem."""
    by_stem = {PurePosixPath(mask).stem: mask for mask in masks}
    stems = [PurePosixPath(image).stem for image in images]
    if missing := [stem for stem in stems if stem not in by_stem]:
        raise InputError(f"{where}: {len(missing)} of {len(stems)} images have no mask, among them {missing[0]}")
    if len(stems) != count:
        raise InputError(f"{count} images, {len(stems)} masks: the set has changed since its images were decoded")
    return [by_stem[stem] for stem in stems]
