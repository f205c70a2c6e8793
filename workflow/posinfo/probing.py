"""Position read out of a network that is in memory and in no zoo, by the functions that the rules use."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from posinfo.encoders.architectures import tapped
from posinfo.encoders.taps import stages as proposed
from posinfo.encoders.taps import taps as taps_of
from posinfo.features.extraction import Preprocessing, Target, extract
from posinfo.features.stored import StageFeatures, read_features
from posinfo.images.pictures import Picture, Pixels, read_names, write_images
from posinfo.images.sets import pictures_of
from posinfo.protocol.alignment import IMAGE_SIDE, Alignment
from posinfo.protocol.patterns import Definition
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head
from posinfo.readouts.training import make_stack, train
from posinfo.registry.catalogue import Registry
from posinfo.registry.entries import Folder
from posinfo.run.cells import READ_IN_MOST_TABLES
from posinfo.scores.measures import score
from posinfo.scores.predictions import predicted_maps
from posinfo.store.devices import DeviceSetting, choose_device
from posinfo.store.errors import InputError

FEWEST = 4  # pictures: with fewer, a readout would be tested on none, or learn from one or two
Maps = dict[str, dict[str, NDArray[np.float16]]]


def probe(
    module: nn.Module,
    pictures: str | Path | Pixels,
    taps: Mapping[str, str] | None = None,
    *,
    transform: Preprocessing | Any,
    held_out: float = 0.25,
    patterns: Sequence[str] = READ_IN_MOST_TABLES,
    seeds: Sequence[int] = (0, 1, 2),
    training: Training | None = None,
    definition: Definition = "paper",
    alignment: Alignment | None = None,
    device: DeviceSetting = "auto",
    threads: int | None = None,
) -> tuple[pd.DataFrame, Maps]:
    """SPC and MAE of readouts of each stage, and of all, for a network in memory, which stays as it is.

    Args:
        module: maps float32 [batch, 3, 224, 224] to anything; it is read at its taps.
        pictures: a folder of photographs, or uint8 RGB [N, height, width, 3], a photograph each; they are resized to
            224x224. The readouts learn from some and are tested on the others.
        taps: stage to the name of a node, shallow first; by default those that `posinfo taps` would propose.
        transform: how the network wants its pictures: a transform of torchvision or timm with a normalisation in it,
            whose mean and sd are read, or an `Preprocessing`.
        held_out: share of the photographs that readouts are tested on, at even distances.
        patterns: of H, V, G, HS and VS.
        seeds: a readout is trained from each.
        training, definition, alignment: as in config.yaml.
        device: auto, cpu or cuda.
        threads: CPU threads of torch, by default as many as it has.

    Returns:
        Scores with the columns pattern, stage (or all), seed, spc and mae (means over the tested pictures); and for
        each stage and pattern what the first seed's readout draws of them, float16 [tested, 224, 224].

    Raises:
        InputError: when the network, the pictures or the transform cannot be used; the message says why.
    """
    preprocessing = convention_of(transform)
    training, alignment = training or Training(), alignment or Alignment()
    chosen = choose_device(device, threads or torch.get_num_threads())
    network = deepcopy(module).eval().requires_grad_(False)
    places = dict(taps) if taps else proposed(taps_of(deepcopy(network).to("meta")))
    with TemporaryDirectory(prefix="posinfo-") as folder:
        learnt, tested = _extracted(network, preprocessing, pictures, places, held_out, alignment, chosen, Path(folder))
        stacks = []
        for stage in [*places, "all"]:
            readout = Readout(stages=stage)
            heads = [Head(readout, pattern, seed) for pattern in patterns for seed in seeds]
            stacks.append(make_stack(readout, heads, learnt, alignment, training))
        train(stacks, learnt, training, definition, alignment, chosen, type(module).__name__)
        frames, maps = [], {}
        names = read_names(Path(folder) / "test.csv")
        for stack in stacks:
            stage = stack.readout.stages
            read = [one for one in tested if stage in (one.name, "all")]
            found = score(stack, read, names, definition, alignment, chosen)
            means = found.groupby(["pattern", "seed"], sort=False)[["spc", "mae"]].mean().reset_index()
            means.insert(1, "stage", stage)
            frames.append(means)
            maps[stage] = predicted_maps(stack, read, patterns, seeds[0], chosen)
    return pd.concat(frames, ignore_index=True), maps


def convention_of(transform: Preprocessing | Any) -> Preprocessing:
    """The input preprocessing in a transform of torchvision or timm: RGB in [0, 1], with its mean and sd.

    Raises:
        InputError: when there is no normalisation in it.
    """
    if isinstance(transform, Preprocessing):
        return transform
    for part in (transform, *getattr(transform, "transforms", ())):
        mean, std = getattr(part, "mean", None), getattr(part, "std", None)
        if mean is not None and std is not None:
            first, second = ([float(value) for value in values] for values in (mean, std))
            if len(first) == len(second) == 3:
                return Preprocessing("RGB", 1, (first[0], first[1], first[2]), (second[0], second[1], second[2]))
    raise InputError(
        f"transform: {type(transform).__name__} holds no normalisation of three channels; give one of torchvision's or "
        "timm's transforms, or posinfo.features.extraction.Preprocessing('RGB', 1) for values in [0, 1]"
    )


def _extracted(
    network: nn.Module,
    preprocessing: Preprocessing,
    pictures: str | Path | Pixels,
    places: dict[str, str],
    held_out: float,
    alignment: Alignment,
    device: torch.device,
    folder: Path,
) -> tuple[list[StageFeatures], list[StageFeatures]]:
    """The features of the pictures that are learnt from, and of those that are tested on."""
    photographs = _photographs(pictures)
    tested = {int((place + 0.5) / held_out) for place in range(round(len(photographs) * held_out))}
    parts = {
        "train": [one for place, one in enumerate(photographs) if place not in tested],
        "test": [one for place, one in enumerate(photographs) if place in tested],
    }
    if len(photographs) < FEWEST or not all(parts.values()):
        raise InputError(f"{len(photographs)} photographs, {len(tested)} of them held out: give at least {FEWEST}")
    model, found = tapped(network, places), []
    for name, part in parts.items():
        images = folder / f"{name}.npy"
        write_images(iter(part), len(part), images)
        outputs = {stage: folder / name / f"{stage}.npy" for stage in places}
        target = Target(outputs, {"encoder": type(network).__name__, "entry": None, "weights_sha256": None})
        extract(
            model=model,
            preprocessing=preprocessing,
            images=images,
            targets=[target],
            alignment=alignment,
            device=device,
        )
        found.append(read_features(list(outputs.values())))
    return found[0], found[1]


def _photographs(pictures: str | Path | Pixels) -> list[Picture]:
    if not isinstance(pictures, np.ndarray):
        entry = Folder(folder=str(pictures))
        read: Iterator[Picture] = pictures_of("pictures", Registry(images={"pictures": entry}), Path())[0]
        return list(read)
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[-1] != 3:
        raise InputError(f"pictures are {pictures.dtype} {list(pictures.shape)}, not uint8 [N, height, width, 3]")
    size = (IMAGE_SIDE, IMAGE_SIDE)
    resized = (Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR) for pixels in pictures)
    return [Picture(f"{number}", np.asarray(pixels)) for number, pixels in enumerate(resized)]
