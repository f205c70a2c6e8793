"""Globs of an archive's members."""

import re
from functools import lru_cache
from pathlib import PurePosixPath

from posinfo.registry.entries import Globs

SYSTEM_FILES = ("thumbs.db", "imglist.mat", "desktop.ini")
SHOWN = 10  # names in an error


def is_system_file(member: str) -> bool:
    """Whether a member is hidden, or an index that a system writes beside images."""
    path = PurePosixPath(member)
    return any(part.startswith((".", "__MACOSX")) for part in path.parts) or path.name.lower() in SYSTEM_FILES


def matches(member: str, pattern: Globs) -> bool:
    """Whether one of the globs matches a member's whole path; case does not matter."""
    return any(regex.fullmatch(member) for regex in _compiled(pattern))


@lru_cache
def _compiled(pattern: Globs) -> list[re.Pattern[str]]:
    return [re.compile("[^/]*".join(map(re.escape, glob.split("*"))), re.IGNORECASE) for glob in globs(pattern)]


def globs(pattern: Globs) -> tuple[str, ...]:
    """The globs as a tuple."""
    return (pattern,) if isinstance(pattern, str) else pattern


def joined(pattern: Globs) -> str:
    """The globs as text."""
    return ", ".join(globs(pattern))


def missing_images(found: list[str], masked: set[str], count: int) -> str:
    """Name the missing images: those that have a mask, else the gaps in numbers from 1.

    Args:
        found: the images that are there.
        masked: stems of the masks.
        count: the expected number of images.
    """
    stems = {PurePosixPath(name).stem for name in found}
    if absent := sorted(masked - stems):
        return f"masks without their image: {first_names(absent)}"
    numbers = {int(stem) for stem in stems if stem.isascii() and stem.isdigit()}
    if stems and len(numbers) == len(stems) and numbers <= set(range(1, count + 1)):
        return f"missing: {first_names([str(number) for number in range(1, count + 1) if number not in numbers])}"
    return f"found: {first_names(sorted(stems)) or 'none'}"


def first_names(names: list[str]) -> str:
    """The first names, and the number of the others."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
