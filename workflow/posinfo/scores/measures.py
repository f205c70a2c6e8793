"""Scores: how well predicted maps agree with the ground truth, per image at 224x224 (paper section 3.3)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from posinfo.features.batches import BatchReader
from posinfo.features.stored import StageFeatures
from posinfo.protocol.alignment import Alignment
from posinfo.protocol.patterns import Definition, ground_truth
from posinfo.protocol.readout import SCORE_COLUMNS
from posinfo.readouts.layered import Stack
from posinfo.readouts.upsampling import upsample
from posinfo.store.errors import InputError
from posinfo.store.files import atomic_write
from posinfo.store.provenance import code_digest
from posinfo.store.sidecars import write_sidecar

TOGETHER = 64  # maps that are upsampled at once


def sorted_ranks(values: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where each number of a sorted map stood, int64 [n], and its rank minus the mean rank, float64 [n].

    Ties share their mean rank. One sort: each number's bits, made to sort as integers, stand above its index in one
    64-bit key; sorting such keys is faster than sorting indices by their numbers.
    """
    count = len(values)
    bits = (values + 0).view(np.int32)  # + 0 makes a zero of -0
    keys = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).astype(np.int64) << 32
    keys |= np.arange(count)
    keys.sort()
    order: NDArray[np.int64] = keys & 0xFFFFFFFF
    numbers = keys >> 32
    ranks = np.arange(count, dtype=np.float64) - (count - 1) / 2
    tied = np.flatnonzero(numbers[1:] == numbers[:-1])  # with the next one
    if len(tied):
        gap = np.diff(tied) > 1
        first, last = tied[np.r_[True, gap]], tied[np.r_[gap, True]] + 1
        sizes = last - first + 1
        members = np.arange(sizes.sum()) + np.repeat(first - np.r_[0, np.cumsum(sizes)[:-1]], sizes)
        ranks[members] = np.repeat((first + last - count + 1) / 2, sizes)
    return order, ranks


def centred_ranks(truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """A map's ranks minus their mean, divided by their norm: ready for `spearman`. float64 [n]."""
    centred = pd.Series(truth.ravel()).rank().to_numpy() - (truth.size + 1) / 2
    return np.asarray(centred / np.linalg.norm(centred))


def spearman(values: NDArray[np.float32], truth: NDArray[np.float64]) -> float:
    """Spearman's correlation of a map with a ground truth given as `centred_ranks`; NaN for a map of one value."""
    order, ranks = sorted_ranks(values)
    # einsum and not @: a BLAS that starts threads for 50,176 numbers takes longer to start them.
    norm = np.sqrt(np.einsum("i,i", ranks, ranks))
    return float(np.einsum("i,i", ranks, truth[order]) / norm) if norm > 0 else float("nan")


def is_constant(small: torch.Tensor) -> torch.Tensor:
    """Which maps [..., side, side] are constant up to float32 rounding: bool [...].

    A constant picture gives a constant map whose last bits differ with the order of summation; their ranks would be
    noise. A map counts as constant when its range is below 32 float32 steps of its largest magnitude.
    """
    low, high = small.amin((-2, -1)), small.amax((-2, -1))
    step = torch.finfo(torch.float32).eps * torch.maximum(low.abs(), high.abs())
    return high - low <= 32 * step


@torch.inference_mode()
def predict(stack: Stack, stages: Sequence[StageFeatures], device: torch.device) -> torch.Tensor:
    """Predicted maps before the upsampling, float32 [heads, N, side, side], on the CPU."""
    stack = stack.to(device).eval()
    reader = BatchReader(list(stages), 32, device)
    return torch.cat([stack(features).cpu() for features in reader.in_order()], 1)


def score(
    stack: Stack,
    stages: Sequence[StageFeatures],
    names: list[str],
    definition: Definition,
    alignment: Alignment,
    device: torch.device,
) -> pd.DataFrame:
    """One row per (pattern, seed, image) with the columns `protocol.SCORE_COLUMNS`.

    `spc` is Spearman's correlation of prediction and ground truth over the 224x224 pixels; a constant prediction has
    none, counts 0 and is marked in `constant` (the paper prints .0). `mae` is the mean absolute error.

    Raises:
        InputError: when the names are not as many as the pictures.
    """
    if len(names) != len(stages[0].array):
        raise InputError(f"{len(names)} image names for {len(stages[0].array)} pictures of features: run both again")
    small = predict(stack, stages, device)
    constant = is_constant(small)
    rows = []
    for head, maps, flat in zip(tqdm(stack.heads, desc="scores", unit="head"), small, constant, strict=True):
        truth = ground_truth(head.pattern, 224, definition)
        target, expected = centred_ranks(truth), truth.astype(np.float32)
        # Few at a time: all maps of a set at 224 x 224 would be its largest memory.
        upsampled = (large for some in maps.split(TOGETHER) for large in upsample(some, alignment.corners).numpy())
        for name, large, unchanging in zip(names, upsampled, flat.tolist(), strict=True):
            spc = 0.0 if unchanging else spearman(large.ravel(), target)
            mae = float(np.abs(large - expected).mean(dtype=np.float64))
            rows.append((head.pattern, head.seed, name, spc, mae, int(unchanging)))
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS))


def write_scores(scores: pd.DataFrame, path: Path) -> None:
    """Write a tidy csv with its sidecar; nine significant digits, so that reruns are equal byte for byte."""
    with atomic_write(path) as partial:
        scores.to_csv(partial, index=False, float_format="%.9g")
    write_sidecar(path, code=code_digest("scores.measures"))
