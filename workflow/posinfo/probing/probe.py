"""Position read out of one network, beside random weights of its architecture, by the functions that the rules use."""

import math
import re
from collections.abc import Mapping, Sequence
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
from tqdm import tqdm

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
from posinfo.protocol.patterns import Definition
from posinfo.protocol.readout import Training
from posinfo.registry.entries import STAGE
from posinfo.run.cells import MOST_PATTERNS
from posinfo.run.shown import counted
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
    random: int | nn.Module | Sequence[nn.Module] = DRAWS,
    held_out: float = 0.25,
    patterns: Sequence[str] = MOST_PATTERNS,
    seeds: Sequence[int] = (0, 1, 2),
    training: Training | dict[str, Any] | None = None,
    definition: Definition = "paper",
    alignment: Alignment | dict[str, Any] | None = None,
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
        random: how often random weights are drawn; 0 for none. Or networks of the same architecture that have them.
        held_out: share of given photographs that the readouts are tested on, evenly spaced.
        patterns: of H, V, G, HS and VS.
        seeds: one readout is trained from each; with random weights, from the first for each draw.
        training, definition, alignment: as in config.yaml, its sections as dictionaries.
        device: auto, cpu or cuda.
        threads: CPU threads of torch for this call; by default as many as torch has.
        resources: folder of fetched files: photographs and weights.

    Returns:
        Scores as `table.summarised` returns them: a row for each kind of weights, stage (or all) and pattern, with
        mean, sd and 95 % interval. Their `attrs` say network, weights, input, images, control, protocol and versions.
        And for each stage and pattern the map that the first seed's readout predicts, float16 [test images, 224, 224].

    Raises:
        InputError: when the network, the images or another argument cannot be used; the message says why.
    """
    if taps is not None:
        _refuse_no_taps(taps)
    others = [random] if isinstance(random, nn.Module) else random  # a Sequential is a sequence of its layers
    if not isinstance(others, Sequence) and not (isinstance(others, int) and others >= 0):
        raise InputError(f"random: {others!r} is no number of draws; give 0 for none, or a list of networks")
    protocol = Protocol.checked(
        patterns=patterns,
        seeds=seeds,
        held_out=held_out,
        training=Training() if training is None else training,
        definition=definition,
        alignment=Alignment() if alignment is None else alignment,
        device=device,
        threads=torch.get_num_threads() if threads is None else threads,
    )
    with TemporaryDirectory(prefix="posinfo-") as temporary, ExitStack() as afterwards:
        afterwards.callback(torch.set_num_threads, torch.get_num_threads())
        chosen = choose_device(protocol.device, protocol.threads)
        folder = Path(temporary)
        file = None if weights is None else str(weights)
        found = opened(network, taps, transform, file, key, Path(resources), folder)
        models = _models(found, others)
        photographs = write_sets(images, protocol.held_out, Path(resources), folder)
        frames: list[pd.DataFrame] = []
        maps: Maps = {}
        control = ""
        try:
            bar = tqdm(models, found.name, unit="network", disable=None, leave=False)
            for number, (kind, given) in enumerate(bar):
                model = found.draw(given) if isinstance(given, int) else given
                if not frames:
                    stages = _stage_sizes(model)
                    warn_of_order(model, found.name)
                of_model = protocol.seeds if model is found.model else protocol.seeds[:1]
                frame, predicted = scored(model, found, protocol, of_model, chosen, folder)
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
        "control": control or f"{counted(drawn, 'draw')} of random weights",
        "taps": found.taps,
        "input": asdict(found.preprocessing),
        "images": photographs,
        "protocol": protocol.model_dump(),
        "versions": {
            "posinfo": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": python_version(),
        },
    }
    return scores, maps


def _refuse_no_taps(taps: Any) -> None:
    """Refuse what does not name a layer for each stage."""
    if not isinstance(taps, Mapping) or not taps:
        raise InputError(f"taps: {taps!r} names no stages; give them with their layers, such as {{'f1': 'layer1'}}")
    for stage, layer in taps.items():
        if stage == "all" or not re.fullmatch(STAGE, str(stage)):
            raise InputError(f"taps: name a stage by small letters and digits, such as f1, and not {stage!r}")
        if not isinstance(layer, str):
            raise InputError(f"taps: {stage} is {layer!r}; give the name of a layer, such as 'layer1'")


def _models(network: Network, random: int | Sequence[nn.Module]) -> list[tuple[str, nn.Module | int]]:
    """The kind of weights, and a model or the seed to draw it from: its own, and then those with random weights.

    Raises:
        InputError: when a given network cannot be read at the same stages, or has maps of other shapes there.
    """
    own = [] if network.model is None else [(network.weights, network.model)]
    if isinstance(random, int):
        has_control = not own or network.weights not in ("none", "random")
        return [*own, *(("random", seed) for seed in range(random if has_control else 0))]
    expected = _shapes(network.draw(0) if network.model is None else network.model)
    given = []
    for module in random:
        try:
            given.append(tapped(own_copy(module).cpu(), network.taps))
        except InputError as error:
            raise InputError(f"random: {error}; give networks of the architecture of {network.name}") from None
        if _shapes(given[-1]) != expected:
            what = type(module).__name__
            raise InputError(f"random: {what} has other maps than {network.name}; give networks of its architecture")
    return [*own, *(("random", model) for model in given)]


def _stage_sizes(model: nn.Module) -> dict[str, dict[str, float]]:
    """As `receptive_fields`; with an unknown field and border (NaN) for a network that fails on an image with NaN."""
    try:
        return receptive_fields(model)
    except Exception:  # the network's own code may raise anything
        unknown = {"field": math.nan, "border": math.nan}
        return {stage: {"channels": shape[1], "side": shape[2], **unknown} for stage, shape in _shapes(model).items()}


@torch.inference_mode()
def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    """Stage to the shape of its maps of one image."""
    return {stage: maps.shape for stage, maps in model.eval()(torch.zeros(1, 3, IMAGE_SIDE, IMAGE_SIDE)).items()}
