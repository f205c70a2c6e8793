"""Position read out of one network, beside random weights of its architecture, by the functions that the rules use."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from platform import python_version
from tempfile import TemporaryDirectory
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd
import torch
from torch import nn

from posinfo import __version__
from posinfo.encoders.reading.cell_order import warn_of_order
from posinfo.encoders.reading.in_memory import own_copy
from posinfo.encoders.reading.receptive_fields import receptive_fields
from posinfo.encoders.reading.tapped import tapped
from posinfo.features.extraction import Preprocessing
from posinfo.probing.images import Given, write_sets
from posinfo.probing.networks import Network, opened
from posinfo.probing.readouts import Maps, Protocol, scored
from posinfo.probing.table import sizes, summarised
from posinfo.protocol.alignment import IMAGE_SIDE, Alignment
from posinfo.protocol.patterns import PATTERNS, Definition
from posinfo.protocol.readout import Training
from posinfo.registry.catalogue import look_up
from posinfo.run.cells import MOST_PATTERNS
from posinfo.store.devices import DeviceSetting, choose_device
from posinfo.store.errors import InputError

DRAWS = 3  # of random weights


def probe(
    network: str | nn.Module,
    images: Given = None,
    taps: Mapping[str, str] | None = None,
    *,
    transform: Preprocessing | Any = None,
    weights: str | Path | None = None,
    key: str | None = None,
    random: int | Sequence[nn.Module] = DRAWS,
    held_out: float = 0.25,
    patterns: Sequence[str] = MOST_PATTERNS,
    seeds: Sequence[int] = (0, 1, 2),
    training: Training | None = None,
    definition: Definition = "paper",
    alignment: Alignment | None = None,
    device: DeviceSetting = "auto",
    threads: int | None = None,
    resources: str | Path = "resources",
) -> tuple[pd.DataFrame, Maps]:
    """Train and score readouts of each stage of a network, and of all stages, with its own and with random weights.

    Args:
        network: torchvision/NAME, timm/NAME, an encoder of the registry; or a module that maps float32 [batch, 3, 224,
            224] to anything, which is not changed.
        images: a folder of photographs, or uint8 RGB [N, height, width, 3], or a list of images [height, width, 3]; by
            default the photographs of the default run. They are cut into views of 224x224. The readouts are trained on
            some photographs and tested on the others.
        taps: stage to the name of an operation or module, shallow first; by default those of an encoder's entry, or
            those that `posinfo taps` suggests.
        transform: how the network expects its images: a transform of torchvision or timm with a normalisation, whose
            mean and sd are used, or a `Preprocessing`. Needed for a module; by default the entry's or the zoo's.
        weights: for a network by its name: a file of torch or safetensors, or `random` for random weights alone.
        key: the dictionary of that file to take, where it holds several.
        random: how often random weights are drawn; 0 for none. Or networks that have them.
        held_out: share of given photographs that the readouts are tested on, evenly spaced.
        patterns: of H, V, G, HS and VS.
        seeds: one readout is trained from each; with random weights, from the first for each draw.
        training, definition, alignment: as in config.yaml.
        device: auto, cpu or cuda.
        threads: CPU threads of torch for this call; by default as many as torch has.
        resources: folder of fetched files: photographs and weights.

    Returns:
        Scores as `table.summarised` returns them: a row for each kind of weights, stage (or all) and pattern, with
        mean, sd and 95 % interval. Their `attrs` say network, weights, input, images, control, protocol and versions.
        And for each stage and pattern the map that the first seed's readout predicts, float16 [test images, 224, 224].

    Raises:
        InputError: when the network, the images or the transform cannot be used; the message says why.
    """
    if not isinstance(taps, Mapping | None):
        raise InputError(f"taps: {taps!r} names no stages; give them with their layers, such as {{'f1': 'layer1'}}")
    for stage in taps or ():
        if stage == "all" or not re.fullmatch(r"[a-z][a-z0-9]*", stage):
            raise InputError(f"taps: name a stage by small letters and digits, such as f1, and not {stage!r}")
    for pattern in patterns:
        look_up("pattern", pattern, dict.fromkeys(PATTERNS))
    with TemporaryDirectory(prefix="posinfo-") as temporary, ExitStack() as afterwards:
        afterwards.callback(torch.set_num_threads, torch.get_num_threads())
        protocol = Protocol(
            tuple(patterns),
            training or Training(),
            definition,
            alignment or Alignment(),
            choose_device(device, threads or torch.get_num_threads()),
        )
        folder = Path(temporary)
        file = str(weights) if weights else None
        found = opened(network, taps, transform, file, key, Path(resources), folder)
        photographs = write_sets(images, held_out, Path(resources), folder)
        frames: list[pd.DataFrame] = []
        maps: Maps = {}
        control = ""
        try:
            for number, (kind, model) in enumerate(_models(found, random)):
                if not frames:
                    stages = _stage_sizes(model)
                    warn_of_order(model, found.name)
                of_model = seeds if model is found.model else seeds[:1]
                frame, predicted = scored(model, found, protocol, of_model, folder)
                frames.append(frame.assign(weights=kind, encoder=f"{found.name} {number}"))
                maps = maps or predicted
        except InputError as error:
            if not frames:
                raise
            control = f"{found.name} has no random weights beside it: {error}; give random=[networks that have them]"
            warn(control, stacklevel=2)
    if not frames:
        raise InputError(f"nothing of {found.name} is read: its own weights are left out, and random ones too")
    rows = pd.concat(frames).assign(network=found.name, title=found.title)
    rows["draws"] = rows.groupby("weights")["encoder"].transform("nunique")
    drawn = rows.loc[rows["weights"] == "random", "encoder"].nunique()
    structure = {"parameters": found.parameters, "stages": stages}
    known = pd.DataFrame([{"stage": stage, **sizes(structure, stage)} for stage in [*found.taps, "all"]])
    scores = summarised(rows.merge(known, on="stage", how="left"))
    scores.attrs = {
        "network": found.name,
        "weights": ": ".join(filter(None, [found.title, found.part])),
        "control": control or f"{drawn} draws of random weights",
        "taps": found.taps,
        "input": asdict(found.preprocessing),
        "images": photographs,
        "protocol": {
            "seeds": list(seeds),
            "definition": definition,
            "training": protocol.training.model_dump(),
            "alignment": protocol.alignment.model_dump(),
        },
        "versions": {
            "posinfo": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": python_version(),
        },
    }
    return scores, maps


def _models(network: Network, random: int | Sequence[nn.Module]) -> Iterator[tuple[str, nn.Module]]:
    """The kind of weights and a model: its own, and then each draw of random weights.

    Raises:
        InputError: when random weights cannot be drawn.
    """
    if network.model is not None:
        yield network.weights, network.model
    if not isinstance(random, int):
        for module in random:
            yield "random", tapped(own_copy(module).cpu(), network.taps)
    elif network.model is None or network.weights not in ("none", "random"):
        for seed in range(random):
            yield "random", network.draw(seed)


def _stage_sizes(model: nn.Module) -> dict[str, dict[str, float]]:
    """As `receptive_fields`; with an unknown field and border (NaN) for a network that fails on an image with NaN."""
    try:
        return receptive_fields(model)
    except Exception:  # the network's own code may raise anything
        with torch.inference_mode():
            found = model.eval()(torch.zeros(1, 3, IMAGE_SIDE, IMAGE_SIDE))
        shapes = {stage: maps.shape for stage, maps in found.items()}
        unknown = {"field": math.nan, "border": math.nan}
        return {stage: {"channels": shape[1], "side": shape[2], **unknown} for stage, shape in shapes.items()}
