"""Copies of photographs are found however they are saved; other photographs are not taken for copies."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from posinfo.experiments.tasks.data.masks import write_masks
from posinfo.images.decoded import crops, refuse_shared_photographs, write_images
from posinfo.images.duplicates import count_alike, count_equal, perceptual_hashes
from posinfo.report.page import image_sets
from posinfo.store.errors import InputError


def scene(seed: int) -> Image.Image:
    """Patches of some colours, as large as objects are."""
    patches = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize((320, 240), Image.Resampling.BICUBIC)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def written(path: Path, photographs: list[bytes], views: int = 1) -> Path:
    images = (view for number, data in enumerate(photographs) for view in crops(f"{number}.png", data, views, 0))
    write_images(images, len(photographs) * views, path)
    return path


COPIES: dict[str, Callable[[Image.Image], bytes]] = {
    "another size": lambda image: saved(image.resize((200, 190))),
    "stronger compression": lambda image: saved(image, "JPEG", quality=20),
    "grey": lambda image: saved(image.convert("L")),
    "brighter": lambda image: saved(image.point(lambda value: round(40 + 0.8 * value))),
}


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_looks_like_its_original(tmp_path: Path, copied: str) -> None:
    known = written(tmp_path / "known.npy", [saved(scene(seed)) for seed in range(20)], views=2)
    others = [saved(scene(seed)) for seed in range(100, 140)]
    copies = [COPIES[copied](scene(seed)) for seed in (3, 7, 11)]
    tested = written(tmp_path / "tested.npy", [*others, *copies])
    assert count_alike(perceptual_hashes(tested), perceptual_hashes(known)) == 3


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "WEBP"])
def test_a_photograph_saved_again_without_loss_is_refused(tmp_path: Path, kind: str) -> None:
    written(tmp_path / "train.npy", [saved(scene(1)), saved(scene(2))])
    again = saved(scene(2), kind, **({"lossless": True} if kind == "WEBP" else {}))
    with pytest.raises(InputError, match=r"again\.x is the same photograph as 1\.png of train"):
        list(refuse_shared_photographs(crops("again.x", again, 1, seed=3), tmp_path / "train.csv"))


def test_the_page_counts_what_sets_hold_twice_or_share(tmp_path: Path) -> None:
    train = written(tmp_path / "train.npy", [saved(scene(seed)) for seed in (1, 2, 2, 3)], views=3)
    test = written(tmp_path / "test.npy", [saved(scene(2), "JPEG"), saved(scene(8))])
    assert (count_equal(train), count_equal(test)) == (1, 0)
    masks = np.zeros((2, 224, 224), np.uint8)
    masks[0, :9] = 1
    (tmp_path / "masks").mkdir()
    write_masks(iter(masks), 2, tmp_path / "masks/test.npy")
    found = image_sets([train, test], [tmp_path / "masks/test.json"])
    counted = [list(row.values()) for row in found["image_sets"]]
    assert counted == [["train", 4, 1, "no masks"], ["test", 2, 0, "1 of 2"]]
    assert found["overlaps"] == ["1 images of test look like images of train."]
