"""Scores: agreement of predicted maps with the ground truth, per image at 224x224 (paper section 3.3)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from posinfo.features.batches import BatchReader
from posinfo.features.stored import StageFeatures
from posinfo.protocol.alignment import IMAGE_SIDE, Alignment
from posinfo.protocol.patterns import Definition, ground_truth
from posinfo.protocol.readout import SCORE_COLUMNS
from posinfo.readouts.stacked import StackedReadouts
from posinfo.readouts.upsampling import upsample
from posinfo.store.errors import InputError

UPSAMPLED = 64  # maps upsampled at once: all maps of a set at 224 x 224 would need most of the job's memory


def centred_ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """The ranks of a map's values minus their mean, divided by their norm: float64 [n].

    Ties share their mean rank. All ranks are NaN when all values are equal or one of them is NaN.
    """
    _, positions, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2 - (values.size + 1) / 2)[positions]
    # einsum instead of @: a BLAS that starts threads takes longer to start them than to add 50,176 numbers.
    norm = np.sqrt(np.einsum("i,i", ranks, ranks))
    if norm == 0 or np.isnan(values).any():
        return np.full(values.size, np.nan)
    return np.asarray(ranks / norm)


def spearman(values: NDArray[np.float32], truth: NDArray[np.float64]) -> float:
    """Spearman's correlation of a map with a ground truth that is given as its `centred_ranks`.

    NaN when all values of the map are equal or one of them is NaN, as in scipy.
    """
    return float(np.einsum("i,i", centred_ranks(values), truth))


def compare(maps: torch.Tensor, truth: NDArray[np.float64]) -> torch.Tensor:
    """SPC and MAE of each map [N, side, side] with a ground truth, float64 [N, 2] on the maps' device.

    A GPU sorts all maps at once; the numbers differ from the CPU's by rounding only.
    """
    target = centred_ranks(truth)
    if maps.device.type == "cpu":
        expected = truth.astype(np.float32)
        rows = [(spearman(one, target), np.abs(one - expected).mean(dtype=np.float64)) for one in maps.numpy()]
        return torch.tensor(rows, dtype=torch.float64)
    values = maps.flatten(1)
    ordered, _ = values.sort(1)
    # Of n values, l lie left of the first tie and r left of the end of the last: the mean rank is (l + r + 1) / 2.
    sides = torch.searchsorted(ordered, values) + torch.searchsorted(ordered, values, right=True)
    ranks = (sides - values.shape[1]).double()
    spc = ranks @ torch.from_numpy(target).to(ranks) / torch.linalg.vector_norm(ranks, dim=1)
    mae = (maps - torch.from_numpy(truth).to(maps)).abs().mean((1, 2), dtype=torch.float64)
    return torch.stack([spc, mae], 1)


def is_constant(small: torch.Tensor) -> torch.Tensor:
    """True for maps [..., side, side] that are constant up to float32 rounding: bool [...].

    An image of one grey value gives a constant map whose last bits differ with the order of summation; their ranks
    would be noise. A map counts as constant when its range is below 32 float32 steps of its largest magnitude.
    """
    low = small.amin((-2, -1))
    high = small.amax((-2, -1))
    step = torch.finfo(torch.float32).eps * torch.maximum(low.abs(), high.abs())
    return high - low <= 32 * step


@torch.inference_mode()
def predict(stack: StackedReadouts, stages: Sequence[StageFeatures], device: torch.device) -> torch.Tensor:
    """Predicted maps before the upsampling, float32 [heads, N, side, side], on the CPU.

    Raises:
        InputError: when a prediction is not finite; the message names readout, pattern and seed.
    """
    stack = stack.to(device).eval()
    reader = BatchReader(list(stages), 32, device)
    maps = torch.cat([stack(features) for features in reader.in_order()], 1).cpu()
    stack.refuse_non_finite(maps, "a predicted map", "delete the readout and run again")
    return maps


def score(
    stack: StackedReadouts,
    stages: Sequence[StageFeatures],
    names: list[str],
    definition: Definition,
    alignment: Alignment,
    device: torch.device,
) -> pd.DataFrame:
    """One row per (pattern, seed, image) with the columns `protocol.readout.SCORE_COLUMNS`.

    `spc` is Spearman's correlation of prediction and ground truth over the 224x224 pixels. A constant prediction has
    no correlation: its `spc` is 0 and its `constant` 1 (the paper prints .0). `mae` is the mean absolute error.

    Raises:
        InputError: when names and images differ in number, or a prediction is not finite.
    """
    if len(names) != len(stages[0].array):
        raise InputError(f"{len(names)} image names for features of {len(stages[0].array)} images: run both again")
    small = predict(stack, stages, device)
    constant = is_constant(small)
    rows = []
    for head, maps, flags in zip(
        tqdm(stack.heads, desc="scores", unit="head", disable=None, leave=False), small, constant, strict=True
    ):
        truth = ground_truth(head.pattern, IMAGE_SIDE, definition)
        compared = [compare(upsample(some, alignment.corners), truth) for some in maps.to(device).split(UPSAMPLED)]
        for name, (spc, mae), is_flat in zip(names, torch.cat(compared).tolist(), flags.tolist(), strict=True):
            rows.append((head.readout.name, head.pattern, head.seed, name, 0.0 if is_flat else spc, mae, int(is_flat)))
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS))
