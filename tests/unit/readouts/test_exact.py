"""Exact readouts against the dense, unfolded least-squares problem. Features here are synthetic."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.features.stored import read_features
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.conjugate_gradient import NormalOperator, steps
from posinfo.readouts.exact import RIDGES, STEPS, solve, target
from posinfo.readouts.heads import Head, HeadStack
from posinfo.readouts.normal_equations import Moments
from posinfo.readouts.training import load_stack, make_stack, save
from posinfo.scores.measures import predict
from posinfo.store.errors import InputError
from synthetic import ALIGNMENT, small_features
from torch.nn import functional

CPU = torch.device("cpu")


def dense(maps: torch.Tensor, targets: torch.Tensor, kernel: int, ridge: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [heads, k² C] and biases of the ridge solution, by unfolding every patch."""
    channels, pictures = maps.shape[:2]
    patches = functional.unfold(maps.transpose(0, 1), kernel)  # [pictures, C k², outputs]
    rows = patches.view(pictures, channels, kernel**2, -1).transpose(1, 2).flatten(1, 2).transpose(1, 2).flatten(0, 1)
    wanted = targets.flatten(1).T.repeat(pictures, 1)
    centred = rows - rows.mean(0)
    gram = centred.T @ centred
    gram += ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    weights = torch.linalg.solve(gram, centred.T @ (wanted - wanted.mean(0))).T
    return weights, wanted.mean(0) - weights @ rows.mean(0)


@given(
    channels=st.integers(1, 5),
    pictures=st.integers(1, 4),
    side=st.integers(5, 9),
    kernel=st.sampled_from([1, 3]),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_equal_to_the_dense_unfolded_solution(channels: int, pictures: int, side: int, kernel: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.rand(channels, pictures, side, side, generator=generator, dtype=torch.float64)
    targets = torch.rand(2, side - kernel + 1, side - kernel + 1, generator=generator, dtype=torch.float64)
    chosen = torch.arange(channels)[seed % channels :]
    moments = Moments(channels, side, 3, CPU, torch.float64)
    for start in range(0, pictures, 2):
        moments.add(maps[:, start : start + 2])
    equations = moments.equations(kernel, chosen)
    ridges = [0.01, 3.0]
    weights, biases = equations.solve(targets, ridges)
    for ridge, weight, bias in zip(ridges, weights, biases, strict=True):
        expected, offset = dense(maps[chosen], targets, kernel, ridge)
        torch.testing.assert_close(weight, expected, rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(bias, offset, rtol=1e-7, atol=1e-9)


def test_sums_of_two_parts_are_the_sums_of_the_whole() -> None:
    maps = torch.rand(3, 6, 7, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    target = torch.rand(1, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    parts, whole = Moments(3, 7, 3, CPU, torch.float64), Moments(3, 7, 3, CPU, torch.float64)
    parts.add(maps[:, :4])
    parts.equations(3, torch.arange(3)).solve(target, [1e-3])  # solving in between must not spoil the sums
    parts.add(maps[:, 4:])
    whole.add(maps)
    for kernel in (1, 3):
        wanted = target if kernel == 3 else functional.pad(target, (1, 1, 1, 1))
        found, _ = parts.equations(kernel, torch.arange(3)).solve(wanted, [0.1])
        expected, _ = whole.equations(kernel, torch.arange(3)).solve(wanted, [0.1])
        torch.testing.assert_close(found, expected)


def test_maps_too_small_for_the_kernel_are_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        Moments(1, 4, 3, CPU)


LINEAR = Training(output="linear")


def test_conjugate_gradients_reach_the_dense_solution(tmp_path: Path) -> None:
    stages = read_features(small_features(tmp_path))
    readout = Readout(kernel=5, stages="f1", exact=True)
    heads = [Head(readout, pattern, 0) for pattern in ("H", "G")]
    stack = make_stack(readout, heads, stages, ALIGNMENT, LINEAR)
    assert isinstance(stack, HeadStack)
    wanted = torch.stack([target(head.pattern, stack.side, "paper", ALIGNMENT.corners) for head in heads])
    operator = NormalOperator(stack, [stages[0]], np.arange(7), wanted, CPU)
    *_, weights = steps(operator, 300)
    maps = torch.from_numpy(np.array(stages[0].array)).double().transpose(0, 1) / stages[0].story["rms"]
    expected, offset = dense(maps, wanted, 5, 0.0)
    found = weights.transpose(0, 1).flatten(1).double()
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-3 * float(expected.abs().max()))
    torch.testing.assert_close(operator.biases(weights).double(), offset, rtol=1e-3, atol=1e-3)


def test_solved_readouts_are_stored_and_draw_what_they_solved(tmp_path: Path) -> None:
    stages, names = read_features(small_features(tmp_path, count=9)), [f"{index}-0" for index in range(9)]
    asked = {Readout(kernel=kernel, stages="f1", exact=True): ("H", "G") for kernel in (1, 3, 5)}
    for stack, measured in solve(asked, stages, names, 7, LINEAR, "paper", CPU):
        counts, of = ("steps", STEPS) if stack.readout.kernel == 5 else ("ridge", len(RIDGES))
        assert measured[counts].shape == (2,)
        assert measured["held_out"].shape == (2, of)
        wanted = torch.stack([target(head.pattern, stack.side, "paper", ALIGNMENT.corners) for head in stack.heads])
        drawn = predict(stack, stages, CPU)
        constant = (wanted - wanted.mean((1, 2), keepdim=True)).square().mean((1, 2))
        assert ((drawn - wanted[:, None]).square().mean((1, 2, 3)) < constant).all()
        outputs = {head.pattern: tmp_path / stack.readout.name / f"{head.pattern}.safetensors" for head in stack.heads}
        save(stack, measured, outputs, stages, LINEAR, "paper", ALIGNMENT)
        again, _ = load_stack(list(outputs.values()), stages)
        torch.testing.assert_close(predict(again, stages, CPU), drawn)


@pytest.mark.parametrize(
    ("asked", "count", "words"),
    [
        ({Readout(): ("H",)}, 9, "named so"),
        ({Readout(exact=True): ("H",), Readout(padding=1, exact=True): ("H",)}, 9, "one padding"),
        ({Readout(exact=True): ("H",)}, 3, "at least 4 training photographs"),
    ],
)
def test_what_cannot_be_solved_is_refused(
    tmp_path: Path, asked: dict[Readout, tuple[str, ...]], count: int, words: str
) -> None:
    stages, names = read_features(small_features(tmp_path, count=count)), [f"{index}-0" for index in range(count)]
    with pytest.raises(InputError, match=words):
        next(solve(asked, stages, names, 0, LINEAR, "paper", CPU))
