"""Photographs of every format become uint8 RGB, or are named in an error; synthetic images keep their values."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from posinfo.images.decoded import constant, crops, noise, split, write_images
from posinfo.images.decoding import decode
from posinfo.images.sets import images_of
from posinfo.registry.catalogue import Registry, shipped, with_own
from posinfo.registry.entries import Views
from posinfo.store.errors import InputError


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


RAMP = np.tile(np.linspace(0, 255, 32, dtype=np.uint8), (24, 1))


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "RGBA", "LA", "1"])
def test_modes_become_rgb(mode: str) -> None:
    image, _ = decode(encoded(Image.fromarray(RAMP).convert(mode), "PNG"), "ramp.png")
    assert (image.mode, image.size) == ("RGB", (32, 24))


def test_cmyk_becomes_rgb() -> None:
    red = Image.new("RGB", (20, 20), (255, 0, 0)).convert("CMYK")
    pixel = decode(encoded(red, "JPEG", quality=95), "red.jpg")[0].getpixel((10, 10))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200
    assert max(pixel[1:]) < 60


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    deep = Image.fromarray(RAMP.astype(np.uint16) * 257)
    assert np.array_equal(np.asarray(decode(encoded(deep, "PNG"), "deep.png")[0])[..., 0], RAMP)


def test_exif_orientation_is_applied() -> None:
    image = Image.fromarray(RAMP).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    turned, orientation = decode(encoded(image, "JPEG", exif=exif), "turned.jpg")
    assert orientation == 6
    assert turned.size == (24, 32)
    assert np.asarray(turned)[0].mean() < 20  # the dark left edge is now on top


def test_transparent_pixels_are_white() -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert decode(encoded(clear, "PNG"), "clear.png")[0].getpixel((4, 4)) == (255, 255, 255)


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


def test_half_of_the_crops_are_mirrored() -> None:
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
    with pytest.raises(InputError, match="expected 2 images, got 1"):
        write_images(iter([constant("black", 0, side=8)]), 2, path, side=8)
    assert list(tmp_path.iterdir()) == []
    write_images(iter([constant("black", 0, side=8), constant("white", 255, side=8)]), 2, path, side=8)
    assert np.load(path).shape == (2, 8, 8, 3)
    assert pd.read_csv(path.with_suffix(".csv"))["image"].tolist() == ["black-0", "white-0"]


def test_synthetic_images_are_constants_then_noise(tmp_path: Path) -> None:
    images, count = images_of("synthetic", shipped(), tmp_path)
    decoded = list(images)
    assert count == len(decoded) == 12
    assert [image.name for image in decoded] == ["black-0", "white-0", *(f"noise-{seed}" for seed in range(10))]
    assert [np.unique(image.pixels).tolist() for image in decoded[:2]] == [[0], [255]]
    for seed, image in enumerate(decoded[2:]):
        expected = np.random.default_rng(seed).normal(25, 24, (224, 224, 3)).round().clip(0, 255)
        assert np.array_equal(image.pixels, expected.astype(np.uint8))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"constant": {"noise": 3}, "noise": {"mean": 1, "sd": 1, "draws": 1}}, "'noise' is the name of the images"),
        ({"constant": {}, "noise": {"mean": 1, "sd": 1, "draws": 1}}, "at least 1 item"),
        ({"constant": {"grey": 256}, "noise": {"mean": 1, "sd": 1, "draws": 1}}, "less than or equal to 255"),
        ({"constant": {"grey": 3}, "noise": {"mean": 1, "sd": 0, "draws": 1}}, "greater than 0"),
        ({"constant": {"grey": 3}}, "noise: Field required"),
        ({"noise": {"mean": 1, "sd": 1, "draws": 1}}, "photographs, archive, folder, constant"),
    ],
)
def test_a_wrong_synthetic_set_is_refused(entry: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        with_own({"images": {"mine": entry}})


def test_only_wheels_hold_collections(tmp_path: Path) -> None:
    known = shipped()
    collection = known.photographs["packaged"].model_copy(update={"sources": ["camvid"]})
    views = Views(photographs="mine", part="train", views=1, seed=0)
    registry = Registry(sources=known.sources, photographs={"mine": collection}, images={"mine": views})
    with pytest.raises(InputError, match="source camvid is no wheel"):
        images_of("mine", registry, tmp_path)
