"""Networks of every kind are read as maps: convolutions, channels last, tokens; others are refused."""

import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from posinfo.encoders import model_zoos
from posinfo.encoders.architectures import empty_architecture, with_weights
from posinfo.encoders.embeddings import with_position
from posinfo.encoders.initial import initialise
from posinfo.encoders.reading.grids import as_maps, grid_in, grid_of
from posinfo.encoders.reading.tapped import tapped
from posinfo.encoders.taps import listed, stages, taps
from posinfo.registry.entries import Encoder
from posinfo.store.errors import InputError
from posinfo.store.tensors import read_tensors
from torch import nn

BLOCKS = ["blocks.2", "blocks.5", "blocks.8", "blocks.11"]
SUGGESTED: dict[str, tuple[list[int], list[int]]] = {  # channels and sides of the suggested stages
    "torchvision/resnet18": ([64, 64, 128, 256, 512], [112, 56, 28, 14, 7]),
    "torchvision/resnet50": ([64, 256, 512, 1024, 2048], [112, 56, 28, 14, 7]),
    "torchvision/convnext_tiny": ([96, 192, 384, 768], [56, 28, 14, 7]),
    "torchvision/densenet121": ([64, 256, 512, 1024, 1024], [112, 56, 28, 14, 7]),
    "torchvision/mobilenet_v3_small": ([16, 16, 24, 48, 576], [112, 56, 28, 14, 7]),
    "torchvision/efficientnet_b0": ([16, 24, 40, 112, 1280], [112, 56, 28, 14, 7]),
    "torchvision/regnet_y_400mf": ([32, 48, 104, 208, 440], [112, 56, 28, 14, 7]),
    "torchvision/swin_t": ([96, 192, 384, 768], [56, 28, 14, 7]),
    "torchvision/vit_b_16": ([768] * 4, [14] * 4),
    "timm/vit_tiny_patch16_224": ([192] * 4, [14] * 4),
    "timm/deit_tiny_patch16_224": ([192] * 4, [14] * 4),
    "timm/mixer_b16_224": ([768] * 4, [14] * 4),
}


@pytest.mark.parametrize("name", SUGGESTED)
def test_stages_are_suggested_for_every_kind_of_network(name: str) -> None:
    found = {tap.name: tap for tap in taps(empty_architecture(name))}
    suggested = stages(list(found.values()))
    channels, sides = SUGGESTED[name]
    assert list(suggested) == [f"f{number}" for number in range(1, len(sides) + 1)]
    assert [found[tap].side for tap in suggested.values()] == sides
    assert [found[tap].channels for tap in suggested.values()] == channels
    assert set(suggested.values()) <= {tap.name for tap in listed(list(found.values()))}
    if name.startswith("timm/"):
        assert list(suggested.values()) == BLOCKS


@pytest.mark.parametrize(
    ("shape", "grid"),
    [
        ((2, 64, 7, 7), ("maps", 64, 7, 0)),
        ((2, 7, 7, 64), ("channels last", 64, 7, 0)),
        ((2, 196, 64), ("tokens", 64, 14, 0)),
        ((2, 197, 64), ("tokens", 64, 14, 1)),
        ((2, 201, 64), ("tokens", 64, 14, 5)),
        ((2, 768, 196), None),  # channels before tokens: 27² and 39 more
        ((2, 3, 197, 64), None),
        ((2, 56, 56), None),  # a map without channels: 7² and 7 more
        ((2, 197, 197), None),  # attention between 196 tokens and a class token
        ((2, 64), None),
        ((2, 1, 64), None),
    ],
)
def test_a_grid_is_recognised_by_its_shape(shape: tuple[int, ...], grid: tuple[Any, ...] | None) -> None:
    found = grid_of(shape)
    assert (found and (found.kind, found.channels, found.side, found.prefix)) == grid
    if grid:
        assert as_maps(torch.zeros(shape), "a tap").shape == (2, grid[1], grid[2], grid[2])
    else:
        with pytest.raises(InputError, match=r"a tap gives \[2, .*no square grid"):
            as_maps(torch.zeros(shape), "a tap")


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int64, torch.bool])
def test_a_grid_of_other_values_than_floats_is_refused(dtype: torch.dtype) -> None:
    with pytest.raises(InputError, match=rf"a tap gives \[2, 3, 7, 7\] of {dtype}, which is no square grid of floats"):
        as_maps(torch.zeros(2, 3, 7, 7, dtype=dtype), "a tap")


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of a network's random weights, drawn once."""

    @cache
    def drawn(name: str) -> Path:
        path = tmp_path_factory.mktemp("random") / "random.safetensors"
        initialise(name, 0, path)
        return path

    return drawn


@pytest.fixture
def random_network(random_weights: Callable[[str], Path]) -> Callable[[str], nn.Module]:
    """Builds a new network with these weights at each call."""

    def built(name: str) -> nn.Module:
        loaded = {name: torch.from_numpy(array) for name, array in read_tensors(random_weights(name))[0].items()}
        return with_weights(name, loaded, "random weights")

    return built


TOKENS: dict[
    str, tuple[str, Callable[[torch.Tensor], torch.Tensor]]
] = {  # a network: a tap, and the grid in the output of the tap
    "timm/vit_tiny_patch16_224": ("blocks.1", lambda output: output[:, 1:].reshape(1, 14, 14, -1)),
    "timm/deit_tiny_distilled_patch16_224": ("blocks.1", lambda output: output[:, 2:].reshape(1, 14, 14, -1)),
    "torchvision/swin_t": ("features.3", lambda output: output),
}


@pytest.mark.parametrize("name", TOKENS)
def test_maps_equal_the_output_cell_by_cell(name: str, random_network: Callable[[str], nn.Module]) -> None:
    model = random_network(name)
    tap, expected = TOKENS[name]
    outputs: list[torch.Tensor] = []
    model.get_submodule(tap).register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    image = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        model(image)
        maps = tapped(model, {"f1": tap})(image)["f1"]
    torch.testing.assert_close(maps.permute(0, 2, 3, 1), expected(outputs[0]))
    assert float(maps.std((2, 3)).mean()) > 1e-3  # with random weights too, positions differ


def test_buffers_computed_when_a_network_is_built_are_kept() -> None:
    """timm's Swin does not store the offsets between positions with its weights."""
    theirs = model_zoos.build("timm/swin_tiny_patch4_window7_224").eval()
    ours = with_weights("timm/swin_tiny_patch4_window7_224", dict(theirs.state_dict()), "their weights")
    image = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(ours(image), theirs(image))


def shuffled(image: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Reorder the 14 x 14 patches of 16 pixels of an image."""
    patches = image.reshape(3, 14, 16, 14, 16).permute(1, 3, 0, 2, 4).flatten(0, 1)[order]
    return patches.reshape(14, 14, 3, 16, 16).permute(2, 0, 3, 1, 4).reshape(image.shape)


def test_a_zeroed_embedding_leaves_no_order(random_network: Callable[[str], nn.Module]) -> None:
    order = torch.randperm(196, generator=torch.Generator().manual_seed(1))
    image = torch.rand(1, 3, 224, 224)

    def moved(position: Any) -> float:
        """The largest difference of the map of shuffled patches and the shuffled map, in standard deviations."""
        network = with_position(random_network("timm/vit_tiny_patch16_224"), position)
        model = tapped(network, {"f1": "blocks.0"})
        with torch.inference_mode():
            maps, other = (model(shown)["f1"].flatten(2) for shown in (image, shuffled(image, order)))
        return float((maps[:, :, order] - other).abs().max() / maps.std())

    assert moved("zeroed") < 1e-4
    assert moved(None) > 1e-2


def test_a_shuffled_embedding_permutes_the_grid_by_seed(
    random_network: Callable[[str], nn.Module],
) -> None:
    def embedding(position: Any, name: str = "timm/vit_tiny_patch16_224") -> torch.Tensor:
        values: torch.Tensor = with_position(random_network(name), position).pos_embed[0]  # type: ignore
        return values

    kept, first, again, second = (embedding(position) for position in (None, 0, 0, 1))
    torch.testing.assert_close(first, again)
    assert not torch.equal(first, second)
    assert not torch.equal(first, kept)
    assert torch.equal(first[0], kept[0])  # the class token's
    assert sorted(map(tuple, first.tolist())) == sorted(map(tuple, kept.tolist()))


def test_relative_positions_of_swin_can_be_zeroed(random_network: Callable[[str], nn.Module]) -> None:
    model = with_position(random_network("torchvision/swin_t"), "zeroed")
    tables = [value for name, value in model.named_parameters() if name.endswith("bias_table")]
    assert len(tables) == 12
    assert all(float(table.abs().max()) == 0 for table in tables)


def test_other_networks_have_no_embedding_to_change() -> None:
    with pytest.raises(InputError, match="no position embedding"):
        with_position(empty_architecture("torchvision/resnet18"), "zeroed")
    with pytest.raises(InputError, match="computes its positions"):
        with_position(empty_architecture("torchvision/swin_v2_t"), 0)


def test_an_entry_names_the_change_of_the_embedding() -> None:
    entry = {"architecture": "timm/vit_tiny_patch16_224", "input": {"order": "RGB", "range": 1}, "taps": {"f1": "norm"}}
    assert Encoder.model_validate(entry).position_change is None
    assert Encoder.model_validate({**entry, "position": "zeroed"}).position_change == "zeroed"
    assert Encoder.model_validate({**entry, "position": {"shuffled": 2}}).position_change == 2


def test_random_branches_are_on(random_network: Callable[[str], nn.Module], tmp_path: Path) -> None:
    """ConvNeXt's layer scales start at 1e-6 and timm's last norms at 0, so that blocks would be the identity."""
    scales = random_network("torchvision/convnext_tiny").features[1][0].layer_scale  # type: ignore
    assert float(scales.min()) == float(scales.max()) == 1
    initialise("timm/resnet18", 0, tmp_path / "resnet.safetensors")
    norms = read_tensors(tmp_path / "resnet.safetensors")[0]["layer1.0.bn2.weight"]
    assert float(norms.min()) == 1


def test_weights_of_a_network_with_a_version_are_loaded(random_network: Callable[[str], nn.Module]) -> None:
    assert len(random_network("torchvision/mnasnet0_5").state_dict()) > 300


def test_random_weights_leave_the_global_generator_alone(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    initialise("torchvision/mobilenet_v3_small", 0, tmp_path / "one.safetensors")
    assert torch.equal(before, torch.random.get_rng_state())
    initialise("torchvision/mobilenet_v3_small", 0, tmp_path / "again.safetensors")
    initialise("torchvision/mobilenet_v3_small", 1, tmp_path / "two.safetensors")
    one, again, two = (read_tensors(tmp_path / f"{name}.safetensors")[0] for name in ("one", "again", "two"))
    name = "features.0.0.weight"
    assert (one[name] == again[name]).all()
    assert (one[name] != two[name]).any()


class Flat(nn.Module):
    """Averages the whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 8)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = self.layer(images.mean((2, 3)))
        return values


def test_a_network_without_a_grid_is_refused_with_the_reason() -> None:
    with torch.device("meta"):
        model = Flat()
    with pytest.raises(InputError, match=r"Flat has no grid of features: for each image it gives \[3\], \[8\]; posit"):
        taps(model)


def test_a_network_for_another_image_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"reads no RGB images of 224x224: Input height \(224\) doesn't match .*384"):
        taps(empty_architecture("timm/vit_tiny_patch16_384"))


PLACES = {"at the front": (4, 0), "at the end": (4, 196), "in the middle": (1, 98), "column by column": (0, 0)}


class Tokens(nn.Module):
    """Patches of 16 pixels, with other tokens before some of them, and attention between all."""

    def __init__(self, order: str, traced: bool = True) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 16, 16)
        count, self.place = PLACES.get(order, (0, 0))
        self.others = nn.Parameter(torch.randn(1, count, 8))
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=order != "before images")
        self.block = nn.Linear(8, 8)
        self.order = order
        self.traced = traced

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.patches(images if self.traced or images.sum() > 0 else -images)
        tokens = (maps.mT if self.order == "column by column" else maps).flatten(2).mT
        others = self.others.expand(images.shape[0], -1, -1)
        tokens = self.norm(torch.cat([tokens[:, : self.place], others, tokens[:, self.place :]], 1))
        if self.order == "before images":
            tokens = tokens.transpose(0, 1)
        values: torch.Tensor = self.block(tokens + self.attention(tokens, tokens, tokens)[0])
        return values


@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("order", ["at the end", "in the middle", "column by column"])
def test_tokens_in_another_order_than_row_by_row_are_refused(order: str, traced: bool) -> None:
    with pytest.raises(InputError, match="tap 'block' gives tokens in another order than the image row by row"):
        tapped(Tokens(order, traced), {"f1": "block"})
    assert set(tapped(Tokens(order, traced), {"f1": "patches"})(torch.rand(1, 3, 224, 224))) == {"f1"}


def test_maps_that_depend_on_the_batch_are_refused() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 16, 16), nn.BatchNorm2d(8, track_running_stats=False))
    with pytest.raises(InputError, match="tap '1' gives an image other values when another image is beside it"):
        tapped(model, {"f1": "1"})
    assert set(tapped(model, {"f1": "0"})(torch.rand(1, 3, 224, 224))) == {"f1"}


@pytest.mark.parametrize("traced", [True, False])
def test_tokens_after_others_are_read_beside_attention(traced: bool) -> None:
    """The attention returns its table beside the tokens: for 200 tokens 200 x 200, whose shape is a grid's too."""
    model = Tokens("at the front", traced).eval()
    image = torch.rand(1, 3, 224, 224)
    given: list[torch.Tensor] = []
    model.attention.register_forward_hook(lambda _module, _inputs, output: given.append(output[0]))
    with torch.inference_mode():
        maps = tapped(model, {"f1": "attention", "f2": "block"})(image)
        last = model(image)
    for stage, tokens in (("f1", given[-1]), ("f2", last)):
        torch.testing.assert_close(maps[stage].flatten(2).mT, tokens[:, 4:])


def test_a_table_for_each_head_is_no_grid() -> None:
    tokens = torch.zeros(2, 197, 64)
    assert grid_in((tokens, torch.zeros(2, 3, 197, 197))) is tokens
    square = torch.zeros(2, 196, 196)  # as many channels as tokens
    assert grid_in((square, 14)) is square


def test_tokens_before_images_are_said_not_to_be_read() -> None:
    with pytest.warns(UserWarning, match="gives tokens before images, which are not read; build it with batch_first"):
        taps(Tokens("before images"))
    with warnings.catch_warnings(action="error"):
        taps(Tokens("at the front"))
