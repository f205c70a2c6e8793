"""The error that a user sees, and suggestions of the nearest known name."""

from collections.abc import Iterable
from difflib import get_close_matches
from textwrap import shorten

LISTED = 60  # characters of known names in an error; the nearest come first in a longer list
COMMANDS = {  # that print all known names
    "encoder": "posinfo list encoders",
    "set of images": "posinfo list images",
    "table": "posinfo list tables",
    "figure": "posinfo list figures",
    "tap": "posinfo taps",
}


class InputError(ValueError):
    """A mistake outside the code: in a config value, a file or a name. The message says what to do."""


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Word an error that names the unknown, the known ones (of many, the nearest few) and the nearest of them.

    >>> unknown("encoder", "vgg61", ["pixels", "vgg16"])
    "unknown encoder 'vgg61'; known: pixels, vgg16; did you mean 'vgg16'?"
    """
    names = sorted(known)
    listed = ", ".join(names) or "none"
    if len(listed) > LISTED:
        nearest = get_close_matches(name, names, n=len(names), cutoff=0)
        width = max(LISTED, len(nearest[0]) + len(", ..."))
        listed = shorten(", ".join(nearest), width, placeholder=" ...", break_on_hyphens=False)
        if what in COMMANDS:
            listed += f" (all: {COMMANDS[what]})"
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    suggestion = f"; did you mean {close[0]!r}?" if close else ""
    return f"unknown {what} {name!r}; known: {listed}{suggestion}"
