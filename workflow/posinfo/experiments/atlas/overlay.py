"""The config of an atlas of one network, whose entry and weights are found by the network's name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from posinfo.encoders.architectures import empty_architecture
from posinfo.encoders.model_zoos import known_weights
from posinfo.encoders.taps import stages, taps, zoo_entry
from posinfo.registry.catalogue import look_up, with_own
from posinfo.registry.entries import RemoteFile, Source, TrainedWeights, WeightFile
from posinfo.registry.overlays import merged
from posinfo.sources.fetching import fetch_file
from posinfo.store.errors import InputError
from posinfo.store.files import write_text

DRAWS = 3  # of random weights
REMEDIES = (
    "Give weights of your own by an entry (docs/your-own.md: a source with a path, an encoder that names it) and probe "
    "that encoder: make probe NETWORK=my-network CONFIG=my.yaml; or ask for random weights: RANDOM=1"
)


def write_overlay(name: str, configfiles: Sequence[Path], path: Path, resources: Path, *, random: bool = False) -> None:
    """Write a config whose atlas is one network, with results in the config's folder.

    Weights of a zoo are fetched first, so that a network whose weights cannot be fetched is named before a run starts.

    Args:
        name: `torchvision/NAME` or `timm/NAME`, or an encoder of the registry or of the configuration files.
        configfiles: overlays with entries of your own.
        path: the config to write.
        resources: folder of fetched files.
        random: read random weights only.

    Raises:
        InputError: for an unknown name, a network without a grid of features, or weights that cannot be fetched; the
            message says what to do.
    """
    values = merged(configfiles)
    own: dict[str, Any] = values.get("own", {})
    encoder = name
    if "/" in name:
        encoder, entries = _zoo_entries(name, random)
        own = {**own, **{part: {**own.get(part, {}), **found} for part, found in entries.items()}}
    registry = with_own(own)
    weights = look_up("encoder", encoder, registry.encoders).weights
    if isinstance(weights, WeightFile) and not random:
        _fetch(look_up("source", weights.source, registry.sources), resources, name)
    untrained = [encoder] if random and isinstance(weights, WeightFile | TrainedWeights) else []
    atlas = {"encoders": [encoder], "untrained": untrained, "draws": DRAWS if random else 0}
    folders = {"results": str(path.parent), "resources": str(resources)}
    made = {**values, **folders, "paper": False, "experiments": ["atlas"], "atlas": atlas, "own": own}
    write_text(path, yaml.safe_dump(made, sort_keys=False, default_flow_style=None, width=110))


def _fetch(source: Source, resources: Path, name: str) -> None:
    """Fetch weights from the internet, unless they are there."""
    if not isinstance(source, RemoteFile) or (resources / source.place).exists():
        return
    try:
        fetch_file(source.urls, source.checksum, resources / source.place)
    except InputError as error:
        raise InputError(f"the weights of {name} cannot be fetched: {error}\n{REMEDIES}") from None


def _zoo_entries(name: str, random: bool) -> tuple[str, Mapping[str, Mapping[str, Any]]]:
    """The encoder's name and its entries; where the zoo has no weights, an encoder of a first random draw."""
    if known_weights(name):  # raises for an unknown name
        entries: dict[str, dict[str, Any]] = yaml.safe_load(zoo_entry(name))["own"]
        return next(iter(entries["encoders"])), entries
    if not random:
        raise InputError(f"no zoo has weights for {name}. {REMEDIES}")
    encoder = name.rsplit("/", 1)[-1].replace("_", "-").lower()
    entry = {
        "title": name,
        "architecture": name,
        "weights": {"random": 0},
        "input": {"order": "RGB", "range": 1},
        "taps": stages(taps(empty_architecture(name))),
    }
    return encoder, {"encoders": {encoder: entry}}
