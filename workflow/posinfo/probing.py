"""Position read out of a network in memory, without a registry entry, by the functions that the rules use."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from posinfo.encoders import taps as known_taps
from posinfo.encoders.reading.in_memory import own_copy
from posinfo.encoders.reading.tapped import tapped
from posinfo.features.extraction import Preprocessing, extract
from posinfo.features.stored import StageFeatures, read_by, read_features
from posinfo.images.decoded import DecodedImage, Pixels, read_image_names, refuse_shared_photographs, write_images
from posinfo.images.sets import images_of
from posinfo.protocol.alignment import IMAGE_SIDE, Alignment
from posinfo.protocol.patterns import Definition
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head
from posinfo.readouts.training import make_stack, train
from posinfo.registry.catalogue import Registry
from posinfo.registry.entries import Folder
from posinfo.run.cells import MOST_PATTERNS
from posinfo.scores.measures import score
from posinfo.scores.predictions import predicted_maps
from posinfo.sources.folders import passed_over
from posinfo.store.devices import DeviceSetting, choose_device
from posinfo.store.errors import InputError

FEWEST = 4  # images: fewer would leave none for the test, or one or two for the training
Maps = dict[str, dict[str, NDArray[np.float16]]]


def probe(
    module: nn.Module,
    images: str | Path | Pixels | Sequence[Pixels],
    taps: Mapping[str, str] | None = None,
    *,
    transform: Preprocessing | Any,
    held_out: float = 0.25,
    patterns: Sequence[str] = MOST_PATTERNS,
    seeds: Sequence[int] = (0, 1, 2),
    training: Training | None = None,
    definition: Definition = "paper",
    alignment: Alignment | None = None,
    device: DeviceSetting = "auto",
    threads: int | None = None,
) -> tuple[pd.DataFrame, Maps]:
    """Train and score readouts of each stage of a network in memory, and of all stages; the network is not changed.

    Args:
        module: maps float32 [batch, 3, 224, 224] to anything; it is read at its taps.
        images: a folder of images, or uint8 RGB [N, height, width, 3], or a list of images [height, width, 3]; they are
            resized to 224x224. The readouts are trained on some images and tested on the others.
        taps: stage to the name of an operation or module, shallow first; by default those that `posinfo taps` suggests.
        transform: how the network expects its images: a transform of torchvision or timm with a normalisation, whose
            mean and sd are used, or a `Preprocessing`.
        held_out: share of the images that the readouts are tested on, evenly spaced.
        patterns: of H, V, G, HS and VS.
        seeds: one readout is trained from each.
        training, definition, alignment: as in config.yaml.
        device: auto, cpu or cuda.
        threads: CPU threads of torch; by default as many as torch has.

    Returns:
        Scores with the columns pattern, stage (or all), seed, spc and mae (means over the test images); and for each
        stage and pattern the map that the first seed's readout predicts, float16 [test images, 224, 224].

    Raises:
        InputError: when the network, the images or the transform cannot be used; the message says why.
    """
    preprocessing = preprocessing_of(transform)
    training = training or Training()
    alignment = alignment or Alignment()
    chosen_device = choose_device(device, threads or torch.get_num_threads())
    network = own_copy(module)
    found = known_taps.taps(network)  # raises for a network that cannot be read
    nodes = dict(taps) if taps else known_taps.stages(found)
    with TemporaryDirectory(prefix="posinfo-") as temporary:
        folder = Path(temporary)
        _write_parts(images, held_out, folder)
        model = tapped(network, nodes)
        features: dict[str, list[StageFeatures]] = {}
        for part in ("train", "test"):
            extract(
                model=model,
                preprocessing=preprocessing,
                images=folder / f"{part}.npy",
                output=folder / part,
                metadata={"encoder": type(network).__name__, "entry": None, "weights_sha256": None},
                alignment=alignment,
                device=chosen_device,
            )
            features[part] = read_features(folder / part)
        stacks = []
        for stage in [*nodes, "all"]:
            readout = Readout(stages=stage)
            heads = [Head(readout, pattern, seed) for pattern in patterns for seed in seeds]
            stacks.append(make_stack(readout, heads, features["train"], alignment, training))
        train(stacks, features["train"], training, definition, alignment, chosen_device, type(module).__name__)
        names = read_image_names(folder / "test.csv")
        frames = []
        maps = {}
        for stack in stacks:
            stage = stack.readout.stages
            read = read_by([stack.readout], features["test"])
            frames.append(score(stack, read, names, definition, alignment, chosen_device).assign(stage=stage))
            maps[stage] = predicted_maps(stack, read, patterns, seeds[0], chosen_device)
    by_readout = pd.concat(frames).groupby(["pattern", "stage", "seed"], sort=False, as_index=False)
    return by_readout[["spc", "mae"]].mean(), maps


def preprocessing_of(transform: Preprocessing | Any) -> Preprocessing:
    """The preprocessing that a transform of torchvision or timm does: RGB in [0, 1], with its mean and sd.

    Raises:
        InputError: when the transform has no normalisation.
    """
    if isinstance(transform, Preprocessing):
        return transform
    for step in (transform, *getattr(transform, "transforms", ())):
        given: dict[str, Any] = {name: getattr(step, name, None) for name in ("mean", "std")}
        if all(values is not None and len(values) == 3 for values in given.values()):
            floats: dict[str, Any] = {name: tuple(map(float, values)) for name, values in given.items()}
            return Preprocessing("RGB", 1, **floats)
    raise InputError(
        f"transform: {type(transform).__name__} has no normalisation of three channels; give a transform of "
        "torchvision or timm, or posinfo.features.extraction.Preprocessing('RGB', 1) for values in [0, 1]"
    )


def _write_parts(images: str | Path | Pixels | Sequence[Pixels], held_out: float, folder: Path) -> None:
    """Write the training and the test images, train.npy and test.npy, with their csv and sidecars."""
    given = _resized_images(images)
    tested = {int((number + 0.5) / held_out) for number in range(round(len(given) * held_out))}
    if len(given) < FEWEST or not 0 < len(tested) < len(given):
        raise InputError(f"{len(given)} images, {len(tested)} of them held out: give at least {FEWEST}")
    for part in ("train", "test"):
        chosen = [image for index, image in enumerate(given) if (index in tested) == (part == "test")]
        kept = refuse_shared_photographs(iter(chosen), folder / "train.csv") if part == "test" else iter(chosen)
        write_images(kept, len(chosen), folder / f"{part}.npy")


def _resized_images(images: str | Path | Pixels | Sequence[Pixels]) -> list[DecodedImage]:
    if isinstance(images, str | Path):
        if words := passed_over(Path(images)):
            warn(words, stacklevel=4)
        registry = Registry(images={"images": Folder(folder=str(images))})
        return list(images_of("images", registry, Path())[0])
    given: Any = images if isinstance(images, np.ndarray | list | tuple) else [images]
    for image in given:
        is_array = isinstance(image, np.ndarray)
        if not is_array or image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
            what = f"{image.dtype} {list(image.shape)}" if is_array else type(image).__name__
            raise InputError(
                f"images: {what}, not uint8 RGB [height, width, 3]; give a folder, [N, height, width, 3], or a list"
            )
    size = (IMAGE_SIDE, IMAGE_SIDE)
    decoded = []
    for number, pixels in enumerate(images):
        resized = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
        decoded.append(DecodedImage(f"{number}", resized, f"image {number}", sha256(pixels.tobytes()).hexdigest()))
    return decoded
