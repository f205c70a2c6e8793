"""Decode the masks of a set of images out of its archives or folders, resized as the images are."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from posinfo.experiments.tasks.data.masks import UNKNOWN, Mask
from posinfo.images.decoded import read_origins
from posinfo.images.decoding import grey_of, is_deep, is_inverted, stored_image
from posinfo.images.sets import fetched_archive
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.registry.catalogue import Registry
from posinfo.registry.entries import ArchiveImages, Folder
from posinfo.sources.archives import images_in, read_stems
from posinfo.sources.folders import photographs_in, refuse_unusable_names
from posinfo.store.errors import InputError

LOSSY = ("JPEG", "MPO", "WEBP")
WHITE = 255
HALF = 127  # the largest grey that is no object
DIM = 16  # shares of people, as PASCAL-S has them, reach more; a mask of class numbers does not
GREY = 16  # the largest difference of channels in a grey of DUTS-TR is 14
SWAPPING = range(5, 9)  # EXIF orientations that swap width and height
WANTED = "a saliency mask is white on the object and black elsewhere"


class WholePhotograph(NamedTuple):
    """Size of a photograph as it is seen, in pixels, and the EXIF orientation that it is stored in."""

    width: int
    height: int
    orientation: int = 1


def decode_mask(image: Image.Image, name: str, entry: ArchiveImages | Folder, side: int = IMAGE_SIDE) -> Mask:
    """A stored mask, its values as the set's entry describes them, resized by the nearest pixel.

    Returns:
        uint8 [side, side]: saliency 0 or 1; or classes, `UNKNOWN` where there is no label.

    Raises:
        InputError: when its values do not say where the object is, or which class a pixel has.
    """
    lossy = image.format in LOSSY or image.info.get("compression") == "jpeg"
    if entry.masks_show == "saliency":
        values = _salient(image, name, lossy).astype(np.uint8)
    elif lossy:
        raise InputError(f"{name} is stored with loss ({image.format}), which invents classes; save masks as PNG")
    else:
        values = _classes(image, name, entry)
    return np.asarray(Image.fromarray(values).resize((side, side), Image.Resampling.NEAREST))


def _salient(image: Image.Image, name: str, lossy: bool) -> NDArray[np.bool_]:
    """Where a mask shows the object, at its own size.

    It is a shape in the alpha channel, the brighter of two values, or what is above half of white. The shape is above
    half of the most opaque, which an overlay of the object need not be.
    """
    if not is_deep(image):
        pixels = np.asarray(image.convert("RGBA"))
        opaque: NDArray[np.bool_] = pixels[..., 3] > pixels[..., 3].max() / 2
        if pixels[..., 3].min() < pixels[..., 3].max():
            if len(np.unique(pixels[opaque][:, :3], axis=0)) > 1:
                raise InputError(f"{name} has a shape in its colours and another in its transparency; {WANTED}")
            return opaque
        image = image.convert("RGB")
        if np.ptp(pixels[..., :3], axis=2).max() > GREY:
            black = bool((pixels[..., :3].max(axis=2) <= GREY).any())
            if not black or len(image.getcolors(maxcolors=3) or ()) != 2:
                raise InputError(f"{name} has colours, of which none is known to be the object; {WANTED}")
        image = image.convert("L")
    stored = np.asarray(image)
    levels = np.unique(stored)
    if len(levels) == 2 and np.isfinite(levels).all() and not lossy:
        inverted = is_deep(image) and is_inverted(image)  # Pillow inverts 8 bits alone
        return np.asarray(stored == levels[0 if inverted else 1])
    grey = grey_of(image, name) if is_deep(image) else stored
    highest = int(grey[grey < WHITE].max(initial=0))  # class masks have 255 too, where there is no label
    if 0 < highest < (WHITE if len(levels) == 1 else DIM) and not lossy:
        raise InputError(
            f"{name} has no grey above {highest} of {WHITE}; {WANTED} (for classes set masks_show: classes)"
        )
    return grey > HALF


def _classes(image: Image.Image, name: str, entry: ArchiveImages | Folder) -> Mask:
    """The class of each pixel, at the mask's own size: a grey value, or the index of a palette image."""
    if is_inverted(image):
        raise InputError(f"{name} says that 0 is white, where a class is the number that is stored; save masks as PNG")
    bands = np.asarray(image)
    bands = bands if bands.ndim == 3 else bands[..., None]
    alike = bands.shape[-1] - (image.mode in ("LA", "PA", "RGBA"))  # without the alpha channel
    clear = (bands[..., alike:] != bands[:1, :1, alike:]).any()
    if clear or image.mode in ("F", "CMYK", "LAB", "YCbCr") or (bands[..., :alike] != bands[..., :1]).any():
        raise InputError(f"{name} has colours ({image.mode}), where a class is a palette index or a grey value")
    values = bands[..., 0].astype(int)
    unknown = entry.masks_unknown
    for beyond in (values.min(), values.max()):
        if not 0 <= beyond <= unknown:
            raise InputError(f"{name} has the value {beyond}, beyond {unknown} for unknown and the classes below it")
    highest = int(values[values != unknown].max(initial=0))
    if entry.masks_classes and highest >= len(entry.masks_classes):
        raise InputError(
            f"{name} has the value {highest}, beyond the {len(entry.masks_classes)} classes that the set names "
            f"({unknown} is unknown)"
        )
    return np.where(values == unknown, UNKNOWN, values).astype(np.uint8)


def entry_with_masks(name: str, registry: Registry) -> ArchiveImages | Folder:
    """The entry of a set of images that has masks.

    Raises:
        InputError: when it has none.
    """
    entry = registry.mask_dependencies(name).images[name]
    assert isinstance(entry, ArchiveImages | Folder)
    return entry


def decode_masks(
    name: str, registry: Registry, resources: Path, photographs: Sequence[WholePhotograph]
) -> Iterator[Mask]:
    """Yield the masks of a set, in the order of its images.

    Args:
        registry: holds at least the entries behind the set's masks.
        resources: the folder of the fetched sources.
        photographs: of the set, as `whole_photographs` reads them.

    Raises:
        InputError: when an image has no mask, when a mask is no image or has another size than its image, as
            `decode_mask`, or when every mask has one value.
    """
    entry = entry_with_masks(name, registry)
    varied = False
    stored = _stored_masks(entry, registry, resources, len(photographs))
    for (member, data), photograph in zip(stored, photographs, strict=True):
        mask = decode_mask(_upright(data, member, photograph), member, entry)
        varied = varied or int(mask.min()) != int(mask.max())
        yield mask
    if not varied:
        raise InputError(f"{name}: every mask has one value; is masks_show ({entry.masks_show}) what they show?")


def _upright(data: bytes, name: str, photograph: WholePhotograph) -> Image.Image:
    """A mask, turned as its photograph is by EXIF, unless it was turned before.

    Raises:
        InputError: for another size, and where the sides do not say whether the mask was turned.
    """
    mask, own = stored_image(data, name)
    size = (photograph.width, photograph.height)
    if photograph.orientation != 1 and own == 1:
        if photograph.orientation not in SWAPPING or size[0] == size[1]:
            raise InputError(
                f"the photograph of {name} is turned by its EXIF orientation ({photograph.orientation}), and no size "
                "says whether the mask was turned too; save both upright, without EXIF"
            )
        if mask.size == size[::-1]:
            mask.getexif()[ExifTags.Base.Orientation] = photograph.orientation
            ImageOps.exif_transpose(mask, in_place=True)
    if mask.size != size:
        found = " x ".join(map(str, mask.size))
        expected = " x ".join(map(str, size))
        raise InputError(f"{name} is {found} pixels, its image {expected}; a mask has the size of its image")
    return mask


def _stored_masks(
    entry: ArchiveImages | Folder, registry: Registry, resources: Path, count: int
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each of `count` masks."""
    assert entry.masks is not None
    if isinstance(entry, Folder):
        folder = Path(entry.folder)
        masks_folder = Path(entry.masks)
        images = [folder / name for name in photographs_in(folder, entry.count)]
        masks = [masks_folder / name for name in photographs_in(masks_folder)]
        for path in _paired(images, masks, masks_folder, count):
            yield str(path), path.read_bytes()
        return
    with ExitStack() as stack:
        archive, where = stack.enter_context(fetched_archive(entry.archive, registry, resources))
        masks_archive, masks_where = archive, where
        if entry.masks_archive:
            opened = fetched_archive(entry.masks_archive, registry, resources)
            masks_archive, masks_where = stack.enter_context(opened)
        only = read_stems(archive, where, entry.listed) if entry.listed else None
        images = [where / name for name in images_in(archive, where, entry.images, entry.count, only=only)]
        found = images_in(masks_archive, masks_where, entry.masks, None, only=only)
        for path in _paired(images, [masks_where / name for name in found], masks_where, count):
            member = path.relative_to(masks_where).as_posix()
            yield member, masks_archive.read(member)


def whole_photographs(csv: Path) -> list[WholePhotograph]:
    """The photographs of a set, from its csv.

    Raises:
        InputError: when the csv is not the one that the set's sidecar describes.
    """
    columns = read_origins(csv)[["right", "bottom", "orientation"]].astype(int)
    return [WholePhotograph(*row) for row in columns.itertuples(index=False)]


def _paired(images: Sequence[Path], masks: Sequence[Path], where: Path, count: int) -> list[Path]:
    """The mask of each of `count` images: the file of the same stem that is none of the images."""
    pictures = {image.resolve() for image in images}
    others = [mask for mask in masks if mask.resolve() not in pictures]
    refuse_unusable_names([mask.relative_to(where).as_posix() for mask in others], where)
    by_stem = {mask.stem: mask for mask in others}
    if missing := [image.stem for image in images if image.stem not in by_stem]:
        raise InputError(
            f"{where}: {len(missing)} of {len(images)} images have no mask, among them {missing[0]}; a mask is another "
            "file of the same name"
        )
    if len(images) != count:
        raise InputError(f"{count} images, {len(images)} masks: the set has changed since its images were decoded")
    return [by_stem[image.stem] for image in images]
