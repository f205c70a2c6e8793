"""Feature maps that another program made: opened, checked, and read in batches."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
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
        maps: NDArray[np.floating] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(f"{path} is no .npy file of numbers: {error}") from None
    if maps.dtype.kind != "f" or maps.ndim != 4 or maps.shape[2] != maps.shape[3]:
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
            if open_maps(other).shape[1:] != opened[stage].shape[1:]:
                raise InputError(f"{path} and {other} hold maps of two shapes; a readout needs one for all images")
        listed = path.with_name("images.csv")
        if listed.is_file() and not pd.read_csv(listed, dtype=str, keep_default_na=False).equals(origins):
            raise InputError(f"{listed} differs from {images.with_suffix('.csv')}; make the maps of these images anew")
    return lambda part: {stage: torch.from_numpy(np.array(maps[part], np.float32)) for stage, maps in opened.items()}
