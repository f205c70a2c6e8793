"""An atlas of one network: its entry and weights, found by its name, as a configuration."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from posinfo.encoders.model_zoos import known_weights
from posinfo.encoders.taps import network, stages, taps, zoo_entry
from posinfo.registry.catalogue import look_up, with_own
from posinfo.registry.entries import RandomWeights, RemoteFile
from posinfo.registry.overlays import merged
from posinfo.sources.fetching import fetch_file
from posinfo.store.errors import InputError
from posinfo.store.files import write_text

REMEDIES = (
    "Give weights of your own by an entry (docs/your-own.md: a source with a path, an encoder that names it) and probe "
    "that encoder: make probe NETWORK=my-network CONFIG=my.yaml; or ask for random weights: RANDOM=1"
)


def overlay(name: str, configfiles: Sequence[Path], path: Path, resources: Path, *, random: bool = False) -> None:
    """Write a configuration whose atlas is one network, into the folder beside it; weights of a zoo are fetched first.

    Args:
        name: `torchvision/NAME` or `timm/NAME`, or an encoder of the registry or of the configuration files.
        configfiles: overlays with entries of your own.
        path: the configuration to write; results will lie in its folder.
        resources: folder of fetched files.
        random: read random weights (three draws) and no others.

    Raises:
        InputError: for an unknown name, a network without a grid of features, or weights that cannot be had; the
            message then says what else there is.
    """
    values = merged(configfiles)
    own: dict[str, Any] = values.get("own", {})
    encoder = name
    if "/" in name:
        encoder, entries = _of_a_zoo(name, random)
        own = {**own, **{part: {**own.get(part, {}), **found} for part, found in entries.items()}}
    registry = with_own(own)
    entry = look_up("encoder", encoder, registry.encoders)
    if not random and entry.weights and not isinstance(entry.weights, RandomWeights) and not entry.task:
        source = registry.weight_dependencies(entry.variant_of or encoder).source
        if isinstance(source, RemoteFile) and not (resources / source.place).exists():
            try:
                fetch_file(source.urls, source.checksum, resources / source.place)
            except InputError as error:
                raise InputError(f"the weights of {name} cannot be had: {error}\n{REMEDIES}") from None
    untrained = [encoder] if random and not isinstance(entry.weights, RandomWeights | None) else []
    draws = 3 if random else 0
    atlas = {"encoders": [encoder], "untrained": untrained, "draws": draws}
    made = {**values, "results": str(path.parent), "resources": str(resources), "atlas": atlas, "own": own}
    write_text(path, yaml.safe_dump(made, sort_keys=False, default_flow_style=None, width=110))


def _of_a_zoo(name: str, random: bool) -> tuple[str, dict[str, dict[str, Any]]]:
    """The encoder's name and its entries; without weights those of a first random draw."""
    offers = known_weights(name)  # an unknown name is answered here
    if not random and not offers:
        raise InputError(f"nobody offers weights for {name}. {REMEDIES}")
    if offers:
        entries: dict[str, dict[str, Any]] = yaml.safe_load(zoo_entry(name))["own"]
        return next(iter(entries["encoders"])), entries
    encoder = name.rsplit("/", 1)[-1].replace("_", "-").lower()
    entry = {
        "title": f"{name}, random weights",
        "architecture": name,
        "weights": {"random": 0},
        "input": {"order": "RGB", "range": 1},
        "taps": stages(taps(network(name))),
    }
    return encoder, {"encoders": {encoder: entry}}
