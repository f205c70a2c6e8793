"""Readouts by least squares on synthetic features: the choice of the ridge, and what is stored."""

from pathlib import Path

import numpy as np
import pytest
import torch
from posinfo.experiments.least_squares.normal_equations import Moments
from posinfo.experiments.least_squares.solution import RIDGES, held_out, solve, target
from posinfo.features.stored import StageFeatures, read_features
from posinfo.protocol.patterns import ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stored import load_readout, save_readout
from posinfo.scores.measures import predict
from posinfo.store.errors import InputError
from synthetic_features import ALIGNMENT, small_features
from torch.nn import functional

CPU = torch.device("cpu")
LINEAR = Training(output="linear")


def read(folder: Path, count: int) -> tuple[list[StageFeatures], list[str]]:
    """Stages of so many photographs with one view each, and the names of the images."""
    return read_features(small_features(folder, count=count)), [f"{index}-0" for index in range(count)]


def subset(stages: list[StageFeatures], images: torch.Tensor) -> list[StageFeatures]:
    return [StageFeatures(stage.name, np.array(stage.array)[images.numpy()], stage.metadata) for stage in stages]


def test_solved_readouts_are_stored_and_predict_the_target(tmp_path: Path) -> None:
    stages, names = read(tmp_path, 9)
    asked = {Readout(kernel=kernel, stages="f1", least_squares=True): ("H", "G") for kernel in (1, 3)}
    for stack, measured in solve(asked, stages, names, 7, LINEAR, "paper", CPU):
        assert measured["ridge"].shape == (2,)
        assert measured["held_out"].shape == (2, len(RIDGES))
        wanted = torch.stack([target(head.pattern, stack.side, "paper", ALIGNMENT.corners) for head in stack.heads])
        predicted = predict(stack, stages, CPU)
        constant = (wanted - wanted.mean((1, 2), keepdim=True)).square().mean((1, 2))
        assert ((predicted - wanted[:, None]).square().mean((1, 2, 3)) < constant).all()
        path = tmp_path / f"{stack.readout.name}.safetensors"
        save_readout(stack, measured, path, stages, LINEAR, "paper", ALIGNMENT, "experiments.least_squares.solution")
        again, metadata = load_readout(path, stages)
        assert metadata["heads"] == [["H", 7], ["G", 7]]
        torch.testing.assert_close(predict(again, stages, CPU), predicted)


def test_ridge_is_the_best_on_held_out_photographs(tmp_path: Path) -> None:
    stages, names = read(tmp_path, 12)
    readout = Readout(stages="f1", least_squares=True)
    (stack, measured), *_ = solve({readout: ("H", "G")}, stages, names, 0, LINEAR, "paper", CPU)
    judges = torch.from_numpy(held_out(names))
    (part,) = subset(stages[:1], ~judges)
    (rest,) = subset(stages[:1], judges)
    scale = 1 / stages[0].metadata["rms"]
    moments = Moments([part.shape], [scale], ALIGNMENT, 0, 3, CPU, torch.float64)
    moments.add([torch.from_numpy(part.array).double().transpose(0, 1)])
    channels = slice(part.shape.channels)
    wanted = torch.stack([target(head.pattern, stack.side, "paper", ALIGNMENT.corners) for head in stack.heads])
    weights, biases = moments.equations(3, channels).solve(wanted, RIDGES)
    maps = scale * torch.from_numpy(rest.array).double()
    for row, head in enumerate(stack.heads):
        truth = torch.from_numpy(ground_truth(head.pattern, 224, "paper"))
        for place in range(len(RIDGES)):
            kernel = weights[place, row].view(1, -1, 3, 3)
            drawn = functional.conv2d(maps, kernel, biases[place, row : row + 1])
            large = functional.interpolate(drawn, 224, mode="bilinear", align_corners=ALIGNMENT.corners)
            loss = (large[:, 0] - truth).square().mean()
            torch.testing.assert_close(measured["held_out"][row, place].double(), loss, rtol=1e-3, atol=1e-6)
        best = measured["held_out"][row].argmin()
        assert float(measured["ridge"][row]) == pytest.approx(RIDGES[int(best)])


def test_readout_is_solved_on_all_with_the_chosen_ridge(tmp_path: Path) -> None:
    stages, names = read(tmp_path, 9)
    readout = Readout(stages="f1", least_squares=True)
    (stack, measured), *_ = solve({readout: ("H",)}, stages, names, 0, LINEAR, "paper", CPU)
    moments = Moments([stages[0].shape], [1 / stages[0].metadata["rms"]], ALIGNMENT, 0, 3, CPU, torch.float64)
    moments.add([torch.from_numpy(np.array(stages[0].array)).double().transpose(0, 1)])
    wanted = target("H", stack.side, "paper", ALIGNMENT.corners)[None]
    weights, biases = moments.equations(3, slice(stages[0].shape.channels)).solve(wanted, measured["ridge"].tolist())
    tensors = stack.tensors()
    torch.testing.assert_close(tensors["layer0.weight"].double().flatten(), weights.flatten(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(tensors["layer0.bias"].double().flatten(), biases.flatten(), rtol=1e-3, atol=1e-4)


def test_stage_is_solved_alike_alone_and_beside_others(tmp_path: Path) -> None:
    stages, names = read(tmp_path, 9)
    alone = Readout(stages="f2", least_squares=True)
    together = {Readout(least_squares=True): ("H",), alone: ("H",), Readout(kernel=1, least_squares=True): ("H",)}
    expected = next(solve({alone: ("H",)}, stages[1:], names, 0, LINEAR, "paper", CPU))
    solved = {stack.readout: stack for stack, _ in solve(together, stages, names, 0, LINEAR, "paper", CPU)}
    found = solved[alone].tensors()
    for name, tensor in expected[0].tensors().items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=1e-4)


def test_all_views_of_every_fourth_photograph_judge() -> None:
    names = [f"{photograph}-{view}" for photograph in range(8) for view in range(2)]
    assert np.flatnonzero(held_out(names)).tolist() == [6, 7, 14, 15]


@pytest.mark.parametrize(
    ("asked", "count", "words"),
    [
        ({Readout(): ("H",)}, 9, "L1-k3-p0-all is trained"),
        ({Readout(kernel=5, least_squares=True): ("H",)}, 9, "kernels of 1 and 3"),
        ({Readout(least_squares=True): ("H",), Readout(padding=1, least_squares=True): ("H",)}, 9, "the same padding"),
        ({Readout(least_squares=True): ("H",)}, 3, "at least 4 training photographs"),
    ],
)
def test_readouts_that_cannot_be_solved_are_refused(
    tmp_path: Path, asked: dict[Readout, tuple[str, ...]], count: int, words: str
) -> None:
    stages, names = read(tmp_path, count)
    with pytest.raises(InputError, match=words):
        next(solve(asked, stages, names, 0, LINEAR, "paper", CPU))
