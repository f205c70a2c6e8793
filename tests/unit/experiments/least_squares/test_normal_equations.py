"""Ridge solutions against numpy's least squares on every unfolded window. Features here are synthetic."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.experiments.least_squares.normal_equations import Moments
from posinfo.experiments.least_squares.solution import RIDGES
from posinfo.protocol.alignment import Alignment, StageShape
from torch.nn import functional

CPU = torch.device("cpu")


def unfolded(maps: torch.Tensor, targets: torch.Tensor, kernel: int, ridge: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [heads, C k²] and biases of the ridge solution: `numpy.linalg.lstsq` on a row for each window.

    The ridge enters as further rows, its root on the diagonal, whose targets are 0.
    """
    channels, images = maps.shape[:2]
    windows = functional.unfold(maps.transpose(0, 1), kernel)  # [images, C k², outputs]
    rows = windows.transpose(1, 2).reshape(-1, channels * kernel**2).numpy()
    wanted = targets.flatten(1).T.repeat(images, 1).numpy()
    centred = rows - rows.mean(0)
    strength = ridge * (centred**2).sum(0).mean()
    design = np.concatenate([centred, strength**0.5 * np.eye(rows.shape[1])])
    aims = np.concatenate([wanted - wanted.mean(0), np.zeros((rows.shape[1], len(targets)))])
    weights = np.linalg.lstsq(design, aims, rcond=None)[0].T
    return torch.from_numpy(weights), torch.from_numpy(wanted.mean(0) - weights @ rows.mean(0))


def moments_of(channels: int, side: int) -> Moments:
    """Of one stage at the common size, for kernels of 3 and 1."""
    alignment = Alignment.model_construct(side=side, corners=False)
    return Moments([StageShape("f1", channels, side)], [1.0], alignment, 0, 3, CPU, torch.float64)


def assert_solved(moments: Moments, maps: torch.Tensor, kernel: int, ridges: Sequence[float], chosen: slice) -> None:
    generator = torch.Generator().manual_seed(len(maps))
    side = maps.shape[-1] - kernel + 1
    targets = torch.rand(2, side, side, generator=generator, dtype=torch.float64)
    weights, biases = moments.equations(kernel, chosen).solve(targets, ridges)
    for ridge, weight, bias in zip(ridges, weights, biases, strict=True):
        expected, offset = unfolded(maps[chosen], targets, kernel, ridge)
        torch.testing.assert_close(weight, expected, rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(bias, offset, rtol=1e-7, atol=1e-9)


@given(
    channels=st.integers(1, 5),
    images=st.integers(1, 4),
    side=st.integers(5, 9),
    kernel=st.sampled_from([1, 3]),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_solution_equals_numpy_lstsq_on_windows(channels: int, images: int, side: int, kernel: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.rand(channels, images, side, side, generator=generator, dtype=torch.float64)
    moments = moments_of(channels, side)
    for start in range(0, images, 2):
        moments.add([maps[:, start : start + 2]])
    assert_solved(moments, maps, kernel, [0.01, 3.0], slice(seed % channels, channels))


def test_every_ridge_is_solved_as_if_alone() -> None:
    maps = torch.rand(4, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    moments = moments_of(4, 8)
    moments.add([maps])
    assert_solved(moments, maps, 3, RIDGES, slice(4))


def test_sums_of_two_batches_are_those_of_the_whole() -> None:
    maps = torch.rand(3, 6, 7, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    target = torch.rand(1, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    parts, whole = moments_of(3, 7), moments_of(3, 7)
    parts.add([maps[:, :4]])
    parts.equations(3, slice(3)).solve(target, [1e-3])  # solving in between must not spoil the sums
    parts.add([maps[:, 4:]])
    whole.add([maps])
    assert parts.images == whole.images == 6
    for kernel in (1, 3):
        wanted = target if kernel == 3 else functional.pad(target, (1, 1, 1, 1))
        found, _ = parts.equations(kernel, slice(3)).solve(wanted, [0.1])
        expected, _ = whole.equations(kernel, slice(3)).solve(wanted, [0.1])
        torch.testing.assert_close(found, expected)


@given(
    stages=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9)), min_size=1, max_size=3),
    align=st.integers(5, 9),
    padding=st.integers(0, 3),
    largest=st.sampled_from([1, 3]),
    corners=st.booleans(),
    seed=st.integers(0, 999),
)
@settings(max_examples=80, deadline=None)
def test_sums_at_stored_sides_are_those_of_resized_maps(
    stages: list[tuple[int, int]], align: int, padding: int, largest: int, corners: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shapes = [StageShape(f"f{place}", channels, min(side, align)) for place, (channels, side) in enumerate(stages)]
    scales = [0.5 + place for place in range(len(shapes))]
    maps = [
        torch.rand(shape.channels, 5, shape.side, shape.side, generator=generator, dtype=torch.float64)
        for shape in shapes
    ]
    alignment = Alignment.model_construct(side=align, corners=corners)
    moments = Moments(shapes, scales, alignment, padding, largest, CPU, torch.float64)
    moments.add([stage[:, :2] for stage in maps])
    moments.equations(1, slice(moments.channels))  # asking in between must not spoil the sums
    moments.add([stage[:, 2:] for stage in maps])
    resized = [
        scale * functional.interpolate(stage, align, mode="bilinear", align_corners=corners)
        for stage, scale in zip(maps, scales, strict=True)
    ]
    plain = functional.pad(torch.cat(resized), (padding,) * 4)
    for kernel in {1, largest}:
        equations = moments.equations(kernel, slice(moments.channels))
        windows = plain.unfold(2, plain.shape[-1] - kernel + 1, 1).unfold(3, plain.shape[-1] - kernel + 1, 1)
        unknowns = windows.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)  # [C k², images, out, out]
        expected = unknowns.flatten(1) @ unknowns.flatten(1).T
        torch.testing.assert_close(equations.gram, expected, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(equations.windows, unknowns.sum(1), rtol=1e-11, atol=1e-11)


def test_more_channels_than_one_block_are_all_multiplied() -> None:
    maps = torch.rand(200, 5, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    moments = moments_of(200, 5)
    moments.add([maps])
    # A side of 5 has 3 outputs, so that windows of 3 x 3 outputs are indexed by the kernel position.
    expected = maps.unfold(2, 3, 1).unfold(3, 3, 1).permute(0, 2, 3, 1, 4, 5).flatten(0, 2).flatten(1)
    found = moments.equations(3, slice(200)).gram
    torch.testing.assert_close(found, expected @ expected.T, rtol=1e-11, atol=1e-11)


def test_single_precision_sums_lose_no_digits() -> None:
    shapes = [StageShape("f1", 6, 28), StageShape("f2", 6, 14)]
    generator = torch.Generator().manual_seed(1)
    maps = [torch.randn(shape.channels, 8, shape.side, shape.side, generator=generator).relu() for shape in shapes]
    single = Moments(shapes, [1.0, 2.0], Alignment(), 0, 3, CPU)
    double = Moments(shapes, [1.0, 2.0], Alignment(), 0, 3, CPU, torch.float64)
    for moments in (single, double):
        moments.add(maps)
    found = single.equations(3, slice(12)).gram.double()
    expected = double.equations(3, slice(12)).gram
    assert (found - expected).norm() < 1e-6 * expected.norm()


def test_equations_without_a_unique_solution_are_refused() -> None:
    moments = moments_of(2, 5)
    moments.add([torch.zeros(2, 1, 5, 5, dtype=torch.float64)])
    with pytest.raises(ArithmeticError, match="positive definite"):
        moments.equations(3, slice(2)).solve(torch.rand(1, 3, 3, dtype=torch.float64), [1.0])
