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
    return f"unknown {kind} {name!r}; known: {', '.join(names) or 'none'}{nearest(name, names)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of such a sentence: `; did you mean 'vgg16'?`, or nothing where no name is near."""
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
