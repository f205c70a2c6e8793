"""Safetensors files whose header holds metadata: what they were made from, and the SHA-256 of tensors and metadata."""

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
    """Write arrays and their metadata as safetensors, atomically; equal values give equal bytes."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    header = json.dumps({**metadata, "sha256": _digest(contiguous, metadata)}, sort_keys=True)
    with atomic_write(path) as partial:
        # One entry, since safetensors does not fix the order of several.
        # Bytes, since a file that safetensors itself writes can be read by its owner only.
        partial.write_bytes(serialised(contiguous, metadata={"metadata": header}))


def read_tensors(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read the arrays and the metadata of a file, and check the SHA-256 in its header.

    Raises:
        InputError: when the file is missing, damaged or was not written by this pipeline.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = json.loads(file.metadata()["metadata"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        recorded = metadata.pop("sha256")
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged or was not written by this pipeline ({error}); {again(path)}") from None
    found = _digest(arrays, metadata)
    if recorded != found:
        raise InputError(f"{path} is damaged: its tensors have sha256 {found}, recorded is {recorded}; {again(path)}")
    return arrays, metadata
