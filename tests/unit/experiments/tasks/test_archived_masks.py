"""Masks in archives: read in one pass beside their images, and refused beyond the classes."""

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from posinfo.experiments.tasks.data.decoding import WholePhotograph, decode_masks
from posinfo.registry.catalogue import Registry
from posinfo.registry.entries import ArchiveImages, RemoteFile
from posinfo.store.errors import InputError
from synthetic_features import jpeg, packed

ENTRY = {"archive": "frames", "images": "a/*.jpg", "masks": "b/*.png", "masks_show": "classes"}


def archived(folder: Path, name: str, masks: list[np.ndarray], unknown: int) -> Registry:
    """A set of as many images as masks, in an archive of that name."""
    members: dict[str, bytes] = {}
    for number, mask in enumerate(masks):
        file = io.BytesIO()
        Image.fromarray(mask).save(file, "PNG")
        members |= {f"a/{number}.jpg": jpeg(9), f"b/{number}.png": file.getvalue()}
    (folder / "archives").mkdir(exist_ok=True)
    packed(folder / "archives" / name, members)
    entry = ArchiveImages.model_validate({**ENTRY, "count": len(masks), "masks_unknown": unknown})
    return Registry(sources={"frames": RemoteFile(file=name)}, images={"set": entry})


def test_a_compressed_tar_is_read_once_for_its_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rewinds: list[int] = []
    rewind = gzip._GzipReader._rewind  # type: ignore[attr-defined]

    def counted(reader: gzip.GzipFile) -> None:
        rewinds.append(1)
        rewind(reader)

    noise = np.random.default_rng(0).integers(0, 12, (60, 9, 12), dtype=np.uint8)
    known = archived(tmp_path, "frames.tar.gz", list(noise), unknown=11)
    monkeypatch.setattr(gzip._GzipReader, "_rewind", counted)
    masks = list(decode_masks("set", known, tmp_path, [WholePhotograph(12, 9)] * 60))
    assert len(masks) == 60
    assert {int(value) for mask in masks for value in np.unique(mask)} == {*range(11), 255}
    assert len(rewinds) <= 2  # one to tell the kind of archive, one to decode after the members are listed


@pytest.mark.parametrize("unknown", [12, 255])
def test_unlabelled_pixels_become_255(tmp_path: Path, unknown: int) -> None:
    half = np.repeat(np.array([[0, 12]], np.uint8), 6, axis=1).repeat(9, axis=0)
    known = archived(tmp_path, "frames.zip", [half], unknown)
    (mask,) = decode_masks("set", known, tmp_path, [WholePhotograph(12, 9)])
    assert np.unique(mask).tolist() == [0, 255 if unknown == 12 else 12]


def test_a_mask_beyond_the_classes_is_named(tmp_path: Path) -> None:
    known = archived(tmp_path, "frames.zip", [np.full((9, 12), 12, np.uint8)], unknown=11)
    with pytest.raises(InputError, match=r"b/0.png has the value 12, beyond 11 for unknown"):
        list(decode_masks("set", known, tmp_path, [WholePhotograph(12, 9)]))
