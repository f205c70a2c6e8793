"""Schemes of fewer products against the correlation written out."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.readouts.schemes import POINTS, Scheme, fewest, fourier, shifting, tiles
from torch.nn import functional

KERNELS = [1, 3, 5, 7, 9]
SIDES = {"side": st.integers(1, 40), "align": st.integers(8, 40), "padding": st.integers(0, 3)}


@given(
    way=st.sampled_from([shifting, fourier, tiles, fewest]),
    kernel=st.sampled_from(KERNELS),
    corners=st.booleans(),
    seed=st.integers(0, 99),
    **SIDES,
)
@settings(max_examples=200, deadline=None)
def test_equal_to_resizing_padding_and_correlating(
    way: Callable[..., Scheme], kernel: int, corners: bool, seed: int, side: int, align: int, padding: int
) -> None:
    if align + 2 * padding < kernel or (way is tiles and kernel > len(POINTS)):
        return
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(side, dtype=torch.float64, generator=generator)
    weights = torch.randn(kernel, dtype=torch.float64, generator=generator)
    # A row of equal columns is resized along the other axis without changing.
    square = values.expand(1, 1, side, side)
    resized = functional.interpolate(square, align, mode="bilinear", align_corners=corners)[0, :, 0]
    expected = functional.conv1d(functional.pad(resized, (padding, padding))[None], weights[None, None])[0, 0]
    scheme = way(align, side, kernel, padding, corners)
    assert scheme.features.shape == (scheme.products, side)
    found = scheme.output @ ((scheme.kernel @ weights) * (scheme.features @ values))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("side", "kernel", "products"),
    [(28, 3, 36), (28, 5, 41), (28, 7, 41), (28, 9, 41), (14, 3, 36), (14, 7, 41), (7, 3, 21), (7, 5, 35), (7, 7, 41)],
)
def test_products_for_the_papers_side(side: int, kernel: int, products: int) -> None:
    assert fewest(28, side, kernel, 0, False).products == products


@given(kernel=st.sampled_from(KERNELS), **SIDES)
@settings(max_examples=60, deadline=None)
def test_never_more_products_than_shifting(kernel: int, side: int, align: int, padding: int) -> None:
    if align + 2 * padding >= kernel:
        assert fewest(align, side, kernel, padding, False).products <= side * kernel


@pytest.mark.parametrize(("way", "kernel"), [(fourier, 5), (fourier, 7), (fourier, 9), (tiles, 3)])
def test_float32_keeps_six_digits(way: Callable[..., Scheme], kernel: int) -> None:
    """As many channels as VGG16 has, so that rounding adds up as it does there."""
    generator = torch.Generator().manual_seed(kernel)
    values = torch.randn(1472, 28, generator=generator).relu()
    weights = torch.randn(1472, kernel, generator=generator)

    def convolved(scheme: Scheme, dtype: torch.dtype) -> torch.Tensor:
        taps, rows = scheme.kernel.to(dtype) @ weights.T.to(dtype), scheme.features.to(dtype) @ values.T.to(dtype)
        return scheme.output.to(dtype) @ (taps * rows).sum(1)

    found = convolved(way(28, 28, kernel, 0, False), torch.float32)
    exact = convolved(shifting(28, 28, kernel, 0, False), torch.float64)
    assert float((found - exact).abs().max()) < 5e-6 * float(exact.abs().max())
