"""One flipped bit or a cut end, anywhere in any stored file, is found and named before the file is used."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from posinfo.encoders.initial import initialise
from posinfo.features.extraction import open_encoder
from posinfo.features.stored import read_features
from posinfo.figures.data import FigureData
from posinfo.images.decoded import read_image_names, read_images
from posinfo.protocol.readout import SCORE_COLUMNS, Readout, Training
from posinfo.readouts.stored import load_readout, save_readout
from posinfo.readouts.training import make_stack
from posinfo.registry.catalogue import shipped
from posinfo.run.config import load_config
from posinfo.scores.learning_curve import COLUMNS
from posinfo.scores.predictions import read_predictions, write_predictions
from posinfo.store.errors import InputError
from posinfo.store.frames import write_rows
from posinfo.store.tensors import read_tensors, write_tensors
from posinfo.tables.summaries import read_scores
from synthetic_features import ALIGNMENT, heads_of, small_features


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each kind, as the pipeline writes it."""
    folder = tmp_path_factory.mktemp("stored")
    stages = read_features(small_features(folder))
    stack = make_stack(Readout(), heads_of(Readout()), stages, ALIGNMENT, Training())
    path = folder / "r/base/readout.safetensors"
    save_readout(stack, {"loss": torch.zeros(4, 2)}, path, stages, Training(), "paper", ALIGNMENT)
    initialise("squeezenet", 0, folder / "weights.safetensors")
    write_rows(
        pd.DataFrame([("L1-k3-p0-all", "H", 0, "a-0", 0.5, 0.2, 0)], columns=list(SCORE_COLUMNS)),
        folder / "e/r/scores.csv",
    )
    write_rows(pd.DataFrame([range(len(COLUMNS))], columns=list(COLUMNS)), folder / "learning_curve.csv")
    maps = {("L1-k3-p0-all", "set", "G"): np.zeros((1, 224, 224), np.float16)}
    write_predictions(maps, {"set": ["a-0"]}, 0, folder / "maps.npz")
    return folder


READERS: dict[str, Callable[[Path], Any]] = {
    "set.npy": read_images,
    "set.csv": read_image_names,
    "set/f1.npy": lambda path: read_features(path.parent),
    "r/base/readout.safetensors": lambda path: load_readout(path, read_features(path.parents[2] / "set")),
    "weights.safetensors": lambda path: open_encoder(shipped().encoders["squeezenet"], path),
    "e/r/scores.csv": lambda path: read_scores([path]),
    "learning_curve.csv": lambda path: FigureData(load_config({}), (path,), path.parent).curve(),
    "maps.npz": read_predictions,
}


@pytest.mark.parametrize("name", list(READERS))
def test_damage_anywhere_is_found(stored: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(stored, tmp_path / "copy")
    path = tmp_path / "copy" / name
    READERS[name](path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in [0, 9, len(whole) - 1, *rng.integers(0, len(whole), 20).tolist()]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(bytes(flipped))
        with pytest.raises(InputError, match=path.name):
            READERS[name](path)
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=path.name):
            READERS[name](path)
    path.write_bytes(whole)
    READERS[name](path)


def test_stages_that_changed_places_are_refused(stored: Path, tmp_path: Path) -> None:
    shutil.copytree(stored, tmp_path / "copy")
    features = tmp_path / "copy/set"
    shutil.copy(features / "f2.npy", features / "f1.npy")
    with pytest.raises(InputError, match=r"f1\.npy is stale or damaged"):
        read_features(features, ["f1"])


def test_tensors_with_changed_metadata_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write_tensors({"a": np.ones(3, np.float32)}, {"layout": "x"}, path)
    written = path.read_bytes()
    assert read_tensors(path)[1] == {"layout": "x"}
    path.write_bytes(written.replace(b"layout", b"layoux"))
    with pytest.raises(InputError, match=r"weights\.safetensors is damaged"):
        read_tensors(path)
    write_tensors({"a": np.ones(3, np.float32)}, {"layout": "x"}, path)
    assert path.read_bytes() == written
