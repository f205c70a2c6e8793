"""SPC against scipy, constant predictions, and predictions that are not finite."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.features.stored import read_features
from posinfo.protocol.readout import SCORE_COLUMNS, Readout, Training
from posinfo.readouts.training import make_stack
from posinfo.scores.measures import centred_ranks, compare, is_constant, score, spearman
from posinfo.store.errors import InputError
from pretended_gpu import GPU, pretended_gpu
from scipy.stats import spearmanr
from synthetic_features import ALIGNMENT, CPU, heads_of, small_features


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(2, 400), levels=st.integers(1, 50))
@settings(max_examples=100, deadline=None)
def test_spearman_equals_scipy_with_ties(seed: int, size: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    values = ((rng.integers(0, levels, size) - levels // 2) / 3).astype(np.float32)
    values[values == 0] *= rng.choice([-1, 1], np.count_nonzero(values == 0))  # zeros of both signs are one number
    truth = rng.integers(0, 50, size).astype(np.float64)
    truth[0] = -1  # never constant
    ours = spearman(values, centred_ranks(truth))
    if np.ptp(values) == 0:
        assert np.isnan(ours)
    else:
        np.testing.assert_allclose(ours, spearmanr(values, truth).statistic, atol=1e-12)


def test_spearman_equals_scipy_on_a_full_map() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(224, 224))
    values = (truth + rng.normal(size=truth.shape)).astype(np.float32)
    ours = spearman(values, centred_ranks(truth))
    np.testing.assert_allclose(ours, spearmanr(values.ravel(), truth.ravel()).statistic, atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1), levels=st.integers(2, 5000))
@settings(max_examples=20, deadline=None)
def test_a_gpu_scores_as_the_cpu_does_with_ties(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    maps = torch.from_numpy((rng.integers(0, levels, (3, 40, 40)) / levels).astype(np.float32))
    maps[0, :20] = 0
    maps[0, 20:] = -0.0
    maps[0, 3, 4] = 1
    truth = rng.normal(size=(40, 40))
    with pretended_gpu():
        found = compare(maps.to(GPU), truth).cpu()
    torch.testing.assert_close(found, compare(maps, truth), rtol=0, atol=1e-6)


def test_spearman_of_a_map_with_nan_is_nan_as_in_scipy() -> None:
    truth = np.arange(9.0)
    values = np.arange(9, dtype=np.float32)
    values[4] = np.nan
    assert np.isnan(spearman(values, centred_ranks(truth)))
    assert np.isnan(spearmanr(values, truth).statistic)


def test_a_map_that_is_constant_up_to_rounding_is_constant() -> None:
    rounding = torch.full((26, 26), 0.7)
    rounding[3, 4] += 1e-7
    faint = torch.full((26, 26), 0.7)
    faint[3, 4] += 1e-3
    assert is_constant(torch.stack([rounding, faint, torch.zeros(26, 26)])).tolist() == [True, False, True]


def test_a_constant_prediction_scores_zero(tmp_path: Path) -> None:
    stages = read_features(small_features(tmp_path, gain=0.0))
    stack = make_stack(Readout(), heads_of(Readout()), stages, ALIGNMENT, Training())
    scores = score(stack, stages, [f"image-{index}" for index in range(7)], "paper", ALIGNMENT, CPU)
    assert tuple(scores.columns) == SCORE_COLUMNS
    assert set(scores["readout"]) == {"L1-k3-p0-all"}
    assert (scores["spc"] == 0).all()
    assert (scores["constant"] == 1).all()


def test_a_prediction_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    stages = read_features(small_features(tmp_path))
    stack = make_stack(Readout(), heads_of(Readout()), stages, ALIGNMENT, Training())
    tensors = stack.tensors()
    tensors["layer0.gamma"][3] = torch.nan
    stack.load(tensors)
    with pytest.raises(InputError, match="readout L1-k3-p0-all, pattern G, seed 1: a predicted map is not finite"):
        score(stack, stages, [f"image-{index}" for index in range(7)], "paper", ALIGNMENT, CPU)
