"""Predicted maps of the atlas, their errors, and how they are stored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from posinfo.experiments.atlas import maps
from posinfo.experiments.atlas.commands import atlas_maps
from posinfo.experiments.atlas.maps import predict_maps, rings
from posinfo.features.stored import StageFeatures, read_features
from posinfo.protocol.patterns import ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head, StackedReadouts
from posinfo.readouts.training import make_stack
from posinfo.readouts.upsampling import upsample
from posinfo.scores.measures import predict
from posinfo.store.arrays import read_arrays, write_arrays
from posinfo.store.errors import InputError
from synthetic_atlas import PATTERNS, predicted
from synthetic_features import heads_of, small_features


def test_maps_and_errors_are_those_of_the_readouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "TOGETHER", 4)  # of 14: the last group is smaller
    stages = read_features(small_features(tmp_path))
    device = torch.device("cpu")
    stack = make_stack(Readout(), heads_of(Readout()), stages, stages[0].alignment, Training())
    found, errors = predict_maps(stack, stages, ["H", "G"], [5, 2], 1, "paper", device)
    small = predict(stack, stages, device)
    row = [head.pattern == "G" and head.seed == 1 for head in stack.heads].index(True)
    np.testing.assert_allclose(found[1], small[row, [5, 2]], atol=1e-3)
    truth = ground_truth("G", 224, "paper")
    ours = [row for row, head in enumerate(stack.heads) if head.pattern == "G"]
    error = np.abs(upsample(small[ours], False).double().numpy() - truth).mean((0, 1))
    assert errors[1, 0] == pytest.approx(error[rings() == 0].mean(), abs=1e-4)
    assert errors[1, 13] == pytest.approx(error[104:120, 104:120].mean(), abs=1e-4)
    assert errors.shape == (2, 14)
    only, its_errors = predict_maps(stack, stages, ["G"], [5, 2], 1, "paper", device)  # a readout may hold more
    np.testing.assert_array_equal(only, found[1:])
    np.testing.assert_array_equal(its_errors, errors[1:])


def test_stored_maps_are_verified_by_their_sidecar(tmp_path: Path) -> None:
    made = predicted()["squeezenet"]
    write_arrays(made, tmp_path / "one.npz", seed=0)
    read = read_arrays(tmp_path / "one.npz")
    assert set(read) == set(made)
    for name, array in made.items():
        np.testing.assert_array_equal(read[name], array)
    (tmp_path / "one.npz").write_bytes((tmp_path / "one.npz").read_bytes() + b" ")
    with pytest.raises(InputError, match="stale or damaged"):
        read_arrays(tmp_path / "one.npz")


def test_the_command_reads_stages_and_all_shallow_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = read_features(small_features(tmp_path))
    loaded = []

    def load_readout(path: Path, found: Sequence[StageFeatures]) -> tuple[StackedReadouts, dict[str, Any]]:
        loaded.append(path)
        readout = Readout.parse(path.stem)
        heads = [Head(readout, pattern, seed) for pattern in ("V", *PATTERNS) for seed in (3, 4)]
        stack = make_stack(readout, heads, found, found[0].alignment, Training())
        read = readout.stages_read([stage.name for stage in found])
        return stack, {"stages": read, "definition": "paper"}

    monkeypatch.setattr("posinfo.readouts.stored.load_readout", load_readout)
    monkeypatch.setattr("posinfo.features.stored.read_features", lambda _: stages)
    output = tmp_path / "network.npz"
    atlas_maps(
        base=tmp_path / "base",
        stages=tmp_path / "stages",
        images=tmp_path / "set.csv",
        features=tmp_path / "features",
        shown=5,
        seed=4,
        device="cpu",
        output=output,
    )
    ends = ["stages/L1-k3-p0-f1", "stages/L1-k3-p0-f2", "base/L1-k3-p0-all"]
    assert loaded == [tmp_path / f"{end}.safetensors" for end in ends]
    found = read_arrays(output)
    assert (found["stages"].tolist(), found["patterns"].tolist()) == (["f1", "f2", "all"], PATTERNS)
    assert found["images"].tolist() == ["0", "2", "3", "4", "6"]  # five of seven photographs, spread evenly
    stack, _ = load_readout(Path("L1-k3-p0-f2.safetensors"), stages)
    row = [(head.pattern, head.seed) for head in stack.heads].index(("HS", 4))
    small = predict(stack, [stages[1]], torch.device("cpu"))[row, [0, 2, 3, 4, 6]]
    np.testing.assert_array_equal(found["maps"][1, PATTERNS.index("HS")], small.numpy().astype(np.float16))
