"""The error that a user sees, and suggestions of the nearest known name."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """A mistake outside the code: in a config value, a file or a name. The message says what to do."""


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Word an error that names the unknown, the known ones and the nearest of them.

    >>> unknown("encoder", "vgg61", ["pixels", "vgg16"])
    "unknown encoder 'vgg61'; known: pixels, vgg16; did you mean 'vgg16'?"
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    suggestion = f"; did you mean {close[0]!r}?" if close else ""
    return f"unknown {what} {name!r}; known: {', '.join(names) or 'none'}{suggestion}"
