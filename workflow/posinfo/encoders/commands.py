"""Commands that convert weights and list where a network can be read."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posinfo.registry.entries import Encoder


def encoder(*, entry: str, resources: Path, output: Path) -> None:
    """Write an encoder's weights as safetensors: random, or converted from a fetched file.

    Args:
        entry: JSON of its architecture, weights and source
    """
    from posinfo.encoders.initial import initialise
    from posinfo.encoders.weights import convert
    from posinfo.registry.entries import RandomWeights, StoredWeights, WeightFile
    from posinfo.sources.fetching import read_source

    stored = StoredWeights.model_validate_json(entry)
    if isinstance(stored.weights, RandomWeights):
        initialise(stored.architecture, stored.weights.random, output)
    elif isinstance(stored.weights, WeightFile) and stored.source:
        data = read_source(stored.source, stored.weights.member, resources)
        if taken := convert(stored.weights.layout, data, stored.architecture, output, stored.weights.key or ""):
            print(taken)


def taps(name: str, *, depth: int = 2, configfile: Sequence[Path] = ()) -> None:
    """List where a network can be read, with channels, sides, and the stages of its entry or suggested stages.

    Args:
        name: an encoder, or torchvision/NAME or timm/NAME
        depth: list taps whose name has at most this many parts
        configfile: overlays with entries of your own
    """
    from posinfo.registry.catalogue import with_own
    from posinfo.registry.overlays import merged

    entries = with_own(merged(configfile).get("own", {})).encoders
    refuse_unknown(name, entries)
    print(f"{name} can be read at:", flush=True)  # importing torch takes seconds
    from posinfo.encoders.architectures import empty_architecture
    from posinfo.encoders.taps import listed, stages
    from posinfo.encoders.taps import taps as taps_of

    if "/" in name:
        found = taps_of(empty_architecture(name))
        chosen = stages(found)
        heading = "suggested"
    else:
        described = entries[name]
        found = taps_of(empty_architecture(described.architecture), described.padding)
        chosen = described.taps
        heading = "stage"
    stage_of = {node: stage for stage, node in chosen.items()}
    shown = listed(found, depth)
    width = max(len(tap.name) for tap in shown)
    print(f"{'tap':{width}}  channels  side  {heading}")
    for tap in shown:
        print(f"{tap.name:{width}}  {tap.channels:8}  {tap.side:4}  {stage_of.get(tap.name, '')}".rstrip())


def refuse_unknown(name: str, encoders: Mapping[str, "Encoder"]) -> None:
    """Refuse the name of a network that is neither an encoder nor of the form ZOO/NAME.

    Raises:
        InputError: names the zoos that have it, or else the nearest encoder.
    """
    if "/" not in name and name not in encoders:
        from posinfo.encoders.model_zoos import unknown_network
        from posinfo.store.errors import InputError

        raise InputError(unknown_network("encoder", name, encoders))


def paddings(names: Sequence[str]) -> None:
    """Print a table of networks with random weights: for each padding "yes", or the reason why it is refused.

    Args:
        names: architectures, such as vgg16, torchvision/NAME or timm/NAME

    Raises:
        InputError: after the table, when one of the networks could not be read.
    """
    from posinfo.encoders.reading.padding import PADDINGS
    from posinfo.encoders.taps import refused_paddings
    from posinfo.store.errors import InputError

    print(f"| network | stages | {' | '.join(PADDINGS)} |\n|---{'|---' * len(PADDINGS)}|---|")
    unread = []
    for name in names:
        try:
            count, reasons = refused_paddings(name)
        except InputError as error:
            unread.append(name)
            print(f"| {name} | none: {error} {'| ' * len(PADDINGS)}|", flush=True)
            continue
        # A reason begins with the layer; details follow a colon, and a remedy a semicolon.
        cells = [re.split("[:;] ", reason)[0] or "yes" for reason in reasons.values()]
        print(f"| {name} | {count} | {' | '.join(cells)} |", flush=True)
    if unread:
        raise InputError(f"{', '.join(unread)} cannot be read; the table says why")


def entry(name: str, *, weights: str | None = None) -> None:
    """Print a config with a network of torchvision or timm and its weights.

    Args:
        name: torchvision/NAME or timm/NAME
        weights: such as IMAGENET1K_V1; by default the first that are offered
    """
    import yaml

    from posinfo.encoders.taps import zoo_entry
    from posinfo.store.errors import InputError

    own = zoo_entry(name, weights)
    if not own["sources"]:
        raise InputError(f"the zoo offers no weights for {name}; write an entry with a local file")
    print(yaml.safe_dump({"own": own}, sort_keys=False, default_flow_style=None, width=110), end="")


FOR_USERS = (taps, paddings, entry)
OF_RULES = (encoder,)
