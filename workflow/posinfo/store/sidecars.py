"""Sidecars: JSON files beside results, with the SHA-256 of the result and metadata of what it was made from.

Readers check the SHA-256 in the sidecar, so a flipped bit, a truncated file or a swapped file is found before use.
"""

from pathlib import Path
from typing import Any

from posinfo.store.errors import InputError
from posinfo.store.files import read_json, sha256_of, write_json


def write_sidecar(path: Path, **metadata: Any) -> None:
    """Write the sidecar of `path` (the same name with the suffix .json): its SHA-256, and `metadata`."""
    write_json(path.with_suffix(".json"), {"sha256": sha256_of(path), **metadata})


def verified(path: Path, key: str = "sha256") -> dict[str, Any]:
    """Check the SHA-256 of `path` against its sidecar, and return the metadata in the sidecar.

    Args:
        path: the result.
        key: the metadata's key of the SHA-256.

    Raises:
        InputError: when the sidecar is missing, or holds another SHA-256.
    """
    metadata = read_json(path.with_suffix(".json"))
    expect(path, "bytes (sha256)", metadata.get(key), sha256_of(path), again(path))
    return metadata


def again(path: Path) -> str:
    """Say how to make a damaged file again."""
    return f"delete it and run again: snakemake {path}"


def expect(path: Path, what: str, recorded: object, found: object, remedy: str) -> None:
    """Compare what the sidecar of `path` records with what is found.

    Raises:
        InputError: when they differ; names both, and the remedy.
    """
    if recorded != found:
        raise InputError(f"{path} is stale or damaged: {what}: its sidecar says {recorded}, found {found}; {remedy}")
