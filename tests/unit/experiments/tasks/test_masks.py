"""Sets of images with masks: read from archives and folders as the paper's sets lie in them, and as examples."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from posinfo.experiments.tasks.data.decoding import WholePhotograph, decode_mask, decode_masks, whole_photographs
from posinfo.experiments.tasks.data.masks import read_masks, write_masks
from posinfo.experiments.tasks.data.splits import LabelledSet, Split, check_splits
from posinfo.experiments.tasks.recipes import Recipe
from posinfo.images.decoded import write_images
from posinfo.images.decoding import stored_image
from posinfo.images.sets import images_of
from posinfo.registry.catalogue import Registry
from posinfo.registry.entries import ArchiveImages, Folder, ImageSet, RemoteFile
from posinfo.store.errors import InputError
from synthetic_features import jpeg, packed

VOC = "VOCdevkit/VOC2012"
WHOLE = WholePhotograph(12, 9)


def mask(values: np.ndarray, palette: bool = False) -> bytes:
    image = Image.fromarray(values.astype(np.uint8), "L")
    if palette:
        image = Image.fromarray(values.astype(np.uint8), "P")
        image.putpalette([int(value) for value in np.random.default_rng(0).integers(0, 256, 768)])
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def left(value: int) -> np.ndarray:
    """The left half of a mask of 12 x 9 pixels."""
    values = np.zeros((9, 12), np.uint8)
    values[:, :6] = value
    return values


def laid_out(tmp_path: Path, entry: ImageSet) -> Registry:
    """Archives of the kinds that the paper's sets come in, and a registry with one set."""
    (tmp_path / "archives").mkdir(exist_ok=True)
    numbers = range(1, 5)
    pictures = {f"images/{number}.jpg": jpeg(number * 20) for number in numbers}
    masks = {f"ground_truth_mask/{number}.png": mask(left(255)) for number in numbers}
    packed(tmp_path / "archives/both.zip", pictures | masks)
    packed(tmp_path / "archives/pictures.zip", pictures)
    packed(tmp_path / "archives/masks.zip", dict(reversed(masks.items())))
    voc = {f"{VOC}/JPEGImages/{number}.jpg": jpeg(number * 20) for number in numbers}
    voc |= {f"{VOC}/SegmentationClass/{number}.png": mask(left(number), palette=True) for number in (2, 3)}
    packed(tmp_path / "archives/voc.tar", voc | {f"{VOC}/ImageSets/Segmentation/train.txt": b"3\n2\n"})
    names = {name.split(".")[0]: RemoteFile(file=name) for name in ("both.zip", "pictures.zip", "masks.zip", "voc.tar")}
    return Registry(sources=names, images={"set": entry})


ECSSD = {"images": "images/*.jpg", "masks": "ground_truth_mask/*.png", "count": 4}
SETS = {
    "one archive": ArchiveImages(archive="both", **ECSSD),
    "two archives": ArchiveImages(archive="pictures", masks_archive="masks", **ECSSD),
    "a listing": ArchiveImages(
        archive="voc",
        images=f"{VOC}/JPEGImages/*.jpg",
        listed=f"{VOC}/ImageSets/Segmentation/train.txt",
        masks=f"{VOC}/SegmentationClass/*.png",
        masks_show="classes",
        count=2,
    ),
}


@pytest.mark.parametrize("kind", SETS)
def test_each_image_gets_its_mask(tmp_path: Path, kind: str) -> None:
    registry = laid_out(tmp_path, SETS[kind])
    images, count = images_of("set", registry, tmp_path)
    write_images(images, count, tmp_path / "set.npy")
    write_masks(decode_masks("set", registry, tmp_path, [WHOLE] * count), count, tmp_path / "masks.npy")
    masks, classes = read_masks(tmp_path / "masks.npy")
    names = pd.read_csv(tmp_path / "set.csv")["image"]
    assert classes == ()
    assert masks.shape == (SETS[kind].count, 224, 224)
    for name, drawn in zip(names, masks, strict=True):
        value = int(name.split("-")[0]) if kind == "a listing" else 1
        assert np.unique(drawn[:, :112]).tolist() == [value]
        assert np.unique(drawn[:, 112:]).tolist() == [0]


def test_a_missing_mask_of_a_folder_is_named(tmp_path: Path) -> None:
    for name in ("pictures", "masks"):
        (tmp_path / name).mkdir()
    for number in (1, 2):
        (tmp_path / f"pictures/{number}.jpg").write_bytes(jpeg(50))
        (tmp_path / f"masks/{number}.png").write_bytes(mask(left(200)))
    registry = laid_out(tmp_path, Folder(folder=str(tmp_path / "pictures"), masks=str(tmp_path / "masks")))
    assert [drawn.mean() for drawn in decode_masks("set", registry, tmp_path, [WHOLE] * 2)] == [0.5, 0.5]
    (tmp_path / "masks/2.png").unlink()
    with pytest.raises(InputError, match="1 of 2 images have no mask, among them 2"):
        list(decode_masks("set", registry, tmp_path, [WHOLE] * 2))


@pytest.mark.parametrize("masks", ["set", ".", "linked"])
def test_a_picture_is_not_its_own_mask(tmp_path: Path, masks: str) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "linked").symlink_to("set")
    for name in ("1", "1_mask"):
        (tmp_path / f"set/{name}.png").write_bytes(mask(left(200)))
    entry = Folder(folder=str(tmp_path / "set"), masks=str(tmp_path / masks))
    with pytest.raises(InputError, match="2 of 2 images have no mask, among them 1; a mask is another file"):
        list(decode_masks("set", Registry(images={"set": entry}), tmp_path, [WHOLE] * 2))


@pytest.mark.parametrize("place", ["objects/2.png", "ground_truth_mask/2.jpg"])
def test_two_masks_of_one_image_are_refused(tmp_path: Path, place: str) -> None:
    registry = laid_out(tmp_path, SETS["one archive"].model_copy(update={"masks": "*/*"}))
    assert len(list(decode_masks("set", registry, tmp_path, [WHOLE] * 4))) == 4
    with zipfile.ZipFile(tmp_path / "archives/both.zip", "a") as archive:
        archive.writestr(place, mask(left(255)))
    (tmp_path / "archives/both.zip.sha256").unlink()
    with pytest.raises(InputError, match=f"holds ground_truth_mask/2.png and {place}: images are told apart"):
        list(decode_masks("set", registry, tmp_path, [WHOLE] * 4))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"masks": None}, "has no masks"),
        ({"masks": "ground_truth_mask/1.png"}, "3 of 4 images have no mask"),
        ({"listed": "images.txt"}, "has no text 'images.txt'"),
    ],
)
def test_missing_masks_of_archives_are_named(tmp_path: Path, change: dict[str, str | None], words: str) -> None:
    registry = laid_out(tmp_path, SETS["one archive"].model_copy(update=change))
    with pytest.raises(InputError, match=words):
        list(decode_masks("set", registry, tmp_path, [WHOLE] * 4))


def decoded(data: bytes, side: int = 8, **values: Any) -> np.ndarray:
    """A mask of a set whose entry describes its values so."""
    entry = Folder(folder="images", masks="masks", **values)
    return decode_mask(stored_image(data, "m")[0], "m", entry, side)


def test_saliency_is_the_bright_half() -> None:
    values = np.tile(np.array([0, 127, 128, 255], np.uint8), (8, 2))
    assert np.unique(decoded(mask(values)), axis=0).tolist() == [[0, 0, 1, 1] * 2]
    np.testing.assert_array_equal(decoded(mask(values), masks_show="classes"), values)


def test_values_beyond_the_named_classes_are_refused() -> None:
    scenes: dict[str, Any] = {"masks_show": "classes", "masks_unknown": 11, "masks_classes": ["sky", "road", "car"]}
    values = np.tile(np.array([0, 1, 2, 11], np.uint8), (8, 2))
    np.testing.assert_array_equal(decoded(mask(values), **scenes), np.where(values == 11, 255, values))
    with pytest.raises(InputError, match=r"m has the value 3, beyond the 3 classes that the set names"):
        decoded(mask(np.where(values == 2, 3, values)), **scenes)
    with pytest.raises(InputError, match=r"m has the value 12, beyond 11 for unknown"):
        decoded(mask(np.where(values == 2, 12, values)), **scenes)


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    registry = laid_out(tmp_path, SETS["one archive"])
    images, count = images_of("set", registry, tmp_path)
    write_images(images, count, tmp_path / "set.npy")
    whole = whole_photographs(tmp_path / "set.csv")
    assert whole == [WHOLE] * 4
    assert len(list(decode_masks("set", registry, tmp_path, whole))) == 4
    with pytest.raises(InputError, match=r"ground_truth_mask/3.png is 12 x 9 pixels, its image 9 x 12"):
        list(decode_masks("set", registry, tmp_path, [*whole[:2], WholePhotograph(9, 12), whole[3]]))
    with pytest.raises(InputError, match="4 masks"):
        list(decode_masks("set", registry, tmp_path, whole[:3]))


def labelled(seed: int | None) -> LabelledSet:
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 9, 12, 3), np.uint8)
    masks = np.stack([left(value) for value in (0, 255, 1, 3, 3)])
    return LabelledSet(images, masks, [f"p{index}-0" for index in range(5)], seed)


def test_each_training_pass_has_another_order() -> None:
    tested, learned = labelled(None), labelled(0)
    assert tested.object_classes == ("1", "2", "3")
    assert [tested.name(index) for index in range(5)] == [f"p{index}-0" for index in range(5)]
    assert [tested[index].label for index in (2, 3)] == [0, 2]
    assert np.unique(tested[1].classes).tolist() == [0, 255]
    assert tested[1].label == 0  # unknown is no object
    assert (tested[3].classes == 3).sum() == 9 * 6
    first, second = ([learned.name(index) for index in part] for part in (range(5), range(5, 10)))
    assert set(first) == set(second) == set(map(tested.name, range(5)))
    assert first != second
    for index in range(10):  # every other pass is mirrored, image and mask
        one = learned[index]
        number = tested.names.index(learned.name(index))
        expected = tested[number].classes[:, ::-1] if index >= 5 else tested[number].classes
        np.testing.assert_array_equal(one.classes, expected)
        assert (one.image == number).all()


def test_sets_that_share_a_photograph_are_refused(tmp_path: Path) -> None:
    registry = laid_out(tmp_path, SETS["one archive"])
    for name in ("one", "other"):
        write_images(images_of("set", registry, tmp_path)[0], 4, tmp_path / f"{name}.npy")
        write_masks(decode_masks("set", registry, tmp_path, [WHOLE] * 4), 4, tmp_path / f"{name}-masks.npy")
    learned, tested = (
        Split.open([tmp_path / f"{name}.npy", tmp_path / f"{name}-masks.npy"], recipe)
        for name, recipe in (("one", Recipe()), ("other", None))
    )
    with pytest.raises(InputError, match="other holds a photograph of one"):
        check_splits(learned, [tested])
