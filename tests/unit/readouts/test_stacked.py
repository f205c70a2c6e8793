"""Stacked readouts: each head learns as if alone, from initial weights of its own; the loss on the small map."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.protocol.alignment import Alignment, StageShape
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head, StackedReadouts
from posinfo.readouts.training import truths
from posinfo.readouts.upsampling import UpsampledLoss
from torch.nn import functional

STAGES = [StageShape("f1", 3, 12), StageShape("f2", 4, 12), StageShape("f3", 5, 6)]
SCALE = [0.5, 1.0, 2.0]
SIZE = 40


def features_of(images: int, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        stage.name: torch.randn(stage.channels, images, stage.side, stage.side, generator=generator) for stage in STAGES
    }


def stack_of(heads: list[Head]) -> StackedReadouts:
    readout = heads[0].readout
    chosen = [stage for stage in STAGES if readout.stages in ("all", stage.name)]
    scale = [value for stage, value in zip(STAGES, SCALE, strict=True) if stage in chosen]
    return StackedReadouts(readout, heads, chosen, scale, Alignment(side=12), Training())


def train_stack(stack: StackedReadouts, heads: list[Head]) -> None:
    loss = UpsampledLoss(truths(heads, "paper", SIZE), stack.side, corners=False)
    optimiser = torch.optim.SGD(stack.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    for step in range(5):
        optimiser.zero_grad()
        loss(stack(features_of(4, step))).sum().backward()
        optimiser.step()


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("stages", ["all", "f1", "f3"])
def test_stacked_heads_equal_heads_trained_alone(stages: str, kernel: int) -> None:
    readout = Readout(stages=stages, kernel=kernel)
    heads = [Head(readout, pattern, seed) for pattern in ("H", "HS") for seed in (0, 1)]
    together = stack_of(heads)
    train_stack(together, heads)
    for row, head in enumerate(heads):
        alone = stack_of([head])
        train_stack(alone, [head])
        for name in ("layer0.weight", "layer0.gamma"):
            torch.testing.assert_close(together.tensors()[name][row], alone.tensors()[name][0], rtol=1e-4, atol=1e-5)


def test_initialisation_is_xavier_and_each_seeds_own() -> None:
    readout = Readout(kernel=3)
    stack = stack_of([Head(readout, "H", 0), Head(readout, "H", 1), Head(readout, "V", 0)])
    first, second, third = stack.tensors()["layer0.weight"]
    bound = (6 / ((12 + 1) * 9)) ** 0.5
    assert float(first.abs().max()) <= bound
    assert float(first.abs().max()) > 0.9 * bound
    assert not torch.equal(first, second)
    assert not torch.equal(first, third)


@given(side=st.integers(2, 12), size=st.integers(12, 60), corners=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_loss_on_the_small_map_is_the_loss_at_full_size(side: int, size: int, corners: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.rand(2, 3, side, side, generator=generator)
    truth = torch.rand(2, size, size, generator=generator, dtype=torch.float64)
    large = functional.interpolate(maps, size, mode="bilinear", align_corners=corners)
    expected = (large.double() - truth[:, None]).square().mean((1, 2, 3))
    torch.testing.assert_close(UpsampledLoss(truth, side, corners)(maps).double(), expected, rtol=1e-4, atol=1e-5)
