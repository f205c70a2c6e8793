"""Schemes with fewer products against the correlation written out."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.protocol.resampling import bilinear_matrix
from posinfo.readouts.schemes import Scheme, fourier, shifting, smallest_scheme
from torch.nn import functional

KERNELS = [1, 3, 5, 7, 9]
SIDES = {"side": st.integers(1, 40), "align": st.integers(8, 40), "padding": st.integers(0, 3)}


@given(
    make=st.sampled_from([shifting, fourier, smallest_scheme]),
    kernel=st.sampled_from(KERNELS),
    corners=st.booleans(),
    seed=st.integers(0, 99),
    **SIDES,
)
@settings(max_examples=200, deadline=None)
def test_schemes_equal_resizing_padding_and_correlating(
    make: Callable[..., Scheme], kernel: int, corners: bool, seed: int, side: int, align: int, padding: int
) -> None:
    if align + 2 * padding < kernel:
        return
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(side, dtype=torch.float64, generator=generator)
    weights = torch.randn(kernel, dtype=torch.float64, generator=generator)
    # A row of equal columns is resized along the other axis without changing.
    square = values.expand(1, 1, side, side)
    resized = functional.interpolate(square, align, mode="bilinear", align_corners=corners)[0, :, 0]
    expected = functional.conv1d(functional.pad(resized, (padding, padding))[None], weights[None, None])[0, 0]
    scheme = make(bilinear_matrix(align, side, corners), kernel, padding)
    assert scheme.features.shape == (scheme.products, side)
    found = scheme.output @ ((scheme.kernel @ weights) * (scheme.features @ values))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("side", "kernel", "products"),
    [(28, 3, 41), (28, 5, 41), (28, 7, 41), (28, 9, 41), (14, 3, 41), (14, 7, 41), (7, 3, 21), (7, 5, 35), (7, 7, 41)],
)
def test_products_for_the_papers_side(side: int, kernel: int, products: int) -> None:
    assert smallest_scheme(bilinear_matrix(28, side), kernel, 0).products == products


@given(kernel=st.sampled_from(KERNELS), **SIDES)
@settings(max_examples=60, deadline=None)
def test_never_more_products_than_shifting(kernel: int, side: int, align: int, padding: int) -> None:
    if align + 2 * padding >= kernel:
        assert smallest_scheme(bilinear_matrix(align, side), kernel, padding).products <= side * kernel


@pytest.mark.parametrize("kernel", [3, 5, 7, 9])
def test_float32_keeps_six_digits(kernel: int) -> None:
    """As many channels as VGG16 has, so that rounding adds up as it does there."""
    generator = torch.Generator().manual_seed(kernel)
    values = torch.randn(1472, 28, generator=generator).relu()
    weights = torch.randn(1472, kernel, generator=generator)

    def convolved(scheme: Scheme, dtype: torch.dtype) -> torch.Tensor:
        taps = scheme.kernel.to(dtype) @ weights.T.to(dtype)
        rows = scheme.features.to(dtype) @ values.T.to(dtype)
        return scheme.output.to(dtype) @ (taps * rows).sum(1)

    found = convolved(fourier(bilinear_matrix(28, 28), kernel, 0), torch.float32)
    exact = convolved(shifting(bilinear_matrix(28, 28), kernel, 0), torch.float64)
    assert float((found - exact).abs().max()) < 5e-6 * float(exact.abs().max())
