"""Read weights, and say where a network can be read."""

import argparse
from pathlib import Path

from posinfo.command_line import Commands


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    encoder = commands.add(_encoder, "encoder", "convert an encoder's weights to safetensors")
    encoder.add_argument("name", help="an encoder in registry/encoders.yaml")
    commands.described(encoder, "architecture, weights and source")
    encoder.add_argument("--resources", type=Path, default=Path("resources"), help="folder of fetched files")
    encoder.add_argument("--output", type=Path, required=True)

    taps = commands.add(_taps, "taps", "where a network can be read, with channels and sides", of_rules=False)
    taps.add_argument("name", help="an encoder, or torchvision/NAME or timm/NAME")
    taps.add_argument("--depth", type=int, default=2, help="parts of a tap's name that are told apart")
    taps.add_argument("--configfile", type=Path, nargs="+", default=[], help="overlays with entries of your own")

    entry = commands.add(
        _entry, "entry", "print a config with a network of torchvision or timm and its weights", of_rules=False
    )
    entry.add_argument("name", help="torchvision/NAME or timm/NAME")
    entry.add_argument("--weights", help="such as IMAGENET1K_V1; by default the first that are offered")


def _encoder(args: argparse.Namespace) -> None:
    from posinfo.encoders.initial import initialise
    from posinfo.encoders.weights import convert
    from posinfo.registry import catalogue, entries
    from posinfo.sources.fetching import read_source

    if args.entry:
        stored = entries.StoredWeights.model_validate_json(args.entry)
    else:
        stored = catalogue.shipped().weight_dependencies(args.name)
    if isinstance(stored.weights, entries.RandomWeights):
        initialise(stored.architecture, stored.weights.random, args.output)
    elif isinstance(stored.weights, entries.WeightFile) and stored.source:
        data = read_source(stored.source, stored.weights.member, args.resources)
        convert(stored.weights.layout, data, stored.architecture, args.output)


def _taps(args: argparse.Namespace) -> None:
    from posinfo.encoders import taps
    from posinfo.registry.catalogue import look_up, with_own
    from posinfo.registry.overlays import own_entries

    encoders = with_own(own_entries(args.configfile)).encoders
    entry = None if "/" in args.name else look_up("encoder", args.name, encoders)
    model = taps.network(entry.architecture, entry.padding) if entry else taps.network(args.name)
    found = taps.taps(model)
    proposed = entry.taps if entry else taps.stages(found)
    stages = {node: stage for stage, node in proposed.items()}
    found = taps.listed(found, args.depth)
    width = max(len(tap.name) for tap in found)
    print(f"{'tap':{width}}  channels  side  {'stage' if entry else 'proposed'}")
    for tap in found:
        print(f"{tap.name:{width}}  {tap.channels:8}  {tap.side:4}  {stages.get(tap.name, '')}".rstrip())


def _entry(args: argparse.Namespace) -> None:
    from posinfo.encoders.taps import zoo_entry

    print(zoo_entry(args.name, args.weights), end="")
