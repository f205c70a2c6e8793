"""Weight files as people bring them: what is read, what of a file is taken, and what is refused in which words."""

import argparse
import gzip
import io
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from onnx import helper
from posinfo.encoders.architectures import empty_architecture
from posinfo.encoders.model_zoos import known_weights
from posinfo.encoders.state_dicts import fitting
from posinfo.encoders.weights import convert
from posinfo.store.errors import InputError
from posinfo.store.tensors import read_tensors
from safetensors.torch import save
from torch import nn

NETWORK = "torchvision/shufflenet_v2_x0_5"
State = dict[str, torch.Tensor]


def saved(content: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def state() -> State:
    """Random weights that float16 and bfloat16 hold exactly."""
    torch.manual_seed(0)
    values = torchvision.models.shufflenet_v2_x0_5(weights=None).state_dict()
    return {name: tensor.half().bfloat16().to(tensor.dtype) for name, tensor in values.items()}


def below(prefix: str, values: State) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in values.items()}


def changed(values: State, change: Callable[[torch.Tensor], torch.Tensor]) -> State:
    return {name: change(tensor) if tensor.ndim == 4 else tensor for name, tensor in values.items()}


def without_head(values: State) -> State:
    return {name: tensor for name, tensor in values.items() if not name.startswith("fc.")}


def as_half(tensor: torch.Tensor) -> torch.Tensor:
    return nn.Parameter(tensor.half()) if tensor.is_floating_point() else tensor


HEAD = {"fc.0.weight": torch.zeros(3), "fc.2.bias": torch.zeros(3)}
STATE = state()
BODY = without_head(STATE)
OPTIMIZER = {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 1}]}
EMA = changed(STATE, lambda tensor: tensor / 2)
WRITTEN: dict[str, tuple[Any, str]] = {  # how it is written, and what is said
    "plain": (STATE, ""),
    "no head": (BODY, ""),
    "another head": (BODY | HEAD, ""),
    "DataParallel": (below("module.", STATE), "'module'"),
    "DataParallel inside": ({re.sub(r"^(stage\d)", r"\1.module", name): STATE[name] for name in STATE}, ""),
    "compiled": (below("_orig_mod.", STATE), "'_orig_mod'"),
    "compiled DataParallel": (below("module._orig_mod.", STATE), "'module._orig_mod'"),
    "any family": (below("visual.trunk.", STATE) | {"logit_scale": torch.ones(1)}, "'visual.trunk'"),
    "checkpoint": ({"epoch": 3, "state_dict": STATE, "optimizer": OPTIMIZER}, "'state_dict'"),
    "net": ({"net": below("module.", STATE), "acc": 0.5}, "'net.module'"),
    "list": ({"models": [STATE, {"weight": torch.zeros(3)}]}, "'models.0'"),
    "Lightning": ({"state_dict": below("model.", STATE) | {"loss.weight": torch.ones(3)}}, "'state_dict.model'"),
    "EMA beside": (
        {"state_dict": STATE, "state_dict_ema": EMA},
        "'state_dict'.*'state_dict_ema' would fit too, by `--key state_dict_ema`, or `key: state_dict_ema`",
    ),
    "MoCo": (
        {"state_dict": below("module.encoder_q.", BODY | HEAD) | below("module.encoder_k.", EMA)},
        r"'state_dict\.module\.encoder_q'.*`key: state_dict\.module\.encoder_k`",
    ),
    "DINO": (
        {"student": below("module.backbone.", BODY), "teacher": below("backbone.", without_head(EMA))},
        r"'student\.module\.backbone'.*`key: teacher\.backbone`",
    ),
    "no num_batches_tracked": ({name: STATE[name] for name in STATE if "num_batches" not in name}, ""),
    "half parameters": ({name: as_half(tensor) for name, tensor in STATE.items()}, ""),
    "bfloat16": (changed(STATE, torch.Tensor.bfloat16), ""),
    "sparse": (changed(STATE, torch.Tensor.to_sparse), ""),
    "strided": (changed(STATE, lambda tensor: tensor.to(memory_format=torch.channels_last)), ""),
    "double": (changed(STATE, torch.Tensor.double), ""),
}


def assert_read(data: bytes, expected: State, folder: Path, key: str = "") -> str:
    """Convert a file, compare what is written with the expected tensors, and return what is said."""
    said = convert("state-dict", data, NETWORK, folder / "out", key)
    read = read_tensors(folder / "out")[0]
    assert read.keys() == expected.keys()
    for name, array in read.items():
        np.testing.assert_array_equal(array, expected[name].numpy(), err_msg=name)
    return said


@pytest.mark.parametrize("way", WRITTEN)
def test_the_networks_tensors_are_found(way: str, tmp_path: Path) -> None:
    content, words = WRITTEN[way]
    said = assert_read(saved(content), BODY, tmp_path)
    assert re.search(words, said)
    assert bool(said) == bool(words)


def test_a_key_takes_another_part_of_the_file(tmp_path: Path) -> None:
    data = saved({"state_dict": STATE, "state_dict_ema": below("module.", EMA)})
    assert_read(data, without_head(EMA), tmp_path, "state_dict_ema")
    assert_read(data, without_head(EMA), tmp_path, "state_dict_ema.module")
    with pytest.raises(InputError, match=r"unknown key 'state_dict_em'; .*did you mean 'state_dict_ema'\?"):
        assert_read(data, BODY, tmp_path, "state_dict_em")


def test_other_formats_of_torch_and_safetensors_are_read(tmp_path: Path) -> None:
    assert_read(saved(STATE, _use_new_zipfile_serialization=False), BODY, tmp_path)
    assert "'model'" in assert_read(save(below("model.", STATE)), BODY, tmp_path)


def test_tensors_of_a_gpu_are_read_without_one(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(STATE))) as cpu, zipfile.ZipFile(file, "w") as gpu:
        for name in cpu.namelist():
            gpu.writestr(name, cpu.read(name).replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0"))
    assert b"cuda:0" in file.getvalue()
    assert_read(file.getvalue(), BODY, tmp_path)


def test_names_of_older_versions_are_read() -> None:
    """DenseNet's as in torchvision's own files, ConvNeXt's as in its authors'."""
    torch.manual_seed(0)
    densenet = dict(torchvision.models.densenet121(weights=None).state_dict())
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))", r"\1.", name): tensor for name, tensor in densenet.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    read, _ = fitting(old, empty_architecture("torchvision/densenet121"))
    assert all(torch.equal(tensor, densenet[name]) for name, tensor in read.items())
    assert read.keys() == {name for name in densenet if not name.startswith("classifier")}
    convnext = dict(timm.create_model("convnext_atto").state_dict())
    parts = {
        "stem.": "downsample_layers.0.",
        "blocks.": "",
        "conv_dw": "dwconv",
        "mlp.fc": "pwconv",
        "head.norm": "norm",
    }
    parts |= {"head.fc": "head"}
    theirs = {}
    for name, tensor in convnext.items():
        older = re.sub(r"stages\.(\d)\.downsample", r"downsample_layers.\1", name)
        for ours, authors in parts.items():
            older = older.replace(ours, authors)
        theirs[older] = tensor
    assert "stages.0.0.dwconv.weight" in theirs
    read, said = fitting(below("model.", theirs), empty_architecture("timm/convnext_atto"))
    assert "'model'" in said
    assert read.keys() == {name for name in convnext if not name.startswith("head.")}
    assert all(torch.equal(tensor, convnext[name]) for name, tensor in read.items())


@pytest.mark.parametrize(
    "name",
    [
        "torchvision/efficientnet_b0",
        "torchvision/maxvit_t",
        "torchvision/vit_b_32",
        "timm/deit_tiny_distilled_patch16_224",
        "timm/inception_resnet_v2",
        "timm/levit_128s",
        "timm/swiftformer_xs",
        "timm/volo_d1_224",
    ],
)
def test_a_zoos_whole_network_loads_without_its_heads(name: str) -> None:
    zoo, model = name.split("/")
    network = timm.create_model(model) if zoo == "timm" else torchvision.models.get_model(model)
    whole = network.state_dict()
    expected = empty_architecture(name).state_dict()
    assert len(whole) > len(expected)
    read, _ = fitting(dict(whole), empty_architecture(name))
    assert read.keys() == expected.keys()


@pytest.mark.parametrize(("options", "name"), [({"img_size": 384}, "pos_embed"), ({"patch_size": 32}, "patch_embed")])
def test_weights_of_another_image_or_patch_size_are_refused(options: dict[str, Any], name: str, tmp_path: Path) -> None:
    """Timm would resize them."""
    network = timm.create_model("vit_tiny_patch16_224", depth=2, **options)
    with pytest.raises(InputError, match=rf"do not fit .* size mismatch for {name}"):
        convert("state-dict", saved(network.state_dict()), "timm/vit_tiny_patch16_224", tmp_path / "out")


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_an_input_that_is_normalised_twice_is_described_once(name: str) -> None:
    """With weights, torchvision's networks normalise their input again, which ours do not."""
    theirs = torchvision.models.get_model(name, weights=None, init_weights=False, transform_input=True)
    described = known_weights(f"torchvision/{name}")[0]
    image = torch.rand(1, 3, 8, 8)
    preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    seen = theirs._transform_input(torchvision.transforms.Normalize(preset.mean, preset.std)(image))
    ours = torchvision.transforms.Normalize(described.mean, described.std)(image)
    torch.testing.assert_close(ours, seen)


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def scripted() -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # TorchScript is deprecated
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), file)
    return file.getvalue()


def damaged(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(byte ^ 255 for byte in data[middle : middle + 64]) + data[middle + 64 :]


def array(write: Callable[..., None]) -> bytes:
    file = io.BytesIO()
    write(file, np.zeros(3))
    return file.getvalue()


INDEX = {"metadata": {}, "weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
GRAPH = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "main", [], [])
ZIP = saved(STATE)
OLD = saved(STATE, _use_new_zipfile_serialization=False)
REFUSED = {
    "an empty file": (b"", "an empty file"),
    "a pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n",
        "Git LFS pointer.*git lfs pull",
    ),
    "a page": (b"\n<!DOCTYPE html>\n<html>", "a web page"),
    "an index": (json.dumps(INDEX).encode(), "the index of weights in 2 files .model-1.safetensors, model-2"),
    "an answer": (b'{"error": "Repository not found"}', "a JSON text of error"),
    "a text": (b"see README", "begins with b'see README'"),
    "numpy": (array(np.save), "a NumPy array"),
    "npz": (array(np.savez), "an npz file of NumPy arrays"),
    "zip": (zipped(notes=b"text"), "a zip .notes"),
    "gzip": (gzip.compress(ZIP), "a gzip archive; unpack it"),
    "tar": (bytes(257) + b"ustar" + bytes(300), "a tar archive; unpack it"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file, as Keras writes"),
    "onnx": (helper.make_model(GRAPH).SerializeToString(), "an ONNX file"),
    "TorchScript": (scripted(), "a TorchScript archive"),
    "pickle": (pickle.dumps({"conv1.0.weight": np.zeros(3)}), "a pickle that torch.save did not write"),
    "cut zip": (ZIP[: len(ZIP) // 2], "a truncated or damaged zip"),
    "damaged zip": (damaged(ZIP), "a damaged zip"),
    "cut old file": (OLD[: len(OLD) // 2], "torch cannot read this file"),
    "cut safetensors": (save(STATE)[:-9], "a truncated or damaged safetensors file"),
    "cut header": (save(STATE)[:99], "a truncated or damaged safetensors file"),
    "other protocol": (saved(STATE, pickle_protocol=4), "torch cannot read this file"),
    "network": (saved(nn.Linear(2, 2)), r"an object of torch\.nn\.modules\.linear\.Linear, .*network\.state_dict\(\)"),
    "old network": (
        saved(nn.Linear(2, 2), _use_new_zipfile_serialization=False),
        r"an object of torch\.nn\.modules\.linear",
    ),
    "arguments": (saved({"state_dict": STATE, "args": argparse.Namespace()}), r"an object of argparse\.Namespace"),
    "accuracy": (saved({"state_dict": STATE, "best": np.float64(1)}), r"an object of numpy\..*scalar"),
    "no tensors": (saved({"epoch": 3}), "no tensors with names but a dict of epoch"),
    "nothing": (saved({}), "no tensors with names but a dict of no keys; save"),
    "a tensor": (saved(torch.zeros(3)), "no tensors with names but a Tensor"),
    "no values": (saved(changed(STATE, lambda tensor: tensor.to("meta"))), "conv1.0.weight has a shape but no values"),
    "integers": (saved(changed(STATE, torch.Tensor.char)), "conv1.0.weight holds torch.int8"),
    "another tensor": (saved(STATE | {"queue": torch.zeros(3)}), "1 unexpected: queue"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_is_refused_is_called_what_it_is(what: str, tmp_path: Path) -> None:
    data, words = REFUSED[what]
    with pytest.raises(InputError, match=words) as refused:
        convert("state-dict", data, NETWORK, tmp_path / "out")
    assert str(refused.value).isprintable()  # one line, without colour codes
    assert ("weights_only" in str(refused.value)) == ("which can run code" in str(refused.value))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["arguments", "accuracy"])
def test_a_refusal_says_how_to_take_the_state_dict_out(what: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(REFUSED[what][0])
    with pytest.raises(InputError) as refused:
        convert("state-dict", REFUSED[what][0], NETWORK, tmp_path / "out")
    (line,) = re.findall(r"torch\.save\(torch\.load.*?, PATH\)", str(refused.value))
    exec(line, {"torch": torch, "FILE": tmp_path / "file", "PATH": tmp_path / "taken"})
    assert_read((tmp_path / "taken").read_bytes(), BODY, tmp_path)


@pytest.mark.parametrize(
    "layout", ["vgg16-keras-onnx", "vgg16-hed-h5", "squeezenet-keras-h5", "efficientnet-lite0-pth"]
)
def test_a_file_of_another_layout_is_called_what_it_is(layout: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a web page"):
        convert(layout, b"<html></html>", "vgg16", tmp_path / "out")
