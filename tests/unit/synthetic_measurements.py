"""Synthetic rows of measurements, and the images that they are measured on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from posinfo.images.decoded import DecodedImage, write_images


def accuracies(keys: Sequence[str], shares: Mapping[Any, float], images: int = 60) -> pd.DataFrame:
    """Rows of two seeds in which, per condition (a value for each key), that share of the images is correct."""
    frames = []
    for condition, share in shares.items():
        for seed in (0, 1):
            columns = dict(zip(keys, condition, strict=True))
            names = [f"{number}-0" for number in range(images)]
            correct = (np.arange(images) < share * images).astype(float)
            frames.append(pd.DataFrame({**columns, "image": names, "seed": seed, "accuracy": correct}))
    return pd.concat(frames, ignore_index=True)


def write_noise(path: Path, count: int) -> None:
    """A set of images of noise, each a photograph of its own."""
    rng = np.random.default_rng(count)
    images = (
        DecodedImage(f"photo{number}-0", rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)) for number in range(count)
    )
    write_images(images, count, path)
