"""What is computed: trained encoders, features, readouts, scores, predicted maps."""

import argparse
import json
from pathlib import Path
from typing import Any

from posinfo.command_line import Commands


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    trained = commands.add(_train_encoder, "train-encoder", "train an encoder from scratch for its task")
    trained.add_argument("name", help="an encoder of the registry whose weights name a task")
    commands.described(trained, "an encoder")
    trained.add_argument("--recipe", required=True, help="JSON of the config's tasks: recipe section")
    files: dict[str, Any] = {"type": Path, "nargs": "+", "required": True, "metavar": "NPY"}
    trained.add_argument("--train", **files, help="photographs to compose from, or pictures and their masks")
    trained.add_argument("--test", **files, action="append", help="the same, held out; may be given again")
    trained.add_argument("--output", type=Path, required=True, help="the .safetensors file; others go beside it")
    commands.on_device(trained)

    features = commands.add(_features, "features", "one forward pass: every stage of an encoder for sets of images")
    features.add_argument("encoder", help="an encoder in registry/encoders.yaml")
    commands.described(features, "an encoder")
    features.add_argument("--weights", type=Path, help="its safetensors file, if it has weights")
    features.add_argument("--images", type=Path, nargs="+", required=True, help="uint8 .npy files")
    features.add_argument("--alignment", required=True, help="JSON of the config's alignment section")
    features.add_argument("--output", type=Path, required=True, help="folder; {images}/{stage}.npy goes below it")
    commands.on_device(features)

    readouts = commands.add(_readouts, "readouts", "train readouts of one encoder in the same passes")
    readouts.add_argument("readouts", help='JSON of readout to patterns, such as {"L1-k3-p0-all": ["H", "G"]}')
    readouts.add_argument(
        "--features", type=Path, nargs="+", required=True, help="the stages' .npy files, shallow first"
    )
    readouts.add_argument("--seeds", type=int, nargs="+", required=True)
    readouts.add_argument("--definition", choices=["paper", "released"], required=True)
    readouts.add_argument("--training", required=True, help="JSON of the config's training section")
    readouts.add_argument("--output", type=Path, required=True, help="{readout}/{pattern}.safetensors goes below it")
    commands.on_device(readouts)

    exact = commands.add(_exact, "exact", "solve linear readouts of one encoder by least squares, in one pass")
    exact.add_argument("readouts", help='JSON of readout to patterns, such as {"exact-k3-p0-all": ["H", "G"]}')
    exact.add_argument("--features", type=Path, nargs="+", required=True, help="the stages' .npy files, shallow first")
    exact.add_argument("--images", type=Path, required=True, help="csv of the training images")
    exact.add_argument("--seed", type=int, required=True, help="under which the one solution is stored")
    exact.add_argument("--definition", choices=["paper", "released"], required=True)
    exact.add_argument("--training", required=True, help="JSON of the config's training section; of it, scale is used")
    exact.add_argument("--output", type=Path, required=True, help="{readout}/{pattern}.safetensors goes below it")
    commands.on_device(exact)

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

    crops = commands.add(_crops, "crops", "saliency of pictures and of slightly cropped copies")
    crops.add_argument("name", help="an encoder trained for saliency")
    commands.described(crops, "an encoder")
    crops.add_argument("--weights", type=Path, required=True, help="its .safetensors file; the head lies beside it")
    crops.add_argument("--test", **files, help="photographs to compose from, or pictures and their masks")
    crops.add_argument("--output", type=Path, required=True, help="the .npz file")
    commands.on_device(crops)

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


def _train_encoder(args: argparse.Namespace) -> None:
    from posinfo import entries, registry
    from posinfo.devices import choose_device
    from posinfo.tasks import Recipe
    from posinfo.trained_encoders import make

    if args.entry:
        entry = entries.Encoder.model_validate_json(args.entry)
    else:
        entry = registry.look_up("encoder", args.name, registry.shipped().encoders)
    recipe = Recipe.model_validate_json(args.recipe)
    make(args.name, entry, recipe, args.train, args.test, args.output, choose_device(args.device, args.threads))


def _features(args: argparse.Namespace) -> None:
    from posinfo import entries, registry
    from posinfo.alignment import Alignment
    from posinfo.devices import choose_device
    from posinfo.features import InputConvention, extract, open_encoder
    from posinfo.files import sha256_of

    if args.entry:
        entry = entries.Encoder.model_validate_json(args.entry)
    else:
        entry = registry.look_up("encoder", args.encoder, registry.shipped().encoders)
    device = choose_device(args.device, args.threads)
    fit = (entry.fit.how, entry.fit.sides) if entry.fit else None
    model = open_encoder(entry.architecture, args.weights, entry.taps, entry.padding, fit)
    story = {
        "encoder": args.encoder,
        "entry": registry.fingerprint(entry),
        "weights_sha256": sha256_of(args.weights) if args.weights else None,
    }
    for images in args.images:
        extract(
            model=model,
            convention=InputConvention(**entry.input.model_dump()),
            images=images,
            outputs={stage: args.output / images.stem / f"{stage}.npy" for stage in entry.stages},
            alignment=Alignment.model_validate_json(args.alignment),
            device=device,
            story=story,
        )


def _readouts(args: argparse.Namespace) -> None:
    from posinfo.devices import choose_device
    from posinfo.feature_files import read_features
    from posinfo.heads import Head
    from posinfo.protocol import Readout, Training
    from posinfo.readouts import make_stack, save, train

    device = choose_device(args.device, args.threads)
    training = Training.model_validate_json(args.training)
    stages = read_features(args.features)
    alignment, stacks = stages[0].alignment, []
    for name, patterns in json.loads(args.readouts).items():
        readout = Readout.parse(name)
        heads = [Head(readout, pattern, seed) for pattern in patterns for seed in args.seeds]
        stacks.append(make_stack(readout, heads, stages, alignment, training))
    describe = f"{stages[0].story['encoder']}, {sum(len(stack.heads) for stack in stacks)} heads"
    histories = train(stacks, stages, training, args.definition, alignment, device, describe)
    for stack, history in zip(stacks, histories, strict=True):
        folder = args.output / stack.readout.name
        outputs = {head.pattern: folder / f"{head.pattern}.safetensors" for head in stack.heads}
        save(stack, {"loss": history}, outputs, stages, training, args.definition, alignment)


def _exact(args: argparse.Namespace) -> None:
    from posinfo import exact
    from posinfo.devices import choose_device
    from posinfo.feature_files import read_features
    from posinfo.images import read_names
    from posinfo.protocol import Readout, Training
    from posinfo.readouts import save

    device, training = choose_device(args.device, args.threads), Training.model_validate_json(args.training)
    stages, names = read_features(args.features), read_names(args.images)
    asked = {Readout.parse(name): patterns for name, patterns in json.loads(args.readouts).items()}
    linear = training.model_copy(update={"output": "linear"})
    for stack, measured in exact.solve(asked, stages, names, args.seed, linear, args.definition, device):
        folder = args.output / stack.readout.name
        outputs = {head.pattern: folder / f"{head.pattern}.safetensors" for head in stack.heads}
        save(stack, measured, outputs, stages, linear, args.definition, stages[0].alignment)


def _scores(args: argparse.Namespace) -> None:
    from posinfo.devices import choose_device
    from posinfo.feature_files import read_features
    from posinfo.images import read_names
    from posinfo.readouts import load_stack
    from posinfo.scores import score, write_scores

    device = choose_device(args.device, args.threads)
    for images in args.images:
        stages = read_features([path for path in args.features if path.parent.name == images.stem])
        names = read_names(images)
        for folder in dict.fromkeys(path.parent for path in args.readouts):
            stack, stories = load_stack([path for path in args.readouts if path.parent == folder], stages)
            scores = score(stack, stages, names, stories[0]["definition"], stages[0].alignment, device)
            write_scores(scores, args.output / folder.name / f"{images.stem}.csv")


def _predictions(args: argparse.Namespace) -> None:
    from posinfo.devices import choose_device
    from posinfo.displays import SHOWN
    from posinfo.feature_files import read_features
    from posinfo.images import read_names
    from posinfo.predictions import at, predicted_maps, write_predictions
    from posinfo.readouts import load_stack
    from posinfo.views import first_views

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


def _crops(args: argparse.Namespace) -> None:
    from posinfo import entries, registry
    from posinfo.answers import crops
    from posinfo.crops import write_crops
    from posinfo.devices import choose_device
    from posinfo.trained_encoders import Part

    if args.entry:
        entry = entries.Encoder.model_validate_json(args.entry)
    else:
        entry = registry.look_up("encoder", args.name, registry.shipped().encoders)
    device = choose_device(args.device, args.threads)
    write_crops(crops(entry, args.weights, Part.opened(args.test), device), args.output)


def _learning_curve(args: argparse.Namespace) -> None:
    import pandas as pd

    from posinfo import learning_curve, tables
    from posinfo.config import load_config
    from posinfo.devices import choose_device
    from posinfo.feature_files import read_features
    from posinfo.images import read_names
    from posinfo.protocol import Readout
    from posinfo.views import photograph_of

    run, device = load_config(json.loads(args.run)), choose_device(args.device, args.threads)
    names = {role: read_names(path) for role, path in (("train", args.train), ("test", args.test))}
    whole = tables.read_scores(args.scores)
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
            seeds=run.seeds,
            training=run.training,
            definition=run.patterns,
            device=device,
        )
        known = whole[(whole["encoder"] == folder.name) & whole["pattern"].isin(args.patterns)]
        frames += [parts, known.assign(**counts)]
    learning_curve.write_curve(pd.concat(frames, ignore_index=True), args.output)
