"""Readouts of maps whose border is cut away: the plain convolution inside the border of the aligned maps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.protocol.alignment import Alignment, StageShape
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head, StackedReadouts
from posinfo.store.errors import InputError
from torch.nn import functional

STAGES = [StageShape("f1", 3, 14), StageShape("f2", 4, 7)]


@settings(max_examples=25, deadline=None)
@given(
    align=st.integers(16, 20),
    cut=st.integers(1, 5),
    kernel=st.sampled_from([1, 3, 5]),
    corners=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_cut_readout_convolves_only_the_inside(align: int, cut: int, kernel: int, corners: bool, seed: int) -> None:
    readout = Readout(kernel=kernel, cut=cut)
    alignment = Alignment(side=align, corners=corners)
    stack = StackedReadouts(readout, [Head(readout, "H", seed)], STAGES, [1.0, 0.5], alignment, Training())
    generator = torch.Generator().manual_seed(seed)
    maps = {one.name: torch.randn(one.channels, 2, one.side, one.side, generator=generator) for one in STAGES}
    whole = torch.cat(
        [
            scale * functional.interpolate(maps[name].transpose(0, 1), align, mode="bilinear", align_corners=corners)
            for name, scale in (("f1", 1.0), ("f2", 0.5))
        ],
        1,
    )
    inside = whole[..., cut : align - cut, cut : align - cut]
    with torch.no_grad():
        found = stack.conv(stack.weights[0], maps)[0]
        expected = functional.conv2d(inside, stack.tensors()["layer0.weight"][0])[:, 0]
    assert found.shape[-1] == align - 2 * cut - kernel + 1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_cut_is_part_of_the_name() -> None:
    for readout in (Readout(cut=2), Readout(kernel=1, stages="f4", cut=11, raw=True)):
        assert Readout.parse(readout.name) == readout
    assert Readout(cut=2).name == "L1-k3-p0-all-c2"


@pytest.mark.parametrize("name", ["L2-k3-p0-all-c1", "lstsq-k3-p0-all-c1", "L1-k3-p1-all-c1"])
def test_only_plain_readouts_of_one_layer_are_cut(name: str) -> None:
    with pytest.raises(InputError, match="only trained readouts of one layer without padding are cut"):
        Readout.parse(name)
