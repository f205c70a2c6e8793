"""The one error that speaks to a person, and how it suggests the nearest known name."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Something outside the code is wrong: a config value, a file, a name. The message says what to do."""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """A sentence that names what is unknown, what is known, and the nearest match.

    >>> unknown("encoder", "vgg61", ["pixels", "vgg16"])
    "unknown encoder 'vgg61'; known: pixels, vgg16; did you mean 'vgg16'?"
    """
    names = sorted(known)
    message = f"unknown {kind} {name!r}; known: {', '.join(names) or 'none'}"
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"{message}; did you mean {close[0]!r}?" if close else message
