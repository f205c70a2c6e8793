"""The first convolution of stages that are never aligned, against `Conv2d` on aligned ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from posinfo.protocol.alignment import Alignment, StageShape
from posinfo.readouts import aligned_conv, products
from posinfo.readouts.aligned_conv import AlignedConv
from torch import nn
from torch.nn import functional

STAGES = [StageShape("a", 3, 12), StageShape("b", 5, 6), StageShape("c", 4, 12), StageShape("d", 2, 3)]
SCALE = [0.5, 1.0, 2.0, 3.0]
ALIGNMENT = Alignment(side=12)
ROWS, PICTURES = 6, 3


def made(stages: list[StageShape], kernel: int, rows: int, pictures: int, seed: int = 0) -> tuple[nn.Conv2d, Any]:
    """The plain convolution, and features as the reader hands them on."""
    generator = torch.Generator().manual_seed(seed)
    plain = nn.Conv2d(sum(stage.channels for stage in stages), rows, kernel, bias=False)
    nn.init.uniform_(plain.weight, -1, 1, generator)
    return plain, {
        stage.name: torch.randn(stage.channels, pictures, stage.side, stage.side, generator=generator)
        for stage in stages
    }


@dataclass
class Sums:
    """Sums of products in float64, and the largest sum of their magnitudes."""

    values: torch.Tensor
    magnitude: float


def expected(
    plain: nn.Conv2d, features: Any, stages: list[StageShape], scale: list[float], alignment: Alignment, padding: int
) -> tuple[Sums, torch.Tensor, Sums]:
    """Maps [rows, pictures, side, side], what is sent back, and the weights' gradient."""
    aligned = torch.cat(
        [
            functional.interpolate(
                value * features[stage.name].double().transpose(0, 1),
                alignment.side,
                mode="bilinear",
                align_corners=alignment.corners,
            )
            for stage, value in zip(stages, scale, strict=True)
        ],
        1,
    )

    def summed(of: Callable[[torch.Tensor], torch.Tensor]) -> list[torch.Tensor]:
        weight = of(plain.weight.detach().double()).requires_grad_()
        maps = functional.conv2d(of(aligned), weight, padding=padding).transpose(0, 1)
        sent = of(torch.randn(maps.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
        maps.backward(sent)  # type: ignore[no-untyped-call]
        assert weight.grad is not None
        return [maps.detach(), sent, weight.grad]

    (maps, sent, gradient), (of_maps, _, of_gradient) = summed(torch.clone), summed(torch.abs)
    return Sums(maps, float(of_maps.max())), sent, Sums(gradient, float(of_gradient.max()))


def assert_close(found: torch.Tensor, wanted: Sums) -> None:
    """To 1e-5 of the largest value; where all that was summed cancels, to one rounding of it."""
    bound = max(1e-5 * float(wanted.values.abs().max()), torch.finfo(torch.float32).eps / 2 * wanted.magnitude)
    torch.testing.assert_close(found.double(), wanted.values, rtol=0, atol=bound)


def check(mixer: AlignedConv, plain: nn.Conv2d, features: Any, truth: tuple[Sums, torch.Tensor, Sums]) -> None:
    maps, sent, gradient = truth
    plain.zero_grad()
    found = mixer(plain.weight.permute(2, 3, 0, 1), features)
    assert_close(found.detach(), maps)
    found.backward(sent.float())
    assert plain.weight.grad is not None
    assert_close(plain.weight.grad, gradient)


def mixer_of(kernel: int, padding: int = 0, fewer: bool = True) -> AlignedConv:
    return AlignedConv(STAGES, SCALE, ALIGNMENT, kernel, padding, fewer)


@pytest.mark.parametrize("fewer", [False, True])
@pytest.mark.parametrize("padding", [0, 1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5, 7, 9])
def test_equals_a_convolution_of_aligned_stages(kernel: int, padding: int, fewer: bool) -> None:
    plain, features = made(STAGES, kernel, ROWS, PICTURES)
    truth = expected(plain, features, STAGES, SCALE, ALIGNMENT, padding)
    check(mixer_of(kernel, padding, fewer), plain, features, truth)


@given(
    shapes=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 20)), min_size=1, max_size=4),
    kernel=st.sampled_from([1, 3, 5, 7, 9]),
    padding=st.integers(0, 3),
    align=st.integers(9, 20),
    corners=st.booleans(),
    rows=st.integers(1, 5),
    pictures=st.integers(1, 3),
    fewer=st.booleans(),
)
@example([(4, 15), (4, 15), (1, 18), (2, 15)], 9, 0, 9, False, 1, 1, False)  # 891 products leave .124
@settings(max_examples=100, deadline=None)
def test_equals_it_for_any_shapes(
    shapes: list[tuple[int, int]],
    kernel: int,
    padding: int,
    align: int,
    corners: bool,
    rows: int,
    pictures: int,
    fewer: bool,
) -> None:
    stages = [StageShape(f"f{place}", channels, side) for place, (channels, side) in enumerate(shapes)]
    scale, alignment = [1.0 + place for place in range(len(stages))], Alignment(side=align, corners=corners)
    plain, features = made(stages, kernel, rows, pictures)
    truth = expected(plain, features, stages, scale, alignment, padding)
    check(AlignedConv(stages, scale, alignment, kernel, padding, fewer), plain, features, truth)


@pytest.mark.parametrize("kept", [0, 2**30])
@pytest.mark.parametrize(("transformed", "mixed"), [(1, 1), (2000, 2**30), (2**30, 4000), (3000, 9000)])
@pytest.mark.parametrize("kernel", [3, 7])
def test_few_at_a_time_give_the_same(
    monkeypatch: pytest.MonkeyPatch, kernel: int, transformed: int, mixed: int, kept: int
) -> None:
    monkeypatch.setattr(products, "TRANSFORMED", transformed)
    monkeypatch.setattr(products, "MIXED", mixed)
    monkeypatch.setattr(aligned_conv, "KEPT", kept)
    plain, features = made(STAGES, kernel, ROWS, PICTURES)
    check(mixer_of(kernel), plain, features, expected(plain, features, STAGES, SCALE, ALIGNMENT, 0))


def test_memory_does_not_grow_with_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what is held from batch to batch, nor what autograd keeps, but for the weights."""
    monkeypatch.setattr(products, "MIXED", 2**14)
    held, kept = [], []
    for rows in (8, 80):
        plain, features = made(STAGES, 3, rows, PICTURES)
        mixer = mixer_of(3)
        saved: list[int] = []

        def keep(tensor: torch.Tensor, into: list[int] = saved) -> torch.Tensor:
            into.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            found = mixer(plain.weight.permute(2, 3, 0, 1), features)
        found.sum().backward()
        held.append(sum(tensor.numel() for tensor in mixer.workspace.held.values()))
        kept.append(sum(saved) - plain.weight.numel())
    assert mixer.workspace.held["mixed"].numel() <= 2**14
    assert held[1] < 1.3 * held[0]
    assert kept[0] == kept[1] == len(mixer.channel_scale)


@pytest.mark.parametrize("between", ["nothing", "predicting", "another batch", "a smaller batch", "a room of its own"])
def test_what_is_kept_for_the_gradient_is_its_own(between: str) -> None:
    mixer = mixer_of(7)
    plain, features = made(STAGES, 7, ROWS, PICTURES)
    _, other = made(STAGES, 7, ROWS, 1 if between == "a smaller batch" else PICTURES, seed=5)
    maps, sent, gradient = expected(plain, features, STAGES, SCALE, ALIGNMENT, 0)
    weight = plain.weight.permute(2, 3, 0, 1)
    found = mixer(weight, features)
    if between == "a room of its own":
        mixer.workspace.held.clear()
        mixer.workspace.owner = None
    elif between != "nothing":
        with torch.inference_mode(between == "predicting"):
            drawn = mixer(weight, other)
        assert_close(drawn.detach(), expected(plain, other, STAGES, SCALE, ALIGNMENT, 0)[0])
    found.backward(sent.float())
    assert plain.weight.grad is not None
    assert_close(found.detach(), maps)
    assert_close(plain.weight.grad, gradient)


def test_a_stack_that_has_predicted_can_be_trained() -> None:
    mixer = mixer_of(5)
    plain, features = made(STAGES, 5, ROWS, PICTURES)
    with torch.inference_mode():
        mixer(plain.weight.permute(2, 3, 0, 1), features)
    truth = expected(plain, features, STAGES, SCALE, ALIGNMENT, 0)
    check(mixer, plain, features, truth)
    _, following = made(STAGES, 5, ROWS, PICTURES, seed=7)
    check(mixer, plain, following, expected(plain, following, STAGES, SCALE, ALIGNMENT, 0))


def test_gradients_lie_as_the_weights_do() -> None:
    plain, features = made(STAGES, 3, ROWS, PICTURES)
    mixer_of(3)(plain.weight.permute(2, 3, 0, 1), features).sum().backward()
    assert plain.weight.grad is not None
    assert plain.weight.grad.stride() == plain.weight.stride()


@pytest.mark.parametrize(
    ("kernel", "fewer", "count"),
    [
        (1, False, 15 * (960 * 28**2 + 512 * 14**2)),
        (3, False, 15 * 9 * (960 * 28**2 + 512 * 14**2)),
        (3, True, 15 * 3 * 36 * (960 * 28 + 512 * 14) + 36 * (960 * 28**2 + 512 * 14**2)),
        (7, True, 15 * 7 * 41 * (960 * 28 + 512 * 14) + 41 * (960 * 28**2 + 512 * 14**2)),
    ],
)
def test_multiply_adds_of_fifteen_heads_on_vgg16(kernel: int, fewer: bool, count: int) -> None:
    """Stages of 960 channels at 28 x 28 and 512 at 14 x 14, a picture, forward."""
    stages = [StageShape("f4", 960, 28), StageShape("f5", 512, 14)]
    assert AlignedConv(stages, [1.0, 1.0], Alignment(), kernel, 0, fewer).multiply_adds(15) == count


def test_what_an_earlier_batch_left_behind_is_never_read() -> None:
    """Not even numbers that are none, which a readout that diverged leaves."""
    mixer = mixer_of(3)
    plain, features = made(STAGES, 3, ROWS, PICTURES)
    truth = expected(plain, features, STAGES, SCALE, ALIGNMENT, 0)
    check(mixer, plain, features, truth)
    for held in mixer.workspace.held.values():
        held.fill_(torch.nan)
    check(mixer, plain, features, truth)
