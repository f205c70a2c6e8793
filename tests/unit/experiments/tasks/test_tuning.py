"""Trainings that start from an encoder's weights, and the position-only baseline (small synthetic images)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from posinfo.encoders.initial import initialise
from posinfo.experiments.tasks.data.masks import write_masks
from posinfo.experiments.tasks.data.splits import LabelledSet, Split, check_splits
from posinfo.experiments.tasks.figures import accuracy, differences_of
from posinfo.experiments.tasks.predictions import CUT, crops, predict, segmentations
from posinfo.experiments.tasks.recipes import Tuning
from posinfo.experiments.tasks.training.encoders import class_weights, train_encoder
from posinfo.experiments.tasks.training.evaluation import evaluate_baseline, measure, position_baseline
from posinfo.experiments.tasks.training.networks import NormedConvolution, TaskNetwork, task_loss
from posinfo.images.decoded import DecodedImage, write_images
from posinfo.registry.entries import Encoder, PreprocessingEntry, TrainedWeights
from posinfo.store.arrays import read_arrays, write_arrays
from posinfo.store.errors import InputError
from posinfo.store.sidecars import verified
from posinfo.store.tensors import read_tensors, write_tensors

TAPS = {"f1": "features.3", "f5": "features.29"}
CPU = torch.device("cpu")
RECIPE = Tuning(epochs=1, images=8, batch=2, lr=1e-2, lr_body=1e-3, tests=2)
CLASSES = ("sky", "road", "car")


def entry(padding: str = "zeros", start: str | None = "begun", task: str = "saliency", seed: int = 0) -> Encoder:
    weights = TrainedWeights.model_validate({"task": task, "start": start, "seed": seed})
    preprocessing = PreprocessingEntry(order="BGR", range=255, mean=(103.939, 116.779, 123.68))
    return Encoder.model_validate(
        {"architecture": "vgg16-eighth", "weights": weights, "padding": padding, "input": preprocessing, "taps": TAPS}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs to learn from and to be tested on, each of one colour, and an encoder of random weights."""
    made = tmp_path_factory.mktemp("tuning")
    for part, values in (("train", (0, 90, 180)), ("test", (40, 220))):
        pictures = [
            DecodedImage(f"{part}{value}-0", np.full((224, 224, 3), value, np.uint8), f"{part}{value}", f"{value}")
            for value in values
        ]
        write_images(iter(pictures), len(pictures), made / f"{part}.npy")
    initialise("vgg16-eighth", 0, made / "begun.safetensors")
    return made


def tuned(folder: Path, name: str, entry: Encoder, recipe: Tuning = RECIPE, save: tuple[int, ...] = ()) -> Path:
    path = folder / f"{name}.safetensors"
    start = folder / "begun.safetensors"
    train_encoder(name, entry, recipe, [folder / "train.npy"], [[folder / "test.npy"]], path, CPU, start, save)
    return path


def test_tuning_begins_with_the_weights_and_no_batch_norms() -> None:
    begun = TaskNetwork(entry(seed=1), 6)
    weights = {name: tensor.clone() for name, tensor in begun.encoder().items()}
    network = TaskNetwork(entry("none"), 6, weights)
    assert not any(isinstance(module, NormedConvolution | torch.nn.BatchNorm2d) for module in network.body.modules())
    assert all(torch.equal(network.encoder()[name], weights[name]) for name in weights)
    assert network._reader[0](torch.zeros(1, 3, 224, 224))["f5"].shape[-1] == 2  # no padding
    images = 255 * torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    network.scale_head(images)
    for name, maps in network._reader[0](images).items():
        scaled = maps.detach() * network.head.scales[name]
        assert float(scaled.square().mean().sqrt()) == pytest.approx(1, rel=1e-4)
    del weights["features.28.bias"]
    with pytest.raises(InputError, match=r"do not fit the architecture vgg16-eighth: 1 missing: features\.28\.bias"):
        TaskNetwork(entry("none"), 6, weights)


@pytest.mark.parametrize("padding", ["zeros", "none"])
def test_the_whole_network_learns_and_saves_its_steps(folder: Path, padding: str) -> None:
    path = tuned(folder, padding, entry(padding), save=(0, 2))
    begun = read_tensors(folder / "begun.safetensors")[0]
    stored = {step: read_tensors(path.with_suffix(".steps") / f"step-{step}.safetensors") for step in (0, 2)}
    final, metadata = read_tensors(path)
    assert stored[0][0].keys() == final.keys() == begun.keys()
    for name, tensor in begun.items():
        np.testing.assert_array_equal(stored[0][0][name], tensor)
        assert not np.array_equal(final[name], tensor)
        assert not np.array_equal(final[name], stored[2][0][name])
        assert np.abs(final[name] - tensor).max() < 0.01  # the body's own learning rate, and not the head's
    assert [stored[step][1]["step"] for step in stored] == [0, 2]
    assert verified(path.with_suffix(".metrics.csv"))["start"] == metadata["start"]
    assert not path.with_suffix(".checkpoint").exists()
    saliency = predict(entry(padding), path, torch.zeros(1, 224, 224, 3, dtype=torch.uint8), CPU)
    assert saliency.shape == (1, 1, 224, 224)
    assert [file.name for file in sorted(path.with_suffix(".steps").iterdir())] == [
        "step-0.safetensors",
        "step-2.safetensors",
    ]
    write_arrays(crops(entry(padding), path, [folder / "test.npy"], CPU), folder / "crops.npz")
    shown = read_arrays(folder / "crops.npz")
    assert shown["images"].shape == (5, 224, 224, 3)
    assert differences_of(shown).shape == shown["cropped"].shape == (5, 224 - CUT, 224 - CUT)
    metrics = pd.read_csv(path.with_suffix(".metrics.csv"))
    assert metrics["baseline_f_maximal"].between(0, 1).all()


def test_a_killed_tuning_keeps_its_saved_steps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = RECIPE.model_copy(update={"epochs": 2, "images": 4})
    whole = tuned(folder, "whole", entry(), recipe, (1, 3))
    saved = (whole.with_suffix(".steps") / "step-1.safetensors").read_bytes()

    def killed(*_: object) -> torch.Tensor:
        raise KeyboardInterrupt

    steps = iter(range(3))
    with monkeypatch.context() as patched:
        patched.setattr(
            "posinfo.experiments.tasks.training.encoders.task_loss",
            lambda *given: task_loss(*given) if next(steps, None) is not None else killed(),
        )
        with pytest.raises(KeyboardInterrupt):
            tuned(folder, "broken", entry(), recipe, (1, 3))
    assert not (folder / "broken.steps").exists()
    broken = tuned(folder, "broken", entry(), recipe, (1, 3))
    for file in ("{}.steps/step-1.safetensors", "{}.steps/step-3.safetensors", "{}.safetensors"):
        ours, theirs = (read_tensors(folder / file.format(path.stem))[0] for path in (broken, whole))
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs), file
    assert saved == (whole.with_suffix(".steps") / "step-1.safetensors").read_bytes()


def test_a_training_that_diverges_names_the_key(folder: Path) -> None:
    with pytest.raises(InputError, match=r"the loss is (nan|inf) in epoch 1; lower tasks: tuning: lr"):
        tuned(folder, "diverged", entry(), RECIPE.model_copy(update={"lr": 1e30, "lr_body": 1e30}))


def test_wrong_starts_and_steps_stop_before_training(folder: Path) -> None:
    with pytest.raises(InputError, match="'none' starts from scratch, but the file given is"):
        tuned(folder, "none", entry(start=None))
    with pytest.raises(InputError, match="trained for 4 steps; step 4 cannot be saved"):
        tuned(folder, "late", entry(), save=(0, 4))
    begun, metadata = read_tensors(folder / "begun.safetensors")
    short = folder / "short-begun.safetensors"
    write_tensors({name: begun[name] for name in list(begun)[:-1]}, metadata, short)
    files = [folder / "train.npy"], [[folder / "test.npy"]], folder / "short.safetensors"
    with pytest.raises(InputError, match="do not fit the architecture"):
        train_encoder("short", entry(), RECIPE, *files, CPU, short)


def street_scenes(seed: int | None = None) -> LabelledSet:
    """Four masks of 4 x 4 pixels: sky above, road below, a car left or right once each; a void corner."""
    masks = np.zeros((4, 4, 4), np.uint8)
    masks[:, 2:] = 1
    masks[0, 2:, 0] = masks[1, 2:, 3] = 2
    masks[:, 3, 3] = 255
    names = [f"p{number}-0" for number in range(4)]
    return LabelledSet(np.zeros((4, 4, 4, 3), np.uint8), masks, names, seed, CLASSES)


def test_the_baseline_is_the_commonest_class_of_each_pixel() -> None:
    examples = street_scenes()
    baseline = position_baseline("segmentation", examples, [0, 1, 2, 3])
    assert baseline.shape == (3, 4, 4)
    np.testing.assert_allclose(baseline.sum(0), np.where(np.arange(16).reshape(4, 4) == 15, 0, 1))
    summary = evaluate_baseline("segmentation", baseline, examples, [0, 1, 2, 3], CLASSES)
    ious = [summary[f"iou_{name}"] for name in CLASSES]
    # Of 28 road pixels 25 are road, all road is predicted as road: 25 of 28; the three of a car never are.
    assert ious == pytest.approx([1, 25 / 28, 0])
    assert summary["miou"] == pytest.approx(np.mean(ious))
    assert summary["accuracy"] == pytest.approx(57 / 60)
    assert summary["chance"] == pytest.approx(32 / 60 / 3)
    saliency = position_baseline("saliency", examples, [0, 1, 2, 3])
    assert saliency[0, 0] == 0
    assert saliency[2, 1] == 1


def test_without_background_each_class_has_a_weight() -> None:
    examples = street_scenes()
    assert examples.classes == CLASSES
    weights = class_weights(examples, [0, 1, 2, 3])
    shares = np.array([32, 25, 3]) / 60
    np.testing.assert_allclose(weights.numpy(), np.sqrt(shares[1] / shares), rtol=1e-5)
    classes = torch.from_numpy(np.stack([examples.class_map(number) for number in range(4)]).astype(np.int64))
    flat = torch.zeros(4, 3, 4, 4)
    loss = float(task_loss("segmentation", flat, torch.zeros(4), classes, weights))
    assert loss == pytest.approx(np.log(3))
    flat[:, :, 3, 3] = 50 * torch.arange(3)[None]  # scores of void do not count
    assert float(task_loss("segmentation", flat, torch.zeros(4), classes, weights)) == pytest.approx(loss)


def test_without_background_iou_is_over_all_classes() -> None:
    truth = np.array([[0, 0], [1, 2]])
    prediction = np.eye(3, dtype=np.float32)[np.array([[0, 0], [1, 1]])].transpose(2, 0, 1)
    rows, _ = measure("segmentation", background=False, results=[(prediction, truth, 0)])
    assert rows.to_dict("records") == [{"iou": pytest.approx((1 + 0.5 + 0) / 3)}]


def test_sets_of_other_classes_are_refused(folder: Path, tmp_path: Path) -> None:
    parts = []
    for part, classes in (("train", CLASSES), ("test", ("sky", "sea", "car"))):
        masks = np.full((3 if part == "train" else 2, 224, 224), 2, np.uint8)
        write_masks(iter(masks), len(masks), tmp_path / f"{part}.npy", classes=classes)
        parts.append(Split.open([folder / f"{part}.npy", tmp_path / f"{part}.npy"]))
    with pytest.raises(InputError, match="test has the classes sky, sea, car, train sky, road, car"):
        check_splits(parts[0], parts[1:])


def test_metrics_of_scenes_name_their_classes(folder: Path, tmp_path: Path) -> None:
    files = []
    for part, count in (("train", 3), ("test", 2)):
        masks = np.zeros((count, 224, 224), np.uint8)
        masks[:, 112:] = 1
        masks[0, 112:, :50] = 2
        masks[:, 0, :7] = 255
        write_masks(iter(masks), count, tmp_path / f"{part}.npy", classes=CLASSES)
        files.append([folder / f"{part}.npy", tmp_path / f"{part}.npy"])
    path = tmp_path / "scenes.safetensors"
    begun = folder / "begun.safetensors"
    train_encoder("scenes", entry(task="segmentation"), RECIPE, files[0], [files[1]], path, CPU, begun)
    (row,) = pd.read_csv(path.with_suffix(".metrics.csv")).to_dict("records")
    assert row["n_images"] == 2
    assert {f"{start}iou_{name}" for name in CLASSES for start in ("", "baseline_")} <= row.keys()
    assert row["baseline_iou_sky"] == 1
    assert row["baseline_iou_car"] == 0
    assert row["baseline_miou"] == pytest.approx((1 + row["baseline_iou_road"]) / 3)

    predicted = segmentations(entry(task="segmentation"), path, files[0], files[1], RECIPE, CPU)
    write_arrays(predicted, tmp_path / "segmentations.npz")
    shown = read_arrays(tmp_path / "segmentations.npz")
    assert str(shown["source"]) == "test"
    assert tuple(shown["classes"]) == CLASSES
    for column, maps in (("accuracy", shown["predicted"]), ("baseline_accuracy", [shown["baseline"]] * 2)):
        shares = [accuracy(maps[index], shown["true"][index]) for index in (0, 1)]
        assert np.mean(shares) == pytest.approx(row[column])
