"""The fast readouts and their training against the plain ones in `posinfo.reference`. Features are synthetic."""

from typing import Any, Literal

import numpy as np
import pytest
import torch
from posinfo.features.stored import StageFeatures
from posinfo.protocol.alignment import Alignment, StageFit, StageShape
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head
from posinfo.readouts.training import make_stack, train
from posinfo.readouts.upsampling import upsample
from posinfo.reference import read_maps, train_reference

CPU = torch.device("cpu")
IMAGES = 8


def stages_of(*shapes: StageShape) -> list[StageFeatures]:
    rng = np.random.default_rng(0)
    stages = []
    for gain, shape in enumerate(shapes, start=1):
        array = gain * rng.standard_normal((IMAGES, shape.channels, shape.side, shape.side)).astype(np.float32)
        rms = float(np.sqrt(np.square(array).mean()))
        stages.append(StageFeatures(shape.name, array, {"rms": rms, "encoder": "synthetic"}, shape.fit))
    return stages


SHAPES = (StageShape("f1", 3, 12), StageShape("f2", 4, 12), StageShape("f3", 5, 6))


def check_training(
    readout: Readout,
    training: Training,
    alignment: Alignment,
    shapes: tuple[StageShape, ...] = SHAPES,
    rtol: float = 1e-4,
    atol: float = 2e-5,
) -> None:
    """Compare weights, running variance and predicted maps after training, to the given tolerances."""
    stages = stages_of(*shapes)
    head = Head(readout, "G", 3)
    stack = make_stack(readout, [head], stages, alignment, training)
    train([stack], stages, training, "paper", alignment, CPU)
    plain: Any = train_reference(head, stages, training, "paper", alignment)
    tensors = stack.tensors()
    for layer, (conv, norm) in enumerate(zip(plain.convs, plain.norms, strict=True)):
        weight = tensors[f"layer{layer}.weight"][0]
        torch.testing.assert_close(weight, conv.weight.detach(), rtol=rtol, atol=atol)
        torch.testing.assert_close(tensors[f"layer{layer}.var"][0], norm.running_var, rtol=rtol, atol=atol)
    features = {stage.name: torch.from_numpy(np.array(stage.array)).transpose(0, 1).contiguous() for stage in stages}
    with torch.no_grad():
        ours = upsample(stack.eval()(features)[0], alignment.corners)
        expected = plain.eval()(read_maps(stages, readout, range(IMAGES), training, alignment))
    torch.testing.assert_close(ours, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("output", ["sigmoid", "linear"])
@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (3, 0), (3, 1), (3, 2), (5, 1), (7, 0), (7, 2), (9, 1)])
def test_one_layer_trains_like_the_reference(
    kernel: int, padding: int, corners: bool, output: Literal["sigmoid", "linear"]
) -> None:
    training = Training(epochs=3, batch=4, decay_epoch=2, output=output)
    check_training(Readout(kernel=kernel, padding=padding), training, Alignment(side=12, corners=corners))


@pytest.mark.parametrize(
    ("layers", "padding", "kernel"), [(2, 0, 3), (3, 0, 3), (3, 1, 3), (2, 2, 3), (2, 0, 1), (2, 0, 5), (2, 3, 7)]
)
@pytest.mark.parametrize("hidden", [4, "same"])
def test_several_layers_train_like_the_reference(
    layers: int, padding: int, kernel: int, hidden: int | Literal["same"]
) -> None:
    readout = Readout(layers=layers, padding=padding, kernel=kernel)
    training = Training(epochs=2, batch=8, hidden=hidden, scale="none", decay_epoch=1)
    check_training(readout, training, Alignment(side=16), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "readout", [Readout(cut=1), Readout(cut=3, kernel=5), Readout(stages="f2", cut=2), Readout(stages="f3", raw=True)]
)
def test_cut_borders_and_single_stages_train_like_it(readout: Readout) -> None:
    check_training(readout, Training(epochs=3, batch=3), Alignment(side=14))


@pytest.mark.parametrize("fit", [StageFit("crop", 12, 7), StageFit("resize", 12, 7), StageFit("resize", 24, 13)])
@pytest.mark.parametrize("readout", [Readout(), Readout(kernel=7), Readout(layers=2), Readout(cut=2)])
def test_fitted_stages_train_like_the_reference(readout: Readout, fit: StageFit) -> None:
    shapes = (StageShape("f1", 3, 12, fit), StageShape("f2", 4, 12), StageShape("f3", 5, 6, StageFit("crop", 6, 4)))
    training = Training(epochs=3, batch=4, hidden=3)
    check_training(readout, training, Alignment(side=14), shapes, rtol=1e-3, atol=1e-4)
