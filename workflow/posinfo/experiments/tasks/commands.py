"""Train encoders for a task, and show what those for saliency and for segmentation say."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posinfo.command_line import Commands

if TYPE_CHECKING:
    from posinfo.registry.entries import Encoder
    from posinfo.run.tasks import Recipe


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    trained = commands.add(_train_encoder, "train-encoder", "train an encoder for its task")
    trained.add_argument("name", help="an encoder of the registry whose weights name a task")
    commands.described(trained, "an encoder")
    trained.add_argument(
        "--recipe", required=True, help="JSON of the config's tasks: recipe, or tuning if there is a start"
    )
    trained.add_argument("--start", type=Path, help="the .safetensors file that training starts from")
    trained.add_argument("--keep", type=int, nargs="*", default=[], help="steps after which the encoder is kept")
    files: dict[str, Any] = {"type": Path, "nargs": "+", "required": True, "metavar": "NPY"}
    trained.add_argument("--train", **files, help="photographs to compose from, or pictures and their masks")
    trained.add_argument("--test", **files, action="append", help="the same, held out; may be given again")
    trained.add_argument("--output", type=Path, required=True, help="the .safetensors file; others go beside it")
    commands.on_device(trained)

    crops = commands.add(_crops, "crops", "saliency of pictures and of slightly cropped copies")
    segmentations = commands.add(_segmentations, "segmentations", "the class of each pixel, and what position says")
    segmentations.add_argument("--train", **files, help="what it has learnt from, as train-encoder takes it")
    segmentations.add_argument("--recipe", required=True, help="JSON of its recipe, as train-encoder takes it")
    for shown in (crops, segmentations):
        shown.add_argument("name", help="an encoder trained for that")
        commands.described(shown, "an encoder")
        shown.add_argument("--weights", type=Path, required=True, help="its .safetensors file; the head lies beside it")
        shown.add_argument("--test", **files, help="photographs to compose from, or pictures and their masks")
        shown.add_argument("--output", type=Path, required=True, help="the .npz file")
        commands.on_device(shown)


def _recipe(given: str, entry: "Encoder") -> "Recipe":
    from posinfo.run.tasks import Recipe, Tuning

    return (Tuning if entry.start else Recipe).model_validate_json(given)


def _train_encoder(args: argparse.Namespace) -> None:
    from posinfo.experiments.tasks.training.encoders import make
    from posinfo.registry import catalogue
    from posinfo.store.devices import choose_device

    entry = catalogue.described_encoder(args.name, args.entry)
    recipe = _recipe(args.recipe, entry)
    device = choose_device(args.device, args.threads)
    make(args.name, entry, recipe, args.train, args.test, args.output, device, args.start, args.keep)


def _crops(args: argparse.Namespace) -> None:
    from posinfo.experiments.tasks.crops import write_crops
    from posinfo.experiments.tasks.data.splits import Split
    from posinfo.experiments.tasks.predictions import crops
    from posinfo.registry import catalogue
    from posinfo.registry.entries import TrainedWeights
    from posinfo.store.devices import choose_device

    entry = catalogue.described_encoder(args.name, args.entry)
    device = choose_device(args.device, args.threads)
    assert isinstance(entry.weights, TrainedWeights)
    tested = Split.opened(args.test, placed=entry.weights.placed)
    write_crops(crops(entry, args.weights, tested, device), args.output)


def _segmentations(args: argparse.Namespace) -> None:
    from posinfo.experiments.tasks.data.splits import Split
    from posinfo.experiments.tasks.predictions import segmentations
    from posinfo.experiments.tasks.segmentations import write_segmentations
    from posinfo.registry import catalogue
    from posinfo.registry.entries import TrainedWeights
    from posinfo.store.devices import choose_device

    entry = catalogue.described_encoder(args.name, args.entry)
    recipe, device = _recipe(args.recipe, entry), choose_device(args.device, args.threads)
    assert isinstance(entry.weights, TrainedWeights)
    placed = entry.weights.placed
    learnt, tested = Split.opened(args.train, recipe, placed), Split.opened(args.test, placed=placed)
    write_segmentations(segmentations(entry, args.weights, learnt, tested, recipe, device), args.output)
