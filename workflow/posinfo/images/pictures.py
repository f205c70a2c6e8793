"""Images: decoded and resized once for all encoders, as uint8, with a csv that names where each came from."""

import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.store.errors import InputError
from posinfo.store.files import atomic_write, preallocated_npy, sha256_of
from posinfo.store.sidecars import verified, write_sidecar

Pixels = NDArray[np.uint8]
# Formats of photographs; Pillow knows others that start further programs (EPS) or are no single picture.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SMALLEST = 8  # pixels of the short side


@dataclass(frozen=True)
class Picture:
    """One finished picture: uint8 RGB [side, side, 3], its name, and where it came from.

    `left, top, right, bottom` is the box that was cut from the source, in its pixels.
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


def stored_image(data: bytes, name: str) -> Image.Image:
    """The image as it is stored.

    Raises:
        InputError: when it is no image, cut short, animated, or too small or too large to be a photograph.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
            opened.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{name} cannot be read as an image: {error}") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise InputError(f"{name} is too large to be a photograph: {error}") from None
    frames = getattr(opened, "n_frames", 1)
    if frames > 1 and opened.format != "MPO":  # a camera's MPO holds the picture and its preview
        raise InputError(f"{name} holds {frames} pictures; a photograph is one")
    if min(opened.size) < SMALLEST:
        raise InputError(
            f"{name} is {opened.width} x {opened.height} pixels; a photograph has at least {SMALLEST} a side"
        )
    return opened


def decode(data: bytes, name: str) -> Image.Image:
    """The photograph as an upright 8-bit RGB image.

    Grey and palette images are widened, CMYK is converted, 16-bit grey is scaled, EXIF orientation is applied, and a
    transparent image is laid on white.

    Raises:
        InputError: as `stored_image`.
    """
    image: Image.Image = ImageOps.exif_transpose(stored_image(data, name))
    if image.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion would clip every value above 255 to white.
        return Image.fromarray(
            (np.asarray(image).astype(np.float64) / 257).round().clip(0, 255).astype(np.uint8)
        ).convert("RGB")
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert("RGB")


def split(names: Sequence[str], held_out: int, seed: int) -> tuple[list[str], list[str]]:
    """Divide photographs, never crops, into training and test: (train, test), both sorted.

    Raises:
        InputError: when one of the two would be empty.
    """
    if not 0 < held_out < len(names):
        raise InputError(f"{held_out} of {len(names)} photographs held out for test: both parts need at least one")
    order = np.random.default_rng(seed).permutation(len(names))
    ordered = sorted(names)
    test = {ordered[index] for index in order[:held_out]}
    return [name for name in ordered if name not in test], sorted(test)


def crops(name: str, data: bytes, count: int, seed: int, side: int = IMAGE_SIDE) -> Iterator[Picture]:
    """`count` views of one photograph: the whole picture, then squares of 0.5 to 1 times its short side.

    Places and sides are uniform, half of the views (rounded down) are mirrored; the choice depends on the seed and the
    photograph's bytes. Each view is resized to [side, side] without keeping its aspect ratio, bilinear with
    antialiasing as in the released code's Resize.
    """
    image, digest = decode(data, name), sha256(data).hexdigest()
    width, height = image.size
    rng = np.random.default_rng([seed, int(digest[:8], 16)])
    mirrored = rng.permutation(count) < count // 2
    for index in range(count):
        cut = min(width, height) if index == 0 else max(1, round(float(min(width, height) * rng.uniform(0.5, 1.0))))
        left, top = int(rng.integers(0, width - cut + 1)), int(rng.integers(0, height - cut + 1))
        box = (0, 0, width, height) if index == 0 else (left, top, left + cut, top + cut)
        view = image.resize((side, side), Image.Resampling.BILINEAR, box=box)
        if mirrored[index]:
            view = ImageOps.mirror(view)
        stem = PurePosixPath(name).stem
        yield Picture(f"{stem}-{index}", np.asarray(view), name, digest, *box, flipped=bool(mirrored[index]))


def apart(pictures: Iterator[Picture], others: Path) -> Iterator[Picture]:
    """The same pictures, none of them cut from a photograph of another set.

    Args:
        others: the csv of that set; photographs are compared by their bytes, whatever they are called.

    Raises:
        InputError: for a photograph that is in both.
    """
    read_names(others)
    table = pd.read_csv(others, dtype=str, keep_default_na=False)
    known = dict(zip(table["sha256"], table["source"], strict=True)) if "sha256" in table else {}
    for picture in pictures:
        if picture.sha256 and picture.sha256 in known:
            raise InputError(
                f"{picture.source} is the same photograph as {known[picture.sha256]} of {others.stem}: a test on "
                "photographs that were trained on proves nothing; take it out of one of the two sets"
            )
        yield picture


def grey(value: int, side: int = IMAGE_SIDE) -> Picture:
    """A picture of one grey value, 0 to 255: black and white of the paper."""
    return Picture(f"grey-{value}", np.full((side, side, 3), value, np.uint8))


def noise(mean: float, sd: float, seed: int, side: int = IMAGE_SIDE) -> Picture:
    """Gaussian noise, each pixel and channel by itself, rounded and clipped to 0..255.

    The released noise image has mean 25 and standard deviation 24 of 255, clipped at 0.
    """
    values = np.random.default_rng(seed).normal(mean, sd, (side, side, 3))
    return Picture(f"noise-{seed}", values.round().clip(0, 255).astype(np.uint8))


def write_images(pictures: Iterator[Picture], count: int, path: Path, side: int = IMAGE_SIDE) -> None:
    """Write uint8 [count, side, side, 3] to `path`, a row per picture to the csv beside it, and the digests of both.

    Raises:
        InputError: when the pictures are not as many as were announced.
    """
    rows = []
    with atomic_write(path) as partial:
        array = preallocated_npy(partial, np.uint8, (count, side, side, 3))
        for index, picture in enumerate(pictures):
            if index < count:
                array[index] = picture.pixels
            row = {field: getattr(picture, field) for field in Picture.__dataclass_fields__ if field != "pixels"}
            rows.append({"image": row.pop("name"), **row})
        if len(rows) != count:
            raise InputError(f"{path}: expected {count} pictures, got {len(rows)}")
        array.flush()  # type: ignore[attr-defined]
        with atomic_write(path.with_suffix(".csv")) as table:
            pd.DataFrame(rows).to_csv(table, index=False)
    write_sidecar(path, names_sha256=sha256_of(path.with_suffix(".csv")))


def read_pictures(path: Path) -> Pixels:
    """A finished set, memory-mapped: uint8 [N, side, side, 3].

    Raises:
        InputError: when it is not what its sidecar vouches for.
    """
    verified(path)
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def read_names(path: Path) -> list[str]:
    """The names of the pictures of a set, from its csv.

    Raises:
        InputError: when it is not what the set's sidecar vouches for.
    """
    verified(path, "names_sha256")
    return list(pd.read_csv(path, dtype=str, keep_default_na=False)["image"])
