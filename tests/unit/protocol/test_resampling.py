"""Resizing matrices against torch's interpolation, and stages that are cut or resized before it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.protocol.alignment import Alignment, StageFit, StageShape
from posinfo.protocol.resampling import bilinear_matrix, stage_matrix
from torch.nn import functional


def random_maps(side: int) -> torch.Tensor:
    return torch.rand(1, 2, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(side))


@given(out=st.integers(1, 60), side=st.integers(1, 40), corners=st.booleans())
@settings(max_examples=60, deadline=None)
def test_bilinear_matrix_is_interpolate(out: int, side: int, corners: bool) -> None:
    maps = random_maps(side)
    matrix = bilinear_matrix(out, side, corners)
    expected = functional.interpolate(maps, out, mode="bilinear", align_corners=corners)
    torch.testing.assert_close(matrix @ maps @ matrix.T, expected)


@given(align=st.integers(8, 40), native=st.integers(1, 40), cut=st.integers(0, 20), corners=st.booleans())
@settings(max_examples=60, deadline=None)
def test_cropping_is_resizing_of_the_kept_cells(align: int, native: int, cut: int, corners: bool) -> None:
    side = max(1, native - cut)
    start = (native - side) // 2
    alignment = Alignment(side=align, corners=corners)
    found = stage_matrix(StageShape("f1", 3, native, StageFit("crop", native, side)), alignment)
    expected = functional.pad(bilinear_matrix(align, side, corners), (start, native - side - start))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("native", "side"), [(56, 42), (112, 109), (224, 218)])
def test_a_crop_of_a_smaller_stored_map_keeps_positions(native: int, side: int) -> None:
    """A linear ramp over the native cells, resized to the stored side, keeps its values wherever it is cut."""
    fit = StageFit("crop", native, side)
    ramp = torch.arange(native, dtype=torch.float64)
    stored = bilinear_matrix(28, native) @ ramp
    start = (native - side) // 2
    expected = bilinear_matrix(28, side) @ ramp[start : start + side]
    found = stage_matrix(StageShape("f1", 3, 28, fit), Alignment()) @ stored
    inside = slice(1, -1)  # outside the centres of the first and last stored cell the ramp is cut
    torch.testing.assert_close(found[inside], expected[inside], rtol=0, atol=1e-9)
    assert found[0] >= start
    assert found[-1] <= start + side - 1


@given(align=st.integers(8, 40), stored=st.integers(1, 28), side=st.integers(1, 40), corners=st.booleans())
@settings(max_examples=60, deadline=None)
def test_resizing_is_antialiased_where_it_shrinks(align: int, stored: int, side: int, corners: bool) -> None:
    maps = random_maps(stored)
    matrix = stage_matrix(
        StageShape("f1", 2, stored, StageFit("resize", 40, side)), Alignment(side=align, corners=corners)
    )
    smaller = functional.interpolate(maps, min(stored, side), mode="bilinear", antialias=True)
    expected = functional.interpolate(smaller, align, mode="bilinear", align_corners=corners)
    torch.testing.assert_close(matrix @ maps @ matrix.T, expected)
