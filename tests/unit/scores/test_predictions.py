"""Stored maps are those that were scored; parts of the training pictures learn as sets of their own would."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from posinfo.features.stored import read_features
from posinfo.figures.data import read_maps
from posinfo.protocol.patterns import ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.training import make_stack, train
from posinfo.readouts.upsampling import upsample
from posinfo.scores import measures
from posinfo.scores.learning_curve import COLUMNS, curve, part_of, write_curve
from posinfo.scores.measures import score
from posinfo.scores.predictions import at, predicted_maps, write_predictions
from posinfo.store.sidecars import write_sidecar
from scipy.stats import spearmanr
from synthetic_features import ALIGNMENT, CPU, heads_of, small_features

TRAINING = Training(epochs=2, batch=3, decay_epoch=1, hidden=3)
NAMES = [f"photo{index // 2}-{index % 2}" for index in range(7)]


def test_a_stored_map_is_the_one_that_was_scored(tmp_path: Path) -> None:
    stages = read_features(small_features(tmp_path))
    stack = make_stack(Readout(), heads_of(Readout()), stages, ALIGNMENT, TRAINING)
    train([stack], stages, TRAINING, "paper", ALIGNMENT, CPU)
    scores = score(stack, stages, NAMES, "paper", ALIGNMENT, CPU)
    pictures = [5, 1]
    maps = predicted_maps(stack, at(stages, pictures), ["G"], 1, CPU)
    write_predictions(maps, pictures, [NAMES[picture] for picture in pictures], 1, tmp_path / "set.npz")
    stored = read_maps(tmp_path / "set.npz")
    assert (stored.names, stored.seed, set(stored.maps)) == ([NAMES[5], NAMES[1]], 1, {"G"})
    truth = ground_truth("G", 224, "paper")
    for drawn, name in zip(stored.maps["G"], stored.names, strict=True):
        (row,) = scores[(scores["pattern"] == "G") & (scores["seed"] == 1) & (scores["image"] == name)].to_dict(
            "records"
        )
        assert spearmanr(drawn.ravel(), truth.ravel()).statistic == pytest.approx(row["spc"], abs=2e-3)
        assert np.abs(drawn.astype(float) - truth).mean() == pytest.approx(row["mae"], abs=1e-3)


def test_few_maps_are_enlarged_at_once_and_the_scores_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = read_features(small_features(tmp_path))
    stack = make_stack(Readout(), heads_of(Readout()), stages, ALIGNMENT, TRAINING)
    train([stack], stages, TRAINING, "paper", ALIGNMENT, CPU)
    together, enlarged = score(stack, stages, NAMES, "paper", ALIGNMENT, CPU), []

    def watched(maps: torch.Tensor, corners: bool) -> torch.Tensor:
        enlarged.append(len(maps))
        return upsample(maps, corners)

    monkeypatch.setattr(measures, "TOGETHER", 3)
    monkeypatch.setattr(measures, "upsample", watched)
    pd.testing.assert_frame_equal(score(stack, stages, NAMES, "paper", ALIGNMENT, CPU), together, check_exact=True)
    assert enlarged == [3, 3, 1] * len(stack.heads)


def test_a_part_is_scaled_by_its_own_root_mean_square(tmp_path: Path) -> None:
    stages = read_features(small_features(tmp_path))
    for whole, part in zip(stages, part_of(stages, range(7)), strict=True):
        assert part.metadata["rms"] == pytest.approx(whole.metadata["rms"], rel=1e-5)
    for whole, part in zip(stages, part_of(stages, [0, 3]), strict=True):
        values = np.asarray(whole.array[[0, 3]], dtype=np.float64)
        assert part.metadata["rms"] == pytest.approx(np.sqrt((values**2).mean()), rel=1e-5)
        assert part.shape == whole.shape


def test_the_curve_has_a_row_for_every_part_pattern_seed_and_image(tmp_path: Path) -> None:
    stages = read_features(small_features(tmp_path))
    rows = curve(
        training_stages=stages,
        training_names=NAMES,
        test_stages=stages,
        test_names=NAMES,
        readout=Readout(),
        patterns=["H", "G"],
        shares=[1 / 4, 1 / 2],
        seeds=[0, 1],
        training=TRAINING,
        definition="paper",
        device=torch.device("cpu"),
    )
    write_curve(rows, tmp_path / "learning_curve.csv")
    written = pd.read_csv(tmp_path / "learning_curve.csv")
    assert tuple(written.columns) == COLUMNS
    assert written.groupby(["photographs", "pictures"]).size().index.tolist() == [(1, 2), (2, 4)]
    assert (written.groupby(["photographs", "pattern", "seed"]).size() == 7).all()
    assert written.groupby("photographs")["spc"].mean().nunique() == 2


def test_maps_are_never_read_from_a_pickle(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", names=np.array([{"not": "text"}], dtype=object), seed=0)
    write_sidecar(tmp_path / "set.npz")
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_maps(tmp_path / "set.npz")
