"""Every depth and kind of colour is read as what it shows, or refused in a line; EXIF and transparency are followed."""

import struct
from contextlib import suppress

import numpy as np
import pytest
from awkward_pictures import DEEP, RAMP, READ, REFUSED, encoded, png
from hypothesis import given, settings
from hypothesis.strategies import DataObject, data, integers, sampled_from
from PIL import Image
from posinfo.images.decoding import decode
from posinfo.store.errors import InputError


@pytest.mark.parametrize("name", READ)
def test_a_ramp_is_read_back_from_every_depth(name: str) -> None:
    image, orientation = decode(READ[name], name)
    assert (image.mode, image.size, orientation) == ("RGB", (32, 24), 1)
    assert np.abs(np.asarray(image).astype(int) - RAMP[..., None]).max() <= 1


@pytest.mark.parametrize("name", REFUSED)
def test_values_without_a_white_are_refused(name: str) -> None:
    data, words = REFUSED[name]
    with pytest.raises(InputError, match=words) as caught:
        decode(data, name)
    assert str(caught.value).startswith(name)
    assert "BytesIO" not in str(caught.value)


@pytest.mark.parametrize("colours", [0, 2])
def test_a_transparent_colour_of_16_bits_is_white(colours: int) -> None:
    values = DEEP if colours == 0 else np.dstack([DEEP] * 3)
    clear = values[0, 9].ravel().tolist()  # 0x4A52, a value whose bytes differ
    image, _ = decode(png(values, colours, struct.pack(f">{len(clear)}H", *clear)), "clear.png")
    expected = np.where(np.arange(32) == 9, 255, RAMP)
    assert np.abs(np.asarray(image).astype(int) - expected[..., None]).max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(kind: str, orientation: int) -> None:
    upright = Image.fromarray(RAMP).rotate(90, expand=True)  # white above, black below
    undone = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # methods of Image.transpose
    stored = upright.transpose(Image.Transpose(undone[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    image, found = decode(encoded(stored.convert("RGB"), kind, exif=exif), "turned")
    assert (found, image.size) == (orientation, upright.size)
    assert np.asarray(image)[0].mean() > 250
    assert np.asarray(image)[-1].mean() < 5


@pytest.mark.parametrize(("kind", "value"), [(3, b"\0"), (3, b"\x09"), (1, b"\x06"), (2, b"6")])
def test_an_orientation_of_no_meaning_is_upright(kind: int, value: bytes) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\1\0" + struct.pack("<HHI4sI", 0x0112, kind, 1, value, 0)
    image, orientation = decode(encoded(Image.fromarray(RAMP), "PNG", exif=exif), "photo.png")
    assert orientation == 1
    assert (np.asarray(image) == RAMP[..., None]).all()


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + bytes(range(60)), b"x"])
def test_damaged_exif_leaves_the_photograph(exif: bytes) -> None:
    image, orientation = decode(encoded(Image.fromarray(RAMP), "JPEG", exif=exif, quality=95), "photo.jpg")
    assert (image.size, orientation) == ((32, 24), 1)


@settings(max_examples=300, deadline=None)
@given(data())
def test_damaged_bytes_are_read_or_refused_in_a_line(drawn: DataObject) -> None:
    file = bytearray(drawn.draw(sampled_from(list(READ.values()))))
    for _ in range(drawn.draw(integers(1, 3))):
        file[drawn.draw(integers(0, len(file) - 1))] = drawn.draw(integers(0, 255))
    with suppress(InputError):
        decode(bytes(file), "damaged")
