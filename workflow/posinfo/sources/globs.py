"""Globs: which members of an archive they name, and which of those are missing."""

import re
from functools import lru_cache
from pathlib import PurePosixPath

from posinfo.registry.entries import Globs

IGNORED = ("thumbs.db", "imglist.mat", "desktop.ini")
LISTED = 10  # names in an error


def is_litter(member: str) -> bool:
    """Whether it is hidden, or what systems leave behind."""
    path = PurePosixPath(member)
    return any(part.startswith((".", "__MACOSX")) for part in path.parts) or path.name.lower() in IGNORED


def matches(member: str, pattern: Globs) -> bool:
    """Whether a pattern, see `pictures_in`, names a member."""
    return any(regex.fullmatch(member) for regex in _compiled(pattern))


@lru_cache
def _compiled(pattern: Globs) -> list[re.Pattern[str]]:
    return [re.compile("[^/]*".join(map(re.escape, glob.split("*"))), re.IGNORECASE) for glob in globs(pattern)]


def globs(pattern: Globs) -> tuple[str, ...]:
    """A pattern's globs."""
    return (pattern,) if isinstance(pattern, str) else pattern


def spelt(pattern: Globs) -> str:
    """A pattern as one reads it."""
    return ", ".join(globs(pattern))


def missing(chosen: list[str], masked: set[str], count: int) -> str:
    """Which pictures are not there: those with a mask, else the gaps where they are numbered from 1."""
    stems = {PurePosixPath(name).stem for name in chosen}
    if absent := sorted(masked - stems):
        return f"masks without their picture: {enumerated(absent)}"
    numbers = {int(stem) for stem in stems if stem.isascii() and stem.isdigit()}
    if stems and len(numbers) == len(stems) and numbers <= set(range(1, count + 1)):
        return f"missing: {enumerated([str(number) for number in range(1, count + 1) if number not in numbers])}"
    return f"nothing in it tells which; there are {enumerated(sorted(stems)) or 'none'}"


def enumerated(names: list[str]) -> str:
    """The first names, and how many more."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
