"""Photographs of every kind become the same uint8 RGB, or are named in an error."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from posinfo.images.pictures import crops, decode, grey, noise, split, write_images
from posinfo.store.errors import InputError


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


RAMP = np.tile(np.linspace(0, 255, 32, dtype=np.uint8), (24, 1))


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "RGBA", "LA", "1"])
def test_modes_become_rgb(mode: str) -> None:
    image = decode(encoded(Image.fromarray(RAMP).convert(mode), "PNG"), "ramp.png")
    assert (image.mode, image.size) == ("RGB", (32, 24))


def test_cmyk_becomes_rgb() -> None:
    red = Image.new("RGB", (20, 20), (255, 0, 0)).convert("CMYK")
    pixel = decode(encoded(red, "JPEG", quality=95), "red.jpg").getpixel((10, 10))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200
    assert max(pixel[1:]) < 60


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    deep = Image.fromarray(RAMP.astype(np.uint16) * 257)
    assert np.array_equal(np.asarray(decode(encoded(deep, "PNG"), "deep.png"))[..., 0], RAMP)


def test_exif_orientation_is_applied() -> None:
    image = Image.fromarray(RAMP).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    turned = decode(encoded(image, "JPEG", exif=exif), "turned.jpg")
    assert turned.size == (24, 32)
    assert np.asarray(turned)[0].mean() < 20  # the dark left edge is now on top


def test_transparent_pixels_are_white() -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert decode(encoded(clear, "PNG"), "clear.png").getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize(
    "data",
    [encoded(Image.fromarray(RAMP), "PNG")[:-40], encoded(Image.fromarray(RAMP), "JPEG")[:300], b"no image", b""],
)
def test_damaged_files_are_named(data: bytes) -> None:
    with pytest.raises(InputError, match=r"broken\.jpg cannot be read as an image"):
        decode(data, "broken.jpg")


def test_split_is_by_photograph_and_seeded() -> None:
    names = [f"{index}.jpg" for index in range(30)]
    train, test = split(names, 10, seed=0)
    assert (len(train), len(test)) == (20, 10)
    assert not set(train) & set(test)
    assert split(list(reversed(names)), 10, seed=0) == (train, test)
    assert split(names, 10, seed=1) != (train, test)
    with pytest.raises(InputError, match="30 of 30"):
        split(names, 30, seed=0)


def test_crops_show_the_whole_then_squares_half_of_them_mirrored() -> None:
    data = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)), "PNG")
    views = list(crops("a/b.png", data, 8, seed=0, side=16))
    assert [view.name for view in views] == [f"b-{index}" for index in range(8)]
    assert (views[0].left, views[0].top, views[0].right, views[0].bottom) == (0, 0, 90, 60)
    for view in views[1:]:
        assert view.right - view.left == view.bottom - view.top
        assert 30 <= view.right - view.left <= 60
    assert sum(view.flipped for view in views) == 4
    again = list(crops("a/b.png", data, 8, seed=0, side=16))
    assert all(np.array_equal(one.pixels, two.pixels) for one, two in zip(views, again, strict=True))


def test_noise_has_the_released_statistics() -> None:
    pixels = noise(25, 24, seed=0).pixels.astype(float)
    expected = np.random.default_rng(1).normal(25, 24, pixels.shape).clip(0)
    assert pixels.mean() == pytest.approx(expected.mean(), abs=0.3)
    assert pixels.std() == pytest.approx(expected.std(), abs=0.3)
    assert not np.array_equal(pixels, noise(25, 24, seed=1).pixels)


def test_a_short_set_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "set.npy"
    with pytest.raises(InputError, match="expected 2 pictures, got 1"):
        write_images(iter([grey(0, side=8)]), 2, path, side=8)
    assert list(tmp_path.iterdir()) == []
    write_images(iter([grey(0, side=8), grey(255, side=8)]), 2, path, side=8)
    assert np.load(path).shape == (2, 8, 8, 3)
    assert pd.read_csv(path.with_suffix(".csv"))["image"].tolist() == ["grey-0", "grey-255"]
