"""Configuration files laid over each other, as Snakemake merges them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from posinfo.store.errors import InputError

_OWN: TypeAdapter[dict[str, dict[str, dict[str, Any]]]] = TypeAdapter(dict[str, dict[str, dict[str, Any]]])


def merged(configfiles: Iterable[Path]) -> dict[str, Any]:
    """The values of several files, a later one over an earlier one, key by key.

    Raises:
        InputError: for a file that is no configuration.
    """
    values: dict[str, Any] = {}
    for path in configfiles:
        try:
            _lay_over(values, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except (OSError, yaml.YAMLError, AttributeError) as error:
            raise InputError(f"{path} is no configuration: {error}") from None
    return values


def own_entries(configfiles: Iterable[Path]) -> dict[str, dict[str, dict[str, Any]]]:
    """The entries of a config's own, unchecked: `sources`, `images` and so on, each name to entry.

    Raises:
        InputError: for a file that is no configuration, or `own` that is no such thing.
    """
    try:
        return _OWN.validate_python(merged(configfiles).get("own", {}))
    except ValidationError as error:
        raise InputError(f"own: {error.errors()[0]['msg']}; see workflow/configs/own.yaml") from None


def _lay_over(values: dict[str, Any], above: dict[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            _lay_over(values[key], value)
        else:
            values[key] = value
