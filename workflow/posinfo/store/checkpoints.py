"""Checkpoints: the state of a training after an epoch, from which a killed job resumes."""

import io
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from posinfo.store.files import atomic_write


def write_checkpoint(path: Path, fingerprint: str, state: dict[str, Any]) -> None:
    """Write a state that torch can save, whole or not at all.

    Args:
        fingerprint: everything that decides the result of the training.
    """
    buffer = io.BytesIO()
    torch.save({"fingerprint": fingerprint, **state}, buffer)
    data = buffer.getvalue()
    with atomic_write(path) as partial:
        partial.write_bytes(sha256(data).digest() + data)


def read_checkpoint(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """The state that `write_checkpoint` stored; None where there is none, or a damaged one, or one of another run."""
    content = path.read_bytes() if path.exists() else b""
    if sha256(content[32:]).digest() != content[:32]:
        return None
    state: dict[str, Any] = torch.load(io.BytesIO(content[32:]), weights_only=True)
    return state if state["fingerprint"] == fingerprint else None
