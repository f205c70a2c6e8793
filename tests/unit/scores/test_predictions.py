"""Stored maps are the maps that were scored; subsets of the training images learn like sets of their own."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from posinfo.features.batches import BatchReader
from posinfo.features.stored import read_features
from posinfo.protocol.patterns import ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.training import make_stack, train
from posinfo.readouts.upsampling import upsample
from posinfo.run.config import load_config
from posinfo.scores import measures
from posinfo.scores.learning_curve import COLUMNS, curve, training_subset
from posinfo.scores.measures import score
from posinfo.scores.predictions import predicted_maps, read_predictions, select_images, write_predictions
from posinfo.store.errors import InputError
from posinfo.store.frames import write_rows
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
    maps = predicted_maps(stack, select_images(stages, [5, 1]), ["G"], 1, CPU)
    key = (Readout().name, "set", "G")
    write_predictions({key: maps["G"]}, {"set": [NAMES[5], NAMES[1]]}, 1, tmp_path / "maps.npz")
    stored = read_predictions(tmp_path / "maps.npz")
    assert (stored.names, stored.seed, set(stored.maps)) == ({"set": [NAMES[5], NAMES[1]]}, 1, {key})
    truth = ground_truth("G", 224, "paper")
    for drawn, name in zip(stored.map_of(*key), stored.names["set"], strict=True):
        (row,) = scores[(scores["pattern"] == "G") & (scores["seed"] == 1) & (scores["image"] == name)].to_dict(
            "records"
        )
        assert spearmanr(drawn.ravel(), truth.ravel()).statistic == pytest.approx(row["spc"], abs=2e-3)
        assert np.abs(drawn.astype(float) - truth).mean() == pytest.approx(row["mae"], abs=1e-3)


def test_upsampling_in_blocks_gives_the_same_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = read_features(small_features(tmp_path))
    stack = make_stack(Readout(), heads_of(Readout()), stages, ALIGNMENT, TRAINING)
    train([stack], stages, TRAINING, "paper", ALIGNMENT, CPU)
    together = score(stack, stages, NAMES, "paper", ALIGNMENT, CPU)
    upsampled = []

    def watched(maps: torch.Tensor, corners: bool) -> torch.Tensor:
        upsampled.append(len(maps))
        return upsample(maps, corners)

    monkeypatch.setattr(measures, "UPSAMPLED", 3)
    monkeypatch.setattr(measures, "upsample", watched)
    pd.testing.assert_frame_equal(score(stack, stages, NAMES, "paper", ALIGNMENT, CPU), together, check_exact=True)
    assert upsampled == [3, 3, 1] * len(stack.heads)


def mapped(path: Path) -> int:
    """Kilobytes of a mapped file that count as memory of this process."""
    maps = Path("/proc/self/smaps").read_text().splitlines()
    ours = [number for number, line in enumerate(maps) if line.endswith(str(path))]
    return sum(int(next(line for line in maps[number:] if line.startswith("Rss:")).split()[1]) for number in ours)


def test_reading_a_subset_keeps_no_page_of_the_file(tmp_path: Path) -> None:
    file = small_features(tmp_path) / "f1.npy"
    stages = read_features(file.parent)
    assert stages[0].array[0].sum() > 0
    assert mapped(file) > 0
    subset = training_subset(stages, [0, 3])
    assert mapped(file) == 0
    assert len([*BatchReader(subset, 1, CPU).in_order()]) == 2
    assert mapped(file) == 0


def test_a_subset_is_scaled_by_its_own_root_mean_square(tmp_path: Path) -> None:
    stages = read_features(small_features(tmp_path))
    for whole, subset in zip(stages, training_subset(stages, range(7)), strict=True):
        assert subset.metadata["rms"] == pytest.approx(whole.metadata["rms"], rel=1e-5)
    for whole, subset in zip(stages, training_subset(stages, [0, 3]), strict=True):
        values = np.asarray(whole.array[[0, 3]], dtype=np.float64)
        assert subset.metadata["rms"] == pytest.approx(np.sqrt((values**2).mean()), rel=1e-5)
        assert subset.shape == whole.shape


def test_the_curve_has_every_subset_pattern_seed_and_image(tmp_path: Path) -> None:
    stages = read_features(small_features(tmp_path))
    run = load_config({"curve": [1 / 4, 1 / 2], "seeds": [0, 1], "training": TRAINING.model_dump()})
    parts = curve(run, [Readout(), Readout(stages="f2")], stages, NAMES, stages, NAMES, CPU)
    write_rows(pd.concat(parts)[list(COLUMNS)], tmp_path / "learning_curve.csv")
    written = pd.read_csv(tmp_path / "learning_curve.csv")
    assert tuple(written.columns) == COLUMNS
    assert written.groupby(["photographs", "images"]).size().index.tolist() == [(1, 2), (2, 4)]
    assert (written.groupby(["readout", "photographs", "pattern", "seed"]).size() == 7).all()
    assert written.groupby(["readout", "photographs"])["spc"].mean().nunique() == 4


@pytest.mark.parametrize("shares", [[], [0.99]])
def test_the_curve_takes_the_whole_set_from_the_tables(tmp_path: Path, shares: list[float]) -> None:
    stages = read_features(small_features(tmp_path))
    run = load_config({"curve": shares, "seeds": [0], "training": TRAINING.model_dump()})
    assert list(curve(run, [Readout()], stages, NAMES, stages, NAMES, CPU)) == []


def test_a_missing_map_is_named(tmp_path: Path) -> None:
    write_predictions({}, {"set": ["a-0"]}, 0, tmp_path / "maps.npz")
    with pytest.raises(InputError, match="no predicted map for L1-k3-p0-all / set / H"):
        read_predictions(tmp_path / "maps.npz").map_of("L1-k3-p0-all", "set", "H")


def test_maps_are_never_read_from_a_pickle(tmp_path: Path) -> None:
    names = np.array([{"not": "text"}], dtype=object)
    arrays: dict[str, Any] = {"seed": np.array(0), "set/names": names}
    np.savez(tmp_path / "maps.npz", **arrays)
    write_sidecar(tmp_path / "maps.npz")
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_predictions(tmp_path / "maps.npz")
