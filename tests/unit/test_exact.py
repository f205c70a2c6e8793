"""Normal equations from correlations against the dense, unfolded least-squares problem; and the exact readout."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.normal_equations import Moments
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
