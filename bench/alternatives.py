"""What a person would use instead, on the same features: Ridge, a plain loop, and the released procedure."""

import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import noise
import numpy as np
import pandas as pd
import torch
from extracting import VGG, extraction, preprocessed
from posinfo.features.extraction import open_encoder
from posinfo.protocol.patterns import PATTERNS, ground_truth
from posinfo.protocol.readout import Readout
from tabulate import tabulate
from timing import ROOT, Line, alone, peak, seconds
from torch import nn
from training import RUN, train_epochs, training_features, untrained
from ways import TRAINED, Way, by_conv2d, by_least_squares, by_ridge, by_sgd, train_as_released

CSV = ROOT / "results/bench_alternatives.csv"
RELEASED = "released procedure, encoder in the loop"


def seconds_to_extract(count: int, few: int) -> float:
    """Seconds to extract `count` images, scaled up from fewer."""
    with tempfile.TemporaryDirectory(dir=noise.folder()) as scratch:
        work = extraction(few, Path(scratch))
        return statistics.median(seconds(work) for _ in range(3)) / few * count


def _encoder() -> nn.Module:
    return open_encoder(VGG, noise.weights()).eval().to(memory_format=torch.channels_last)


def released(few: int = 16) -> list[Line]:
    """Table 1's VGG16 rows by the released procedure, which is run for few images and epochs and scaled up."""
    stages = training_features()
    channels = sum(stage.shape.channels for stage in stages)
    model = _encoder()
    images = preprocessed(3 * few)
    truth = torch.from_numpy(ground_truth("H", 224, RUN.patterns)).float()
    train_as_released(model, channels, images[:few], truth, 1)  # warm
    tried = [(few, 1), (2 * few, 1), (few, 2), (3 * few, 1), (few, 3), (2 * few, 2)]  # images and epochs
    took = np.array([seconds(partial(train_as_released, model, channels, images[:n], truth, e)) for n, e in tried])
    work = np.array([n * e for n, e in tried])
    rate = float((work @ took) / (work @ work))  # seconds per image and epoch, through the origin
    off = float(np.abs(took / (rate * work) - 1).max())
    count = len(stages[0].array)
    theirs_of_one = rate * count * RUN.training.epochs * len(PATTERNS)
    theirs = theirs_of_one * len(RUN.seeds)
    reading = seconds_to_extract(count, 2 * few)
    ours = reading + seconds(lambda: train_epochs([untrained(Readout(), len(RUN.seeds), stages)], stages, RUN.training))
    ours_of_one = reading + seconds(lambda: train_epochs([untrained(Readout(), 1, stages)], stages, RUN.training))
    note = (
        f"{theirs:.0f} s ({rate:.3f} s per image and epoch, linear within {off:.0%}) against {ours:.1f} s, "
        f"of which {reading:.1f} s extraction"
    )
    what = "Table 1's VGG16 readouts: released procedure over ours"
    of_one = f"{theirs_of_one:.0f} s against {ours_of_one:.1f} s, extraction included"
    return [
        Line(f"{what}, all seeds", theirs / ours, "≥ 75", note),
        Line(f"{what}, one seed", theirs_of_one / ours_of_one, note=of_one),
    ]


def by_released(few: int = 16) -> Way:
    """With the encoder in the loop, a pattern at a time: two epochs of few images, scaled up.

    Its SPC is that of the plain loop: the frozen encoder gives the same maps in every epoch.
    """
    stages = training_features()
    channels = sum(stage.shape.channels for stage in stages)
    truth = torch.from_numpy(ground_truth("H", 224, RUN.patterns)).float()
    work = partial(train_as_released, _encoder(), channels, preprocessed(few), truth)
    work(1)  # warm
    scale = len(TRAINED) * RUN.training.epochs * len(stages[0].array) / few
    return Way(seconds(partial(work, 2)) / 2 * scale, {}, f"from {few} images and 2 epochs, scaled")


def alternatives() -> list[Line]:
    """Patterns H and G, one seed, on the features of Table 1: seconds, memory and SPC of each way."""
    ways: dict[str, Callable[[], Way]] = {
        "posinfo, trained": by_sgd,
        "posinfo, least squares": by_least_squares,
        "scikit-learn Ridge": by_ridge,
        "plain loop, Conv2d on cached features": by_conv2d,
        RELEASED: by_released,
    }
    if not find_spec("sklearn"):
        print("scikit-learn is not installed here: its Ridge is skipped (pip install scikit-learn)")
        del ways["scikit-learn Ridge"]
    rows: list[dict[str, Any]] = []
    for name, way in ways.items():
        found, memory = alone(_with_peak, way)
        spc = {f"SPC {pattern}": found.spc.get(pattern, float("nan")) for pattern in TRAINED}
        rows.append({"way": name, "seconds": found.seconds, "peak GB": memory, **spc, "note": found.note})
    count = len(training_features()[0].array)
    note = f"{count} images, once for all ways but the last"
    extracted = {"way": "extraction of the features", "seconds": seconds_to_extract(count, 32), "note": note}
    table = pd.DataFrame([*rows, extracted])
    table.to_csv(CSV, index=False)
    print(tabulate(table.fillna("").to_numpy().tolist(), list(table.columns), floatfmt=".4g"))
    ours = rows[0]["seconds"]
    return [
        Line(f"{row['way']}: seconds over those of the trained readout", row["seconds"] / ours, note=row["note"])
        for row in rows[1:]
    ]


def _with_peak(way: Callable[[], Way]) -> tuple[Way, float]:
    return way(), peak()
