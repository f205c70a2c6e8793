"""The ground truth against the facts that paper and released code give."""

import numpy as np
import pytest
from posinfo.protocol.patterns import PATTERNS, Definition, ground_truth


@pytest.mark.parametrize(
    ("pattern", "definition", "mae", "tolerance"),
    [
        ("H", "paper", 0.251, 5e-4),
        ("V", "paper", 0.251, 5e-4),
        # The original generator enlarged a half-size Gaussian and a 64x64 cosine: the closed forms are .01 from it.
        ("G", "paper", 0.187, 1e-2),
        ("HS", "paper", 0.6285, 1e-2),
        ("VS", "paper", 0.6285, 1e-2),
        ("H", "released", 0.251, 5e-4),
        ("G", "released", 0.197, 5e-4),
        ("HS", "released", 0.317, 2e-3),
    ],
)
def test_best_constant_prediction(pattern: str, definition: Definition, mae: float, tolerance: float) -> None:
    # The paper prints these for readouts that learned nothing.
    truth = ground_truth(pattern, 224, definition)
    assert float(np.abs(truth - np.median(truth)).mean()) == pytest.approx(mae, abs=tolerance)


@pytest.mark.parametrize("definition", ["paper", "released"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_ranges(pattern: str, definition: Definition) -> None:
    truth = ground_truth(pattern, 224, definition)
    assert truth.shape == (224, 224)
    low = {"paper": {"H": 0.0, "V": 0.0, "G": 0.136, "HS": -1.0, "VS": -1.0}}.get(definition, {}).get(pattern, 0.0)
    assert truth.min() == pytest.approx(low, abs=1e-3)
    assert truth.max() == pytest.approx(1.0, abs=1e-3)


def test_directions() -> None:
    horizontal, vertical = ground_truth("H", 224, "paper"), ground_truth("V", 224, "paper")
    assert (np.diff(horizontal, axis=1) > 0).all()
    assert (horizontal == horizontal[0]).all()
    assert np.array_equal(vertical, horizontal.T)
    stripes = ground_truth("HS", 224, "paper")
    assert (stripes == stripes[:, :1]).all()
    assert np.array_equal(ground_truth("VS", 224, "paper"), stripes.T)


def test_stripes_have_two_and_a_half_cycles() -> None:
    signs = np.sign(ground_truth("HS", 224, "paper")[:, 0])
    assert (np.diff(signs) != 0).sum() == 5


def test_gaussian_peaks_at_the_centre() -> None:
    bell = ground_truth("G", 224, "paper")
    assert bell.argmax() == 112 * 224 + 112
    assert bell.max() == 1


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="H, V, G, HS, VS"):
        ground_truth("D", 224, "paper")
    with pytest.raises(ValueError, match="'paper' or 'released'"):
        ground_truth("H", 224, "papers")  # type: ignore[arg-type]
