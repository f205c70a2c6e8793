"""Lists the taps at which a network can be read, with channels and sides, and writes entries for networks of a zoo.

Shapes are found on the meta device, without computing anything and without weights.
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
from posinfo.registry.catalogue import look_up
from posinfo.store.errors import InputError

MOST_STAGES = 5  # as many as the paper reads
FEWEST_SIDES = 3  # a network whose maps have fewer sides is read at its blocks
_BATCH = 2  # tells a grid of each image from parameters (one for all images) and from windows (many for one image)
_BLOCK = re.compile(r"(.+[._])(\d+)")


@dataclass(frozen=True)
class Tap:
    """A node or module whose output is a feature map."""

    name: str
    channels: int
    side: int


def network(architecture: str, padding: Padding = "zeros") -> nn.Module:
    """Build the network without weights, on the meta device."""
    return with_padding(empty_architecture(architecture), padding)


def _grids(model: nn.Module) -> dict[str, Grid]:
    """Find the nodes that give a square grid for an image of 224x224, in the order of computation.

    Args:
        model: a network on the meta device.

    Raises:
        InputError: when there is no such node, or the network does not accept images of that size.
    """
    nodes = nodes_of(model)[1:]  # the first is the image
    # Training mode may have other nodes; the first of these exists in both modes.
    extractor = create_feature_extractor(
        model, eval_return_nodes=nodes, train_return_nodes=nodes[:1], suppress_diff_warning=True
    ).eval()
    try:
        with torch.inference_mode():
            computed = extractor(torch.empty(_BATCH, 3, IMAGE_SIDE, IMAGE_SIDE, device="meta"))
    except (AssertionError, RuntimeError, ValueError) as error:
        reason = re.sub(r"Proxy\(\w+\)", str(IMAGE_SIDE), str(error))  # the trace's name for the size of the image
        raise InputError(f"{type(model).__name__} reads no RGB images of {IMAGE_SIDE}x{IMAGE_SIDE}: {reason}") from None
    outputs = {node: maps for node, maps in computed.items() if isinstance(maps, torch.Tensor) and len(maps) == _BATCH}
    grids = {node: grid for node, maps in outputs.items() if maps.ndim > 2 and (grid := grid_of(maps.shape))}
    feature_grids = _without_lookalikes(grids)
    if not any(grid.side > 1 for grid in feature_grids.values()):
        seen = dict.fromkeys(str(list(maps.shape[1:])) for maps in outputs.values())
        raise InputError(
            f"{type(model).__name__} has no grid of features: for each image it gives {', '.join([*seen][:6])}; "
            f"{READABLE}"
        )
    return feature_grids


def _without_lookalikes(grids: dict[str, Grid]) -> dict[str, Grid]:
    """Drop outputs that only have the shape of a grid.

    Transposed tokens ([batch, C, tokens], inside mixers) have a side that no map of the network has. A table of
    attention between n tokens is square, with side n.
    """
    sides = {grid.side for grid in grids.values() if grid.kind != "tokens"}
    tokens = {node: grid for node, grid in grids.items() if grid.kind == "tokens" and (not sides or grid.side in sides)}
    token_counts = {grid.prefix + grid.side**2 for grid in tokens.values()}
    maps = {node for node, grid in grids.items() if grid.kind != "tokens" and grid.side not in token_counts}
    return {node: grid for node, grid in grids.items() if node in tokens or node in maps}


def taps(model: nn.Module) -> list[Tap]:
    """List every node, and every module with nodes, that gives a grid, in the order of computation.

    The output of a module is that of its last node.

    Raises:
        InputError: when there is no grid, or the network does not accept images of 224x224.
    """
    found: dict[str, Tap] = {}
    for node, grid in _grids(model).items():
        parts = node.split(".")
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            found.pop(name, None)  # a module stands where its last node stands
            found[name] = Tap(name, grid.channels, grid.side)
    return list(found.values())


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


def zoo_entry(architecture: str, weights: str | None = None) -> str:
    """Write YAML to paste into a config: an entry for a network of a zoo, its weights and its normalised RGB input.

    Args:
        architecture: such as `torchvision/resnet18`.
        weights: the name of weights that the zoo offers; by default the first.

    Raises:
        InputError: for an unknown name.
    """
    offers = {offer.name: offer for offer in known_weights(architecture)}
    if not offers:
        raise InputError(f"the zoo offers no weights for {architecture}; write an entry with a local file")
    offer = look_up(f"weights of {architecture}", weights or next(iter(offers)), offers)
    name = architecture.rsplit("/", 1)[-1].replace("_", "-").lower()
    file = offer.url.rsplit("/", 1)[-1]
    if name not in file.replace("_", "-"):
        file = f"{name}-{file}"
    source: dict[str, Any] = {"file": file, "urls": [offer.url]}
    if offer.checksum:
        source["checksum"] = offer.checksum
    encoder = {
        "title": f"{architecture.rsplit('/', 1)[-1]} ({architecture.split('/')[0]}, {offer.name})",
        "architecture": architecture,
        "weights": {"source": name, "layout": "state-dict"},
        "input": {"order": "RGB", "range": 1, "mean": list(offer.mean), "std": list(offer.std)},
        "taps": stages(taps(network(architecture))),
    }
    own = {"own": {"sources": {name: source}, "encoders": {name: encoder}}}
    return yaml.safe_dump(own, sort_keys=False, default_flow_style=None, width=110)
