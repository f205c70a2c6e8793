"""Receptive fields: those of VGG16 as published, and of networks that see the whole image."""

import pytest
import torch
from posinfo.encoders.reading.receptive_fields import receptive_fields
from posinfo.experiments.atlas.structure import describe_network
from posinfo.registry.entries import Encoder, PreprocessingEntry
from torch import nn


def test_vgg16_has_the_published_receptive_fields() -> None:
    taps = {"f1": "features.3", "f2": "features.8", "f3": "features.15", "f4": "features.22", "f5": "features.29"}
    entry = Encoder(architecture="vgg16-eighth", input=PreprocessingEntry(order="RGB", range=1), taps=taps)
    found = describe_network(entry)
    assert [stage["field"] for stage in found["stages"].values()] == [5, 14, 40, 92, 196]
    assert [stage["side"] for stage in found["stages"].values()] == [224, 112, 56, 28, 14]
    assert found["stages"]["f1"]["border"] == pytest.approx(1 - (218 / 224) ** 2)  # the three outermost cells
    assert found["stages"]["f5"]["border"] == pytest.approx(1 - 4 / 196)
    assert found["parameters"] == sum(
        (9 * before + 1) * after
        for before, after in zip(
            (3, 8, 8, 16, 16, 32, 32, 32, 64, 64, 64, 64, 64), (8, 8, 16, 16, 32, 32, 32, *[64] * 6), strict=True
        )
    )


class Parts(nn.Module):
    """A convolution of patches, attention between them, and patches gated by the mean of all."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 4, 8, 8)
        self.attention = nn.MultiheadAttention(4, 1, batch_first=True)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = self.patches(images)
        tokens = maps.flatten(2).transpose(1, 2)
        attended = self.attention(tokens, tokens, tokens)[0].transpose(1, 2).reshape(maps.shape)
        return {"patches": maps, "attention": attended, "gated": maps * maps.mean((2, 3), keepdim=True).sigmoid()}


@torch.no_grad()
def test_attention_and_global_pooling_see_the_whole_image() -> None:
    model = Parts().eval()
    found = receptive_fields(model, 48)
    assert {stage: values["field"] for stage, values in found.items()} == {"patches": 8, "attention": 48, "gated": 48}
    assert found["patches"]["border"] == pytest.approx(1 - (4 / 6) ** 2)
    assert found["attention"]["border"] == found["gated"]["border"] == 1


def test_a_cell_of_pixels_sees_one_pixel() -> None:
    entry = Encoder(architecture="pixels", input=PreprocessingEntry(order="RGB", range=1), taps={"rgb": "image"})
    found = describe_network(entry)
    assert found["parameters"] == 0
    assert found["stages"]["rgb"]["field"] == 1
    assert found["stages"]["rgb"]["border"] == pytest.approx(1 - (222 / 224) ** 2)
