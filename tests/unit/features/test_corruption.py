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
from posinfo.figures.data import read_curve, read_losses, read_maps
from posinfo.images.pictures import read_names, read_pictures
from posinfo.protocol.readout import SCORE_COLUMNS, Readout, Training
from posinfo.readouts.training import load_stack, make_stack, save
from posinfo.scores.learning_curve import COLUMNS, write_curve
from posinfo.scores.measures import write_scores
from posinfo.scores.predictions import write_predictions
from posinfo.store.errors import InputError
from posinfo.store.tensors import read_tensors, write_tensors
from posinfo.tables.summaries import read_scores
from synthetic_features import ALIGNMENT, heads_of, small_features


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each kind, as the pipeline writes it."""
    folder = tmp_path_factory.mktemp("stored")
    stages = read_features(small_features(folder))
    stack = make_stack(Readout(), heads_of(Readout()), stages, ALIGNMENT, Training())
    outputs = {pattern: folder / f"{pattern}.safetensors" for pattern in ("H", "G")}
    save(stack, {"loss": torch.zeros(4, 2)}, outputs, stages, Training(), "paper", ALIGNMENT)
    initialise("squeezenet", 0, folder / "weights.safetensors")
    write_scores(pd.DataFrame([("H", 0, "a-0", 0.5, 0.2, 0)], columns=list(SCORE_COLUMNS)), folder / "e/r/scores.csv")
    write_curve(pd.DataFrame([range(len(COLUMNS))], columns=list(COLUMNS)), folder / "learning_curve.csv")
    maps = {"G": np.zeros((1, 224, 224), np.float16)}
    write_predictions(maps, [0], ["a-0"], 0, folder / "maps.npz")
    return folder


READERS: dict[str, Callable[[Path], Any]] = {
    "set.npy": read_pictures,
    "set.csv": read_names,
    "set/f1.npy": lambda path: read_features([path]),
    "H.safetensors": lambda path: load_stack(
        [path], read_features([path.parent / f"set/{f}.npy" for f in ("f1", "f2")])
    ),
    "G.safetensors": lambda path: read_losses([path]),
    "weights.safetensors": lambda path: open_encoder("squeezenet", path, {"f1": "features.1"}),
    "e/r/scores.csv": lambda path: read_scores([path]),
    "learning_curve.csv": read_curve,
    "maps.npz": read_maps,
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


def test_a_sidecar_of_another_file_is_refused(stored: Path, tmp_path: Path) -> None:
    shutil.copytree(stored, tmp_path / "copy")
    features = tmp_path / "copy/set"
    shutil.copy(features / "f2.json", features / "f1.json")
    with pytest.raises(InputError, match=r"f1\.npy is stale or damaged"):
        read_features([features / "f1.npy"])
    # Bytes and sidecar of the other stage, together in the wrong place.
    shutil.copy(features / "f2.npy", features / "f1.npy")
    with pytest.raises(InputError, match=r"f1\.npy is stale or damaged: stage"):
        read_features([features / "f1.npy"])


def test_tensors_of_another_story_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write_tensors({"a": np.ones(3, np.float32)}, {"layout": "x"}, path)
    written = path.read_bytes()
    assert read_tensors(path)[1] == {"layout": "x"}
    path.write_bytes(written.replace(b"layout", b"layoux"))
    with pytest.raises(InputError, match=r"weights\.safetensors is damaged"):
        read_tensors(path)
    write_tensors({"a": np.ones(3, np.float32)}, {"layout": "x"}, path)
    assert path.read_bytes() == written
