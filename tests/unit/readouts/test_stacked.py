"""Stacked readouts against the plain module trained the plain way."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.protocol.alignment import Alignment, StageShape
from posinfo.protocol.readout import Readout, Training
from posinfo.protocol.resampling import bilinear_matrix
from posinfo.readouts.stacked import Head, StackedReadouts
from posinfo.readouts.training import truths
from posinfo.readouts.upsampling import UpsampledLoss, upsample
from torch import nn
from torch.nn import functional

STAGES = [StageShape("f1", 3, 12), StageShape("f2", 4, 12), StageShape("f3", 5, 6)]
SCALE = [0.5, 1.0, 2.0]
SIZE = 40


class PlainReadout(nn.Module):
    """Conv2d -> BatchNorm2d -> Sigmoid -> interpolate on the concatenated, resized stages, as released."""

    def __init__(self, weight: torch.Tensor, padding: int, align: int, corners: bool, output: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(weight.shape[0], 1, weight.shape[-1], padding=padding)
        self.norm = nn.BatchNorm2d(1)
        self.align, self.corners, self.output = align, corners, output
        with torch.no_grad():
            self.conv.weight.copy_(weight[None])
            assert self.conv.bias is not None
            self.conv.bias.zero_()

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        resized = [
            functional.interpolate(stage, self.align, mode="bilinear", align_corners=self.corners) for stage in maps
        ]
        small = self.norm(self.conv(torch.cat(resized, 1)))
        small = small.sigmoid() if self.output == "sigmoid" else small
        return functional.interpolate(small, SIZE, mode="bilinear", align_corners=self.corners)


def pictures(count: int, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        stage.name: torch.randn(count, stage.channels, stage.side, stage.side, generator=generator) for stage in STAGES
    }


def channels_first(maps: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: stage.transpose(0, 1).contiguous() for name, stage in maps.items()}


def stack_of(heads: list[Head], align: int, corners: bool, output: str = "sigmoid") -> StackedReadouts:
    readout = heads[0].readout
    chosen = [stage for stage in STAGES if readout.stages in ("all", stage.name)]
    scale = [value for stage, value in zip(STAGES, SCALE, strict=True) if stage in chosen]
    return StackedReadouts(readout, heads, chosen, scale, Alignment(side=align, corners=corners), output)


def train_stack(stack: StackedReadouts, heads: list[Head], steps: int, corners: bool, training: Training) -> None:
    loss = UpsampledLoss(truths(heads, "paper", SIZE), stack.side, corners)
    optimiser = torch.optim.SGD(stack.parameters(), lr=training.lr, momentum=0.9, weight_decay=1e-4)
    for step in range(steps):
        optimiser.zero_grad()
        loss(stack(channels_first(pictures(4, step)))).sum().backward()
        optimiser.step()


def train_plain(plain: PlainReadout, head: Head, steps: int, training: Training) -> float:
    truth = truths([head], "paper", SIZE).float()
    names = [stage.name for stage in STAGES if head.readout.stages in ("all", stage.name)]
    optimiser = torch.optim.SGD(plain.parameters(), lr=training.lr, momentum=0.9, weight_decay=1e-4)
    for step in range(steps):
        optimiser.zero_grad()
        maps = pictures(4, step)
        scaled = [maps[name] * SCALE[[stage.name for stage in STAGES].index(name)] for name in names]
        loss = functional.mse_loss(plain(scaled), truth[None].expand(4, 1, SIZE, SIZE))
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return float(loss.detach())


@pytest.mark.parametrize("output", ["sigmoid", "linear"])
@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (3, 0), (3, 1), (3, 2), (5, 1), (7, 0), (7, 2), (9, 1)])
def test_equals_the_plain_module_after_training(kernel: int, padding: int, corners: bool, output: str) -> None:
    head = Head(Readout(kernel=kernel, padding=padding), "G", 3)
    stack = stack_of([head], 12, corners, output)
    plain = PlainReadout(stack.weight()[0], padding, 12, corners, output)
    train_stack(stack, [head], 6, corners, Training())
    train_plain(plain, head, 6, Training())
    torch.testing.assert_close(stack.weight()[0], plain.conv.weight[0].detach(), rtol=1e-4, atol=2e-5)
    torch.testing.assert_close(stack.var[0], plain.norm.running_var[0], rtol=1e-4, atol=1e-5)  # type: ignore[index]
    stack.eval()
    plain.eval()
    maps = pictures(3, 99)
    scaled = [maps[stage.name] * value for stage, value in zip(STAGES, SCALE, strict=True)]
    ours = upsample(stack(channels_first(maps))[0], corners, SIZE)
    torch.testing.assert_close(ours.detach(), plain(scaled)[:, 0].detach(), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("stages", ["all", "f1", "f3"])
def test_stacked_heads_equal_heads_trained_alone(stages: str, kernel: int) -> None:
    readout = Readout(stages=stages, kernel=kernel)
    heads = [Head(readout, pattern, seed) for pattern in ("H", "HS") for seed in (0, 1)]
    together = stack_of(heads, 12, False)
    train_stack(together, heads, 5, False, Training())
    for row, head in enumerate(heads):
        alone = stack_of([head], 12, False)
        train_stack(alone, [head], 5, False, Training())
        torch.testing.assert_close(together.weight()[row], alone.weight()[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(together.gamma[row], alone.gamma[0], rtol=1e-4, atol=1e-5)


def test_initialisation_is_xavier_and_each_seeds_own() -> None:
    readout = Readout(kernel=3)
    stack = stack_of([Head(readout, "H", 0), Head(readout, "H", 1), Head(readout, "V", 0)], 12, False)
    first, second, third = stack.weight()
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


@given(out=st.integers(1, 60), side=st.integers(1, 40), corners=st.booleans())
@settings(max_examples=60, deadline=None)
def test_bilinear_matrix_is_interpolate(out: int, side: int, corners: bool) -> None:
    maps = torch.rand(1, 2, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(out))
    matrix = bilinear_matrix(out, side, corners)
    expected = functional.interpolate(maps, out, mode="bilinear", align_corners=corners)
    torch.testing.assert_close(matrix @ maps @ matrix.T, expected)
