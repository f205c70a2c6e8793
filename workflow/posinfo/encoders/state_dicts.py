"""Reads the tensors of torch and safetensors files, and finds those of a network among them."""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from os.path import commonprefix
from typing import Any
from zipfile import BadZipFile, ZipFile

import onnx
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from posinfo.encoders.architectures import Weights
from posinfo.encoders.model_zoos import HEADS, in_current_names
from posinfo.store.errors import InputError, unknown

TORCH_BEFORE_ZIP = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # torch's magic number, as a pickle holds it
HOW_TO_SAVE = "save a state dict: torch.save(network.state_dict(), PATH)"
HOW_TO_TAKE = (
    "with the file alone, and only if you trust it, since this runs code from it: "
    'torch.save(torch.load(FILE, weights_only=False)["state_dict"], PATH), where ["state_dict"] is the key in the '
    "file, or .state_dict() of a whole network"
)
LAYOUT = "CONTRIBUTING.md says how to add a layout for it"
# First bytes of files that people take for weights.
KINDS = {
    b"version https://git-lfs": "a Git LFS pointer; fetch the file that it stands for (git lfs pull)",
    b"\x93NUMPY": f"a NumPy array; {HOW_TO_SAVE}",
    b"\x89HDF\r\n\x1a\n": f"an HDF5 file, as Keras writes; {LAYOUT}",
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"\x80": f"a pickle that torch.save did not write; {HOW_TO_SAVE}",
}
# Parts that torch's wrappers (DataParallel, torch.compile, FSDP) add inside names.
WRAPPERS = re.compile(r"\.(module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)(?=\.)")
# DenseNet's layers before torchvision 0.3, which its own loader renames too.
DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")


def stored_tensors(data: bytes) -> Weights:
    """Read every tensor of a torch or safetensors file; its name is the path to it, such as `state_dict.conv1.weight`.

    Raises:
        InputError: when the file is neither, is damaged, or holds other objects; the message says what it is.
    """
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") < 2**32:
        try:
            return dict(load(data))
        except SafetensorError as error:
            raise InputError(f"a truncated or damaged safetensors file ({error}); fetch or save it again") from None
    if TORCH_BEFORE_ZIP not in data[:32] and not _is_torch_zip(data):
        raise InputError(f"neither a torch nor a safetensors file but {kind(data)}")
    try:
        # weights_only keeps pickles from running code.
        stored = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle may raise anything
        raise InputError(_why_refused(error)) from None
    found = dict(_tensors(stored))
    if not found or isinstance(stored, torch.Tensor):
        keys = f" of {', '.join([*map(str, stored)][:4]) or 'no keys'}" if isinstance(stored, Mapping) else ""
        raise InputError(
            f"this torch file holds no tensors with names but a {type(stored).__name__}{keys}; {HOW_TO_SAVE}"
        )
    return found


def _why_refused(error: Exception) -> str:
    """Why torch does not read a file, without its advice to read it unsafely."""
    reason = str(error.__context__ or error).split("\n")[0]
    if refused := re.search(r"GLOBAL ([\w.]+)", reason):
        return f"this torch file holds an object of {refused[1]}, which can run code; {HOW_TO_SAVE}; {HOW_TO_TAKE}"
    return f"torch cannot read this file ({reason}); fetch it again, or {HOW_TO_SAVE}"


def _tensors(stored: Any, path: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(stored, torch.Tensor):
        yield path, stored
        return
    if isinstance(stored, list | tuple):
        stored = dict(enumerate(stored))
    for key, value in stored.items() if isinstance(stored, Mapping) else ():
        yield from _tensors(value, f"{path}.{key}" if path else str(key))


def _is_torch_zip(data: bytes) -> bool:
    """Whether a file is a zip that torch.save wrote.

    Raises:
        InputError: for any other zip; the message says what it is.
    """
    if not data.startswith(b"PK"):
        return False
    try:
        archive = ZipFile(io.BytesIO(data))
        damaged = archive.testzip()  # torch does not compare the sums
    except BadZipFile:
        raise InputError("a truncated or damaged zip, as torch.save writes; fetch or save it again") from None
    if damaged:
        raise InputError(f"a damaged zip: {damaged} has another CRC than recorded; fetch or save it again")
    members = archive.namelist()
    names = {name.rsplit("/", 1)[-1] for name in members}
    if "constants.pkl" in names:
        raise InputError(f"a TorchScript archive, which holds code; {HOW_TO_SAVE}")
    if "data.pkl" not in names:
        what = "an npz file of NumPy arrays" if all(name.endswith(".npy") for name in names) else "a zip"
        listed = ", ".join(members[:3])
        raise InputError(f"neither a torch nor a safetensors file but {what} ({listed}); {HOW_TO_SAVE}")
    return True


def kind(data: bytes) -> str:
    """What a file is that is neither of torch nor of safetensors, by its content."""
    for start, kind in KINDS.items():
        if data.startswith(start):
            return kind
    if data[257:262] == b"ustar":
        return "a tar archive; unpack it"
    text = data[:200].decode(errors="replace").strip("\ufeff \r\n\t")
    if not text:
        return "an empty file"
    if text.startswith("<"):
        return "a web page (HTML); the link leads to this page and not to the file"
    if text.startswith("{"):
        return _json_kind(data)
    with suppress(Exception):  # of protobuf: it is no ONNX file
        if onnx.load_model_from_string(data).graph.node:
            return f"an ONNX file; {LAYOUT}"
    return f"a file that begins with {data[:20]!r}"


def _json_kind(data: bytes) -> str:
    try:
        content = json.loads(data)
    except ValueError:
        return "a text that begins with {"
    parts = sorted(set(content.get("weight_map", {}).values()))
    if parts:
        return f"the index of weights in {len(parts)} files ({', '.join(parts[:3])}); join them in one file"
    return f"a JSON text of {', '.join([*content][:4])}"


def fitting(stored: Weights, network: nn.Module, key: str = "") -> tuple[Weights, str]:
    """Find a network's tensors among those of a file, and name and type them as the network does.

    The prefix is taken below which the most names are the network's; of equals, the first in the file. Tensors of the
    head are left out, and so are tensors outside the prefix.

    Args:
        stored: as `stored_tensors` returns them.
        network: on the meta device.
        key: of the dictionary that holds the network's tensors; by default, the whole file is searched.

    Returns:
        The tensors, contiguous and dense, and a line about the prefix; empty where there is none.

    Raises:
        InputError: when nothing has this key, or a tensor has no values of the network's kind.
    """
    expected = network.state_dict()
    counts = _prefixes(stored, expected)
    if key and not any(name.startswith(f"{key}.") for name in stored):
        raise InputError(unknown("key", key, {name.split(".")[0] for name in stored}))
    below = {prefix: count for prefix, count in counts.items() if not key or f"{prefix}.".startswith(f"{key}.")}
    # Of older names, none may be the network's.
    shared = commonprefix([name.split(".")[:-1] for name in stored])  # noqa: RUF071 (of lists, it compares whole parts)
    chosen = max(below, key=lambda prefix: below[prefix], default=key or ".".join(shared))
    start = f"{chosen}." if chosen else ""
    weights = {_current(name.removeprefix(start)): tensor for name, tensor in stored.items() if name.startswith(start)}
    if weights.keys() != expected.keys():
        weights = in_current_names(network, weights)
    taken = {
        name: _converted(name, tensor, expected.get(name, tensor))
        for name, tensor in weights.items()
        if name in expected or name.split(".")[0] not in HEADS
    }
    if not chosen:
        return taken, ""
    # Other copies of the network, such as a running mean of its weights.
    others = [
        prefix
        for prefix, count in counts.items()
        if 2 * count > counts[chosen] and not f"{prefix}.".startswith(start) and not start.startswith(f"{prefix}.")
    ]
    line = f"the weights are those below {chosen!r} in the file"
    if others and not key:
        also = ", ".join(map(repr, others))
        line += f"; {also} would fit too, by `--key {others[0]}`, or `key: {others[0]}` beside `layout` in an entry"
    return taken, line


def _prefixes(stored: Weights, expected: Weights) -> Counter[str]:
    """The number of the network's names below each prefix, in the order of the file."""
    counts: Counter[str] = Counter()
    for name in stored:
        parts = name.split(".")
        for length in range(len(parts)):
            if _current(".".join(parts[length:])) in expected:
                counts[".".join(parts[:length])] += 1
    return counts


def _current(name: str) -> str:
    return DENSENET.sub(r"\1\2.", WRAPPERS.sub("", name))


def _converted(name: str, tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    if tensor.is_meta:
        raise InputError(f"{name} has a shape but no values (torch's meta device); save it from a network with values")
    if like.is_floating_point() and not tensor.is_floating_point():
        raise InputError(f"{name} holds {tensor.dtype}, where the network has {like.dtype}; save it as floats")
    dense = tensor.detach() if tensor.layout is torch.strided else tensor.detach().to_dense()
    return dense.to(like.dtype).contiguous()
