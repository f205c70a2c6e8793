"""Solve readouts by least squares."""

import json
from pathlib import Path

from posinfo.store.devices import DeviceSetting


def least_squares(
    readouts: str,
    *,
    features: Path,
    fit: str = "",
    images: Path,
    seed: int,
    run: str,
    device: DeviceSetting = "auto",
    threads: int = 1,
    output: Path,
) -> None:
    """Solve some readouts of one encoder: every pattern; nothing is drawn, so that one seed is enough.

    Args:
        readouts: JSON of readout to patterns, such as {"lstsq-k3-p0-all": ["H", "G"]}
        features: folder of the training images' features
        images: csv of the training images
        seed: under which the solution is stored
        output: folder of {readout}.safetensors
    """
    from posinfo.experiments.least_squares.solution import solve
    from posinfo.features.stored import read_by, read_features
    from posinfo.images.decoded import read_image_names
    from posinfo.protocol.readout import Readout
    from posinfo.readouts.stored import save_readout
    from posinfo.registry.entries import Fit
    from posinfo.run.config import load_passed
    from posinfo.store.devices import choose_device
    from posinfo.store.files import atomic_directory

    passed = load_passed(run)
    chosen = choose_device(device, threads)
    asked = {Readout.parse(name): patterns for name, patterns in json.loads(readouts).items()}
    stages = read_by(asked, read_features(features, fit=Fit.parse(fit)))
    names = read_image_names(images)
    linear = passed.training.model_copy(update={"output": "linear"})
    made_by = "experiments.least_squares.solution"
    with atomic_directory(output) as folder:
        for stack, measured in solve(asked, stages, names, seed, linear, passed.patterns, chosen):
            path = folder / f"{stack.readout.name}.safetensors"
            save_readout(stack, measured, path, stages, linear, passed.patterns, stages[0].alignment, made_by)


OF_RULES = (least_squares,)
