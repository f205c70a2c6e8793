"""Readouts of a network's stages, trained and tested on the images in a folder."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from posinfo.features.extraction import extract
from posinfo.features.stored import StageFeatures, read_by, read_features
from posinfo.images.decoded import read_image_names
from posinfo.probing.networks import Network
from posinfo.protocol.alignment import Alignment
from posinfo.protocol.patterns import PATTERNS, Definition
from posinfo.protocol.readout import PositiveInt, Readout, Training
from posinfo.readouts.stacked import Head
from posinfo.readouts.training import make_stack, train
from posinfo.registry import mistakes
from posinfo.registry.catalogue import look_up
from posinfo.run.experiments import each_once
from posinfo.scores.measures import score
from posinfo.scores.predictions import predicted_maps
from posinfo.store.devices import DeviceSetting
from posinfo.store.errors import InputError

Maps = dict[str, dict[str, NDArray[np.float16]]]  # stage, and pattern, to predicted maps


def _known(patterns: list[str]) -> list[str]:
    for pattern in patterns:
        look_up("pattern", pattern, dict.fromkeys(PATTERNS))
    return patterns


class Protocol(BaseModel):
    """What is trained, how, and where: arguments of `probe.probe`, checked as config.yaml is."""

    model_config = ConfigDict(frozen=True)
    patterns: Annotated[list[str], Field(min_length=1), AfterValidator(_known), AfterValidator(each_once)]
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(each_once)]
    held_out: Annotated[float, Field(gt=0, lt=1)]
    training: Training
    definition: Definition
    alignment: Alignment
    device: DeviceSetting
    threads: PositiveInt

    @classmethod
    def checked(cls, **arguments: Any) -> Self:
        """The protocol of these arguments.

        Raises:
            InputError: one line for each mistake: the argument, its value, and what is allowed.
        """
        sections: dict[Any, type[BaseModel]] = {"training": Training, "alignment": Alignment}
        try:
            return cls.model_validate(arguments)
        except ValidationError as error:
            lines = mistakes.lines(error, lambda path: [*sections[path[0]].model_fields])
            raise InputError("\n".join(lines)) from None


def scored(
    model: nn.Module, network: Network, protocol: Protocol, seeds: Sequence[int], device: torch.device, folder: Path
) -> tuple[pd.DataFrame, Maps]:
    """Train readouts of a model's stages on the images in a folder, and test them.

    Args:
        seeds: of the protocol's, those that are trained from.

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
                device=device,
            )
            features[part] = read_features(Path(temporary) / part)
        stacks = []
        for stage in [*network.taps, "all"]:
            readout = Readout(stages=stage)
            heads = [Head(readout, pattern, seed) for pattern in protocol.patterns for seed in seeds]
            stacks.append(make_stack(readout, heads, features["train"], protocol.alignment, protocol.training))
        described = (protocol.training, protocol.definition, protocol.alignment, device)
        train(stacks, features["train"], *described, network.name)
        names = read_image_names(folder / "test.csv")
        frames = []
        maps = {}
        for stack in stacks:
            stage = stack.readout.stages
            read = read_by([stack.readout], features["test"])
            of_images = score(stack, read, names, protocol.definition, protocol.alignment, device)
            frames.append(of_images.assign(stage=stage))
            maps[stage] = predicted_maps(stack, read, protocol.patterns, seeds[0], device)
    return pd.concat(frames), maps
