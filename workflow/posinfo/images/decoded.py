"""Images, decoded and resized once for all encoders, as uint8, with a csv that names the origin of each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageOps

from posinfo.images.decoding import decode
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.store.errors import InputError
from posinfo.store.files import atomic_write, preallocated_npy, sha256_of
from posinfo.store.sidecars import verified, write_sidecar

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class DecodedImage:
    """One decoded image, its name and its origin.

    Attributes:
        name: of the image; views of one photograph differ in the number at the end.
        pixels: uint8 RGB [side, side, 3].
        source: the photograph's path in its wheel, archive or folder; empty for a synthetic image.
        sha256: of the photograph's decoded pixels; empty for a synthetic image.
        left, top, right, bottom: the box that was cut from the photograph, in its pixels.
        flipped: whether the view is mirrored.
        orientation: the EXIF orientation that the photograph is stored in; 1 is upright.
    """

    name: str
    pixels: Pixels
    source: str = ""
    sha256: str = ""
    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0
    flipped: bool = False
    orientation: int = 1


def split(names: Sequence[str], held_out: int, seed: int) -> tuple[list[str], list[str]]:
    """Split photographs, before any view is cut, into training and test: (train, test), both sorted.

    Raises:
        InputError: when one of the two is empty.
    """
    if not 0 < held_out < len(names):
        raise InputError(f"{held_out} of {len(names)} photographs held out for test: both parts need at least one")
    order = np.random.default_rng(seed).permutation(len(names))
    ordered = sorted(names)
    test = {ordered[index] for index in order[:held_out]}
    return [name for name in ordered if name not in test], sorted(test)


def crops(name: str, data: bytes, count: int, seed: int, side: int = IMAGE_SIDE) -> Iterator[DecodedImage]:
    """Cut `count` views of one photograph: the whole photograph, then squares of 0.5 to 1 times its short side.

    Positions and sides are uniform, and half of the views (rounded down) are mirrored. The choice depends on the seed
    and the photograph's bytes. Each view is resized to [side, side] without keeping its aspect ratio, bilinear with
    antialiasing, as the Resize of the released code does.
    """
    image, orientation = decode(data, name)
    digest = sha256(image.tobytes()).hexdigest()
    width, height = image.size
    short = min(width, height)
    rng = np.random.default_rng([seed, int(sha256(data).hexdigest()[:8], 16)])
    mirrored = rng.permutation(count) < count // 2
    for index in range(count):
        cut = short if index == 0 else max(1, round(float(short * rng.uniform(0.5, 1.0))))
        left = int(rng.integers(0, width - cut + 1))
        top = int(rng.integers(0, height - cut + 1))
        box = (0, 0, width, height) if index == 0 else (left, top, left + cut, top + cut)
        view = image.resize((side, side), Image.Resampling.BILINEAR, box=box)
        if mirrored[index]:
            view = ImageOps.mirror(view)
        stem = PurePosixPath(name).stem
        flipped = bool(mirrored[index])
        yield DecodedImage(f"{stem}-{index}", np.asarray(view), name, digest, *box, flipped, orientation)


def refuse_shared_photographs(images: Iterator[DecodedImage], training_set: Path) -> Iterator[DecodedImage]:
    """Yield the same images, unless one of them is cut from a photograph of the training set.

    Args:
        images: of the test set.
        training_set: the csv of the training set. Photographs are compared by their decoded pixels.

    Raises:
        InputError: for a photograph that is in both sets.
    """
    table = read_origins(training_set)
    trained_on = dict(zip(table["sha256"], table["source"], strict=True))
    for image in images:
        if image.sha256 and image.sha256 in trained_on:
            raise InputError(
                f"{image.source} is the same photograph as {trained_on[image.sha256]} of {training_set.stem}: a test "
                "on photographs that were trained on proves nothing; take it out of one of the two sets"
            )
        yield image


def constant(name: str, value: int, side: int = IMAGE_SIDE) -> DecodedImage:
    """An image of one grey value, 0 to 255: black and white of the paper."""
    return DecodedImage(f"{name}-0", np.full((side, side, 3), value, np.uint8))


def noise(mean: float, sd: float, seed: int, side: int = IMAGE_SIDE) -> DecodedImage:
    """Gaussian noise, independent for each pixel and channel, rounded and clipped to 0..255.

    The noise image of the released code has mean 25 and standard deviation 24 of 255, clipped at 0.
    """
    values = np.random.default_rng(seed).normal(mean, sd, (side, side, 3))
    return DecodedImage(f"noise-{seed}", values.round().clip(0, 255).astype(np.uint8))


def write_images(images: Iterator[DecodedImage], count: int, path: Path, side: int = IMAGE_SIDE) -> None:
    """Write uint8 [count, side, side, 3] to `path`, a csv with a row for each image, and a sidecar with both digests.

    Raises:
        InputError: when there are not `count` images.
    """
    rows = []
    with atomic_write(path) as partial:
        array = preallocated_npy(partial, np.uint8, (count, side, side, 3))
        for index, image in enumerate(images):
            if index < count:
                array[index] = image.pixels
            row = {field: getattr(image, field) for field in DecodedImage.__dataclass_fields__ if field != "pixels"}
            rows.append({"image": row.pop("name"), **row})
        if len(rows) != count:
            raise InputError(f"{path}: expected {count} images, got {len(rows)}")
        array.flush()  # type: ignore[attr-defined]
        with atomic_write(path.with_suffix(".csv")) as table:
            pd.DataFrame(rows).to_csv(table, index=False)
    write_sidecar(path, names_sha256=sha256_of(path.with_suffix(".csv")))


def read_images(path: Path) -> Pixels:
    """Open a set of images, memory-mapped: uint8 [N, side, side, 3].

    Raises:
        InputError: when its sha256 is not the one in its sidecar.
    """
    verified(path)
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def read_image_names(path: Path) -> list[str]:
    """Read the names of the images of a set from its csv.

    Raises:
        InputError: when its sha256 is not the one in the set's sidecar.
    """
    return list(read_origins(path)["image"])


def read_origins(path: Path) -> pd.DataFrame:
    """Read the csv of a set: a row for each image, with the fields of `DecodedImage` as text, its name as `image`.

    Raises:
        InputError: as `read_image_names`.
    """
    verified(path, "names_sha256")
    return pd.read_csv(path, dtype=str, keep_default_na=False)
