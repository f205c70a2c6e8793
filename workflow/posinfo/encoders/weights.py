"""Encoders: weights read from the file in which they ship, into the architecture's own names."""

import io
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import h5py
import onnx
import torch
from onnx import numpy_helper
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from posinfo.encoders.architectures import Weights, empty_architecture, with_weights
from posinfo.encoders.model_zoos import HEADS
from posinfo.store.errors import InputError, unknown
from posinfo.store.tensors import write_tensors


def _onnx_graph(data: bytes) -> onnx.GraphProto:
    graph = onnx.load_model_from_string(data).graph
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise InputError(f"ONNX tensor {tensor.name!r} lies outside the file; only self-contained files are read")
    return graph


def vgg16_from_keras_onnx(data: bytes) -> Weights:
    """The 13 convolutions of a Keras VGG16 exported to ONNX, in torchvision's names (`features.0.weight` ...).

    Kernels are float32 [out, in, 3, 3] under `.../block{b}_conv{c}.../convolution/ReadVariableOp:0`, biases [out] under
    `.../Squeeze:0`. Anything else in the file (another task's head) is ignored.
    """
    found: dict[tuple[int, int], Weights] = {}
    for tensor in _onnx_graph(data).initializer:
        match = re.search(r"/block(\d)_conv(\d)_?\d*/(convolution/ReadVariableOp|Squeeze):0$", tensor.name)
        if match:
            kind = "bias" if match[3] == "Squeeze" else "weight"
            found.setdefault((int(match[1]), int(match[2])), {})[kind] = _float32(tensor)
    convolutions = [
        name for name, module in empty_architecture("vgg16").named_modules() if isinstance(module, nn.Conv2d)
    ]
    if len(found) != len(convolutions):
        raise InputError(f"expected the {len(convolutions)} convolutions of VGG16, found {len(found)}")
    return {
        f"{name}.{kind}": tensor
        for name, (_, parts) in zip(convolutions, sorted(found.items()), strict=True)
        for kind, tensor in parts.items()
    }


def resnet50_thin_from_onnx(data: bytes) -> Weights:
    """Yahoo's open_nsfw from ONNX, with batch norm folded into the convolutions, in `ResNet50Thin`'s names.

    The file stores batch norm as constants: y = ((conv + b) - mean) * scale + shift. They are found by following the
    data from each convolution; a convolution's place within its block is told by its shape, since a block with a
    projection lists it before the last 1x1.
    """
    folded = _folded_convolutions(_onnx_graph(data))
    architecture = empty_architecture("resnet50-thin")
    weights: Weights = {}
    waiting: list[tuple[str, nn.Conv2d]] = [
        (name, module) for name, module in architecture.named_modules() if isinstance(module, nn.Conv2d)
    ]
    for weight, bias in folded:
        # The next free place of that shape; a projection differs in shape from every other convolution of its block.
        place = next((i for i, (_, module) in enumerate(waiting[:2]) if module.weight.shape == weight.shape), None)
        if place is None:
            raise InputError(
                f"a convolution of shape {list(weight.shape)} has no place in resnet50-thin: another file?"
            )
        name, _ = waiting.pop(place)
        weights |= {f"{name}.weight": weight, f"{name}.bias": bias}
    return weights


def vgg16_from_hed(data: bytes) -> Weights:
    """VGG16's convolutions from HED's HDF5 file: `block{b}/layers/conv2d[_n]/vars/{0,1}`, kernels [3, 3, in, out]."""
    modules = empty_architecture("vgg16").named_modules()
    convolutions = (name for name, module in modules if isinstance(module, nn.Conv2d))
    weights: Weights = {}
    with h5py.File(io.BytesIO(data), "r") as file:
        for block in range(1, 6):
            layers = file[f"block{block}/layers"]
            for layer in ("conv2d", "conv2d_1", "conv2d_2")[: 2 if block < 3 else 3]:
                name, parts = next(convolutions), layers[layer]["vars"]
                weights |= {f"{name}.weight": _kernel(parts["0"]), f"{name}.bias": torch.from_numpy(parts["1"][()])}
    return weights


def squeezenet_from_keras(data: bytes) -> Weights:
    """SqueezeNet 1.1 with its 1000-way head from Keras's HDF5 file, kernels [h, w, in, out]."""
    places = {"conv1": "features.0", "conv10": "classifier.1"}
    parts = {"squeeze1x1": "squeeze", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}
    for fire, index in zip(range(2, 10), (3, 4, 6, 7, 9, 10, 11, 12), strict=True):
        places |= {f"fire{fire}/{part}": f"features.{index}.{ours}" for part, ours in parts.items()}
    weights: Weights = {}
    with h5py.File(io.BytesIO(data), "r") as file:
        for layer, place in places.items():
            weights[f"{place}.weight"] = _kernel(file[f"{layer}/{layer}_W:0"])
            weights[f"{place}.bias"] = torch.from_numpy(file[f"{layer}/{layer}_b:0"][()])
    return weights


def _kernel(stored: h5py.Dataset) -> torch.Tensor:
    return torch.from_numpy(stored[()]).permute(3, 2, 0, 1).contiguous()


def efficientnet_lite0_from_pth(data: bytes) -> Weights:
    """EfficientNet-Lite0 from a torch state dict, renamed."""
    parts = {"_expand_conv": "expand", "_bn0": "expand_norm", "_depthwise_conv": "depthwise", "_bn1": "depthwise_norm"}
    parts |= {"_project_conv": "project", "_bn2": "project_norm"}
    tops = {"_conv_stem": "stem", "_bn0": "stem_norm", "_conv_head": "head", "_bn1": "head_norm", "_fc": "classifier"}
    weights: Weights = {}
    for name, tensor in _torch_file(data).items():
        first, *rest = name.split(".")
        if first == "_blocks":
            weights[f"blocks.{rest[0]}.{parts[rest[1]]}.{rest[2]}"] = tensor.contiguous()
        else:
            weights[f"{tops[first]}.{rest[0]}"] = tensor.contiguous()
    return weights


def state_dict(data: bytes) -> Weights:
    """A state dict as torch saves it or as safetensors, in the architecture's own names; a head's weights are dropped.

    A checkpoint may hold it under `state_dict` or `model`.

    Raises:
        InputError: when it is neither.
    """
    try:
        stored = _torch_file(data) if data[:2] in (b"PK", b"\x80\x02") else load(data)
    except SafetensorError as error:
        raise InputError(f"neither a torch nor a safetensors file: {error}") from None
    return {
        name: (tensor.float() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in stored.items()
        if name.split(".")[0] not in HEADS
    }


def _torch_file(data: bytes) -> Weights:
    """A torch file's tensors by name; loaded with `weights_only`, so that no pickle runs code."""
    try:
        stored = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(f"no state dict of plain tensors, and nothing else in a torch file is read: {error}") from None
    for key in ("state_dict", "model"):
        if isinstance(stored, dict) and isinstance(stored.get(key), dict):
            stored = stored[key]
    if not isinstance(stored, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in stored.values()):
        raise InputError("this torch file holds no state dict (names to tensors)")
    return dict(stored)


def _folded_convolutions(graph: onnx.GraphProto) -> list[tuple[torch.Tensor, torch.Tensor]]:
    constants = {tensor.name: tensor for tensor in graph.initializer}
    constants |= {node.output[0]: constants[node.input[0]] for node in graph.node if node.op_type == "Identity"}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    folded = []
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        weight = _float32(constants[node.input[1]]).double()
        scale = torch.ones(len(weight), dtype=torch.float64)
        shift = torch.zeros(len(weight), dtype=torch.float64)
        output = node.output[0]
        while following := [reader for reader in readers[output] if _is_affine(reader, constants)]:
            (step,) = following
            output = step.output[0]
            if step.op_type in ("Add", "Sub", "Mul"):
                constant = next(constants[name] for name in step.input if name in constants)
                value = _float32(constant).double().flatten()
                if step.op_type == "Mul":
                    scale, shift = scale * value, shift * value
                else:
                    shift = shift + value if step.op_type == "Add" else shift - value
        folded.append(((weight * scale[:, None, None, None]).float(), shift.float()))
    return folded


def _is_affine(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> bool:
    if node.op_type in ("Cast", "Transpose"):
        return True
    return node.op_type in ("Add", "Sub", "Mul") and any(name in constants for name in node.input)


def _float32(tensor: onnx.TensorProto) -> torch.Tensor:
    return torch.from_numpy(numpy_helper.to_array(tensor).astype("float32", copy=True))


LAYOUTS: dict[str, Callable[[bytes], Weights]] = {
    "vgg16-keras-onnx": vgg16_from_keras_onnx,
    "resnet50-thin-onnx": resnet50_thin_from_onnx,
    "vgg16-hed-h5": vgg16_from_hed,
    "squeezenet-keras-h5": squeezenet_from_keras,
    "efficientnet-lite0-pth": efficientnet_lite0_from_pth,
    "state-dict": state_dict,
}


def convert(layout: str, data: bytes, architecture: str, path: Path) -> None:
    """Write weights as safetensors, after a strict match with the architecture.

    Args:
        layout: how `data` stores them, one of `LAYOUTS`.
        data: the bytes of the weight file, already verified.
        path: the safetensors file to write.

    Raises:
        InputError: for an unknown layout, or names, shapes or values that do not fit.
    """
    if layout not in LAYOUTS:
        raise InputError(unknown("weight layout", layout, LAYOUTS))
    weights = LAYOUTS[layout](data)
    with_weights(architecture, weights, f"weights read as {layout}")
    _write(weights, {"architecture": architecture, "layout": layout, "source_sha256": sha256(data).hexdigest()}, path)


def _write(weights: Weights, metadata: dict[str, Any], path: Path) -> None:
    write_tensors({name: tensor.numpy() for name, tensor in weights.items()}, metadata, path)
