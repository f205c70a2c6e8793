"""Masks: the answers to a set of pictures, for networks that learn a task; resized and stored as the pictures are."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from posinfo.images.pictures import stored_image
from posinfo.images.sets import fetched_archive
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.registry.catalogue import Registry
from posinfo.registry.entries import Archived, Folder, Shown
from posinfo.sources.archives import listed, pictures_in
from posinfo.sources.folders import photographs_in
from posinfo.store.errors import InputError
from posinfo.store.files import blank_array, written_whole
from posinfo.store.sidecars import verified, write_sidecar

UNKNOWN = 255  # where nobody says what is there
Mask = NDArray[np.uint8]


def decode_mask(data: bytes, name: str, shown: Shown, side: int = IMAGE_SIDE, unknown: int = UNKNOWN) -> Mask:
    """A mask at the pictures' side, by the nearest pixel: uint8 [side, side].

    Args:
        shown: `saliency`: 1 where the grey value is above 127, else 0; `classes`: values (of a palette: its indices) as
            they are stored, but `UNKNOWN` for what the set has for that.
        unknown: that value; the classes lie below it.

    Raises:
        InputError: when it is no image, classes are asked of a coloured one, or a value is beyond them.
    """
    image = stored_image(data, name)
    if shown == "saliency":
        image = image.convert("L")
    elif image.mode not in ("P", "L"):
        raise InputError(f"{name} has colours ({image.mode}), where a class is a palette index or a grey value")
    elif (highest := int(np.asarray(image).max())) > unknown:
        raise InputError(f"{name} has the value {highest}, beyond {unknown} for unknown and the classes below it")
    values = np.asarray(image.resize((side, side), Image.Resampling.NEAREST))
    if shown == "saliency":
        return (values > 127).astype(np.uint8)
    return np.where(values == unknown, UNKNOWN, values).astype(np.uint8)


def masks_of(name: str, registry: Registry, resources: Path) -> Iterator[Mask]:
    """The masks of a set, in the order of its pictures.

    Args:
        registry: holds at least the entries behind the set's masks.
        resources: the folder with the fetched sources.

    Raises:
        InputError: when a picture has no mask, or as `decode_mask`.
    """
    entry = registry.behind_masks(name).images[name]
    assert isinstance(entry, Archived | Folder)
    assert entry.masks is not None
    if isinstance(entry, Folder):
        masks = Path(entry.masks)
        places = _paired(photographs_in(Path(entry.folder), entry.count), photographs_in(masks), masks)
        for place in places:
            yield decode_mask((masks / place).read_bytes(), place, entry.masks_show, unknown=entry.masks_unknown)
        return
    with ExitStack() as stack:
        archive, where = stack.enter_context(fetched_archive(entry.archive, registry, resources))
        behind, beside = archive, where
        if entry.masks_archive and entry.masks_archive != entry.archive:
            behind, beside = stack.enter_context(fetched_archive(entry.masks_archive, registry, resources))
        only = listed(archive, where, entry.listed) if entry.listed else None
        pictures = pictures_in(archive, where, entry.pictures, entry.count, only=only)
        for member in _paired(pictures, pictures_in(behind, beside, entry.masks, None, only=only), beside):
            yield decode_mask(behind.read(member), member, entry.masks_show, unknown=entry.masks_unknown)


def _paired(pictures: Sequence[str], masks: Sequence[str], where: Path) -> list[str]:
    """The mask of each picture."""
    by_stem = {PurePosixPath(mask).stem: mask for mask in masks}
    stems = [PurePosixPath(picture).stem for picture in pictures]
    if lacking := [stem for stem in stems if stem not in by_stem]:
        raise InputError(f"{where}: {len(lacking)} of {len(stems)} pictures have no mask, among them {lacking[0]}")
    return [by_stem[stem] for stem in stems]


def write_masks(masks: Iterator[Mask], count: int, path: Path, side: int = IMAGE_SIDE) -> None:
    """Write uint8 [count, side, side] and its digest.

    Raises:
        InputError: when the masks are not as many as the pictures.
    """
    made = 0
    with written_whole(path) as partial:
        array = blank_array(partial, np.uint8, (count, side, side))
        for mask in tqdm(masks, "masks", count, unit="mask", disable=None):
            array[made] = mask
            made += 1
        if made != count:
            raise InputError(f"{path}: expected {count} masks, got {made}")
        array.flush()  # type: ignore[attr-defined]
    write_sidecar(path)


def read_masks(path: Path) -> Mask:
    """The masks of a set, memory-mapped: uint8 [N, side, side].

    Raises:
        InputError: when they are not what their sidecar vouches for.
    """
    verified(path)
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
