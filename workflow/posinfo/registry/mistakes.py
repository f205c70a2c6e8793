"""Readable lines about mistakes in a config or in the registry."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from posinfo.registry.entries import STAGE
from posinfo.registry.files import NAME
from posinfo.store.errors import unknown

PATTERNS = {  # of names in entries, in words
    NAME: "a name has letters, digits, dots, - and _, and begins with a letter or a digit",
    STAGE: "a stage's name has small letters and digits, and begins with a letter",
}


def lines(
    error: ValidationError, known_keys: Callable[[list[Any]], list[str]] | None = None, section: str = ""
) -> list[str]:
    """One line for each mistake: the key, its value, the allowed values and the nearest match.

    Args:
        error: of pydantic.
        known_keys: the keys of the section at a path, to suggest one for an unknown key.
        section: the key below which the checked values stand, if any.
    """
    return [_line(dict(mistake), known_keys, section) for mistake in error.errors()]


def _line(mistake: dict[str, Any], known_keys: Callable[[list[Any]], list[str]] | None, section: str) -> str:
    key = ".".join(filter(None, [section, *map(str, mistake["loc"])]))
    value = mistake["input"]
    # A check of a whole section has no single value to show.
    shown = "" if isinstance(value, dict | BaseModel) else f" (got {value!r})"
    if mistake["type"] == "extra_forbidden" and known_keys:
        *path, last = mistake["loc"]
        return f"{key}: {unknown('key', str(last), known_keys(path))}"
    if mistake["type"] == "literal_error":
        allowed = [part.strip(" '") for part in mistake["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return f"{key}: {unknown('value', str(value), allowed)}"
    if mistake["type"] == "string_pattern_mismatch" and mistake["ctx"]["pattern"] in PATTERNS:
        return f"{key.removesuffix('.[key]')}: {PATTERNS[mistake['ctx']['pattern']]}{shown}"
    if mistake["type"] in ("model_type", "dict_type"):
        return f"{key}: a section has keys below it, each as `key: value`; write them, or leave the section out{shown}"
    if mistake["type"] == "value_error":
        return f"{key}: {mistake['ctx']['error']}{shown}".removeprefix(": ")
    return f"{key}: {mistake['msg']}{shown}"
