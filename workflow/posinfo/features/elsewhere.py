"""Feature maps that another program made: opened, checked, and read in batches."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tokenize import TokenError

import numpy as np
import pandas as pd
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from posinfo.registry.entries import Encoder
from posinfo.sources.folders import stage_files
from posinfo.store.errors import InputError


def open_maps(path: Path) -> NDArray[np.floating]:
    """The maps in a file, memory-mapped [N, C, h, w] of any float type.

    Raises:
        InputError: when it is no .npy file of such maps.
    """
    try:
        maps: NDArray[np.floating] = open_memmap(path, mode="r")
    except (ValueError, SyntaxError, TokenError):  # the last two of a damaged header
        raise InputError(f"{path} is no whole .npy file of numbers; write it with numpy.save") from None
    if maps.dtype.kind != "f" or maps.ndim != 4 or maps.shape[2] != maps.shape[3] or 0 in maps.shape[1:]:
        raise InputError(f"{path} holds {maps.dtype} {list(maps.shape)}, not floats [images, channels, side, side]")
    return maps


def maps_from(entry: Encoder, images: Path, origins: pd.DataFrame) -> Callable[[slice], dict[str, torch.Tensor]]:
    """A function that reads the maps of some images by stage, float32 [images, C, h, w].

    Args:
        entry: of an encoder of `features`.
        images: the .npy file of the set.
        origins: of its images, as `read_origins` reads them. A file images.csv beside the maps, if there is one, has to
            say the same of each image, also where it was cut from its photograph.

    Raises:
        InputError: when a file is missing, holds no maps or not one for each image, or is of other images.
    """
    opened = {}
    for stage, path in stage_files(entry, images.stem).items():
        opened[stage] = open_maps(path)
        if len(opened[stage]) != len(origins):
            raise InputError(f"{path} holds {len(opened[stage])} maps; {images.stem} has {len(origins)} images")
        for other in sorted(path.parents[1].glob(f"*/{path.name}")):
            shape = opened[stage].shape[1:]
            with suppress(InputError, OSError):  # of a file that another set needs, which then names it
                shape = open_maps(other).shape[1:]
            if shape != opened[stage].shape[1:]:
                raise InputError(f"{path} and {other} hold maps of two shapes; a readout needs one for all images")
        _refuse_other_images(path.with_name("images.csv"), images.with_suffix(".csv"), origins)
    return lambda part: {stage: torch.from_numpy(np.array(maps[part], np.float32)) for stage, maps in opened.items()}


def _refuse_other_images(listed: Path, path: Path, origins: pd.DataFrame) -> None:
    """Refuse a list beside the maps, if there is one, that is not that of the set at `path`."""
    if not listed.is_file():
        return
    try:
        same = pd.read_csv(listed, dtype=str, keep_default_na=False).equals(origins)
    except ValueError:  # of what is empty, not UTF-8 or no table
        raise InputError(f"{listed} is no csv in UTF-8; copy {path} there when you make the maps") from None
    if not same:
        raise InputError(f"{listed} differs from {path}; make the maps of these images anew")
