"""Beside what a person would pick instead, on the same features: Ridge, a plain loop, and the released procedure."""

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
from extracting import VGG, extracting, prepared
from instead import TRAINED, Way, ridge, train_as_released, with_conv2d, with_exact, with_sgd
from limits import RUN, cached, epochs
from posinfo.features.extraction import open_encoder
from posinfo.protocol.patterns import PATTERNS, ground_truth
from posinfo.protocol.readout import Readout
from stacked import stack_of
from tabulate import tabulate
from timing import ROOT, Line, alone, seconds

CSV = ROOT / "results/bench_beside.csv"


def seconds_to_extract(count: int, few: int) -> float:
    """For so many pictures, from fewer."""
    with tempfile.TemporaryDirectory(dir=noise.folder()) as scratch:
        extract = extracting(few, Path(scratch))
        return statistics.median(seconds(extract) for _ in range(3)) / few * count


def against_released(few: int = 16) -> list[Line]:
    """Table 1's VGG16 rows by the released procedure, which is run for few pictures and epochs and scaled up."""
    model = open_encoder(VGG.architecture, noise.weights(), VGG.taps).eval().to(memory_format=torch.channels_last)
    pictures = prepared(3 * few)
    truth = torch.from_numpy(ground_truth("H", 224, RUN.patterns)).float()
    channels = sum(stage.shape.channels for stage in cached())
    train_as_released(model, channels, pictures[:few], truth, 1)
    shapes = [(few, 1), (2 * few, 1), (few, 2), (3 * few, 1), (few, 3), (2 * few, 2)]
    took = np.array([seconds(partial(train_as_released, model, channels, pictures[:n], truth, e)) for n, e in shapes])
    work = np.array([n * e for n, e in shapes])
    rate = float((work @ took) / (work @ work))  # seconds per picture and epoch, through the origin
    off = float(np.abs(took / (rate * work) - 1).max())
    stages, training = cached(), RUN.training
    count, trainings = len(stages[0].array), len(PATTERNS) * len(RUN.seeds)
    read = seconds_to_extract(count, 2 * few)
    theirs = rate * count * training.epochs * trainings
    ours = read + seconds(lambda: epochs([stack_of(Readout(), len(RUN.seeds))], stages, training))
    per_seed = read + seconds(lambda: epochs([stack_of(Readout(), 1)], stages, training))
    return [
        Line(
            "Table 1's VGG16 readouts, all seeds: released procedure over ours",
            theirs / ours,
            "≥ 75",
            f"{theirs:.0f} s ({rate:.3f} s per picture and epoch, linear within {off:.0%}) against {ours:.1f} s, "
            f"of which {read:.1f} s extraction",
        ),
        Line(
            "the same for one seed",
            theirs / len(RUN.seeds) / per_seed,
            "",
            f"{theirs / len(RUN.seeds):.0f} s against {per_seed:.1f} s, extraction included",
        ),
    ]


def released_way(few: int = 16) -> Way:
    """With the encoder in the loop, a pattern at a time: two epochs of few pictures, scaled up.

    SPC is that of the plain loop, whose numbers are the same: the frozen encoder gives every epoch the same maps.
    """
    model = open_encoder(VGG.architecture, noise.weights(), VGG.taps).eval().to(memory_format=torch.channels_last)
    truth = torch.from_numpy(ground_truth("H", 224, RUN.patterns)).float()
    work = partial(train_as_released, model, 1472, prepared(few), truth)
    work(1)
    whole = len(TRAINED) * RUN.training.epochs * len(cached()[0].array) / few
    return Way(seconds(partial(work, 2)) / 2 * whole, {}, f"from {few} pictures and 2 epochs, scaled")


def beside() -> list[Line]:
    """Patterns H and G, one seed, on the features of Table 1: seconds, memory and SPC of each way."""
    ways: dict[str, Callable[[], Way]] = {
        "posinfo, trained": with_sgd,
        "posinfo, exact": with_exact,
        "scikit-learn Ridge": ridge,
        "a plain loop, Conv2d on cached features": with_conv2d,
        "released: encoder in the loop": released_way,
    }
    if not find_spec("sklearn"):
        print("scikit-learn is not installed here: its Ridge is skipped (pip install scikit-learn)")
        del ways["scikit-learn Ridge"]
    rows: list[dict[str, Any]] = []
    for name, way in ways.items():
        found, memory = alone(_with_peak, way)
        spc = {f"SPC {pattern}": found.spc.get(pattern, float("nan")) for pattern in TRAINED}
        rows.append({"way": name, "seconds": found.seconds, "peak GB": memory, **spc, "note": found.note})
    count = len(cached()[0].array)
    read = {"seconds": seconds_to_extract(count, 32), "note": f"once, for all above but the last; {count} pictures"}
    table = pd.DataFrame([*rows, {"way": "extraction of the features", **read}])
    table.to_csv(CSV, index=False)
    print(tabulate(table.fillna("").to_numpy().tolist(), list(table.columns), floatfmt=".4g"))
    ours = rows[0]["seconds"]
    return [
        Line(f"{row['way']}: seconds over those of the trained readout", row["seconds"] / ours, "", row["note"])
        for row in rows[1:]
    ]


def _with_peak(way: Callable[[], Way]) -> tuple[Way, float]:
    from timing import peak

    return way(), peak()
