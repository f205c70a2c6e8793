"""Archives of the same inner layout as the paper's, and configs, made for tests of what packages hold."""

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import torch
import yaml
from conftest import ROOT
from PIL import Image
from posinfo.images.decoded import split
from posinfo.registry import catalogue, entries, overlays
from posinfo.sources.fetching import read_member

VOC = "VOCdevkit/VOC2012"
SMALL = {"seeds": [0], "training": {"epochs": 2, "decay_epoch": 1, "hidden": 8}}


def photographs(resources: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The packages' photographs, training and test: file name to bytes."""
    known = catalogue.shipped()
    collection = known.photographs["packaged"]
    found: dict[str, bytes] = {}
    for name in collection.sources:
        source = known.sources[name]
        assert isinstance(source, entries.Wheel)
        for member, digest in source.members.items():
            found[member] = read_member(resources / source.place, member, digest)
    parts = split(list(found), collection.held_out, collection.seed)
    train, test = ({Path(member).name: found[member] for member in part} for part in parts)
    return train, test


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def saved(weights: dict[str, torch.Tensor]) -> bytes:
    file = io.BytesIO()
    torch.save(weights, file)
    return file.getvalue()


def overlay(place: Path, *, base: str, **values: Any) -> Path:
    """A config: some of the workflow's, each over the one before, with other values."""
    merged = overlays.merged([ROOT / f"workflow/configs/{name}.yaml" for name in base.split()])
    for key, value in values.items():
        merged[key] = {**merged[key], **value} if isinstance(merged.get(key), dict) else value
    path = place / "overlay.yaml"
    path.write_text(yaml.safe_dump(merged))
    return path


def mask(image: bytes, value: int) -> bytes:
    """An image's mask whose left half has a value: not the ground truth, which nobody drew."""
    drawn = Image.new("P", Image.open(io.BytesIO(image)).size)
    drawn.putpalette([level for level in range(256) for _ in "RGB"])
    drawn.paste(value, (0, 0, drawn.width // 2, drawn.height))
    file = io.BytesIO()
    drawn.save(file, "PNG")
    return file.getvalue()


def sets_with_masks(train: list[bytes], test: list[bytes]) -> dict[str, bytes]:
    """The archives behind Table 5 as the paper's lie on their hosts: file name to bytes."""
    images = dict(enumerate(test, 1))
    white = {number: mask(data, 255) for number, data in images.items()}
    msra = {f"MSRA10K_Imgs_GT/Imgs/{number}.jpg": data for number, data in enumerate(train, 1)}
    msra |= {f"MSRA10K_Imgs_GT/Imgs/{number}.png": mask(data, 255) for number, data in enumerate(train, 1)}
    both = dict(enumerate(train + test, 1))
    voc = {f"{VOC}/JPEGImages/{number}.jpg": data for number, data in both.items()}
    voc |= {f"{VOC}/SegmentationClass/{number}.png": mask(data, 7) for number, data in both.items()}
    for part, numbers in (("train", [*both][: len(train)]), ("val", [*both][len(train) :])):
        listed = "".join(f"{number}\n" for number in numbers)
        voc[f"{VOC}/ImageSets/Segmentation/{part}.txt"] = listed.encode()
    return {
        "MSRA10K_Imgs_GT.zip": zipped(msra),
        "ECSSD-images.zip": zipped({f"images/{number}.jpg": data for number, data in images.items()}),
        "ECSSD-ground_truth_mask.zip": zipped({f"ground_truth_mask/{number}.png": white[number] for number in white}),
        "DUT-OMRON-image.zip": zipped({f"DUT-OMRON-image/{number}.jpg": data for number, data in images.items()}),
        "DUT-OMRON-gt-pixelwise.zip.zip": zipped({f"pixelwiseGT-new-PNG/{n}.png": white[n] for n in white}),
        "VOCtrainval_11-May-2012.tar": tarred(voc),
    }
