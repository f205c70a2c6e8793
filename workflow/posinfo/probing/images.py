"""The images that a network is probed with: photographs of packages, of a folder, or in memory, cut into views."""

from collections.abc import Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Literal
from warnings import warn

import numpy as np
from PIL import Image

from posinfo.images.decoded import DecodedImage, Pixels, crops, read_origins, refuse_shared_photographs, write_images
from posinfo.images.sets import Readers, images_of
from posinfo.registry.catalogue import shipped
from posinfo.registry.entries import Views
from posinfo.run.shown import counted
from posinfo.sources.commands import fetch_missing
from posinfo.sources.folders import passed_over, photographs_in
from posinfo.store.errors import InputError

FEWEST = 4  # photographs: fewer would leave none for the test, or one or two for the training
IMAGES = {"train": 200, "test": 30}  # at least: photographs are cut into as many views as that takes
PACKAGED = "packaged"  # the default run's photographs: 20 to train with, 10 to test with
PACKAGED_VIEWS: dict[Literal["train", "test"], int] = {"train": 10, "test": 3}  # of each

Given = str | Path | Pixels | Sequence[Pixels] | None
Part = tuple[Iterator[DecodedImage], int]  # images and their number


def write_sets(given: Given, held_out: float, resources: Path, folder: Path) -> str:
    """Write the training and the test images, train.npy and test.npy, with their csv and sidecars.

    Args:
        given: a folder of photographs, or uint8 RGB [N, height, width, 3], or a list of [height, width, 3]; None for
            the photographs of the default run.
        held_out: share of given photographs that are tested on, evenly spaced.
        resources: folder of fetched files; what is missing there is fetched.
        folder: where to write.

    Returns:
        What they are, in words.

    Raises:
        InputError: when there are too few photographs, or some cannot be used.
    """
    parts = _packaged(resources) if given is None else _divided(_readers(given), held_out)
    nouns = {"train": "other", "test": "photograph"}
    sizes = []
    for part, (images, count) in parts.items():
        kept = refuse_shared_photographs(images, folder / "train.csv") if part == "test" else images
        write_images(kept, count, folder / f"{part}.npy")
        photographs = read_origins(folder / f"{part}.csv")["source"].nunique()
        sizes.append(f"{counted(count, 'view')} of {counted(photographs, nouns[part])}")
    return f"{sizes[1]}, trained on {sizes[0]}"


def _packaged(resources: Path) -> dict[str, Part]:
    sets = {part: Views(photographs=PACKAGED, part=part, views=views, seed=0) for part, views in PACKAGED_VIEWS.items()}
    registry = shipped().model_copy(update={"images": sets})
    for source in registry.image_dependencies("train").sources.values():
        fetch_missing(source, resources)
    return {part: images_of(part, registry, resources) for part in sets}


def _divided(readers: Readers, held_out: float) -> dict[str, Part]:
    """Divide photographs into training and test, and cut views of each."""
    tested = {int((number + 0.5) / held_out) for number in range(round(len(readers) * held_out))}
    if len(readers) < FEWEST or not 0 < len(tested) < len(readers):
        raise InputError(
            f"{counted(len(readers), 'image')}, {len(tested)} of them held out: give a folder or a list of at least "
            f"{FEWEST} images, and a share held_out, now {held_out}, that leaves some on both sides"
        )
    parts: dict[str, Readers] = {"train": {}, "test": {}}
    for index, (name, read) in enumerate(readers.items()):
        parts["test" if index in tested else "train"][name] = read
    return {part: _views(some, -(-IMAGES[part] // len(some))) for part, some in parts.items()}


def _views(readers: Readers, each: int) -> Part:
    images = (view for name, read in readers.items() for view in crops(name, read(), each, seed=0))
    return images, each * len(readers)


def _readers(given: Any) -> Readers:
    """Each photograph of a folder or in memory, and a function that gives its file."""
    if isinstance(given, str | Path):
        folder = Path(given)
        readers: Readers = {name: (folder / name).read_bytes for name in photographs_in(folder)}
        if words := passed_over(folder):
            warn(words, stacklevel=5)
        return readers
    is_many = given.ndim == 4 if isinstance(given, np.ndarray) else isinstance(given, list | tuple)
    arrays = given if is_many else [given]
    for image in arrays:
        is_array = isinstance(image, np.ndarray)
        if not is_array or image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
            what = f"{image.dtype} {list(image.shape)}" if is_array else type(image).__name__
            raise InputError(
                f"images: {what}, not uint8 RGB [height, width, 3]; give a folder, [N, height, width, 3], or a list"
            )
    return {f"image {number}": partial(_as_file, pixels) for number, pixels in enumerate(arrays)}


def _as_file(pixels: Pixels) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PPM")
    return file.getvalue()
