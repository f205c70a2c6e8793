"""Mistakes in a checked document (config, registry), as lines for a person."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from posinfo.store.errors import unknown


def lines(error: ValidationError, known_keys: Callable[[list[Any]], list[str]] | None = None) -> list[str]:
    """One line for each mistake: the key, the value, what is allowed and the nearest match.

    Args:
        error: what pydantic found.
        known_keys: the keys of the section at a path, for a key that is none of them.
    """
    return [_line(dict(mistake), known_keys) for mistake in error.errors()]


def _line(mistake: dict[str, Any], known_keys: Callable[[list[Any]], list[str]] | None) -> str:
    key, value = ".".join(str(part) for part in mistake["loc"]), mistake["input"]
    if mistake["type"] == "extra_forbidden" and known_keys:
        *path, last = mistake["loc"]
        return f"{key}: {unknown('key', str(last), known_keys(path))}"
    if mistake["type"] == "literal_error":
        allowed = [part.strip(" '") for part in mistake["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return f"{key}: {unknown('value', str(value), allowed)}"
    if mistake["type"] == "string_pattern_mismatch" and mistake["loc"][-1] == "[key]":
        return (
            f"{key.removesuffix('.[key]')}: a name is made of letters, digits, dots, - and _, and begins with neither"
        )
    if mistake["type"] == "value_error":
        # Checks of ours speak for themselves; a check of a whole section has no single value to show.
        shown = "" if isinstance(value, dict | BaseModel) else f" (got {value!r})"
        return f"{key}: {mistake['ctx']['error']}{shown}".removeprefix(": ")
    shown = "" if isinstance(value, dict | BaseModel) else f" (got {value!r})"
    return f"{key}: {mistake['msg']}{shown}"
