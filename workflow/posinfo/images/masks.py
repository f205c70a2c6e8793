"""Masks: the answers to a set of pictures, for networks that learn a task; resized and stored as the pictures are."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from posinfo.images.pictures import read_names, stored_image
from posinfo.images.sets import fetched_archive
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.registry.catalogue import Registry
from posinfo.registry.entries import ArchiveImages, Folder, Shown
from posinfo.sources.archives import listed, pictures_in
from posinfo.sources.folders import photographs_in
from posinfo.store.errors import InputError
from posinfo.store.files import atomic_write, preallocated_npy
from posinfo.store.sidecars import verified, write_sidecar

UNKNOWN = 255  # where nobody says what is there
Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class Meaning:
    """What the values of a set's masks say.

    Attributes:
        shown: `saliency`: 1 where the grey value is above 127, else 0; `classes`: values (of a palette: its indices) as
            they are stored, but `UNKNOWN` for what the set has for that.
        unknown: that value; the classes lie below it.
        classes: their names, where every value is a class of its own.
    """

    shown: Shown = "saliency"
    unknown: int = UNKNOWN
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: ArchiveImages | Folder) -> "Meaning":
        """What an entry of the registry says of its masks."""
        return cls(entry.masks_show, entry.masks_unknown, tuple(entry.masks_classes or ()))

    def check(self, values: NDArray[np.uint8], name: str) -> None:
        """Refuse values that mean nothing.

        Raises:
            InputError: for the highest value beyond the classes.
        """
        highest = int(values.max())
        if highest > self.unknown:
            raise InputError(
                f"{name} has the value {highest}, beyond {self.unknown} for unknown and the classes below it"
            )
        known = values[values != self.unknown]
        if self.classes and known.size and (highest := int(known.max())) >= len(self.classes):
            raise InputError(
                f"{name} has the value {highest}, beyond the {len(self.classes)} classes that the set names "
                f"({self.unknown} is unknown)"
            )


def decode_mask(
    data: bytes, name: str, meaning: Meaning, side: int = IMAGE_SIDE, size: tuple[int, int] | None = None
) -> Mask:
    """A mask at the pictures' side, by the nearest pixel: uint8 [side, side].

    Args:
        size: width and height of its picture, in pixels, which it must have too.

    Raises:
        InputError: when it is no image or of another size, classes are asked of a coloured one, or a value is beyond
            them.
    """
    image = stored_image(data, name)
    if size is not None and image.size != size:
        theirs, wanted = (" x ".join(map(str, pixels)) for pixels in (image.size, size))
        raise InputError(f"{name} is {theirs} pixels, its picture {wanted}; a mask has the size of its picture")
    if meaning.shown == "saliency":
        image = image.convert("L")
    elif image.mode not in ("P", "L"):
        raise InputError(f"{name} has colours ({image.mode}), where a class is a palette index or a grey value")
    else:
        meaning.check(np.asarray(image), name)
    values = np.asarray(image.resize((side, side), Image.Resampling.NEAREST))
    if meaning.shown == "saliency":
        return (values > 127).astype(np.uint8)
    return np.where(values == meaning.unknown, UNKNOWN, values).astype(np.uint8)


def meaning_of(name: str, registry: Registry) -> Meaning:
    """What the masks of a set say.

    Raises:
        InputError: when it has none.
    """
    entry = registry.mask_dependencies(name).images[name]
    assert isinstance(entry, ArchiveImages | Folder)
    return Meaning.of(entry)


def masks_of(
    name: str, registry: Registry, resources: Path, sizes: Sequence[tuple[int, int]] | None = None
) -> Iterator[Mask]:
    """The masks of a set, in the order of its pictures.

    Args:
        registry: holds at least the entries behind the set's masks.
        resources: the folder with the fetched sources.
        sizes: width and height of each picture, in pixels, as `sizes_of` reads them.

    Raises:
        InputError: when a picture has no mask, or as `decode_mask`.
    """
    entry = registry.mask_dependencies(name).images[name]
    assert isinstance(entry, ArchiveImages | Folder)
    assert entry.masks is not None
    meaning = Meaning.of(entry)
    if isinstance(entry, Folder):
        masks = Path(entry.masks)
        places = _paired(photographs_in(Path(entry.folder), entry.count), photographs_in(masks), masks)
        for place, size in zip(places, _sized(sizes, places), strict=True):
            yield decode_mask((masks / place).read_bytes(), place, meaning, size=size)
        return
    with ExitStack() as stack:
        archive, where = stack.enter_context(fetched_archive(entry.archive, registry, resources))
        behind, beside = archive, where
        if entry.masks_archive and entry.masks_archive != entry.archive:
            behind, beside = stack.enter_context(fetched_archive(entry.masks_archive, registry, resources))
        only = listed(archive, where, entry.listed) if entry.listed else None
        pictures = pictures_in(archive, where, entry.pictures, entry.count, only=only)
        members = _paired(pictures, pictures_in(behind, beside, entry.masks, None, only=only), beside)
        for member, size in zip(members, _sized(sizes, members), strict=True):
            yield decode_mask(behind.read(member), member, meaning, size=size)


def _sized(sizes: Sequence[tuple[int, int]] | None, masks: Sequence[str]) -> Sequence[tuple[int, int] | None]:
    """The size that each mask must have, if that is known."""
    if sizes is not None and len(sizes) != len(masks):
        raise InputError(
            f"{len(sizes)} pictures, {len(masks)} masks: the set has changed since its pictures were decoded"
        )
    return sizes if sizes is not None else [None] * len(masks)


def sizes_of(names: Path) -> list[tuple[int, int]]:
    """Width and height of the whole photographs of a set, in pixels, from its csv.

    Raises:
        InputError: when it is not what the set's sidecar vouches for.
    """
    read_names(names)
    table = pd.read_csv(names, usecols=["right", "bottom"])
    return [(int(width), int(height)) for width, height in zip(table["right"], table["bottom"], strict=True)]


def _paired(pictures: Sequence[str], masks: Sequence[str], where: Path) -> list[str]:
    """The mask of each picture."""
    by_stem = {PurePosixPath(mask).stem: mask for mask in masks}
    stems = [PurePosixPath(picture).stem for picture in pictures]
    if lacking := [stem for stem in stems if stem not in by_stem]:
        raise InputError(f"{where}: {len(lacking)} of {len(stems)} pictures have no mask, among them {lacking[0]}")
    return [by_stem[stem] for stem in stems]


def write_masks(
    masks: Iterator[Mask], count: int, path: Path, side: int = IMAGE_SIDE, classes: Sequence[str] = ()
) -> None:
    """Write uint8 [count, side, side], its digest, and the names of the classes if every value is one.

    Raises:
        InputError: when the masks are not as many as the pictures.
    """
    made = 0
    with atomic_write(path) as partial:
        array = preallocated_npy(partial, np.uint8, (count, side, side))
        for mask in tqdm(masks, "masks", count, unit="mask", disable=None):
            array[made] = mask
            made += 1
        if made != count:
            raise InputError(f"{path}: expected {count} masks, got {made}")
        array.flush()  # type: ignore[attr-defined]
    write_sidecar(path, classes=list(classes))


def read_masks(path: Path) -> tuple[Mask, tuple[str, ...]]:
    """The masks of a set, memory-mapped: uint8 [N, side, side]; and its classes as `write_masks` was told them.

    Raises:
        InputError: when they are not what their sidecar vouches for.
    """
    classes = tuple(verified(path)["classes"])
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False)), classes
