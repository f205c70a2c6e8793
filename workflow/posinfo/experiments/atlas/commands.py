"""Make the atlas: what stages see, drawn maps, table, figure, page; and an atlas of one network."""

import argparse
import json
from pathlib import Path

from posinfo.command_line import Commands


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    probe = commands.add(_probe, "probe", "the config of an atlas of one network, for make probe", of_rules=False)
    probe.add_argument("network", help="torchvision/NAME, timm/NAME, or an encoder of the registry or of --configfile")
    probe.add_argument("--random", action="store_true", help="with random weights alone, where there are no others")
    probe.add_argument("--configfile", type=Path, nargs="+", default=[], help="overlays with entries of your own")
    probe.add_argument("--resources", type=Path, default=Path("resources"), help="folder of fetched files")
    probe.add_argument("--output", type=Path, required=True, help="the configuration to write")

    structure = commands.add(_structure, "structure", "what the cells of a network's stages see")
    structure.add_argument("encoder", help="JSON of the encoder's entry")
    structure.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    structure.add_argument("--output", type=Path, required=True)

    drawn = commands.add(_drawn, "atlas-maps", "the maps that an encoder's readouts draw, and where they err")
    drawn.add_argument("--readouts", type=Path, nargs="+", required=True, help="its readouts, shallow first")
    drawn.add_argument("--images", type=Path, required=True, help="csv of the pictures")
    drawn.add_argument("--features", type=Path, nargs="+", required=True, help="their features, a file a stage")
    drawn.add_argument("--seed", type=int, required=True, help="the seed whose readout draws")
    drawn.add_argument("--output", type=Path, required=True)
    commands.on_device(drawn)

    table = commands.add(_table, "atlas-table", "the atlas's table and figure")
    table.add_argument("--scores", type=Path, nargs="+", required=True)
    table.add_argument("--structures", type=Path, nargs="+", required=True, help="{encoder}.structure.json files")
    table.add_argument("--same", required=True, help="JSON of encoder to the one whose structure is its own")
    table.add_argument("--run", required=True, help="JSON of the configuration")
    table.add_argument("--table", type=Path, required=True, help="path without suffix; .csv and .md are written")
    table.add_argument("--figure", type=Path, required=True, help="path without suffix; .pdf and .png are written")

    page = commands.add(_page, "atlas-page", "the atlas as one page")
    page.add_argument("--scores", type=Path, nargs="+", required=True)
    page.add_argument("--maps", type=Path, nargs="+", required=True, help="{encoder}.npz files")
    page.add_argument("--images", type=Path, required=True, help=".npy of the pictures")
    page.add_argument("--run", required=True, help="JSON of the configuration")
    page.add_argument("--output", type=Path, required=True)


def _probe(args: argparse.Namespace) -> None:
    from posinfo.experiments.atlas.one import overlay

    overlay(args.network, args.configfile, args.output, args.resources, random=args.random)


def _structure(args: argparse.Namespace) -> None:
    from posinfo.experiments.atlas.structure import structure
    from posinfo.registry.entries import Encoder
    from posinfo.store.devices import choose_device
    from posinfo.store.files import write_json

    choose_device("cpu", args.threads)
    write_json(args.output, structure(Encoder.model_validate_json(args.encoder)))


def _drawn(args: argparse.Namespace) -> None:
    import numpy as np

    from posinfo.experiments.atlas.drawn import Drawn, draw, write_drawn
    from posinfo.features.stored import read_features
    from posinfo.images.pictures import read_names
    from posinfo.images.views import first_views
    from posinfo.protocol.readout import Readout
    from posinfo.readouts.training import load_stack
    from posinfo.run.figures import SHOWN
    from posinfo.store.devices import choose_device

    device, names = choose_device(args.device, args.threads), read_names(args.images)
    stages, pictures = read_features(args.features), first_views(names, SHOWN)
    folders = list(dict.fromkeys(path.parent for path in args.readouts))
    found = []
    for folder in folders:
        stack, sidecars = load_stack([path for path in args.readouts if path.parent == folder], stages)
        read = [stage for stage in stages if stage.name in sidecars[0]["stages"]]
        found.append(draw(stack, read, pictures, args.seed, sidecars[0]["definition"], device))
    drawn = Drawn(
        readouts=[Readout.parse(folder.name).stages for folder in folders],
        patterns=found[0][0],
        names=[names[picture] for picture in pictures],
        maps=np.stack([maps for _, maps, _ in found]),
        errors=np.stack([errors for _, _, errors in found]),
    )
    write_drawn(drawn, args.output, seed=args.seed)


def _table(args: argparse.Namespace) -> None:
    from posinfo.experiments.atlas import figure, table
    from posinfo.run.config import load_config
    from posinfo.store.files import read_json
    from posinfo.tables.summaries import read_scores

    structures = {path.name.removesuffix(".structure.json"): read_json(path) for path in args.structures}
    known = {encoder: structures[first] for encoder, first in json.loads(args.same).items()}
    frame = table.tidy(read_scores(args.scores), load_config(json.loads(args.run)), known)
    table.write_table(frame, args.table)
    figure.write_figure(frame, args.figure)


def _page(args: argparse.Namespace) -> None:
    from posinfo.experiments.atlas.drawn import read_drawn
    from posinfo.experiments.atlas.page import content, write_page
    from posinfo.images.pictures import read_names, read_pictures
    from posinfo.run.config import load_config
    from posinfo.tables.summaries import read_scores

    drawn = {path.stem: read_drawn(path) for path in args.maps}
    pictures = dict(zip(read_names(args.images.with_suffix(".csv")), read_pictures(args.images), strict=True))
    shown = content(load_config(json.loads(args.run)), read_scores(args.scores), drawn, pictures)
    write_page(shown, args.output)
