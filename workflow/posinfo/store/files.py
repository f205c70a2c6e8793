"""Writes files that are whole or absent, and computes their digests."""

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
from errno import EISDIR
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from posinfo.store.errors import InputError

# The nearest folder with a Snakefile: a clone, or the package of a wheel, which holds the same files at the same paths.
ROOT = next(folder for folder in Path(__file__).parents if (folder / "Snakefile").exists())


def sha256_of(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Loader(yaml.CSafeLoader):
    """Refuses a key that a section has twice, of which YAML takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The values of a section."""
        known: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in known:
                    where = f"{key.start_mark.name}, line {key.start_mark.line + 1}"
                    raise InputError(f"{where}: {key.value} is there twice in one section; join both, or rename one")
                known.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """Read a YAML file; the C loader takes a tenth of the time of the default one.

    Raises:
        InputError: when a section has a key twice; names the file, the line and the key.
    """
    with path.open(encoding="utf-8") as file:
        return yaml.load(file, Loader=_Loader)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; the file takes the place of `path` only when the block succeeds.

    The bytes are flushed to the disk before the rename, so that a crash leaves the old file or the new one, never a
    part of one. Temporary files of killed processes are removed.
    """
    if path.is_dir():
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
    partial = _temporary_path(path)
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

    Every file inside is flushed to the disk before the rename. The old directory at `path` is removed.
    """
    partial = _temporary_path(path)
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
    """Create a memory-mapped `.npy` file whose whole space on the disk is allocated at once.

    Raises:
        OSError: when the disk is full. With a sparse file, a full disk would kill the process that fills it.
    """
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


FLUSHED = 8 * 2**20  # bytes after which a streamed array is flushed to the disk


class StreamedArray:
    """A `.npy` file that is written in parts, and digested and flushed to the disk as it grows.

    Its whole space on the disk is allocated at once. Flushing early leaves little to wait for at the end.

    Args:
        path: the file.
        dtype, shape: of the whole array.

    Raises:
        OSError: when the disk is full.
    """

    def __init__(self, path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> None:
        self.path = path
        self.dtype = np.dtype(dtype)
        self.shape = shape
        self.filled = 0  # rows digested so far
        header = io.BytesIO()
        described = {"descr": self.dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, described)
        self._header = header.getvalue()
        self._file = path.open("wb", buffering=0)
        os.posix_fallocate(self._file.fileno(), 0, len(self._header) + math.prod(shape) * self.dtype.itemsize)
        self._file.write(self._header)
        self._digest = hashlib.sha256(self._header)

    def write(self, rows: NDArray[Any], first: int) -> None:
        """Write rows in their place, in any order, also from several threads.

        Args:
            rows: contiguous [rows, *shape[1:]] of the array's dtype.
            first: number of the first row.
        """
        assert rows.dtype == self.dtype, f"expected {self.dtype}, got {rows.dtype}"
        assert rows.shape[1:] == self.shape[1:], f"{rows.shape} does not fit into {self.shape}"
        data = rows.data.cast("B")
        offset = len(self._header) + first * rows[0].nbytes
        crosses = (offset + len(data)) // FLUSHED > offset // FLUSHED
        while data:
            written = os.pwrite(self._file.fileno(), data, offset)
            data = data[written:]
            offset += written
        if crosses:
            os.fdatasync(self._file.fileno())

    def digest(self, rows: NDArray[Any]) -> None:
        """Add the next rows to the SHA-256, from front to back."""
        self._digest.update(rows.data)
        self.filled += len(rows)

    def close(self) -> str:
        """Close the file and return its SHA-256.

        Raises:
            InputError: when rows are missing.
        """
        self._file.close()
        if self.filled != self.shape[0]:
            raise InputError(f"{self.path}: {self.filled} of {self.shape[0]} rows were written")
        return self._digest.hexdigest()


def drop_pages(array: NDArray[Any]) -> None:
    """Release the memory of a memory-mapped array; its values stay in the file.

    Without this, every page that was ever touched counts as memory of the process, and a scheduler may kill it.
    """
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    if base is not None:
        base.madvise(mmap.MADV_DONTNEED)


def _temporary_path(path: Path) -> Path:
    """Return a path beside `path` that names this process, in a folder that exists and without orphans of `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_orphans(path)
    return path.with_name(f".{path.name}.{os.getpid()}@{os.uname().nodename}.partial")


def _remove_orphans(path: Path) -> None:
    """Remove temporary files and directories of processes of this machine that have ended."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*@{os.uname().nodename}.partial"):
        process = partial.name.removeprefix(f".{path.name}.").split("@")[0]
        if Path(f"/proc/{process}").exists():
            continue
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` atomically."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, metadata: dict[str, Any]) -> None:
    """Write metadata as sorted, indented JSON."""
    write_text(path, json.dumps(metadata, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read the metadata of a file that `write_json` wrote.

    Raises:
        InputError: when it is missing or not a JSON object.
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
