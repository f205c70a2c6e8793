"""Trainings that start from an encoder's weights, and what position alone would answer (small made-up pictures)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from posinfo.encoders.initial import initialise
from posinfo.experiments.tasks.data.labelled_sets import LabelledSet
from posinfo.experiments.tasks.data.splits import Split, refuse_what_proves_nothing
from posinfo.experiments.tasks.predictions import answers, segmentations
from posinfo.experiments.tasks.segmentations import read_segmentations, write_segmentations
from posinfo.experiments.tasks.training.encoders import class_weights, make
from posinfo.experiments.tasks.training.evaluation import MetricAccumulator, examine_prior, position_prior
from posinfo.experiments.tasks.training.networks import NormedConvolution, TaskNetwork, loss_of
from posinfo.images.masks import write_masks
from posinfo.images.pictures import Picture, write_images
from posinfo.registry.entries import Encoder, PreprocessingEntry, TrainedWeights
from posinfo.run.tasks import Tuning
from posinfo.store.errors import InputError
from posinfo.store.sidecars import verified
from posinfo.store.tensors import read_tensors, write_tensors

TAPS = {"f1": "features.3", "f5": "features.29"}
CPU = torch.device("cpu")
RECIPE = Tuning(epochs=1, pictures=8, batch=2, lr=1e-2, lr_body=1e-3, tests=2)
SCENES = ("sky", "road", "car")


def entry(padding: str = "zeros", start: str | None = "begun", task: str = "saliency") -> Encoder:
    weights = TrainedWeights.model_validate({"task": task, "start": start})
    preprocessing = PreprocessingEntry(order="BGR", range=255, mean=(103.939, 116.779, 123.68))
    return Encoder.model_validate(
        {"architecture": "vgg16-eighth", "weights": weights, "padding": padding, "input": preprocessing, "taps": TAPS}
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs to learn from and to be tested on, each of one colour, and an encoder of random weights."""
    folder = tmp_path_factory.mktemp("tuning")
    for part, values in (("train", (0, 90, 180)), ("test", (40, 220))):
        pictures = [
            Picture(f"{part}{value}-0", np.full((224, 224, 3), value, np.uint8), f"{part}{value}", f"{value}")
            for value in values
        ]
        write_images(iter(pictures), len(pictures), folder / f"{part}.npy")
    initialise("vgg16-eighth", 0, folder / "begun.safetensors")
    return folder


def tuned(place: Path, name: str, entry: Encoder, recipe: Tuning = RECIPE, keep: tuple[int, ...] = ()) -> Path:
    path = place / f"{name}.safetensors"
    make(
        name, entry, recipe, [place / "train.npy"], [[place / "test.npy"]], path, CPU, place / "begun.safetensors", keep
    )
    return path


def test_the_network_begins_with_the_weights_and_without_batch_norms() -> None:
    begun = TaskNetwork("vgg16-eighth", "zeros", TAPS, "saliency", 6, 1, 224)
    weights = {name: tensor.clone() for name, tensor in begun.encoder().items()}
    network = TaskNetwork("vgg16-eighth", "none", TAPS, "saliency", 6, 0, 224, weights)
    assert not any(isinstance(module, NormedConvolution | torch.nn.BatchNorm2d) for module in network.body.modules())
    assert all(torch.equal(network.encoder()[name], weights[name]) for name in weights)
    assert network.body.get_submodule("features")(torch.zeros(1, 3, 224, 224)).shape[-1] == 2  # no padding
    pictures = 255 * torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    network.scale_head(pictures)
    for name, maps in network._reader[0](pictures).items():
        scaled = maps.detach() * network.head.scales[name]
        assert float(scaled.square().mean().sqrt()) == pytest.approx(1, rel=1e-4)
    del weights["features.28.bias"]
    with pytest.raises(InputError, match=r"do not fit the architecture vgg16-eighth: 1 missing: features\.28\.bias"):
        TaskNetwork("vgg16-eighth", "none", TAPS, "saliency", 6, 0, 224, weights)


@pytest.mark.parametrize("padding", ["zeros", "none"])
def test_the_whole_network_learns_and_is_kept_on_the_way(place: Path, padding: str) -> None:
    path = tuned(place, padding, entry(padding), keep=(0, 2))
    begun = read_tensors(place / "begun.safetensors")[0]
    stored = {step: read_tensors(path.with_suffix(f".step-{step}.safetensors")) for step in (0, 2)}
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
    said = answers(entry(padding), path, torch.zeros(1, 224, 224, 3, dtype=torch.uint8), CPU)
    assert said.shape == (1, 1, 224, 224)
    metrics = pd.read_csv(path.with_suffix(".metrics.csv"))
    assert metrics["prior_f_maximal"].between(0, 1).all()


def test_a_killed_tuning_keeps_what_it_had_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = RECIPE.model_copy(update={"epochs": 2, "pictures": 4})
    whole = tuned(place, "whole", entry(), recipe, (1, 3))
    kept = whole.with_suffix(".step-1.safetensors").read_bytes()

    def killed(*_: object) -> torch.Tensor:
        raise KeyboardInterrupt

    steps = iter(range(3))
    with monkeypatch.context() as patched:
        patched.setattr(
            "posinfo.experiments.tasks.training.loop.loss_of",
            lambda *given: loss_of(*given) if next(steps, None) is not None else killed(),
        )
        with pytest.raises(KeyboardInterrupt):
            tuned(place, "broken", entry(), recipe, (1, 3))
    assert not (place / "broken.step-1.safetensors").exists()
    broken = tuned(place, "broken", entry(), recipe, (1, 3))
    for suffix in (".step-1.safetensors", ".step-3.safetensors", ".safetensors"):
        ours, theirs = (read_tensors(path.with_suffix(suffix))[0] for path in (broken, whole))
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs), suffix
    assert kept == whole.with_suffix(".step-1.safetensors").read_bytes()


def test_starts_and_steps_that_do_not_fit_stop_before_the_first_step(place: Path) -> None:
    with pytest.raises(InputError, match="'none' starts from scratch, but the file given is"):
        tuned(place, "none", entry(start=None))
    with pytest.raises(InputError, match="trained for 4 steps; step 4 cannot be kept"):
        tuned(place, "late", entry(), keep=(0, 4))
    begun, metadata = read_tensors(place / "begun.safetensors")
    short = place / "short-begun.safetensors"
    write_tensors({name: begun[name] for name in list(begun)[:-1]}, metadata, short)
    files = [place / "train.npy"], [[place / "test.npy"]], place / "short.safetensors"
    with pytest.raises(InputError, match="do not fit the architecture"):
        make("short", entry(), RECIPE, *files, CPU, short)


def scenes(seed: int | None = None) -> LabelledSet:
    """Four masks of 4 x 4 pixels: sky above, road below, a car left or right once each; a void corner."""
    masks = np.zeros((4, 4, 4), np.uint8)
    masks[:, 2:] = 1
    masks[0, 2:, 0] = masks[1, 2:, 3] = 2
    masks[:, 3, 3] = 255
    names = [f"p{number}-0" for number in range(4)]
    return LabelledSet(np.zeros((4, 4, 4, 3), np.uint8), masks, names, seed, SCENES)


def test_position_alone_answers_with_the_commonest_class_of_each_pixel() -> None:
    examples = scenes()
    prior = position_prior("segmentation", examples, [0, 1, 2, 3])
    assert prior.shape == (3, 4, 4)
    np.testing.assert_allclose(prior.sum(0), np.where(np.arange(16).reshape(4, 4) == 15, 0, 1))
    summary, ious = examine_prior("segmentation", prior, examples, [0, 1, 2, 3])
    # Of 28 road pixels 25 are road, all road is called road: 25 of 28; the three of a car are never called.
    assert ious == pytest.approx([1, 25 / 28, 0])
    assert summary["miou"] == pytest.approx(np.mean(ious))
    assert summary["accuracy"] == pytest.approx(57 / 60)
    assert summary["chance"] == pytest.approx(32 / 60 / 3)
    saliency = position_prior("saliency", examples, [0, 1, 2, 3])
    assert saliency[0, 0] == 0
    assert saliency[2, 1] == 1


def test_classes_among_equals_have_weights_of_their_own_and_void_has_none() -> None:
    examples = scenes()
    assert examples.classes == SCENES
    weights = class_weights(examples, [0, 1, 2, 3])
    shares = np.array([32, 25, 3]) / 60
    np.testing.assert_allclose(weights.numpy(), np.sqrt(shares[1] / shares), rtol=1e-5)
    classes = torch.from_numpy(np.stack([examples.answer(number) for number in range(4)]).astype(np.int64))
    flat = torch.zeros(4, 3, 4, 4)
    loss = float(loss_of("segmentation", flat, torch.zeros(4), classes, weights))
    assert loss == pytest.approx(np.log(3))
    flat[:, :, 3, 3] = (
        50
        * torch.arange(3)[
            None,
            :,
        ]
    )  # what is said of void counts nothing
    assert float(loss_of("segmentation", flat, torch.zeros(4), classes, weights)) == pytest.approx(loss)


def test_of_scenes_a_picture_is_scored_over_all_its_classes() -> None:
    truth = np.array([[0, 0], [1, 2]])
    answer = np.eye(3, dtype=np.float32)[np.array([[0, 0], [1, 1]])].transpose(2, 0, 1)
    accumulator = MetricAccumulator("segmentation", scenes=True)
    accumulator.add(answer, truth, kind=0)
    assert accumulator.rows == [{"iou": pytest.approx((1 + 0.5 + 0) / 3)}]


def test_sets_of_other_classes_do_not_go_together(place: Path, tmp_path: Path) -> None:
    parts = []
    for part, classes in (("train", SCENES), ("test", ("sky", "sea", "car"))):
        masks = np.full((3 if part == "train" else 2, 224, 224), 2, np.uint8)
        write_masks(iter(masks), len(masks), tmp_path / f"{part}.npy", classes=classes)
        parts.append(Split.opened([place / f"{part}.npy", tmp_path / f"{part}.npy"]))
    with pytest.raises(InputError, match="test has the classes sky, sea, car, train sky, road, car"):
        refuse_what_proves_nothing(parts[0], parts[1:])


def test_scenes_learn_their_classes_by_name(place: Path, tmp_path: Path) -> None:
    files = []
    for part, count in (("train", 3), ("test", 2)):
        masks = np.zeros((count, 224, 224), np.uint8)
        masks[:, 112:] = 1
        masks[0, 112:, :50] = 2
        masks[:, 0, :7] = 255
        write_masks(iter(masks), count, tmp_path / f"{part}.npy", classes=SCENES)
        files.append([place / f"{part}.npy", tmp_path / f"{part}.npy"])
    path = tmp_path / "scenes.safetensors"
    begun = place / "begun.safetensors"
    make("scenes", entry(task="segmentation"), RECIPE, files[0], [files[1]], path, CPU, begun)
    (row,) = pd.read_csv(path.with_suffix(".metrics.csv")).to_dict("records")
    assert row["n_images"] == 2
    assert {f"{start}iou_{name}" for name in SCENES for start in ("", "prior_")} <= row.keys()
    assert row["prior_iou_sky"] == 1
    assert row["prior_iou_car"] == 0
    assert row["prior_miou"] == pytest.approx((1 + row["prior_iou_road"]) / 3)

    learnt, tested = Split.opened(files[0], RECIPE), Split.opened(files[1])
    write_segmentations(
        segmentations(entry(task="segmentation"), path, learnt, tested, RECIPE, CPU), tmp_path / "segmentations.npz"
    )
    shown = read_segmentations(tmp_path / "segmentations.npz")
    assert shown.images == "test"
    assert shown.classes == SCENES
    for column, said in (("accuracy", shown.said), ("prior_accuracy", [shown.prior, shown.prior])):
        assert np.mean([shown.right(said[place], place) for place in (0, 1)]) == pytest.approx(row[column])
