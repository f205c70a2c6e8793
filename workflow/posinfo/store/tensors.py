"""Tensor files: safetensors whose one metadata entry says what they were made from, and the digest of it all."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialised

from posinfo.store.errors import InputError
from posinfo.store.files import atomic_write
from posinfo.store.sidecars import again

Arrays = dict[str, NDArray[np.float32]]


def _digest(arrays: Mapping[str, NDArray[np.float32]], metadata: Mapping[str, Any]) -> str:
    total = sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(json.dumps([name, str(array.dtype), array.shape]).encode())
        total.update(array.reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def write_tensors(arrays: Mapping[str, NDArray[np.float32]], metadata: Mapping[str, Any], path: Path) -> None:
    """Write arrays and their metadata as safetensors, whole or not at all; the same bytes each time."""
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    told = json.dumps({**metadata, "sha256": _digest(whole, metadata)}, sort_keys=True)
    with atomic_write(path) as partial:
        # One entry, since the order of several is not fixed. Bytes, since safetensors' own file is for its owner only.
        partial.write_bytes(serialised(whole, metadata={"metadata": told}))


def read_tensors(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """The arrays and the metadata, without its digest, once the digest fits.

    Raises:
        InputError: when the file is missing, damaged or was not written by this pipeline.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = json.loads(file.metadata()["metadata"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        told = metadata.pop("sha256")
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged or was not written by this pipeline ({error}); {again(path)}") from None
    found = _digest(arrays, metadata)
    if told != found:
        raise InputError(f"{path} is damaged: its tensors have sha256 {found}, written were {told}; {again(path)}")
    return arrays, metadata
