"""Files that are whole or absent, and their digests."""

import glob
import hashlib
import io
import json
import math
import mmap
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posinfo.store.errors import InputError


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a place beside `path` to write to; it becomes `path` only when the block ends well.

    The bytes are flushed to the disk before the rename, so that a crash leaves the old file or the new one,
    never a part of one. What a killed process left beside `path` is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_orphans(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}@{os.uname().nodename}.partial")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield an empty directory beside `path`; it takes the place of `path` only when the block succeeds.

    Every file inside is flushed to the disk before the rename. What stood at `path` before is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_orphans(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}@{os.uname().nodename}.partial")
    partial.mkdir()
    try:
        yield partial
        for file in partial.rglob("*"):
            if file.is_file():
                with file.open("rb") as opened:
                    os.fsync(opened.fileno())
        shutil.rmtree(path, ignore_errors=True)
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def preallocated_npy(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
    """A memory-mapped `.npy` file to be filled, with all its room on the disk taken at once.

    Raises:
        OSError: when there is no room. A sparse file would say so by killing the process that fills it.
    """
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


FLUSHED = 8 * 2**20  # bytes after which a streamed array is flushed to the disk


class StreamedArray:
    """A `.npy` file written from front to back, with all its room on the disk taken at once, and its digest on the way.

    It is flushed to the disk on the way, too: whoever appends while others work leaves little for the end, for which
    all have to wait.

    Args:
        path: where to.
        dtype, shape: of the whole array.

    Raises:
        OSError: when there is no room.
    """

    def __init__(self, path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> None:
        self.path, self.dtype, self.shape, self.filled = path, np.dtype(dtype), shape, 0
        header = io.BytesIO()
        described = {"descr": self.dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, described)
        self._file = path.open("wb")
        os.posix_fallocate(self._file.fileno(), 0, header.tell() + math.prod(shape) * self.dtype.itemsize)
        self._digest, self._unflushed = hashlib.sha256(), 0
        self._write(header.getbuffer())

    def append(self, values: NDArray[Any]) -> None:
        """Write the next rows, contiguous [rows, *shape[1:]] of the array's dtype."""
        assert values.dtype == self.dtype, f"{values.dtype} where {self.dtype} belongs"
        assert values.shape[1:] == self.shape[1:], f"{values.shape} into {self.shape}"
        self._write(values.data.cast("B"))
        self.filled += len(values)

    def close(self) -> str:
        """The sha256 of the file, once every row is written.

        Raises:
            InputError: when rows are missing.
        """
        self._file.close()
        if self.filled != self.shape[0]:
            raise InputError(f"{self.path}: {self.filled} of {self.shape[0]} rows were written")
        return self._digest.hexdigest()

    def _write(self, data: memoryview) -> None:
        self._digest.update(data)
        self._file.write(data)
        self._unflushed += len(data)
        if self._unflushed >= FLUSHED:
            self._file.flush()
            os.fdatasync(self._file.fileno())
            self._unflushed = 0


def drop_pages(array: NDArray[Any]) -> None:
    """Let go of the memory in which a memory-mapped array was read or written; its values stay in the file.

    Otherwise every page ever touched counts as the process's memory, and a scheduler that counts kills it.
    """
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    if base is not None:
        base.madvise(mmap.MADV_DONTNEED)


def _remove_orphans(path: Path) -> None:
    """Remove partial files of processes of this machine that are no more."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*@{os.uname().nodename}.partial"):
        process = partial.name.removeprefix(f".{path.name}.").split("@")[0]
        if Path(f"/proc/{process}").exists():
            continue
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` whole or not at all."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, metadata: dict[str, Any]) -> None:
    """Write a sidecar: sorted, indented JSON."""
    write_text(path, json.dumps(metadata, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a sidecar.

    Raises:
        InputError: when it is missing or not JSON.
    """
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing: delete the file beside it and run again") from None
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}): delete it and run again") from None
    if not isinstance(metadata, dict):
        raise InputError(f"{path} holds no metadata (a JSON object): delete it and run again")
    return metadata
