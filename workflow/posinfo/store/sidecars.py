"""Sidecars: beside a result lies a JSON file with the digest of its bytes and what it was made from.

A reader takes nothing that its sidecar does not vouch for: a flipped bit, a cut file or a file put in another's place
is named before it is used.
"""

from pathlib import Path
from typing import Any

from posinfo.store.errors import InputError
from posinfo.store.files import read_json, sha256_of, write_json


def write_sidecar(path: Path, **metadata: Any) -> None:
    """Write `path` with the suffix .json: the sha256 of its bytes, and `metadata`."""
    write_json(path.with_suffix(".json"), {"sha256": sha256_of(path), **metadata})


def verified(path: Path, key: str = "sha256") -> dict[str, Any]:
    """The metadata beside `path`, once its digest under `key` is that of the bytes.

    Raises:
        InputError: when the sidecar is missing, or belongs to other bytes.
    """
    metadata = read_json(path.with_suffix(".json"))
    expect(path, "bytes (sha256)", metadata.get(key), sha256_of(path), again(path))
    return metadata


def again(path: Path) -> str:
    """What to do about a file that is not what it should be."""
    return f"delete it and run again: snakemake {path}"


def expect(path: Path, what: str, told: object, found: object, remedy: str) -> None:
    """Refuse a file that is not what its sidecar says.

    Raises:
        InputError: naming both sides and the remedy.
    """
    if told != found:
        raise InputError(f"{path} is stale or damaged: {what}: its sidecar says {told}, found {found}; {remedy}")
