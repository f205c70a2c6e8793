"""The first convolution on stages of their own sizes, against `Conv2d` on aligned stages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from posinfo.protocol.alignment import Alignment, StageShape
from posinfo.readouts import transformed_conv
from posinfo.readouts.aligned_conv import AlignedConv
from torch import nn
from torch.nn import functional

STAGES = [StageShape("a", 3, 12), StageShape("b", 5, 6), StageShape("c", 4, 12), StageShape("d", 2, 3)]
SCALE = [0.5, 1.0, 2.0, 3.0]
ALIGNMENT = Alignment(side=12)
ROWS, IMAGES = 6, 3


def plain_and_features(
    stages: list[StageShape], kernel: int, rows: int, images: int, seed: int = 0
) -> tuple[nn.Conv2d, Any]:
    """The plain convolution, and features as the reader yields them."""
    generator = torch.Generator().manual_seed(seed)
    plain = nn.Conv2d(sum(stage.channels for stage in stages), rows, kernel, bias=False)
    nn.init.uniform_(plain.weight, -1, 1, generator)
    return plain, {
        stage.name: torch.randn(stage.channels, images, stage.side, stage.side, generator=generator) for stage in stages
    }


@dataclass
class Sums:
    """Sums of products in float64, and the largest sum of their magnitudes."""

    values: torch.Tensor
    magnitude: float


def expected(
    plain: nn.Conv2d, features: Any, stages: list[StageShape], scale: list[float], alignment: Alignment, padding: int
) -> tuple[Sums, torch.Tensor, Sums]:
    """Maps [rows, images, side, side], the gradient sent back to them, and the weights' gradient."""
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

    maps, sent, gradient = summed(torch.clone)
    of_maps, _, of_gradient = summed(torch.abs)
    return Sums(maps, float(of_maps.max())), sent, Sums(gradient, float(of_gradient.max()))


def assert_close(found: torch.Tensor, wanted: Sums) -> None:
    """To 1e-5 of the largest value; where the sum cancels, to one rounding of its summands."""
    bound = max(1e-5 * float(wanted.values.abs().max()), torch.finfo(torch.float32).eps / 2 * wanted.magnitude)
    torch.testing.assert_close(found.double(), wanted.values, rtol=0, atol=bound)


def check(conv: AlignedConv, plain: nn.Conv2d, features: Any, truth: tuple[Sums, torch.Tensor, Sums]) -> None:
    maps, sent, gradient = truth
    plain.zero_grad()
    found = conv(plain.weight.permute(2, 3, 0, 1), features)
    assert_close(found.detach(), maps)
    found.backward(sent.float())
    assert plain.weight.grad is not None
    assert_close(plain.weight.grad, gradient)


def conv_of(kernel: int, padding: int = 0, transform: bool = True) -> AlignedConv:
    return AlignedConv(STAGES, SCALE, ALIGNMENT, kernel, padding, transform)


@pytest.mark.parametrize("transform", [False, True])
@pytest.mark.parametrize("padding", [0, 1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5, 7, 9])
def test_equals_a_convolution_of_aligned_stages(kernel: int, padding: int, transform: bool) -> None:
    plain, features = plain_and_features(STAGES, kernel, ROWS, IMAGES)
    truth = expected(plain, features, STAGES, SCALE, ALIGNMENT, padding)
    check(conv_of(kernel, padding, transform), plain, features, truth)


@given(
    shapes=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 20)), min_size=1, max_size=4),
    kernel=st.sampled_from([1, 3, 5, 7, 9]),
    padding=st.integers(0, 3),
    align=st.integers(9, 20),
    corners=st.booleans(),
    rows=st.integers(1, 5),
    images=st.integers(1, 3),
    transform=st.booleans(),
)
@example([(4, 15), (4, 15), (1, 18), (2, 15)], 9, 0, 9, False, 1, 1, False)  # 891 products leave .124
@settings(max_examples=100, deadline=None)
def test_equals_a_convolution_for_any_shapes(
    shapes: list[tuple[int, int]],
    kernel: int,
    padding: int,
    align: int,
    corners: bool,
    rows: int,
    images: int,
    transform: bool,
) -> None:
    stages = [StageShape(f"f{number}", channels, side) for number, (channels, side) in enumerate(shapes)]
    scale = [1.0 + number for number in range(len(stages))]
    alignment = Alignment(side=align, corners=corners)
    plain, features = plain_and_features(stages, kernel, rows, images)
    truth = expected(plain, features, stages, scale, alignment, padding)
    check(AlignedConv(stages, scale, alignment, kernel, padding, transform), plain, features, truth)


@pytest.mark.parametrize(("transformed", "mixed"), [(1, 1), (2000, 2**30), (2**30, 4000), (3000, 9000)])
@pytest.mark.parametrize("kernel", [3, 7])
def test_small_blocks_give_the_same(monkeypatch: pytest.MonkeyPatch, kernel: int, transformed: int, mixed: int) -> None:
    monkeypatch.setattr(transformed_conv, "TRANSFORMED", transformed)
    monkeypatch.setattr(transformed_conv, "MIXED", mixed)
    plain, features = plain_and_features(STAGES, kernel, ROWS, IMAGES)
    check(conv_of(kernel), plain, features, expected(plain, features, STAGES, SCALE, ALIGNMENT, 0))


def test_memory_does_not_grow_with_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the buffers nor what autograd saves grow, except for the weights."""
    monkeypatch.setattr(transformed_conv, "MIXED", 2**14)
    buffered = []
    saved = []
    for rows in (8, 80):
        plain, features = plain_and_features(STAGES, 3, rows, IMAGES)
        conv = conv_of(3)
        sizes: list[int] = []

        def keep(tensor: torch.Tensor, into: list[int] = sizes) -> torch.Tensor:
            into.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            found = conv(plain.weight.permute(2, 3, 0, 1), features)
        found.sum().backward()
        buffered.append(sum(tensor.numel() for tensor in conv.memory.tensors.values()))
        saved.append(sum(sizes) - plain.weight.numel())
    assert conv.memory.tensors["mixed"].numel() <= 2**14
    assert buffered[1] < 1.3 * buffered[0]
    assert saved[0] == saved[1] == len(conv.channel_scale)


@pytest.mark.parametrize(
    "between", ["nothing", "predicting", "another batch", "a smaller batch", "clearing the buffers"]
)
def test_the_gradient_uses_the_features_of_its_own_call(between: str) -> None:
    conv = conv_of(7)
    plain, features = plain_and_features(STAGES, 7, ROWS, IMAGES)
    _, other = plain_and_features(STAGES, 7, ROWS, 1 if between == "a smaller batch" else IMAGES, seed=5)
    maps, sent, gradient = expected(plain, features, STAGES, SCALE, ALIGNMENT, 0)
    weight = plain.weight.permute(2, 3, 0, 1)
    found = conv(weight, features)
    if between == "clearing the buffers":
        conv.memory.tensors.clear()
    elif between != "nothing":
        with torch.inference_mode(between == "predicting"):
            drawn = conv(weight, other)
        assert_close(drawn.detach(), expected(plain, other, STAGES, SCALE, ALIGNMENT, 0)[0])
    found.backward(sent.float())
    assert plain.weight.grad is not None
    assert_close(found.detach(), maps)
    assert_close(plain.weight.grad, gradient)


def test_training_works_after_predicting() -> None:
    conv = conv_of(5)
    plain, features = plain_and_features(STAGES, 5, ROWS, IMAGES)
    with torch.inference_mode():
        conv(plain.weight.permute(2, 3, 0, 1), features)
    truth = expected(plain, features, STAGES, SCALE, ALIGNMENT, 0)
    check(conv, plain, features, truth)
    _, following = plain_and_features(STAGES, 5, ROWS, IMAGES, seed=7)
    check(conv, plain, following, expected(plain, following, STAGES, SCALE, ALIGNMENT, 0))


def test_gradients_have_the_weights_memory_layout() -> None:
    plain, features = plain_and_features(STAGES, 3, ROWS, IMAGES)
    conv_of(3)(plain.weight.permute(2, 3, 0, 1), features).sum().backward()
    assert plain.weight.grad is not None
    assert plain.weight.grad.stride() == plain.weight.stride()


def test_values_of_an_earlier_batch_are_never_read() -> None:
    """Not even NaN, which a diverged readout leaves in the buffers."""
    conv = conv_of(3)
    plain, features = plain_and_features(STAGES, 3, ROWS, IMAGES)
    truth = expected(plain, features, STAGES, SCALE, ALIGNMENT, 0)
    check(conv, plain, features, truth)
    for buffer in conv.memory.tensors.values():
        buffer.fill_(torch.nan)
    check(conv, plain, features, truth)
