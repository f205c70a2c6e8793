"""SPC against scipy, MAE against numpy, and what a constant prediction counts."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.scores.measures import centred_ranks, is_constant, sorted_ranks, spearman
from scipy.stats import rankdata, spearmanr


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(2, 400), levels=st.integers(1, 50))
@settings(max_examples=100, deadline=None)
def test_spearman_equals_scipy_with_ties(seed: int, size: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    values = ((rng.integers(0, levels, size) - levels // 2) / 3).astype(np.float32)
    values[values == 0] *= rng.choice([-1, 1], np.count_nonzero(values == 0))  # zeros of both signs are one number
    truth = rng.integers(0, 50, size).astype(np.float64)
    truth[0] = -1  # never constant
    order, ranks = sorted_ranks(values)
    assert np.array_equal(np.sort(order), np.arange(size))
    assert np.array_equal(ranks, rankdata(values)[order] - (size + 1) / 2)
    ours = spearman(values, centred_ranks(truth))
    if np.ptp(values) == 0:
        assert np.isnan(ours)
    else:
        np.testing.assert_allclose(ours, spearmanr(values, truth).statistic, atol=1e-12)


def test_spearman_equals_scipy_on_a_full_map() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(224, 224))
    values = (truth + rng.normal(size=truth.shape)).astype(np.float32)
    ours = spearman(values.ravel(), centred_ranks(truth))
    np.testing.assert_allclose(ours, spearmanr(values.ravel(), truth.ravel()).statistic, atol=1e-12)


def test_a_map_of_one_value_up_to_rounding_is_constant() -> None:
    rounding = torch.full((26, 26), 0.7)
    rounding[3, 4] += 1e-7
    faint = torch.full((26, 26), 0.7)
    faint[3, 4] += 1e-3
    assert is_constant(torch.stack([rounding, faint, torch.zeros(26, 26)])).tolist() == [True, False, True]
