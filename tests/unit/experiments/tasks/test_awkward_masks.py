"""Masks as people save them: the object is found however it is written, or the file is refused in a line."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from awkward_pictures import tiff
from PIL import Image
from posinfo.experiments.tasks.data.decoding import WholePhotograph, decode_mask, decode_masks, whole_photographs
from posinfo.experiments.tasks.data.masks import write_masks
from posinfo.images.decoded import read_images, write_images
from posinfo.images.decoding import stored_image
from posinfo.images.sets import images_of
from posinfo.registry.catalogue import Registry
from posinfo.registry.entries import Folder
from posinfo.store.errors import InputError
from posinfo.store.files import read_json
from synthetic_features import jpeg

WHOLE = WholePhotograph(12, 9)


def left(value: int) -> np.ndarray:
    """The left half of a mask of 12 x 9 pixels."""
    values = np.zeros((9, 12), np.uint8)
    values[:, :6] = value
    return values


def decoded(data: bytes, side: int = 8, **values: Any) -> np.ndarray:
    """A mask of a set whose entry describes its values so."""
    entry = Folder(folder="images", masks="masks", **values)
    return decode_mask(stored_image(data, "m")[0], "m", entry, side)


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def grey(values: np.ndarray) -> bytes:
    return saved(Image.fromarray(values.astype(np.uint8)))


def folders(place: Path) -> Registry:
    """A registry with the folders of pictures and of masks at a place."""
    return Registry(images={"set": Folder(folder=str(place / "pictures"), masks=str(place / "masks"))})


OBJECT = left(1)[:, :, None]  # 1 on the left half of 12 x 9 pixels
RED = np.where(OBJECT, (128, 0, 0), 0).astype(np.uint8)
ALPHA = np.dstack([left(0), left(0), left(0), left(255)])
PALETTE = Image.fromarray(left(1), "P")
PALETTE.putpalette([0, 0, 0, 128, 0, 0])
HALF = {
    "0 and 1": grey(left(1)),
    "0 and 1 of 16 bits": saved(Image.fromarray(left(1).astype(np.uint16))),
    "0 and 1 of 32 bits": saved(Image.fromarray(left(1).astype(np.int32)), "TIFF"),
    "1 and 0 of 16 bits, 0 is white": tiff(1 - left(1).astype(np.uint16), photometric=0),
    "255 and 0, 0 is white": tiff(255 - left(255), photometric=0),
    "floats": saved(Image.fromarray(left(1).astype(np.float32)), "TIFF"),
    "1 bit": saved(Image.fromarray(left(255)).convert("1")),
    "10 and 12": grey(left(2) + 10),
    "dark red": saved(Image.fromarray(RED)),
    "a dark palette": saved(PALETTE),
    "a palette with a clear colour": saved(PALETTE, transparency=0),
    "black in the alpha channel": saved(Image.fromarray(ALPHA)),
    "white in the alpha channel": saved(Image.fromarray(np.dstack([255 - ALPHA[..., :3], left(255)]))),
    "a thin red overlay": saved(Image.fromarray(np.where(OBJECT, (255, 0, 0, 100), 0).astype(np.uint8))),
    "grey with alpha": saved(Image.fromarray(ALPHA).convert("LA")),
    "RGB": saved(Image.fromarray(np.dstack([left(255)] * 3))),
    "RGBA, opaque": saved(Image.fromarray(np.dstack([left(255)] * 3)).convert("RGBA")),
    "a photographic grey": saved(
        Image.fromarray(np.dstack([left(240), left(250), left(252)]) + np.arange(3, dtype=np.uint8))
    ),
    "shares of twelve people": grey(np.where(left(1), left(1) * 170, np.tile([21, 64, 106], (9, 4)))),
    "JPEG": saved(Image.fromarray(left(255)).resize((24, 18), 0), "JPEG", quality=50),
}


@pytest.mark.parametrize("name", HALF)
def test_a_saliency_mask_shows_its_object_however_saved(name: str) -> None:
    np.testing.assert_array_equal(decoded(HALF[name], side=12), np.tile(np.arange(12) < 6, (12, 1)))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.dstack([RED[..., 0], left(0), left(0)[:, ::-1] + np.arange(12, dtype=np.uint8) * 9]), "has colours"),
        (np.where(OBJECT, (255, 0, 0), 255), "has colours"),  # red on white: which is the object?
        (np.dstack([left(255)] * 3 + [left(255)[:, ::-1] | left(255).T[:9, :1]]), "another in its transparency"),
        (np.full((9, 12), 1), "has no grey above 1 of 255"),
        (np.full((9, 12), 128), "has no grey above 128 of 255"),
        (np.tile([0, 1, 2], (9, 4)), "has no grey above 2 of 255"),
        (np.tile([0, 15, 255], (9, 4)), "has no grey above 15 of 255; .*masks_show: classes"),  # 255 is no label
    ],
)
def test_a_mask_that_does_not_say_what_is_salient_is_refused(image: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        decoded(saved(Image.fromarray(image.astype(np.uint8))))


def test_classes_are_grey_values_or_indices_without_loss() -> None:
    values = np.tile(np.arange(12, dtype=np.uint8), (12, 1))
    grey = Image.fromarray(values)
    exact = [grey, grey.convert("RGB"), grey.convert("RGBA"), grey.convert("LA"), Image.fromarray(values, "P")]
    exact += [Image.fromarray(values.astype(np.uint16)), Image.fromarray(values.astype(np.int32))]
    for image in exact:
        read = decoded(saved(image, "TIFF"), side=12, masks_show="classes")
        np.testing.assert_array_equal(read, values)
    for lossy in (saved(grey, "JPEG"), saved(grey, "WEBP"), saved(grey.convert("RGB"), "TIFF", compression="jpeg")):
        with pytest.raises(InputError, match="stored with loss"):
            decoded(lossy, masks_show="classes")
    clear = Image.fromarray(np.dstack([values] * 3 + [values]))
    for image in (Image.fromarray(np.dstack([values, values, values[::-1] * 2])), clear, grey.convert("F")):
        with pytest.raises(InputError, match="has colours"):
            decoded(saved(image, "TIFF"), masks_show="classes")
    with pytest.raises(InputError, match="says that 0 is white"):
        decoded(tiff(values, photometric=0), masks_show="classes")
    with pytest.raises(InputError, match="the value -1, beyond 255"):
        decoded(saved(Image.fromarray(values.astype(np.int32) - 1), "TIFF"), masks_show="classes")


@pytest.mark.parametrize("value", [0, 255])
def test_a_set_whose_masks_have_one_value_is_refused(tmp_path: Path, value: int) -> None:
    for name, data in (("pictures", jpeg(50)), ("masks", grey(np.full((9, 12), value)))):
        (tmp_path / name).mkdir()
        for number in (1, 2):
            (tmp_path / f"{name}/{number}.png").write_bytes(data)
    registry = folders(tmp_path)
    with pytest.raises(InputError, match="every mask has one value"):
        write_masks(decode_masks("set", registry, tmp_path, [WHOLE] * 2), 2, tmp_path / "masks.npy")
    (tmp_path / "masks/2.png").write_bytes(grey(left(9)))
    write_masks(decode_masks("set", registry, tmp_path, [WHOLE] * 2), 2, tmp_path / "masks.npy")
    assert read_json(tmp_path / "masks.json")["empty"] == (1 if value == 0 else 0)


@pytest.mark.parametrize("orientation", [0, 9])
def test_a_photograph_of_no_orientation_takes_its_mask(tmp_path: Path, orientation: int) -> None:
    registry = turned_set(tmp_path, left(255), orientation)
    write_images(*images_of("set", registry, tmp_path), tmp_path / "set.npy")
    (drawn,) = decode_masks("set", registry, tmp_path, whole_photographs(tmp_path / "set.csv"))
    assert drawn[:, :112].all()


def turned_set(folder: Path, drawn: np.ndarray, orientation: int, of_mask: int = 1) -> Registry:
    """A photograph whose EXIF turns it, and its mask."""
    for name, orient in (("pictures", orientation), ("masks", of_mask)):
        exif = Image.Exif()
        exif[0x0112] = orient
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes(saved(Image.fromarray(drawn), exif=exif))
    return folders(folder)


@pytest.mark.parametrize("of_mask", [1, 6])
def test_a_mask_is_turned_as_its_photograph(tmp_path: Path, of_mask: int) -> None:
    registry = turned_set(tmp_path, left(255), 6, of_mask)
    write_images(*images_of("set", registry, tmp_path), tmp_path / "set.npy")
    (whole,) = whole_photographs(tmp_path / "set.csv")
    assert whole == WholePhotograph(9, 12, 6)
    (drawn,) = decode_masks("set", registry, tmp_path, [whole])
    (photograph,) = read_images(tmp_path / "set.npy")
    assert drawn[:100].all()  # turned to the right, the left half is above
    assert not drawn[124:].any()
    assert photograph[:100].min() == 255


@pytest.mark.parametrize(("side", "orientation"), [(12, 3), (12, 2), (9, 6), (9, 8)])
def test_a_turn_that_no_size_shows_is_refused(tmp_path: Path, side: int, orientation: int) -> None:
    registry = turned_set(tmp_path, left(255)[:, :side], orientation)
    write_images(*images_of("set", registry, tmp_path), tmp_path / "set.npy")
    with pytest.raises(InputError, match=rf"turned by its EXIF orientation \({orientation}\)"):
        list(decode_masks("set", registry, tmp_path, whole_photographs(tmp_path / "set.csv")))
