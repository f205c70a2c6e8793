"""Decode the bytes of a photograph or a mask. Values are scaled by what white is in their type, or refused."""

import io
import struct
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from posinfo.store.errors import InputError

# Formats of photographs. Pillow knows others that start further programs (EPS) or hold no single image.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SMALLEST = 8  # pixels of the short side
JPEG_END = b"\xff\xd9"
PNG_DEPTH = 24  # the byte of a PNG that holds its bits per channel
FAINT = 1 / 16  # share of white: a deep image with no value above it holds fewer bits than its type, such as 12 in 16


def stored_image(data: bytes, name: str) -> tuple[Image.Image, int]:
    """Load an image upright, its values as they are stored, and the EXIF orientation that it is stored in.

    The orientation is 1 for an image that is stored upright, or whose EXIF says none of the eight.

    Raises:
        InputError: when the bytes are no image, or one that is cut short, animated, too small or too large, colours of
            16 bits in separate planes, or CMYK of which nothing says whether 0 is white.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
            turned = opened.getexif().get(ExifTags.Base.Orientation, 1)
            opened.load()
            ImageOps.exif_transpose(opened, in_place=True)
            frames = getattr(opened, "n_frames", 1)
    except UnidentifiedImageError:
        known = ", ".join(FORMATS)
        raise InputError(f"{name} cannot be read as an image: it is damaged, or its kind is none of {known}") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise InputError(f"{name} is too large to be a photograph: {error}") from None
    except (OSError, SyntaxError, ValueError, TypeError, struct.error) as error:
        raise InputError(f"{name} cannot be read as an image: {error}") from None
    if frames > 1 and opened.format != "MPO":  # a camera's MPO holds the photograph and its preview
        raise InputError(f"{name} holds {frames} images; a photograph is one")
    if opened.format == "JPEG" and data.endswith(bytes(16)) and not data.rstrip(b"\0").endswith(JPEG_END):
        raise InputError(f"{name} cannot be read as an image: it ends in zeros, as a file that was copied in part")
    if min(opened.size) < SMALLEST:
        raise InputError(
            f"{name} is {opened.width} x {opened.height} pixels; a photograph has at least {SMALLEST} a side"
        )
    raw_planes = 2 in _tiff_tag(opened, "PlanarConfiguration") and opened.info.get("compression") == "raw"
    if raw_planes and 16 in _tiff_tag(opened, "BitsPerSample"):  # Pillow reads them as 8 bits
        raise InputError(
            f"{name} holds a plane of 16 bits for each colour; save it with the colours of a pixel together"
        )
    if opened.format == "JPEG" and opened.mode == "CMYK" and "adobe" not in opened.info:
        raise InputError(f"{name} is CMYK without Adobe's marker: whether 0 is white is unknown; save it as RGB")
    clear = opened.info.get("transparency")
    if opened.format == "PNG" and data[PNG_DEPTH] == 16 and isinstance(clear, tuple):
        opened.info["transparency"] = tuple(value >> 8 for value in clear)  # Pillow reads the colours as 8 bits
    return opened, int(turned) if turned in range(1, 9) else 1


def is_deep(image: Image.Image) -> bool:
    """Whether the grey values of an image are other than unsigned 8 bits: more, signed, or floats."""
    return image.mode.startswith(("I", "F")) or 2 in _tiff_tag(image, "SampleFormat")


def is_inverted(image: Image.Image) -> bool:
    """Whether 0 is white in a TIFF."""
    return 0 in _tiff_tag(image, "PhotometricInterpretation")


def grey_of(image: Image.Image, name: str) -> NDArray[np.uint8]:
    """The grey values of a deep image, from 0 (black) to 255 (white): uint8 [height, width].

    Raises:
        InputError: for signed and 32-bit integers, for floats outside 0 to 1, and for an image that is almost black.
    """
    if 2 in _tiff_tag(image, "SampleFormat"):
        raise InputError(f"{name} holds signed integers, of which none is white; save it with unsigned 8 or 16 bits")
    values = np.asarray(image).astype(np.float64)
    if image.mode == "F":
        white = 1
    elif image.mode != "I" or image.format == "PPM":  # Pillow scales a PPM's values to 16 bits
        white = 2 ** int(_tiff_tag(image, "BitsPerSample")[0] or 16) - 1
    else:
        raise InputError(f"{name} holds 32-bit integers, of which none is white; save it with 8 or 16 bits")
    if not ((values >= 0) & (values <= white)).all():
        found = "NaN" if np.isnan(values).any() else f"{values.min():g} to {values.max():g}"
        raise InputError(f"{name} holds {found}; floats are 0 where an image is black and 1 where it is white")
    if 0 < values.max() < white * FAINT:
        raise InputError(
            f"{name} is almost black: it holds {values.max():g} at most, white is {white}; scale it to white"
        )
    shares = values / white
    if is_inverted(image):  # Pillow inverts 8 bits alone
        shares = 1 - shares
    return np.asarray((shares * 255).round().astype(np.uint8))


def decode(data: bytes, name: str) -> tuple[Image.Image, int]:
    """A photograph as upright 8-bit RGB, transparent pixels laid on white; and the orientation it is stored in.

    Raises:
        InputError: as `stored_image` and `grey_of`.
    """
    image, orientation = stored_image(data, name)
    if is_deep(image):
        grey = grey_of(image, name)
        if "transparency" in image.info:
            grey[np.asarray(image) == image.info["transparency"]] = 255
        return Image.fromarray(grey).convert("RGB"), orientation
    if image.has_transparency_data:
        drawn = image.convert("RGBA")
        if (
            image.format != "BMP" or drawn.getchannel("A").getbbox()
        ):  # a BMP's alpha is often left at 0 and means nothing
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), drawn)
    return image.convert("RGB"), orientation


def _tiff_tag(image: Image.Image, name: str) -> tuple[int | None, ...]:
    """The values of a TIFF's tag; None for another format, or without the tag."""
    tags = getattr(image, "tag_v2", {})
    value = tags.get(ExifTags.Base[name].value)
    return value if isinstance(value, tuple) else (value,)
