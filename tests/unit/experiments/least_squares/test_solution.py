"""Exact readouts against the dense, unfolded least-squares problem. Features here are synthetic."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.experiments.least_squares.axis import Axis
from posinfo.experiments.least_squares.conjugate_gradient import NormalOperator, steps
from posinfo.experiments.least_squares.correlations import blocks
from posinfo.experiments.least_squares.normal_equations import NEAR, Moments, shared_factors
from posinfo.experiments.least_squares.solution import RIDGES, STEPS, solve, target
from posinfo.features.stored import read_features
from posinfo.protocol.alignment import StageShape
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head, StackedReadouts
from posinfo.readouts.training import load_stack, make_stack, save
from posinfo.scores.measures import predict
from posinfo.store.errors import InputError
from synthetic_features import ALIGNMENT, small_features
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


def moments_of(channels: int, side: int) -> Moments:
    """Of one stage at the common size, for kernels of 3 and 1."""
    axis = Axis(side, padding=0, kernel=3, corners=False)
    return Moments([StageShape("f1", channels, side)], [1.0], axis, CPU, torch.float64)


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
    moments = moments_of(channels, side)
    for start in range(0, pictures, 2):
        moments.add([maps[:, start : start + 2]])
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
    parts, whole = moments_of(3, 7), moments_of(3, 7)
    parts.add([maps[:, :4]])
    parts.equations(3, torch.arange(3)).solve(target, [1e-3])  # solving in between must not spoil the sums
    parts.add([maps[:, 4:]])
    whole.add([maps])
    for kernel in (1, 3):
        wanted = target if kernel == 3 else functional.pad(target, (1, 1, 1, 1))
        found, _ = parts.equations(kernel, torch.arange(3)).solve(wanted, [0.1])
        expected, _ = whole.equations(kernel, torch.arange(3)).solve(wanted, [0.1])
        torch.testing.assert_close(found, expected)


def test_maps_too_small_for_the_kernel_are_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        moments_of(1, 4)


@given(
    stages=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9)), min_size=1, max_size=3),
    align=st.integers(5, 9),
    padding=st.integers(0, 3),
    largest=st.sampled_from([1, 3]),
    corners=st.booleans(),
    seed=st.integers(0, 999),
)
@settings(max_examples=80, deadline=None)
def test_sums_at_the_stages_own_sides_are_those_of_the_resized_maps(
    stages: list[tuple[int, int]], align: int, padding: int, largest: int, corners: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shapes = [StageShape(f"f{place}", channels, min(side, align)) for place, (channels, side) in enumerate(stages)]
    scales = [0.5 + place for place in range(len(shapes))]
    maps = [
        torch.rand(shape.channels, 5, shape.side, shape.side, generator=generator, dtype=torch.float64)
        for shape in shapes
    ]
    moments = Moments(shapes, scales, Axis(align, padding, largest, corners), CPU, torch.float64)
    moments.add([stage[:, :2] for stage in maps])
    moments.equations(1, torch.arange(moments.channels))  # asking in between must not spoil the sums
    moments.add([stage[:, 2:] for stage in maps])
    resized = [
        scale * functional.interpolate(stage, align, mode="bilinear", align_corners=corners)
        for stage, scale in zip(maps, scales, strict=True)
    ]
    plain = functional.pad(torch.cat(resized), (padding,) * 4)
    for kernel in {1, largest}:
        equations = moments.equations(kernel, torch.arange(moments.channels))
        windows = plain.unfold(2, plain.shape[-1] - kernel + 1, 1).unfold(3, plain.shape[-1] - kernel + 1, 1)
        unknowns = windows.permute(2, 3, 0, 1, 4, 5).flatten(0, 2)  # [k² C, pictures, out, out]
        expected = unknowns.flatten(1) @ unknowns.flatten(1).T
        torch.testing.assert_close(equations.gram.triu(), expected.triu(), rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(equations.windows, unknowns.sum(1), rtol=1e-11, atol=1e-11)


def test_pictures_that_do_not_fit_at_once_are_multiplied_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = torch.rand(200, 5, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    whole = moments_of(200, 5)  # more than one block of channels
    monkeypatch.setattr("posinfo.experiments.least_squares.normal_equations.MOST_PICTURES", 2)
    parts = moments_of(200, 5)
    for moments in (whole, parts):
        moments.add([maps])
    assert len(list(blocks(200))) > 1
    expected = maps.unfold(2, 3, 1).unfold(3, 3, 1).permute(2, 3, 0, 1, 4, 5)  # as outputs of a kernel of 3
    unknowns = expected.flatten(0, 2).flatten(1)
    for moments in (whole, parts):
        assert moments.count == 5
        found = moments.equations(3, torch.arange(200)).gram.triu()
        torch.testing.assert_close(found, (unknowns @ unknowns.T).triu(), rtol=1e-11, atol=1e-11)


def test_single_precision_sums_are_as_exact_as_single_precision_is() -> None:
    shapes, axis = [StageShape("f1", 6, 28), StageShape("f2", 6, 14)], Axis(28, 0, 3, corners=False)
    generator = torch.Generator().manual_seed(1)
    maps = [torch.randn(shape.channels, 8, shape.side, shape.side, generator=generator).relu() for shape in shapes]
    single = Moments(shapes, [1.0, 2.0], axis, CPU)
    double = Moments(shapes, [1.0, 2.0], axis, CPU, torch.float64)
    for moments in (single, double):
        moments.add(maps)
    found, expected = (moments.equations(3, torch.arange(12)).gram.triu().double() for moments in (single, double))
    assert (found - expected).norm() < 1e-6 * expected.norm()


@given(ridges=st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=8))
def test_every_ridge_is_served_by_a_factor_near_to_it(ridges: list[float]) -> None:
    groups = list(shared_factors(ridges))
    assert sorted(place for _, served in groups for place in served) == list(range(len(ridges)))
    for factorised, served in groups:
        assert factorised in [ridges[place] for place in served]
        assert all(factorised / NEAR <= ridges[place] <= factorised * NEAR for place in served)


def test_seven_decades_take_three_factors_and_solve_as_each_alone() -> None:
    assert [served for _, served in shared_factors(RIDGES)] == [[0, 1, 2], [3, 4, 5], [6]]
    maps = torch.rand(4, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    wanted = torch.rand(2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    moments = moments_of(4, 8)
    moments.add([maps])
    weights, biases = moments.equations(3, torch.arange(4)).solve(wanted, RIDGES)
    for ridge, weight, bias in zip(RIDGES, weights, biases, strict=True):
        expected, offset = dense(maps, wanted, 3, ridge)
        torch.testing.assert_close(weight, expected, rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(bias, offset, rtol=1e-7, atol=1e-9)


def test_equations_without_a_finite_solution_are_refused() -> None:
    moments = moments_of(2, 5)
    moments.add([torch.zeros(2, 1, 5, 5, dtype=torch.float64)])
    with pytest.raises(ArithmeticError, match="positive definite"):
        moments.equations(3, torch.arange(2)).solve(torch.rand(1, 3, 3, dtype=torch.float64), [1.0])


LINEAR = Training(output="linear")


def test_conjugate_gradients_reach_the_dense_solution(tmp_path: Path) -> None:
    stages = read_features(small_features(tmp_path))
    readout = Readout(kernel=5, stages="f1", exact=True)
    heads = [Head(readout, pattern, 0) for pattern in ("H", "G")]
    stack = make_stack(readout, heads, stages, ALIGNMENT, LINEAR)
    assert isinstance(stack, StackedReadouts)
    wanted = torch.stack([target(head.pattern, stack.side, "paper", ALIGNMENT.corners) for head in heads])
    operator = NormalOperator(stack, [stages[0]], np.arange(7), wanted, CPU)
    *_, weights = steps(operator, 300)
    maps = torch.from_numpy(np.array(stages[0].array)).double().transpose(0, 1) / stages[0].metadata["rms"]
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
