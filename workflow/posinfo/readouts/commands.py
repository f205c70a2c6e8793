"""Train readouts."""

import json
from pathlib import Path

from posinfo.store.devices import DeviceSetting


def readouts(
    readouts: str,
    *,
    encoder: str,
    features: Path,
    fit: str = "",
    run: str,
    device: DeviceSetting = "auto",
    threads: int = 1,
    output: Path,
) -> None:
    """Train some readouts of one encoder, every pattern and every seed in the same passes over the features.

    Args:
        readouts: JSON of readout to patterns, such as {"L1-k3-p0-all": ["H", "G"]}
        encoder: whose readouts they are
        features: folder of the training images' features
        output: folder of {readout}.safetensors
    """
    from posinfo.features.stored import read_by, read_features
    from posinfo.protocol.readout import Readout
    from posinfo.readouts.stacked import Head
    from posinfo.readouts.stored import save_readout
    from posinfo.readouts.training import make_stack, train
    from posinfo.registry.entries import Fit
    from posinfo.run.config import load_passed
    from posinfo.store.devices import choose_device
    from posinfo.store.files import atomic_directory

    passed = load_passed(run)
    chosen = choose_device(device, threads)
    asked = {Readout.parse(name): patterns for name, patterns in json.loads(readouts).items()}
    stages = read_by(asked, read_features(features, fit=Fit.parse(fit)))
    alignment = stages[0].alignment
    stacks = []
    for readout, patterns in asked.items():
        heads = [Head(readout, pattern, seed) for pattern in patterns for seed in passed.seeds]
        stacks.append(make_stack(readout, heads, stages, alignment, passed.training))
    described = f"{encoder}, {sum(len(stack.heads) for stack in stacks)} heads"
    checkpoint = output.with_name(f"{output.name}.checkpoint")
    histories = train(stacks, stages, passed.training, passed.patterns, alignment, chosen, described, checkpoint)
    with atomic_directory(output) as folder:
        for stack, history in zip(stacks, histories, strict=True):
            path = folder / f"{stack.readout.name}.safetensors"
            save_readout(stack, {"loss": history}, path, stages, passed.training, passed.patterns, alignment)


OF_RULES = (readouts,)
