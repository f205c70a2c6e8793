"""Lists the taps at which a network can be read, with channels and sides, and describes networks of a zoo as entries.

A network of a zoo is on the meta device: shapes are found without computing anything and without weights.
"""

import re
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from warnings import warn

import torch
from torch import nn

from posinfo.encoders.architectures import empty_architecture, with_weights
from posinfo.encoders.initial import random_weights
from posinfo.encoders.model_zoos import KnownWeights, known_weights
from posinfo.encoders.reading.checks import device_of, reason
from posinfo.encoders.reading.grids import READABLE, Grid, grid_in, grid_of
from posinfo.encoders.reading.padding import PADDINGS, Padding, in_padding
from posinfo.encoders.reading.tapped import outputs_of, tapped
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.registry.catalogue import look_up
from posinfo.store.errors import InputError

MOST_STAGES = 5  # as many as the paper reads
FEWEST_SIDES = 3  # a network whose maps have fewer sides is read at its blocks
_BATCH = 2  # tells a grid of each image from parameters (one for all images) and from windows (many for one image)
# What stands for the weights of a network that has none in its zoo: with the preprocessing of most.
NO_WEIGHTS = KnownWeights("no weights", "", None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_BLOCK = re.compile(r"(.+[._])(\d+)")


@dataclass(frozen=True)
class Tap:
    """An operation or module whose output is a feature map."""

    name: str
    channels: int
    side: int


def _grids(model: nn.Module, padding: Padding) -> dict[str, Grid]:
    """Find the taps that give a square grid for an image of 224x224, in the order of computation.

    Raises:
        InputError: when there is no such tap, or the network does not accept images of that size.
    """
    outputs = outputs_of(model)
    reader = outputs.reader({name: name for name in outputs.names}, _shape)
    image = torch.zeros(_BATCH, 3, IMAGE_SIDE, IMAGE_SIDE, device=device_of(model))
    try:
        with torch.inference_mode(), in_padding(padding):
            computed = reader.eval()(image)
    except Exception as error:  # the network's own code may raise anything
        said = re.sub(r"Proxy\(\w+\)", str(IMAGE_SIDE), reason(error))  # the trace's name for the size of the image
        raise InputError(f"{type(model).__name__} reads no RGB images of {IMAGE_SIDE}x{IMAGE_SIDE}: {said}") from None
    shapes = {name: shape for name, shape in computed.items() if shape and shape[0] == _BATCH}
    grids = {name: grid for name, shape in shapes.items() if len(shape) > 2 and (grid := grid_of(shape))}
    for name, shape in computed.items():
        if len(shape) == 3 and shape[0] != _BATCH == shape[1] and grid_of((_BATCH, shape[0], shape[2])):
            warn(f"{name} gives tokens before images, which are not read; build it with batch_first=True", stacklevel=2)
            break
    feature_grids = _without_lookalikes(grids)
    if not any(grid.side > 1 for grid in feature_grids.values()):
        seen = dict.fromkeys(str(list(shape[1:])) for shape in shapes.values())
        raise InputError(
            f"{type(model).__name__} has no grid of features: for each image it gives {', '.join([*seen][:6])}; "
            f"{READABLE}"
        )
    return feature_grids


def _shape(output: Any) -> tuple[int, ...]:
    """The shape of the grid in an output, or of a tensor of floats; empty for anything else."""
    grid = grid_in(output)
    return tuple(grid.shape) if isinstance(grid, torch.Tensor) and grid.is_floating_point() else ()


def _without_lookalikes(grids: dict[str, Grid]) -> dict[str, Grid]:
    """Drop outputs that only have the shape of a grid.

    Transposed tokens ([batch, C, tokens], inside mixers) have a side that no map of the network has, or are a map whose
    cells lie in a row; tokens after one class token are taken for what they seem. A table of attention between n tokens
    is square, with side n.
    """
    maps = {node: grid for node, grid in grids.items() if grid.kind != "tokens"}
    sides = {grid.side for grid in maps.values()}
    in_rows = {(grid.channels, grid.side**2) for grid in maps.values()}
    tokens = {
        node: grid
        for node, grid in grids.items()
        if grid.kind == "tokens"
        and (not sides or grid.side in sides or grid.prefix == 1)
        and (grid.prefix + grid.side**2, grid.channels) not in in_rows
    }
    token_counts = {grid.prefix + grid.side**2 for grid in tokens.values()}
    return {
        node: grid for node, grid in grids.items() if node in tokens or (node in maps and grid.side not in token_counts)
    }


def taps(model: nn.Module, padding: Padding = "zeros") -> list[Tap]:
    """List every operation and module that gives a grid, in the order of computation; a module before what is inside.

    Raises:
        InputError: when there is no grid, or the network does not accept images of 224x224.
    """
    return [Tap(name, grid.channels, grid.side) for name, grid in _grids(model, padding).items()]


def listed(found: list[Tap], depth: int = 2) -> list[Tap]:
    """Keep the taps whose name has at most `depth` parts, and those that `stages` chooses."""
    chosen = set(stages(found).values())
    return [tap for tap in found if tap.name.count(".") < depth or tap.name in chosen]


def stages(found: list[Tap]) -> dict[str, str]:
    """Choose at most five taps as stages, shallow first, as the registry writes them.

    The stages are the last tap at each side. Where the maps have fewer than three sides, as in transformers and mixers,
    they are blocks at even distances, up to the last.
    """
    inner = [tap for tap in found if tap.side > 1 and tap.name.count(".") < 2]
    last = [list(group)[-1] for _, group in groupby(inner, key=lambda tap: tap.side)]
    falling = [tap for index, tap in enumerate(last) if all(tap.side > later.side for later in last[index + 1 :])]
    chosen = falling[-MOST_STAGES:]
    if len(falling) < FEWEST_SIDES and (blocks := _blocks(found)):
        # Other papers read thirds of 12 and sixths of 24 blocks.
        count = next((number for number in (5, 4, 3) if len(blocks) % number == 0), min(MOST_STAGES, len(blocks)))
        chosen = [blocks[round((index + 1) * len(blocks) / count) - 1] for index in range(count)]
    return {f"f{number}": tap.name for number, tap in enumerate(chosen, 1)}


def _blocks(found: list[Tap]) -> list[Tap]:
    """Find the longest series of numbered modules of one side, such as `blocks.0` to `blocks.11`; outermost first."""
    modules = {tap.name.rsplit(".", 1)[0] for tap in found if "." in tap.name}
    rows: dict[tuple[str, int], list[Tap]] = {}
    for tap in found:
        match = _BLOCK.fullmatch(tap.name)
        if match and tap.side > 1 and tap.name in modules:
            rows.setdefault((match[1], tap.side), []).append(tap)
    long = [row for row in rows.values() if len(row) >= FEWEST_SIDES]
    return min(long, key=lambda row: (row[0].name.count("."), -len(row)), default=[])


def refused_paddings(architecture: str) -> tuple[int, dict[Padding, str]]:
    """Try every padding on a network with random weights, at its suggested stages.

    Returns:
        The number of stages, and each padding to the reason why it is refused; empty where it works.

    Raises:
        InputError: when the network cannot be read at all.
    """
    chosen = stages(taps(empty_architecture(architecture)))
    model = with_weights(architecture, random_weights(architecture, 0), "random weights")
    reasons: dict[Padding, str] = {}
    for padding in PADDINGS:
        reasons[padding] = ""
        try:
            tapped(model, chosen, padding)
        except InputError as error:
            reasons[padding] = str(error).partition(": ")[2] or "no layer pads"
    return len(chosen), reasons


def zoo_entry(architecture: str, weights: str | None = None) -> dict[str, Any]:
    """The entries of a network of a zoo, its weights and its normalised RGB input, as `own` of a config has them.

    Args:
        architecture: such as `torchvision/resnet18`.
        weights: the name of weights that the zoo offers; by default the first. If it offers none, there is no source.

    Raises:
        InputError: for an unknown name.
    """
    offers = {offer.name: offer for offer in known_weights(architecture)}
    named = weights or next(iter(offers), "")
    offer = look_up(f"weights of {architecture}", named, offers) if named else NO_WEIGHTS
    zoo, _, model = architecture.partition("/")
    name = model.replace("_", "-").lower()
    encoder = {
        "title": f"{model} ({zoo}, {offer.name})",
        "architecture": architecture,
        "input": {"order": "RGB", "range": 1, "mean": list(offer.mean), "std": list(offer.std)},
        "taps": stages(taps(empty_architecture(architecture))),
    }
    if offer is NO_WEIGHTS:
        return {"sources": {}, "encoders": {name: encoder}}
    file = offer.url.rsplit("/", 1)[-1]
    if name not in file.replace("_", "-"):
        file = f"{name}-{file}"
    source: dict[str, Any] = {"file": file, "urls": [offer.url]}
    if offer.checksum:
        source["checksum"] = offer.checksum
    return {
        "sources": {name: source},
        "encoders": {name: {**encoder, "weights": {"source": name, "layout": "state-dict"}}},
    }
