"""A ramp from black to white as people's files hold it: each depth and each kind of colour, and what none can show."""

import io
import struct
import zlib
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDES = (24, 32)
SHARES: NDArray[np.float64] = np.tile(np.linspace(0, 1, SIDES[1]), (SIDES[0], 1))
RAMP = (SHARES * 255).round().astype(np.uint8)
DEEP = (SHARES * 65535).round().astype(np.uint16)
KINDS = {"u": 1, "i": 2, "f": 3}  # of TIFF's samples


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image as Pillow saves it."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def tiff(values: NDArray[Any], order: Literal["<", ">"] = "<", photometric: int = 1, planes: bool = False) -> bytes:
    """An uncompressed TIFF of one strip, or of one for each sample; Pillow writes few depths."""

    def long(value: int) -> bytes:
        return struct.pack(f"{order}I", value)

    def short(value: int) -> bytes:
        return struct.pack(f"{order}HH", value, 0)

    height, width, samples = (*values.shape, 1)[:3]
    laid = np.moveaxis(values, -1, 0) if planes else values
    data = laid.astype(values.dtype.newbyteorder(order)).tobytes()
    bits, kind = values.dtype.itemsize * 8, KINDS[values.dtype.kind]
    strips = samples if planes else 1
    size = len(data) // strips
    starts = [8 + size * strip for strip in range(strips)]
    lists = struct.pack(
        f"{order}{2 * samples}H{2 * strips}I", *[bits] * samples, *[kind] * samples, *starts, *[size] * strips
    )
    many = samples > 1  # one value fits into the entry itself
    after = 8 + len(data) + 4 * samples  # where the lists of strips begin
    entries = [
        (256, 4, 1, long(width)),
        (257, 4, 1, long(height)),
        (258, 3, samples, long(8 + len(data)) if many else short(bits)),
        (259, 3, 1, short(1)),
        (262, 3, 1, short(photometric)),
        (273, 4, strips, long(after if planes else 8)),
        (277, 3, 1, short(samples)),
        (278, 4, 1, long(height)),
        (279, 4, strips, long(after + 4 * strips if planes else size)),
        (284, 3, 1, short(2 if planes else 1)),
        (339, 3, samples, long(8 + len(data) + 2 * samples) if many else short(kind)),
    ]
    directory = struct.pack(f"{order}H", len(entries))
    for tag, stored_as, count, value in entries:
        directory += struct.pack(f"{order}HHI", tag, stored_as, count) + value
    head = (b"II*\0" if order == "<" else b"MM\0*") + long(8 + len(data) + len(lists))
    return head + data + lists + directory + bytes(4)


def png(values: NDArray[np.uint16], colours: int, clear: bytes = b"") -> bytes:
    """A PNG of 16 bits, with a transparent colour if one is given."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, colours, 0, 0, 0)
    transparent = chunk(b"tRNS", clear) if clear else b""
    image = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + transparent + image


def twelve_bits() -> bytes:
    """A TIFF of 12 bits, two values in three bytes."""
    values = (SHARES * 4095).round().astype(int)
    left, right = values[:, ::2], values[:, 1::2]
    packed = np.stack([left >> 4, (left & 15) << 4 | right >> 8, right & 255], axis=-1).astype(np.uint8)
    data = tiff(packed.reshape(SIDES[0], -1))
    width = struct.Struct("<HHII")
    bits = struct.Struct("<HHIHH")
    data = data.replace(width.pack(256, 4, 1, SIDES[1] * 3 // 2), width.pack(256, 4, 1, SIDES[1]))
    return data.replace(bits.pack(258, 3, 1, 8, 0), bits.pack(258, 3, 1, 12, 0))


def bmp() -> bytes:
    """A BMP with a channel for alpha that is 0 everywhere, as programs of Windows write it."""
    pixels = np.dstack([RAMP, RAMP, RAMP, 0 * RAMP])[::-1].tobytes()
    head = struct.pack("<IiiHHIIiiII", 124, SIDES[1], SIDES[0], 1, 32, 3, len(pixels), 2835, 2835, 0, 0)
    head += struct.pack("<4I4s", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs").ljust(84, b"\0")
    return b"BM" + struct.pack("<III", 14 + len(head) + len(pixels), 0, 14 + len(head)) + head + pixels


def cmyk_without_marker() -> bytes:
    """A CMYK JPEG that does not say whose: readers disagree whether 0 is white."""
    data = encoded(Image.fromarray(RAMP).convert("RGB").convert("CMYK"), "JPEG")
    start = data.index(b"\xff\xee")
    return data[:start] + data[start + 16 :]


def modes() -> dict[str, bytes]:
    """The ramp in the modes that Pillow itself writes."""
    grey = Image.fromarray(RAMP)
    palette = grey.convert("P")
    found = {f"{mode} tiff": encoded(grey.convert("RGB").convert(mode), "TIFF") for mode in ("YCbCr", "CMYK", "LAB")}
    found |= {f"{mode} tiff": encoded(grey.convert(mode), "TIFF") for mode in ("RGBA", "LA", "L", "P")}
    found |= {f"{kind} grey": encoded(grey, kind) for kind in ("PNG", "BMP", "GIF", "PPM")}
    found |= {"WEBP": encoded(grey, "WEBP", lossless=True), "LA png": encoded(grey.convert("LA"), "PNG")}
    found |= {"PA tiff": encoded(palette.convert("PA"), "TIFF")}
    return found | {"palette with alpha": encoded(palette, "PNG", transparency=bytes([255] * 256))}


READ = {
    "16-bit png": png(DEEP, 0),
    "16-bit RGB png": png(np.dstack([DEEP] * 3), 2),
    "16-bit tiff": tiff(DEEP),
    "16-bit tiff, big endian": tiff(DEEP, ">"),
    "16-bit tiff, 0 is white": tiff(65535 - DEEP, photometric=0),
    "16-bit RGB tiff": tiff(np.dstack([DEEP] * 3), photometric=2),
    "RGB tiff in planes": tiff(np.dstack([RAMP] * 3), photometric=2, planes=True),
    "16-bit pgm": b"P5 32 24 65535\n" + DEEP.astype(">u2").tobytes(),
    "10-bit pgm": b"P5 32 24 1023\n" + (SHARES * 1023).round().astype(">u2").tobytes(),
    "12-bit tiff": twelve_bits(),
    "8-bit tiff, 0 is white": tiff(255 - RAMP, photometric=0),
    "float tiff": tiff(SHARES.astype(np.float32)),
    "float tiff, big endian": tiff(SHARES.astype(np.float32), ">"),
    "float tiff, 0 is white": tiff((1 - SHARES).astype(np.float32), photometric=0),
    "float pfm": b"Pf\n32 24\n-1.0\n" + SHARES[::-1].astype("<f4").tobytes(),
    "bmp with an alpha of 0": bmp(),
    **modes(),
}
NAN = np.where(SHARES > 0.9, np.nan, SHARES).astype(np.float32)
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 600), np.uint8))
IN_PART = encoded(NOISE, "JPEG")[:100_000]
DIM = DEEP // 16  # as cameras of 12 bits store their values
FRAMES = [Image.fromarray(255 - RAMP)]
REFUSED = {
    "CMYK without a marker": (cmyk_without_marker(), "CMYK without Adobe's marker"),
    "int32 tiff": (tiff(RAMP.astype(np.int32)), "signed integers"),
    "int16 tiff": (tiff(RAMP.astype(np.int16)), "signed integers"),
    "int8 tiff": (tiff((RAMP // 2).astype(np.int8)), "signed integers"),
    "uint32 tiff": (tiff(RAMP.astype(np.uint32)), "32-bit integers"),
    "float tiff to 255": (tiff(RAMP.astype(np.float32)), "holds 0 to 255; floats are 0"),
    "float tiff to 65535": (tiff(DEEP.astype(np.float32)), "holds 0 to 65535; floats are 0"),
    "float tiff below 0": (tiff(SHARES.astype(np.float32) - 0.5), "holds -0.5 to 0.5; floats are 0"),
    "float tiff with NaN": (tiff(NAN), "holds NaN"),
    "float64 tiff": (tiff(SHARES), "its kind is none of"),
    "float16 tiff": (tiff(SHARES.astype(np.float16)), "its kind is none of"),
    "float RGB tiff": (tiff(np.dstack([SHARES.astype(np.float32)] * 3), photometric=2), "its kind is none of"),
    "uint64 tiff": (tiff(RAMP.astype(np.uint64)), "its kind is none of"),
    "16-bit RGB tiff in planes": (
        tiff(np.dstack([DEEP] * 3), photometric=2, planes=True),
        "a plane of 16 bits for each colour",
    ),
    "12 bits in a 16-bit tiff": (tiff(DIM), "is almost black: it holds 4095 at most, white is 65535"),
    "12 bits in a 16-bit png": (png(DIM, 0), "is almost black"),
    "animated png": (encoded(Image.fromarray(RAMP), "PNG", save_all=True, append_images=FRAMES), "holds 2 images"),
    "animated webp": (encoded(Image.fromarray(RAMP), "WEBP", save_all=True, append_images=FRAMES), "holds 2 images"),
    "jpeg filled up with zeros": (IN_PART + bytes(50_000), "it ends in zeros"),
    "avif": (encoded(Image.fromarray(RAMP), "AVIF"), "its kind is none of"),
    "no image": (b"no image", "its kind is none of"),
}
