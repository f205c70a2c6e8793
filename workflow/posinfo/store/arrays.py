"""Files of several named arrays: compressed npz with a sidecar."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posinfo.store.files import atomic_write
from posinfo.store.sidecars import verified, write_sidecar


def write_arrays(arrays: Mapping[str, ArrayLike], path: Path, **metadata: Any) -> None:
    """Write arrays as compressed npz, and a sidecar that holds the SHA-256 of the file and `metadata`."""
    with atomic_write(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    write_sidecar(path, **metadata)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a file that `write_arrays` wrote, by name.

    Raises:
        InputError: when the file's SHA-256 is not the one in its sidecar.
    """
    verified(path)
    with np.load(path, allow_pickle=False) as file:
        return dict(file)
