"""Sums of products along one axis, against loops over outputs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.experiments.least_squares.correlations import correlation_scheme


@given(side=st.integers(5, 14), kernel=st.sampled_from([1, 3]), seed=st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_scheme_gives_the_sum_of_every_pair_of_positions(side: int, kernel: int, seed: int) -> None:
    one, other = torch.randn(2, side, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    scheme = correlation_scheme(side, kernel)
    found = scheme.sums @ ((scheme.left @ one) * (scheme.right @ other))
    outputs = side - kernel + 1
    expected = [one[i : i + outputs] @ other[j : j + outputs] for i in range(kernel) for j in range(kernel)]
    torch.testing.assert_close(found, torch.stack([*expected, one @ other]), rtol=1e-12, atol=1e-12)


def test_scheme_of_the_paper_takes_52_products() -> None:
    scheme = correlation_scheme(28, 3)
    assert scheme.left.shape == scheme.right.shape == (52, 28)
    assert scheme.sums.shape == (10, 52)


def test_maps_too_small_for_the_kernel_are_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        correlation_scheme(4, 3)
