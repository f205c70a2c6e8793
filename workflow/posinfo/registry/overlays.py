"""Configuration files, merged as Snakemake merges them, in which no section has a key twice."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from posinfo.store.errors import InputError
from posinfo.store.files import read_yaml


def refuse_repeated_keys(configfiles: Iterable[str]) -> None:
    """Refuse files in which a section has a key twice; what else is wrong with a file is not looked at.

    Raises:
        InputError: names the file, the line and the key.
    """
    for path in configfiles:
        with suppress(yaml.YAMLError):
            read_yaml(Path(path))


def merged(configfiles: Iterable[Path]) -> dict[str, Any]:
    """The values of several files, merged key by key; a later file wins.

    Raises:
        InputError: for a file that is no configuration.
    """
    values: dict[str, Any] = {}
    for path in configfiles:
        _merge(values, _read(path))
    return values


def _read(path: Path) -> dict[str, Any]:
    try:
        values = read_yaml(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        mistake = "it is a folder" if path.is_dir() else "there is no such file"
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mistake = " ".join(str(error).split())
    else:
        if isinstance(values, dict):
            return values
        mistake = "it has no keys; write each as `key: value`, or leave the file out"
    if not path.is_file() or path.suffix not in (".yaml", ".yml", ".json"):
        mistake += "; write targets before --configfile, which takes every word after it"
    raise InputError(f"{path} is no configuration: {mistake}")


def _merge(values: dict[str, Any], later: dict[str, Any]) -> None:
    for key, value in later.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            _merge(values[key], value)
        else:
            values[key] = value
