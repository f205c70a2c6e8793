"""Weights of an encoder after some steps of its training: a directory beside its final weights holds a file a step."""

from pathlib import Path


def weights_file(weights: Path, step: int | None) -> Path:
    """The safetensors file of an encoder's weights.

    Args:
        weights: that file itself, or the directory of saved steps for an entry that names a step.
        step: the entry's step, if it names one.
    """
    return weights if step is None else weights / f"step-{step}.safetensors"
