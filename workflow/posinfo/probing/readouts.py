"""Readouts of a network's stages, trained and tested on the images in a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from posinfo.features.extraction import extract
from posinfo.features.stored import StageFeatures, read_by, read_features
from posinfo.images.decoded import read_image_names
from posinfo.probing.networks import Network
from posinfo.protocol.alignment import Alignment
from posinfo.protocol.patterns import Definition
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head
from posinfo.readouts.training import make_stack, train
from posinfo.scores.measures import score
from posinfo.scores.predictions import predicted_maps

Maps = dict[str, dict[str, NDArray[np.float16]]]  # stage, and pattern, to predicted maps


@dataclass(frozen=True)
class Protocol:
    """What is trained, how, and where."""

    patterns: tuple[str, ...]
    training: Training
    definition: Definition
    alignment: Alignment
    device: torch.device


def scored(
    model: nn.Module, network: Network, protocol: Protocol, seeds: Sequence[int], folder: Path
) -> tuple[pd.DataFrame, Maps]:
    """Train readouts of a model's stages on the images in a folder, and test them.

    Returns:
        A row for each stage, pattern, seed and test image: stage, pattern, seed, image, spc, mae; and the maps that the
        first seed's readouts predict.
    """
    features: dict[str, list[StageFeatures]] = {}
    with TemporaryDirectory(dir=folder) as temporary:
        for part in ("train", "test"):
            extract(
                model=model,
                preprocessing=network.preprocessing,
                images=folder / f"{part}.npy",
                output=Path(temporary) / part,
                metadata={"encoder": network.name, "entry": None, "weights_sha256": None},
                alignment=protocol.alignment,
                device=protocol.device,
            )
            features[part] = read_features(Path(temporary) / part)
        stacks = []
        for stage in [*network.taps, "all"]:
            readout = Readout(stages=stage)
            heads = [Head(readout, pattern, seed) for pattern in protocol.patterns for seed in seeds]
            stacks.append(make_stack(readout, heads, features["train"], protocol.alignment, protocol.training))
        described = (protocol.training, protocol.definition, protocol.alignment, protocol.device)
        train(stacks, features["train"], *described, network.name)
        names = read_image_names(folder / "test.csv")
        frames = []
        maps = {}
        for stack in stacks:
            stage = stack.readout.stages
            read = read_by([stack.readout], features["test"])
            of_images = score(stack, read, names, protocol.definition, protocol.alignment, protocol.device)
            frames.append(of_images.assign(stage=stage))
            maps[stage] = predicted_maps(stack, read, protocol.patterns, seeds[0], protocol.device)
    return pd.concat(frames), maps
