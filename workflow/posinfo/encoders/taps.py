"""Taps: where a network can be read, with channels and sides, and a registry entry for a network of a zoo.

Shapes are found on the meta device: nothing is computed, no weights are needed.
"""

import re
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
import yaml
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from posinfo.encoders.architectures import Padding, empty_architecture, nodes_of, with_padding
from posinfo.encoders.grids import READABLE, Grid, grid_of
from posinfo.encoders.model_zoos import known_weights
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.store.errors import InputError

MOST_STAGES = 5  # as the paper reads
FEWEST_SIDES = 3  # a network whose sides fall less often is read at its blocks
_BATCH = 2  # tells a grid of each picture from parameters (one for all) and from windows (many a picture)
_BLOCK = re.compile(r"(.+[._])(\d+)")


@dataclass(frozen=True)
class Tap:
    """A place whose output is a feature map."""

    name: str
    channels: int
    side: int


def network(architecture: str, padding: Padding = "zeros") -> nn.Module:
    """The network without weights, on the meta device."""
    return with_padding(empty_architecture(architecture), padding)


def shapes(model: nn.Module) -> dict[str, Tap]:
    """Channels and sides at every node that gives a square grid, for a picture of 224x224, in the order of computation.

    Args:
        model: on the meta device.

    Raises:
        InputError: when there is no such node, or the network reads no pictures of that size.
    """
    nodes = nodes_of(model)[1:]  # the first is the picture
    # In training mode other nodes may exist; nothing is asked of those.
    extractor = create_feature_extractor(
        model, eval_return_nodes=nodes, train_return_nodes=nodes[:1], suppress_diff_warning=True
    ).eval()
    try:
        with torch.inference_mode():
            found = extractor(torch.empty(_BATCH, 3, IMAGE_SIDE, IMAGE_SIDE, device="meta"))
    except (AssertionError, RuntimeError, ValueError) as error:
        said = re.sub(r"Proxy\(\w+\)", str(IMAGE_SIDE), str(error))  # as the trace calls a size of the picture
        raise InputError(f"{type(model).__name__} reads no RGB pictures of {IMAGE_SIDE}x{IMAGE_SIDE}: {said}") from None
    outputs = {node: maps for node, maps in found.items() if isinstance(maps, torch.Tensor) and len(maps) == _BATCH}
    grids = {node: grid for node, maps in outputs.items() if maps.ndim > 2 and (grid := grid_of(maps.shape))}
    kept = _plausible(grids)
    if not any(grid.side > 1 for grid in kept.values()):
        seen = dict.fromkeys(str(list(maps.shape[1:])) for maps in outputs.values())
        raise InputError(
            f"{type(model).__name__} has no grid of features: for each picture it gives {', '.join([*seen][:6])}; "
            f"{READABLE}"
        )
    return {node: Tap(node, grid.channels, grid.side) for node, grid in kept.items()}


def _plausible(grids: dict[str, Grid]) -> dict[str, Grid]:
    """Without what only has the shape of a grid.

    Channels before tokens ([batch, C, tokens], inside mixers) have no side that maps of the network have; and a table
    of attention between n tokens is square too.
    """
    sides = {grid.side for grid in grids.values() if grid.kind != "tokens"}
    tokens = [grid for grid in grids.values() if grid.kind == "tokens" and grid.side in (sides or {grid.side})]
    counts = {grid.prefix + grid.side**2 for grid in tokens}
    return {
        node: grid
        for node, grid in grids.items()
        if (grid in tokens if grid.kind == "tokens" else grid.side not in counts)
    }


def taps(model: nn.Module) -> list[Tap]:
    """Every node, and every module with nodes, that gives a grid, in the order of computation.

    A module gives what its last node gives.

    Raises:
        InputError: as `shapes`.
    """
    found: dict[str, Tap] = {}
    for node, tap in shapes(model).items():
        parts = node.split(".")
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            found.pop(name, None)  # a module's place is that of its last node
            found[name] = Tap(name, tap.channels, tap.side)
    return list(found.values())


def listed(found: list[Tap], depth: int = 2) -> list[Tap]:
    """Those whose name has at most `depth` parts, and those that `stages` chooses."""
    chosen = set(stages(found).values())
    return [tap for tap in found if tap.name.count(".") < depth or tap.name in chosen]


def stages(found: list[Tap]) -> dict[str, str]:
    """A choice of taps as the registry writes it, at most five, shallow first.

    The last at each side that is halved; or, where sides fall less than twice, as in transformers and mixers of one
    side, blocks at even distances, the last among them.
    """
    inner = [tap for tap in found if tap.side > 1 and tap.name.count(".") < 2]
    last = [list(group)[-1] for _, group in groupby(inner, key=lambda tap: tap.side)]
    falling = [tap for place, tap in enumerate(last) if all(tap.side > later.side for later in last[place + 1 :])]
    chosen = falling[-MOST_STAGES:]
    if len(falling) < FEWEST_SIDES and (blocks := _blocks(found)):
        # Thirds of 12 and sixths of 24 blocks are what others read; 5 where no smaller number divides them.
        count = next((number for number in (5, 4, 3) if len(blocks) % number == 0), min(MOST_STAGES, len(blocks)))
        chosen = [blocks[round((place + 1) * len(blocks) / count) - 1] for place in range(count)]
    return {f"f{number}": tap.name for number, tap in enumerate(chosen, 1)}


def _blocks(found: list[Tap]) -> list[Tap]:
    """The longest row of numbered modules of one side, such as `blocks.0` to `blocks.11`, outermost first."""
    modules = {tap.name.rsplit(".", 1)[0] for tap in found if "." in tap.name}
    rows: dict[tuple[str, int], list[Tap]] = {}
    for tap in found:
        match = _BLOCK.fullmatch(tap.name)
        if match and tap.side > 1 and tap.name in modules:
            rows.setdefault((match[1], tap.side), []).append(tap)
    long = [row for row in rows.values() if len(row) >= FEWEST_SIDES]
    return min(long, key=lambda row: (row[0].name.count("."), -len(row)), default=[])


def zoo_entry(architecture: str, weights: str | None = None) -> str:
    """YAML to paste into a config: a network of a zoo with its weights, as trained on normalised RGB.

    Args:
        architecture: such as `torchvision/resnet18`.
        weights: which of those that the zoo offers; by default the first.

    Raises:
        InputError: for a name that is not known.
    """
    offers = {offer.name: offer for offer in known_weights(architecture)}
    if not offers:
        raise InputError(f"nobody offers weights for {architecture}; write an entry with a local file")
    if weights is not None and weights not in offers:
        raise InputError(f"{architecture} has no weights {weights}; it has {', '.join(offers)}")
    offer = offers[weights] if weights else next(iter(offers.values()))
    name = architecture.rsplit("/", 1)[-1].replace("_", "-").lower()
    suffix = offer.url.rsplit("/", 1)[-1]
    file = suffix if name in suffix.replace("_", "-") else f"{name}-{suffix}"
    source: dict[str, Any] = {"file": file, "urls": [offer.url]} | (
        {"checksum": offer.checksum} if offer.checksum else {}
    )
    encoder = {
        "title": f"{architecture.rsplit('/', 1)[-1]} ({architecture.split('/')[0]}, {offer.name})",
        "architecture": architecture,
        "weights": {"source": name, "layout": "state-dict"},
        "input": {"order": "RGB", "range": 1, "mean": list(offer.mean), "std": list(offer.std)},
        "taps": stages(taps(network(architecture))),
    }
    own = {"own": {"sources": {name: source}, "encoders": {name: encoder}}}
    return yaml.safe_dump(own, sort_keys=False, default_flow_style=None, width=110)
