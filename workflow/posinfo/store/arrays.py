"""Files of several named arrays: compressed npz, and a sidecar that vouches for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posinfo.store.files import atomic_write
from posinfo.store.sidecars import verified, write_sidecar


def write_arrays(arrays: Mapping[str, ArrayLike], path: Path, **metadata: Any) -> None:
    """Write them as compressed npz, and its sidecar with a metadata."""
    with atomic_write(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    write_sidecar(path, **metadata)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """What `write_arrays` wrote, by name.

    Raises:
        InputError: when the file is not what its sidecar vouches for.
    """
    verified(path)
    with np.load(path, allow_pickle=False) as file:
        return dict(file)
