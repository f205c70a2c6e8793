"""Measure where position comes from."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from posinfo.command_line import Commands

if TYPE_CHECKING:
    from torch import nn

    from posinfo.features.extraction import Preprocessing
    from posinfo.registry.entries import Encoder

PUBLISHED = Path(__file__).parents[2] / "published"


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    pooled = commands.add(_pooled, "origin-pooled", "location from pooled features of one encoder")
    _of_one_encoder(pooled, commands)
    pooled.add_argument("--seeds", type=int, nargs="+", required=True)
    pooled.add_argument("--output", type=Path, required=True, help="csv of every tested picture; .json goes beside it")

    redgreen = commands.add(_redgreen, "origin-redgreen", "absolute location learned from scratch, with one padding")
    redgreen.add_argument("padding", help="valid, same, circular (same) or full")
    redgreen.add_argument("--settings", required=True, help="JSON of the config's origins section")
    redgreen.add_argument("--output", type=Path, required=True, help="csv of every test picture; .json goes beside it")
    commands.on_device(redgreen)

    sides = commands.add(_sides, "origin-sides", "left and right of an encoder's maps for inputs of several sides")
    _of_one_encoder(sides, commands)
    sides.add_argument("--output", type=Path, required=True, help="csv; .json, and .npz of the mean maps, go beside it")

    table = commands.add(_table, "origin-table", "rows of an experiment on where position comes from as a table")
    table.add_argument("name", help="pooled, redgreen or uneven")
    table.add_argument("--rows", type=Path, nargs="+", required=True)
    table.add_argument("--run", required=True, help="JSON of the configuration")
    table.add_argument("--output", type=Path, required=True, help="path without suffix; .csv, .md and .tex are written")

    foveation = commands.add(
        _foveation, "origin-foveation", "how often each pixel is used, by padding: table and figure"
    )
    foveation.add_argument("--run", required=True, help="JSON of the configuration")
    foveation.add_argument(
        "--table", type=Path, required=True, help="path without suffix; .csv, .md and .tex are written"
    )
    foveation.add_argument("--figure", type=Path, required=True, help="path without suffix; .pdf and .png are written")

    drawn = commands.add(_drawn, "origin-figure", "mean maps and readout errors by side of the input")
    drawn.add_argument("--rows", type=Path, required=True, help="what origin-sides wrote")
    drawn.add_argument("--output", type=Path, required=True, help="path without suffix; .pdf and .png are written")


def _of_one_encoder(added: argparse.ArgumentParser, commands: Commands) -> None:
    """Options of a command that shows pictures to an encoder."""
    added.add_argument("encoder")
    added.add_argument("--entry", required=True, help="JSON of the encoder's entry")
    added.add_argument("--weights", type=Path, help="its safetensors file, if it has weights")
    added.add_argument("--train", type=Path, required=True, help="uint8 .npy of pictures; the .csv beside names them")
    added.add_argument("--test", type=Path, required=True, help="the same, of other photographs")
    added.add_argument("--settings", required=True, help="JSON of the config's origins section")
    commands.on_device(added)


def opened(entry: "Encoder", weights: Path | None) -> "tuple[nn.Module, Preprocessing]":
    """The encoder as its entry describes it, and how it wants its pictures."""
    from posinfo.features.extraction import Preprocessing, open_encoder

    model = open_encoder(entry.architecture, weights, entry.taps, entry.padding, entry.position_change)
    return model, Preprocessing(**entry.input.model_dump())


def _pooled(args: argparse.Namespace) -> None:
    from posinfo.experiments.pooled_location.pooled import located, placements, pooled
    from posinfo.images.pictures import read_names, read_pictures
    from posinfo.protocol.origins import Origins
    from posinfo.registry.entries import Encoder
    from posinfo.store.devices import choose_device
    from posinfo.tables.measured import write_rows

    settings, device = Origins.model_validate_json(args.settings), choose_device(args.device, args.threads)
    model, preprocessing = opened(Encoder.model_validate_json(args.entry), args.weights)
    parts = []
    for number, (images, each) in enumerate(((args.train, settings.learnt), (args.test, settings.tested))):
        places = placements(read_names(images.with_suffix(".csv")), settings.grids, each, seed=number)
        parts.append((pooled(model, preprocessing, read_pictures(images), places, settings.patch, device), places))
    rows = located(parts[0], parts[1], args.seeds)
    rows.insert(0, "encoder", args.encoder)
    write_rows("pooled", rows, args.output)


def _redgreen(args: argparse.Namespace) -> None:
    from posinfo.experiments.red_green.training import told_apart
    from posinfo.protocol.origins import REDGREEN, Origins
    from posinfo.store.devices import choose_device
    from posinfo.store.errors import InputError, unknown
    from posinfo.tables.measured import write_rows

    if args.padding not in REDGREEN:
        raise InputError(unknown("padding", args.padding, REDGREEN))
    settings, device = Origins.model_validate_json(args.settings), choose_device(args.device, args.threads)
    rows = told_apart(REDGREEN[args.padding], settings.starts, settings.examples, settings.epochs, device)
    write_rows("redgreen", rows, args.output)


def _sides(args: argparse.Namespace) -> None:
    from posinfo.experiments.uneven_padding.sides import compared_sides, write_maps
    from posinfo.images.pictures import read_names, read_pictures
    from posinfo.protocol.origins import Origins
    from posinfo.registry.entries import Encoder
    from posinfo.store.devices import choose_device
    from posinfo.tables.measured import write_rows

    settings, device = Origins.model_validate_json(args.settings), choose_device(args.device, args.threads)
    model, preprocessing = opened(Encoder.model_validate_json(args.entry), args.weights)
    pictures = (read_pictures(args.train), read_pictures(args.test), read_names(args.test.with_suffix(".csv")))
    found = compared_sides(model, preprocessing, *pictures, settings.sides, device)
    write_maps(found.maps, args.output.with_suffix(".npz"))
    write_rows("uneven", found.rows.assign(encoder=args.encoder), args.output)


def _table(args: argparse.Namespace) -> None:
    from posinfo.experiments.uneven_padding.tables import write_experiment
    from posinfo.run.config import RunConfig
    from posinfo.tables.measured import read_printed, read_rows, summary

    run = RunConfig.model_validate_json(args.run)
    rows = read_rows(args.rows)[args.name]
    made = summary(args.name, rows, read_printed(PUBLISHED, run.models.model_dump()))
    write_experiment(args.name, made, run, args.output)


def _foveation(args: argparse.Namespace) -> None:
    from posinfo.experiments.uneven_padding.figures import foveation_figure
    from posinfo.experiments.uneven_padding.foveation import KINDS, foveation_of
    from posinfo.experiments.uneven_padding.tables import foveation_rows, write_foveation
    from posinfo.figures.style import write_drawn
    from posinfo.protocol.alignment import IMAGE_SIDE
    from posinfo.run.config import RunConfig

    run = RunConfig.model_validate_json(args.run)
    vgg, resnet = (run.registry.encoders[name] for name in (run.models.VGG, run.models.ResNet))
    by_kind = {kind: foveation_of(vgg.architecture, kind, IMAGE_SIDE) for kind in KINDS}
    by_side = {f"{side} pixels": foveation_of(resnet.architecture, "zeros", side) for side in run.origins.sides}
    write_foveation(foveation_rows(by_kind, PUBLISHED), run, args.table)
    files = (args.figure.with_suffix(".pdf"), args.figure.with_suffix(".png"))
    write_drawn(lambda: foveation_figure({str(kind): values for kind, values in by_kind.items()}, by_side), *files)


def _drawn(args: argparse.Namespace) -> None:
    from posinfo.experiments.uneven_padding.figures import sides_figure
    from posinfo.experiments.uneven_padding.sides import read_maps
    from posinfo.figures.style import write_drawn
    from posinfo.tables.measured import read_rows

    maps, rows = read_maps(args.rows.with_suffix(".npz")), read_rows([args.rows])["uneven"]
    write_drawn(lambda: sides_figure(maps, rows), args.output.with_suffix(".pdf"), args.output.with_suffix(".png"))
