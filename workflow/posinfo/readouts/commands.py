"""Train readouts."""

import argparse
import json
from pathlib import Path

from posinfo.command_line import Commands


def add(commands: Commands) -> None:
    """Add this command to the command line."""
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


def _readouts(args: argparse.Namespace) -> None:
    from posinfo.features.stored import read_features
    from posinfo.protocol.readout import Readout, Training
    from posinfo.readouts.stacked import Head
    from posinfo.readouts.training import make_stack, save, train
    from posinfo.store.devices import choose_device

    device = choose_device(args.device, args.threads)
    training = Training.model_validate_json(args.training)
    stages = read_features(args.features)
    alignment, stacks = stages[0].alignment, []
    for name, patterns in json.loads(args.readouts).items():
        readout = Readout.parse(name)
        heads = [Head(readout, pattern, seed) for pattern in patterns for seed in args.seeds]
        stacks.append(make_stack(readout, heads, stages, alignment, training))
    describe = f"{stages[0].metadata['encoder']}, {sum(len(stack.heads) for stack in stacks)} heads"
    histories = train(stacks, stages, training, args.definition, alignment, device, describe)
    for stack, history in zip(stacks, histories, strict=True):
        folder = args.output / stack.readout.name
        outputs = {head.pattern: folder / f"{head.pattern}.safetensors" for head in stack.heads}
        save(stack, {"loss": history}, outputs, stages, training, args.definition, alignment)
