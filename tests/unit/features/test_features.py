"""Feature files: what is stored, and what is refused. The networks are small and random: only the files matter."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from posinfo.encoders.initial import initialise
from posinfo.features.commands import features
from posinfo.features.extraction import Preprocessing, open_encoder
from posinfo.features.stored import read_features
from posinfo.images.decoded import DecodedImage, write_images
from posinfo.protocol.alignment import StageFit, StageShape
from posinfo.registry import catalogue
from posinfo.registry.entries import Encoder, Fit
from posinfo.store.errors import InputError
from synthetic_features import (
    IMAGE_FILES,
    PREPROCESSING,
    DeepNamedFirst,
    Growing,
    Oblong,
    OneShort,
    TwoStages,
    files_in,
    small_features,
)
from torch.nn import functional


def test_stages_are_stored_at_the_smaller_side(tmp_path: Path) -> None:
    folder = small_features(tmp_path)
    assert files_in(folder) == {"f1.npy", "f2.npy", "features.json"}
    assert files_in(tmp_path) == {*IMAGE_FILES, "set"}
    first, second = read_features(folder)
    assert first.array.shape == (7, 4, 16, 16)
    assert second.array.shape == (7, 4, 4, 4)
    assert first.array.dtype == np.float16
    assert first.metadata["native_side"] == 32
    pixels = torch.from_numpy(np.load(tmp_path / "set.npy"))
    maps = TwoStages()(PREPROCESSING.prepare(pixels))
    expected = functional.interpolate(maps["f1"], 16, mode="bilinear")
    np.testing.assert_allclose(first.array, expected.detach().numpy(), rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(second.array, maps["f2"].detach().numpy(), rtol=2e-3, atol=2e-3)
    assert second.metadata["rms"] == pytest.approx(float(np.sqrt(np.mean(second.array.astype(float) ** 2))), rel=1e-6)


def test_metadata_joins_directory_and_stage(tmp_path: Path) -> None:
    first, second = read_features(small_features(tmp_path))
    assert first.metadata["stage"] == "f1"
    assert second.metadata["shape"] == [7, 4, 4, 4]
    images = json.loads((tmp_path / "set.json").read_text())
    for stage in (first, second):
        assert stage.metadata["encoder"] == "two-stages"
        assert stage.metadata["images"] == "set"
        assert stage.metadata["images_sha256"] == images["sha256"]
        assert stage.metadata["weights_sha256"] == "w"
        assert stage.metadata["preprocessing"]["order"] == "RGB"
        assert stage.metadata["seconds"] >= 0
    assert first.metadata["sha256"] != second.metadata["sha256"]


def test_stages_keep_the_encoders_order(tmp_path: Path) -> None:
    folder = small_features(tmp_path, network=DeepNamedFirst)
    assert [stage.name for stage in read_features(folder)] == ["z", "a"]
    assert [stage.name for stage in read_features(folder, ["a", "z"])] == ["a", "z"]
    assert [stage.name for stage in read_features(folder, ["a"])] == ["a"]


def test_a_fit_is_carried_to_the_reader(tmp_path: Path) -> None:
    folder = small_features(tmp_path)
    whole = read_features(folder)
    assert [stage.shape for stage in whole] == [StageShape("f1", 4, 16), StageShape("f2", 4, 4)]
    cropped = read_features(folder, fit=Fit(how="crop", sides={"f1": 20, "f2": 3}))
    assert [stage.shape.fit for stage in cropped] == [StageFit("crop", 32, 20), StageFit("crop", 4, 3)]
    assert [stage.shape.side for stage in cropped] == [16, 4]
    (resized,) = read_features(folder, ["f2"], Fit(how="resize", sides={"f2": 5}))
    assert resized.shape == StageShape("f2", 4, 4, StageFit("resize", 4, 5))
    for one, other in zip(whole, cropped, strict=True):
        assert one.metadata == other.metadata
        np.testing.assert_array_equal(one.array, other.array)


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        ({"f1": 33, "f2": 3}, r"f1\.npy has maps of side 32, too small to crop to 33"),
        ({"f1": 20}, r"fit: sides names f1, not stage f2"),
    ],
)
def test_a_fit_that_suits_no_stage_is_refused(tmp_path: Path, sides: dict[str, int], words: str) -> None:
    folder = small_features(tmp_path)
    with pytest.raises(InputError, match=words):
        read_features(folder, fit=Fit(how="crop", sides=sides))


def test_values_beyond_float16_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"two-stages, stage f1.*not finite in float16 \(images 0 to 2\)"):
        small_features(tmp_path, gain=1e6)
    assert files_in(tmp_path) == IMAGE_FILES


@pytest.mark.parametrize("gain", [1e-4, 1e-8])
def test_faint_features_keep_their_digits(tmp_path: Path, gain: float) -> None:
    for name in ("strong", "faint"):
        (tmp_path / name).mkdir()
    strong = read_features(small_features(tmp_path / "strong"))
    faint = read_features(small_features(tmp_path / "faint", gain=gain))
    for one, other in zip(strong, faint, strict=True):
        assert other.array.dtype == np.float32
        assert other.metadata["rms"] == pytest.approx(gain * one.metadata["rms"], rel=1e-3)
        np.testing.assert_allclose(other.array / gain, one.array, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (OneShort, r"two-stages, stage f1, .*: 2 maps for 3 images"),
        (Growing, r"two-stages, stage f1, .*: maps have side 64 from image 6 on, had 32 before"),
        (Oblong, r"two-stages, stage f1, .*: maps are 16 x 32, not square"),
    ],
)
def test_maps_that_no_readout_can_read_are_refused(tmp_path: Path, network: type[TwoStages], words: str) -> None:
    with pytest.raises(InputError, match=words):
        small_features(tmp_path, network=network)
    assert files_in(tmp_path) == IMAGE_FILES


def test_a_failed_extraction_keeps_the_old_features(tmp_path: Path) -> None:
    folder = small_features(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError):
        small_features(tmp_path, network=OneShort)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    folder = small_features(tmp_path)
    path = folder / "f1.npy"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"f1.npy is stale or damaged: bytes \(sha256\).*run again: snakemake .*/set"):
        read_features(folder)
    assert [stage.name for stage in read_features(folder, ["f2"])] == ["f2"]


@pytest.mark.parametrize(("key", "value"), [("code", "0" * 16), ("images", "other"), ("alignment", {"side": 15})])
def test_another_origin_is_refused(tmp_path: Path, key: str, value: object) -> None:
    sidecar = small_features(tmp_path) / "features.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {key: value}))
    with pytest.raises(InputError, match="stale or damaged"):
        read_features(sidecar.parent)


@pytest.mark.parametrize(("key", "value"), [("sha256", "0" * 64), ("shape", [1]), ("native_side", 8)])
def test_another_stage_is_refused(tmp_path: Path, key: str, value: object) -> None:
    sidecar = small_features(tmp_path) / "features.json"
    metadata = json.loads(sidecar.read_text())
    metadata["stages"]["f1"][key] = value
    sidecar.write_text(json.dumps(metadata))
    with pytest.raises(InputError, match=r"f1\.npy is stale or damaged"):
        read_features(sidecar.parent)


def test_a_stage_of_another_extraction_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    folder = small_features(tmp_path)
    other = small_features(tmp_path / "other", gain=2, weights="other weights")
    shutil.copy(other / "f2.npy", folder / "f2.npy")
    with pytest.raises(InputError, match=r"f2\.npy is stale or damaged: bytes"):
        read_features(folder)


def test_a_renamed_directory_is_refused(tmp_path: Path) -> None:
    folder = small_features(tmp_path).rename(tmp_path / "renamed")
    with pytest.raises(InputError, match=r"set of images: its sidecar says set, found renamed; delete .*renamed"):
        read_features(folder)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = small_features(tmp_path)
    with pytest.raises(InputError, match=r"set: unknown stage 'f3'"):
        read_features(folder, ["f1", "f3"])
    (folder / "f2.npy").unlink()
    with pytest.raises(InputError, match=r"f2\.npy is missing, though features\.json names it; delete .*/set and run"):
        read_features(folder)
    (folder / "features.json").unlink()
    with pytest.raises(InputError, match=r"set holds no features\.json.*run again: snakemake .*/set"):
        read_features(folder)


def test_preprocessing_prepares_the_pixels() -> None:
    pixels = torch.tensor([[[[10, 20, 30]]]], dtype=torch.uint8)
    caffe = Preprocessing("BGR", 255, mean=(1, 2, 3)).prepare(pixels)
    assert caffe.flatten().tolist() == [29, 18, 7]
    unit = Preprocessing("RGB", 1, std=(1, 1, 2)).prepare(pixels)
    torch.testing.assert_close(unit.flatten(), torch.tensor([10 / 255, 20 / 255, 15 / 255]))


def test_preprocessing_of_an_entry_is_the_entrys() -> None:
    entry = catalogue.shipped().encoders["vgg16"].input
    assert Preprocessing.of(entry) == Preprocessing("BGR", 255, (103.939, 116.779, 123.68))


def test_an_entry_without_the_weights_that_it_needs_is_refused() -> None:
    entry = catalogue.shipped().encoders["vgg16"].model_copy(update={"weights": None})
    with pytest.raises(
        InputError, match="no weights, as its entry says, do not fit the architecture vgg16: 26 missing"
    ):
        open_encoder(entry, None)


def run_features(encoder: str, images: Path, output: Path) -> None:
    """Call the command `features` for a shipped encoder without weights."""
    entry = catalogue.canonical_json(catalogue.shipped().encoders[encoder])
    features(encoder, entry=entry, images=images, alignment='{"side": 16}', output=output)


def test_the_command_makes_the_directory(tmp_path: Path) -> None:
    small_features(tmp_path)
    run_features("pixels", tmp_path / "set.npy", tmp_path / "pixels/set")
    (stage,) = read_features(tmp_path / "pixels/set")
    assert stage.name == "rgb"
    assert stage.array.shape == (7, 3, 16, 16)
    assert stage.metadata["weights_sha256"] is None
    assert stage.metadata["entry"] == catalogue.fingerprint(catalogue.shipped().encoders["pixels"])


def test_tokens_in_the_order_of_windows_are_said(tmp_path: Path) -> None:
    entry = {"title": "", "architecture": "timm/hiera_tiny_224", "weights": {"random": 0}, "taps": {"f1": "blocks.0"}}
    encoder = Encoder.model_validate({**entry, "input": {"order": "RGB", "range": 1}})
    initialise(encoder.architecture, 0, tmp_path / "weights.safetensors")
    write_images(iter([DecodedImage("0", np.zeros((224, 224, 3), np.uint8))]), 1, tmp_path / "set.npy", side=224)
    with pytest.warns(UserWarning, match="hiera: f1 does not change most where an image changes"):
        features(
            "hiera",
            entry=catalogue.canonical_json(encoder),
            weights=tmp_path / "weights.safetensors",
            images=tmp_path / "set.npy",
            alignment='{"side": 28}',
            output=tmp_path / "hiera/set",
        )


def test_a_fitted_variant_has_no_features_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"vgg16-cropped has no features of its own: .* crop the maps of vgg16"):
        run_features("vgg16-cropped", tmp_path / "set.npy", tmp_path / "set")
