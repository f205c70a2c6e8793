"""Score readouts, draw their maps, and train on parts of the pictures."""

import argparse
import json
from pathlib import Path

from posinfo.command_line import Commands


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    scores = commands.add(_scores, "scores", "SPC and MAE of trained readouts, per image")
    scores.add_argument("--readouts", type=Path, nargs="+", required=True, help="files of one encoder's readouts")
    scores.add_argument("--images", type=Path, nargs="+", required=True, help="csv files of the sets of images")
    scores.add_argument("--features", type=Path, nargs="+", required=True, help=".../{images}/{stage}.npy files")
    scores.add_argument("--output", type=Path, required=True, help="folder; {readout}/{images}.csv goes below it")
    commands.on_device(scores)

    predictions = commands.add(_predictions, "predictions", "the predicted maps that figures show")
    predictions.add_argument("maps", help='JSON such as {"L1-k3-p0-all": {"black": ["H", "G"]}}')
    predictions.add_argument("--readouts", type=Path, nargs="+", required=True, help="files of one encoder's readouts")
    predictions.add_argument("--images", type=Path, nargs="+", required=True, help="csv files of the sets of images")
    predictions.add_argument("--features", type=Path, nargs="+", required=True, help=".../{images}/{stage}.npy files")
    predictions.add_argument("--seed", type=int, required=True, help="the seed whose readout draws")
    predictions.add_argument("--output", type=Path, required=True, help="folder; {readout}/{images}.npz goes below it")
    commands.on_device(predictions)

    curve = commands.add(_learning_curve, "learning-curve", "readouts trained on parts of the training photographs")
    curve.add_argument("readout", help="such as L1-k3-p0-all")
    curve.add_argument("--patterns", nargs="+", required=True)
    curve.add_argument("--features", type=Path, nargs="+", required=True, help="of every encoder, both sets of images")
    curve.add_argument("--train", type=Path, required=True, help="csv of the training images")
    curve.add_argument("--test", type=Path, required=True, help="csv of the test images")
    curve.add_argument("--scores", type=Path, nargs="+", required=True, help="of readouts trained on all photographs")
    curve.add_argument("--run", required=True, help="JSON of the configuration")
    curve.add_argument("--output", type=Path, required=True)
    commands.on_device(curve)


def _scores(args: argparse.Namespace) -> None:
    from posinfo.features.stored import read_features
    from posinfo.images.pictures import read_names
    from posinfo.readouts.training import load_stack
    from posinfo.scores.measures import score, write_scores
    from posinfo.store.devices import choose_device

    device = choose_device(args.device, args.threads)
    for images in args.images:
        stages = read_features([path for path in args.features if path.parent.name == images.stem])
        names = read_names(images)
        for folder in dict.fromkeys(path.parent for path in args.readouts):
            stack, sidecars = load_stack([path for path in args.readouts if path.parent == folder], stages)
            scores = score(stack, stages, names, sidecars[0]["definition"], stages[0].alignment, device)
            write_scores(scores, args.output / folder.name / f"{images.stem}.csv")


def _predictions(args: argparse.Namespace) -> None:
    from posinfo.features.stored import read_features
    from posinfo.images.pictures import read_names
    from posinfo.images.views import first_views
    from posinfo.readouts.training import load_stack
    from posinfo.run.figures import SHOWN
    from posinfo.scores.predictions import at, predicted_maps, write_predictions
    from posinfo.store.devices import choose_device

    device = choose_device(args.device, args.threads)
    wanted, opened = json.loads(args.maps), {}
    for table in args.images:
        names = read_names(table)
        pictures = first_views(names, SHOWN)
        stages = read_features([path for path in args.features if path.parent.name == table.stem])
        opened[table.stem] = at(stages, pictures), pictures, [names[picture] for picture in pictures]
    for readout, by_images in wanted.items():
        files = [path for path in args.readouts if path.parent.name == readout]
        for images, patterns in by_images.items():
            stages, pictures, names = opened[images]
            stack, _ = load_stack(files, stages)
            maps = predicted_maps(stack, stages, patterns, args.seed, device)
            write_predictions(maps, pictures, names, args.seed, args.output / readout / f"{images}.npz")


def _learning_curve(args: argparse.Namespace) -> None:
    import pandas as pd

    from posinfo.features.stored import read_features
    from posinfo.images.pictures import read_names
    from posinfo.images.views import photograph_of
    from posinfo.protocol.readout import Readout
    from posinfo.run.config import load_config
    from posinfo.scores import learning_curve
    from posinfo.store.devices import choose_device
    from posinfo.tables import summaries

    run, device = load_config(json.loads(args.run)), choose_device(args.device, args.threads)
    names = {role: read_names(path) for role, path in (("train", args.train), ("test", args.test))}
    whole = summaries.read_scores(args.scores)
    counts = {"photographs": len(set(photograph_of(names["train"]))), "pictures": len(names["train"])}
    frames = []
    for folder in dict.fromkeys(path.parent.parent for path in args.features):
        files = [path for path in args.features if path.parent.parent == folder]
        parts = learning_curve.curve(
            training_stages=read_features([path for path in files if path.parent.name == args.train.stem]),
            training_names=names["train"],
            test_stages=read_features([path for path in files if path.parent.name == args.test.stem]),
            test_names=names["test"],
            readout=Readout.parse(args.readout),
            patterns=args.patterns,
            shares=run.curve,
            seeds=run.seeds,
            training=run.training,
            definition=run.patterns,
            device=device,
        )
        known = whole[(whole["encoder"] == folder.name) & whole["pattern"].isin(args.patterns)]
        frames += [parts, known.assign(**counts)]
    learning_curve.write_curve(pd.concat(frames, ignore_index=True), args.output)
