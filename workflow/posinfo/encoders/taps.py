"""Taps: where a network can be read, with channels and sides, and a registry entry for a network of a zoo.

Shapes are found on the meta device: nothing is computed, no weights are needed.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
import yaml
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from posinfo.encoders.architectures import Padding, empty_architecture, nodes_of, with_padding
from posinfo.encoders.model_zoos import known_weights
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.store.errors import InputError

MOST_STAGES = 5  # as the paper reads


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
    """Channels and sides at every node that gives square maps, for a picture of 224x224, in the order of computation.

    Args:
        model: on the meta device.
    """
    nodes = nodes_of(model)[1:]  # the first is the picture
    # In training mode other nodes may exist; nothing is asked of those.
    extractor = create_feature_extractor(
        model, eval_return_nodes=nodes, train_return_nodes=nodes[:1], suppress_diff_warning=True
    ).eval()
    with torch.inference_mode():
        found = extractor(torch.empty(1, 3, IMAGE_SIDE, IMAGE_SIDE, device="meta"))
    return {
        node: Tap(node, maps.shape[1], maps.shape[2])
        for node, maps in found.items()
        if isinstance(maps, torch.Tensor) and maps.ndim == 4 and maps.shape[2] == maps.shape[3]
    }


def taps(model: nn.Module, depth: int = 2) -> list[Tap]:
    """Every node, or module with nodes, whose name has at most `depth` parts, in the order of computation.

    A module gives what its last node gives.
    """
    found: dict[str, Tap] = {}
    for node, tap in shapes(model).items():
        parts = node.split(".")
        for length in range(1, min(depth, len(parts)) + 1):
            name = ".".join(parts[:length])
            found.pop(name, None)  # a module's place is that of its last node
            found[name] = Tap(name, tap.channels, tap.side)
    return list(found.values())


def stages(found: list[Tap]) -> dict[str, str]:
    """A choice of taps as the registry writes it: the last at each side that is halved, at most five, shallow first."""
    inner = [tap for tap in found if tap.side > 1]
    last = [list(group)[-1] for _, group in groupby(inner, key=lambda tap: tap.side)]
    falling = [tap for place, tap in enumerate(last) if all(tap.side > later.side for later in last[place + 1 :])]
    return {f"f{number}": tap.name for number, tap in enumerate(falling[-MOST_STAGES:], 1)}


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
