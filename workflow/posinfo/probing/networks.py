"""The network that is probed: by its name in a zoo or the registry, with a file of weights, or a module in memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from posinfo.encoders import taps as known_taps
from posinfo.encoders.architectures import empty_architecture
from posinfo.encoders.commands import refuse_unknown
from posinfo.encoders.initial import initialise
from posinfo.encoders.reading.in_memory import own_copy, redrawn
from posinfo.encoders.reading.tapped import tapped
from posinfo.encoders.weights import convert
from posinfo.features.extraction import Preprocessing, open_encoder
from posinfo.probing.transforms import preprocessing_of
from posinfo.registry.catalogue import Registry, shipped
from posinfo.registry.entries import RandomWeights, StoredWeights, WeightFile
from posinfo.sources.commands import fetch_missing
from posinfo.sources.fetching import read_source
from posinfo.store.errors import InputError

REMEDIES = "give a file of weights (--weights FILE), or read random weights alone (--weights random)"


@dataclass(frozen=True)
class Network:
    """A network, read at its stages.

    Attributes:
        name: as it was asked for; a module's is its class.
        title: its name and that of its weights.
        weights: of `model`: trained, random, none (it has none), or given (a module's or a file's).
        part: of a file of weights: what was taken, and how images are prepared for it, in words; else empty.
        taps: stage to the layer whose output it is, from shallow to deep.
        parameters: their number, without the head of a zoo's network.
        preprocessing: what the network expects.
        model: maps float32 [batch, 3, 224, 224] to {stage: [batch, C, h, h]}; None where only random draws are read.
        draw: a seed to such a model with random weights; raises InputError where nothing can draw them.
    """

    name: str
    title: str
    weights: str
    part: str
    taps: dict[str, str]
    parameters: int
    preprocessing: Preprocessing
    model: nn.Module | None
    draw: Callable[[int], nn.Module]


def opened(
    network: str | nn.Module,
    taps: Mapping[str, str] | None,
    transform: Preprocessing | Any,
    weights: str | None,
    key: str | None,
    resources: Path,
    folder: Path,
) -> Network:
    """The network that is meant: arguments as of `probe.probe`, and a folder for temporary files.

    Raises:
        InputError: as `by_name` and `in_memory`, for a module without a transform or with a file of weights, and for a
            key without a file.
    """
    if key is not None and weights in (None, "random"):
        raise InputError(f"key: {key} is a part of a file of weights; name the file as weights, or leave key out")
    preprocessing = None if transform is None else preprocessing_of(transform)
    if isinstance(network, str):
        return by_name(network, weights, key, taps, preprocessing, resources, folder)
    if weights is not None:
        raise InputError(f"weights: {weights} is for a network by its name; load it into the module instead")
    if preprocessing is None:
        raise InputError("transform: say how the network expects its images, such as Preprocessing('RGB', 1)")
    return in_memory(network, taps, preprocessing)


def in_memory(module: nn.Module, taps: Mapping[str, str] | None, preprocessing: Preprocessing) -> Network:
    """A copy of a module that somebody holds; the module is not changed.

    Args:
        module: maps float32 [batch, 3, 224, 224] to anything.
        taps: stage to the name of an operation or module; by default those that `posinfo taps` suggests.
        preprocessing: what it expects.

    Raises:
        InputError: when the module cannot be read.
    """
    network = own_copy(module).cpu()
    found = known_taps.taps(network)  # raises for a network that cannot be read
    nodes = dict(taps) if taps else known_taps.stages(found)
    parameters = sum(values.numel() for values in network.parameters())
    return Network(
        name=type(network).__name__,
        title=f"{type(network).__name__}, in memory",
        weights="given" if parameters else "none",
        part="",
        taps=nodes,
        parameters=parameters,
        preprocessing=preprocessing,
        model=tapped(network, nodes),
        draw=lambda seed: tapped(redrawn(network, seed), nodes),
    )


def by_name(
    name: str,
    weights: str | None,
    key: str | None,
    taps: Mapping[str, str] | None,
    preprocessing: Preprocessing | None,
    resources: Path,
    folder: Path,
) -> Network:
    """An encoder of the registry, or a network of torchvision or timm.

    Args:
        name: such as `squeezenet` or `torchvision/resnet50`.
        weights: a file of torch or safetensors; `random` for random draws alone; by default the entry's or the zoo's.
        key: the dictionary of the file to take, where it holds several.
        taps, preprocessing: other than the entry's or the zoo's.
        resources: folder of fetched files; weights that are missing there are fetched.
        folder: for temporary files.

    Raises:
        InputError: for an unknown name, or weights that are missing, cannot be fetched, or do not fit.
    """
    refuse_unknown(name, shipped().encoders)
    of_zoo = "/" in name
    registry = Registry.model_validate(known_taps.zoo_entry(name)) if of_zoo else shipped()
    encoder = next(iter(registry.encoders)) if of_zoo else name
    entry = registry.encoders[encoder]
    if entry.fit:
        raise InputError(f"{name} has fitted maps; a network's own maps are probed, name {entry.variant_of}")
    if taps:
        entry = entry.model_copy(update={"taps": dict(taps)})
    parameters = sum(values.numel() for values in empty_architecture(entry.architecture).parameters())
    converted = folder / "weights.safetensors"

    def draw(seed: int) -> nn.Module:
        initialise(entry.architecture, seed, converted)
        return open_encoder(entry, converted)

    title = entry.title or name
    kind = "trained"
    part = ""
    if weights == "random":
        title = f"{name}, random weights"
        kind = "random"
    elif weights is not None:
        title = f"{name}, weights of {weights}"
        kind = "given"
        part = _convert_file(Path(weights), key, entry.architecture, converted)
        if preprocessing is None:
            whose = f"images as for the weights of {name}: {entry.input.order}, white is {entry.input.range}"
            part = "; ".join(filter(None, [part, whose]))
    elif not parameters:
        kind = "none"
    elif entry.weights is None:
        raise InputError(f"no zoo has weights for {name}; {REMEDIES}")
    else:
        kind = _convert_known(name, registry.weight_dependencies(encoder), resources, converted)
    model = None if weights == "random" else open_encoder(entry, None if kind == "none" else converted)
    return Network(
        name=name,
        title=title,
        weights=kind,
        part=part,
        taps=entry.taps,
        parameters=parameters,
        preprocessing=preprocessing or Preprocessing.of(entry.input),
        model=model,
        draw=draw,
    )


def _convert_file(path: Path, key: str | None, architecture: str, converted: Path) -> str:
    """Write the weights of a file in the architecture's names, and return what of the file they are, in words."""
    if not path.is_file():
        raise InputError(f"{path} is no file; give a state dict as torch or safetensors save it")
    try:
        return convert("state-dict", path.read_bytes(), architecture, converted, key or "")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _convert_known(name: str, stored: StoredWeights, resources: Path, converted: Path) -> str:
    """Write the weights of an entry, fetched if they are not there, and return their kind: trained or random."""
    if isinstance(stored.weights, RandomWeights):
        initialise(stored.architecture, stored.weights.random, converted)
        return "random"
    assert isinstance(stored.weights, WeightFile)
    assert stored.source
    try:
        fetch_missing(stored.source, resources)
    except InputError as error:
        raise InputError(f"the weights of {name} cannot be fetched: {error}\n{REMEDIES}") from None
    data = read_source(stored.source, stored.weights.member, resources)
    convert(stored.weights.layout, data, stored.architecture, converted, stored.weights.key or "")
    return "trained"
