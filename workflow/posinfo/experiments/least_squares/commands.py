"""Solve readouts."""

import argparse
import json
from pathlib import Path

from posinfo.command_line import Commands


def add(commands: Commands) -> None:
    """Add this command to the command line."""
    exact = commands.add(_exact, "exact", "solve linear readouts of one encoder by least squares, in one pass")
    exact.add_argument("readouts", help='JSON of readout to patterns, such as {"exact-k3-p0-all": ["H", "G"]}')
    exact.add_argument("--features", type=Path, nargs="+", required=True, help="the stages' .npy files, shallow first")
    exact.add_argument("--images", type=Path, required=True, help="csv of the training images")
    exact.add_argument("--seeds", type=int, nargs=1, required=True, help="the one under which the solution is stored")
    exact.add_argument("--definition", choices=["paper", "released"], required=True)
    exact.add_argument("--training", required=True, help="JSON of the config's training section; of it, scale is used")
    exact.add_argument("--output", type=Path, required=True, help="{readout}/{pattern}.safetensors goes below it")
    commands.on_device(exact)


def _exact(args: argparse.Namespace) -> None:
    from posinfo.experiments.least_squares.solution import solve
    from posinfo.features.stored import read_features
    from posinfo.images.pictures import read_names
    from posinfo.protocol.readout import Readout, Training
    from posinfo.readouts.training import save
    from posinfo.store.devices import choose_device

    device, training = choose_device(args.device, args.threads), Training.model_validate_json(args.training)
    stages, names = read_features(args.features), read_names(args.images)
    asked = {Readout.parse(name): patterns for name, patterns in json.loads(args.readouts).items()}
    linear = training.model_copy(update={"output": "linear"})
    for stack, measured in solve(asked, stages, names, args.seeds[0], linear, args.definition, device):
        folder = args.output / stack.readout.name
        outputs = {head.pattern: folder / f"{head.pattern}.safetensors" for head in stack.heads}
        made_by = "experiments.least_squares.solution"
        save(stack, measured, outputs, stages, linear, args.definition, stages[0].alignment, made_by)
