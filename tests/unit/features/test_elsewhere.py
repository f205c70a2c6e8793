"""Features that another program made: here numpy, of the network that torch runs beside it."""

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from posinfo.features.commands import features
from posinfo.features.stored import read_features
from posinfo.registry.catalogue import canonical_json
from posinfo.registry.entries import Encoder
from posinfo.store.errors import InputError
from pydantic import ValidationError
from synthetic_features import ALIGNMENT, TwoStages, files_in, small_features


def exported(pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """The maps of `TwoStages`, by numpy."""
    padded = np.pad(pixels.transpose(0, 3, 1, 2) / 255, ((0, 0), (0, 0), (1, 1), (1, 1)))
    weight = TwoStages().weight.detach().numpy()
    maps = np.einsum("nchwij,dcij->ndhw", sliding_window_view(padded, (3, 3), axis=(2, 3)), weight, optimize=True)
    count, channels, side, _ = maps.shape
    return {"f1": maps, "f2": maps.reshape(count, channels, side // 8, 8, side // 8, 8).mean((3, 5))}


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """Features of the network by torch in `set`, and its maps by numpy in `given/set`."""
    small_features(tmp_path)
    (tmp_path / "given/set").mkdir(parents=True)
    for stage, maps in exported(np.load(tmp_path / "set.npy")).items():
        np.save(tmp_path / f"given/set/{stage}.npy", maps)
    return tmp_path / "given/set"


def arrive(given: Path) -> Path:
    """Store those maps as the rule `features` does; returns the directory."""
    entry = Encoder.model_validate({"features": str(given.parent), "taps": {"f1": "conv", "f2": "pool"}})
    output = given.parents[1] / "arrived/set"
    output.parent.mkdir(exist_ok=True)
    images = given.parents[1] / "set.npy"
    alignment = ALIGNMENT.model_dump_json()
    features("foreign", entry=canonical_json(entry), images=images, alignment=alignment, output=output)
    return output


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4"])
def test_given_maps_are_the_networks_own(given: Path, dtype: str) -> None:
    for path in given.iterdir():
        np.save(path, np.asfortranarray(np.load(path).astype(dtype)))
    for one, other in zip(read_features(given.parents[1] / "set"), read_features(arrive(given)), strict=True):
        assert other.shape == one.shape
        assert other.metadata["native_side"] == one.metadata["native_side"]
        np.testing.assert_allclose(other.array, one.array, rtol=3e-3, atol=3e-3)


def broken(given: Path, how: str) -> None:
    """Damage the maps, or the list of their images."""
    maps = np.load(given / "f1.npy")
    holed = maps.copy()
    holed[4, 0, 0, 0] = np.nan
    changed = {
        "short": maps[:-1],
        "flat": maps.reshape(len(maps), -1),
        "whole numbers": maps.astype(int),
        "channels last": np.moveaxis(maps, 1, -1),
        "objects": maps.astype(object),
        "not finite": holed,
        "no channels": maps[:, :0],
    }
    archive = io.BytesIO()
    np.savez(archive, maps)
    stored = (given / "f1.npy").read_bytes()
    contents = {
        "text": ("f1.npy", b"f1 " * 50),
        "archive": ("f1.npy", archive.getvalue()),
        "cut short": ("f1.npy", stored[:5000]),
        "damaged header": ("f1.npy", stored.replace(b"}", b"{", 1)),
        "another table": ("images.csv", b"file\n1.jpg\n"),
        "empty": ("images.csv", b""),
        "in latin-1": ("images.csv", "image\nBüro".encode("latin-1")),
        "ragged": ("images.csv", b"image\n1\n1,2,3\n"),
    }
    if how == "missing":
        (given / "f1.npy").unlink()
    elif how in contents:
        name, content = contents[how]
        (given / name).write_bytes(content)
    elif how == "of other shapes":
        (given.parent / "train").mkdir()
        np.save(given.parent / "train/f1.npy", maps[:3, :, ::2, ::2])
    elif how == "reordered":
        lines = (given.parents[1] / "set.csv").read_text().splitlines()
        (given / "images.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]))
    elif how == "other crops":
        origins = pd.read_csv(given.parents[1] / "set.csv")
        origins.assign(left=origins["left"] + 1).to_csv(given / "images.csv", index=False)
    else:
        np.save(given / "f1.npy", changed[how])


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("missing", r"given/set/f1\.npy is missing"),
        ("text", r"given/set/f1\.npy is no whole \.npy file of numbers; write it with numpy\.save$"),
        ("archive", r"given/set/f1\.npy is no whole \.npy file"),
        ("cut short", r"given/set/f1\.npy is no whole \.npy file"),
        ("damaged header", r"given/set/f1\.npy is no whole \.npy file"),
        ("objects", r"given/set/f1\.npy is no whole \.npy file"),
        ("no channels", r"given/set/f1\.npy holds float64 \[7, 0, 32, 32\], not floats \[images, channels"),
        ("flat", r"given/set/f1\.npy holds float64 \[7, 4096\], not floats \[images, channels, side, side\]"),
        ("whole numbers", r"given/set/f1\.npy holds int64"),
        ("short", r"given/set/f1\.npy holds 6 maps; set has 7 images"),
        ("channels last", r"given/set/f1\.npy holds float64 \[7, 32, 32, 4\], not floats \[images, channels"),
        ("not finite", r"foreign, stage f1, .*: a feature is not finite in float16 \(images 4 to 6\)"),
        ("of other shapes", r"given/set/f1\.npy and .*given/train/f1\.npy hold maps of two shapes"),
        ("reordered", r"given/set/images\.csv differs from .*set\.csv"),
        ("other crops", r"given/set/images\.csv differs from .*set\.csv; make the maps of these images anew"),
        ("another table", r"given/set/images\.csv differs from .*set\.csv"),
        ("empty", r"given/set/images\.csv is no csv in UTF-8; copy .*set\.csv there"),
        ("in latin-1", r"given/set/images\.csv is no csv in UTF-8"),
        ("ragged", r"given/set/images\.csv is no csv in UTF-8"),
    ],
)
def test_maps_that_cannot_be_used_are_refused(given: Path, how: str, words: str) -> None:
    broken(given, how)
    with pytest.raises(InputError, match=words) as error:
        arrive(given)
    assert "\n" not in str(error.value)
    assert files_in(given.parents[1] / "arrived") == set()


def test_bad_files_of_another_set_stop_nothing(given: Path) -> None:
    for folder in ("folder/f1.npy", "integers", "text"):
        (given.parent / folder).mkdir(parents=True)
    np.save(given.parent / "integers/f1.npy", np.zeros((7, 4), int))
    (given.parent / "text/f1.npy").write_text("f1")
    (given.parent / "text/images.csv").touch()
    assert "features.json" in files_in(arrive(given))


def test_a_stage_of_zeros_is_said(given: Path) -> None:
    np.save(given / "f2.npy", np.zeros_like(np.load(given / "f2.npy")))
    with pytest.warns(UserWarning, match="foreign, stage f2, .*all maps are zero") as said:
        arrive(given)
    assert len(said) == 1


def test_the_list_of_images_may_lie_beside_the_maps(given: Path) -> None:
    shutil.copy(given.parents[1] / "set.csv", given / "images.csv")
    assert files_in(arrive(given)) == {"f1.npy", "f2.npy", "features.json"}


@pytest.mark.parametrize("more", [{"architecture": "vgg16"}, {"weights": {"random": 0}}])
def test_features_exclude_a_network(more: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="no architecture and no weights"):
        Encoder.model_validate({"features": "given", "taps": {"f1": "conv"}, **more})
