"""Converts weights from the file in which they ship to the names of the architecture."""

import io
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import h5py
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from posinfo.encoders.architectures import Weights, empty_architecture, with_weights
from posinfo.encoders.state_dicts import fitting, kind, stored_tensors
from posinfo.registry.catalogue import look_up
from posinfo.store.errors import InputError
from posinfo.store.tensors import write_tensors

# Operations of ONNX with a constant.
AFFINE: dict[str, Callable[..., torch.Tensor]] = {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul}


def _onnx_graph(data: bytes) -> onnx.GraphProto:
    graph = onnx.load_model_from_string(data).graph
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise InputError(
                f"ONNX tensor {tensor.name!r} is stored outside the file; only self-contained files are read"
            )
    return graph


def _convolutions(architecture: str) -> dict[str, nn.Conv2d]:
    modules = empty_architecture(architecture).named_modules()
    return {name: module for name, module in modules if isinstance(module, nn.Conv2d)}


def vgg16_from_keras_onnx(data: bytes) -> Weights:
    """Read the 13 convolutions of a Keras VGG16 exported to ONNX, in torchvision's names (`features.0.weight` ...).

    Kernels are float32 [out, in, 3, 3] under `.../block{b}_conv{c}.../convolution/ReadVariableOp:0`, biases [out] under
    `.../Squeeze:0`. Other tensors in the file (another task's head) are ignored.
    """
    found: dict[tuple[str, str, str], torch.Tensor] = {}
    for tensor in _onnx_graph(data).initializer:
        match = re.search(r"/block(\d)_conv(\d)_?\d*/(convolution/ReadVariableOp|Squeeze):0$", tensor.name)
        if match:
            kind = "bias" if match[3] == "Squeeze" else "weight"
            found[match[1], match[2], kind] = _float32(tensor)
    names = [f"{name}.{kind}" for name in _convolutions("vgg16") for kind in ("bias", "weight")]
    if len(found) != len(names):
        raise InputError(f"expected the {len(names) // 2} convolutions of VGG16, found {len(found) // 2}")
    return {name: found[key] for name, key in zip(names, sorted(found), strict=True)}


def resnet50_thin_from_onnx(data: bytes) -> Weights:
    """Read Yahoo's open_nsfw from ONNX, in the architecture's names, and fold batch norm into the convolutions.

    The file stores batch norm as constants: y = ((conv + b) - mean) * scale + shift. They are found by following the
    data from each convolution. A convolution is matched by its shape, since a block with a projection lists the
    projection before the last 1x1.
    """
    weights: Weights = {}
    unmatched = _convolutions("resnet50-thin")
    for weight, bias in _folded_convolutions(_onnx_graph(data)):
        # The next of that shape; a projection differs in shape from every other convolution of its block.
        name = next((name for name in [*unmatched][:2] if unmatched[name].weight.shape == weight.shape), None)
        if name is None:
            raise InputError(f"resnet50-thin has no convolution of shape {list(weight.shape)} here: another file?")
        del unmatched[name]
        weights |= {f"{name}.weight": weight, f"{name}.bias": bias}
    return weights


def vgg16_from_hed(data: bytes) -> Weights:
    """Read VGG16's convolutions from HED's HDF5: `block{b}/layers/conv2d[_n]/vars/{0,1}`, kernels [3, 3, in, out]."""
    convolutions = iter(_convolutions("vgg16"))
    weights: Weights = {}
    with h5py.File(io.BytesIO(data), "r") as file:
        for block in range(1, 6):
            layers = file[f"block{block}/layers"]
            for layer in ("conv2d", "conv2d_1", "conv2d_2")[: 2 if block < 3 else 3]:
                stored = layers[layer]["vars"]
                weights |= _from_keras(next(convolutions), stored["0"], stored["1"])
    return weights


def squeezenet_from_keras(data: bytes) -> Weights:
    """Read SqueezeNet 1.1 with its head of 1000 classes from Keras's HDF5 file; kernels are [h, w, in, out]."""
    names = {"conv1": "features.0", "conv10": "classifier.1"}
    parts = {"squeeze1x1": "squeeze", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}
    for fire, index in zip(range(2, 10), (3, 4, 6, 7, 9, 10, 11, 12), strict=True):
        names |= {f"fire{fire}/{part}": f"features.{index}.{ours}" for part, ours in parts.items()}
    weights: Weights = {}
    with h5py.File(io.BytesIO(data), "r") as file:
        for layer, name in names.items():
            weights |= _from_keras(name, file[f"{layer}/{layer}_W:0"], file[f"{layer}/{layer}_b:0"])
    return weights


def _from_keras(name: str, kernel: h5py.Dataset, bias: h5py.Dataset) -> Weights:
    weight = torch.from_numpy(kernel[()]).permute(3, 2, 0, 1).contiguous()
    return {f"{name}.weight": weight, f"{name}.bias": torch.from_numpy(bias[()])}


def efficientnet_lite0_from_pth(data: bytes) -> Weights:
    """Read EfficientNet-Lite0 from a torch state dict, in the architecture's names."""
    parts = {"_expand_conv": "expand", "_bn0": "expand_norm", "_depthwise_conv": "depthwise", "_bn1": "depthwise_norm"}
    parts |= {"_project_conv": "project", "_bn2": "project_norm"}
    tops = {"_conv_stem": "stem", "_bn0": "stem_norm", "_conv_head": "head", "_bn1": "head_norm", "_fc": "classifier"}
    weights: Weights = {}
    for name, tensor in stored_tensors(data).items():
        first, *rest = name.split(".")
        if first == "_blocks":
            weights[f"blocks.{rest[0]}.{parts[rest[1]]}.{rest[2]}"] = tensor.contiguous()
        else:
            weights[f"{tops[first]}.{rest[0]}"] = tensor.contiguous()
    return weights


def _folded_convolutions(graph: onnx.GraphProto) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Fold the constants after each convolution into its weight and bias; in the order of the graph.

    Raises:
        InputError: when an operation with constants follows that is not folded, such as a batch norm or a division.
    """
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
        shift = torch.zeros_like(scale)
        if len(node.input) > 2:
            shift = _float32(constants[node.input[2]]).double()
        output = node.output[0]
        while following := [reader for reader in readers.get(output, ()) if _is_affine(reader, constants)]:
            (step,) = following
            output = step.output[0]
            if step.op_type in AFFINE:
                constant = next(constants[name] for name in step.input if name in constants)
                value = _float32(constant).double().flatten()
                shift = AFFINE[step.op_type](shift, value)
                if step.op_type == "Mul":
                    scale = scale * value
        unfolded = [
            reader.op_type
            for reader in readers.get(output, ())
            if reader.op_type not in ("Conv", "Pad") and any(name in constants for name in reader.input)
        ]
        if unfolded:
            raise InputError(f"{unfolded[0]} with constants follows a convolution; read are {', '.join(AFFINE)}")
        folded.append(((weight * scale[:, None, None, None]).float(), shift.float()))
    return folded


def _is_affine(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> bool:
    with_constant = node.op_type in AFFINE and any(name in constants for name in node.input)
    return with_constant or node.op_type in ("Cast", "Transpose")


def _float32(tensor: onnx.TensorProto) -> torch.Tensor:
    return torch.from_numpy(numpy_helper.to_array(tensor).astype("float32", copy=True))


LAYOUTS: dict[str, Callable[[bytes], Weights]] = {
    "vgg16-keras-onnx": vgg16_from_keras_onnx,
    "resnet50-thin-onnx": resnet50_thin_from_onnx,
    "vgg16-hed-h5": vgg16_from_hed,
    "squeezenet-keras-h5": squeezenet_from_keras,
    "efficientnet-lite0-pth": efficientnet_lite0_from_pth,
    "state-dict": stored_tensors,
}


def convert(layout: str, data: bytes, architecture: str, path: Path, key: str = "") -> str:
    """Write weights as safetensors, in the architecture's names, and return what of the file they are; empty if all.

    Args:
        layout: the layout of `data`, one of `LAYOUTS`.
        data: the bytes of the weight file, already verified.
        path: the safetensors file to write.
        key: the dictionary to take of a file that holds several; by default, the one that fits best.

    Raises:
        InputError: for an unknown layout or key, or names, shapes or values that do not fit.
    """
    read = look_up("weight layout", layout, LAYOUTS)
    try:
        stored = read(data)
    except InputError:
        raise
    except Exception as error:  # the readers of files raise many kinds
        raise InputError(f"no weights in the layout {layout} but {kind(data)} ({error})") from None
    weights, taken = fitting(stored, empty_architecture(architecture), key)
    loaded = with_weights(architecture, weights, f"weights read as {layout}").state_dict()
    metadata = {"architecture": architecture, "layout": layout, "source_sha256": sha256(data).hexdigest()}
    write_tensors({name: tensor.numpy() for name, tensor in loaded.items()}, metadata, path)
    return taken
