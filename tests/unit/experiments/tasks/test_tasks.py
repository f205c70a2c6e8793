"""Metrics against hand-made cases, and training on compositions of flat photographs (synthetic, for tests)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from posinfo.encoders.architectures import ARCHITECTURES, with_weights
from posinfo.encoders.reading.padding import in_padding
from posinfo.experiments.tasks.data.compositions import Compositions, Labelled
from posinfo.experiments.tasks.recipes import Recipe
from posinfo.experiments.tasks.training.encoders import train
from posinfo.experiments.tasks.training.evaluation import adaptive_f, confusion, evaluate, f_by_threshold, mean_iou
from posinfo.experiments.tasks.training.networks import NormedConvolution, TaskNetwork, task_loss
from posinfo.registry.entries import Encoder
from posinfo.store.errors import InputError
from scipy.ndimage import gaussian_filter
from torch import nn

TAPS = {"f1": "features.3", "f2": "features.8", "f3": "features.15", "f4": "features.22", "f5": "features.29"}
CPU = torch.device("cpu")


def test_f_measures_of_hand_made_maps() -> None:
    truth = np.array([[1, 1], [0, 0]], bool)
    assert adaptive_f(truth.astype(np.float32), truth) == pytest.approx(1)
    assert adaptive_f((~truth).astype(np.float32), truth) == 0
    # All pixels predicted: precision 1/2, recall 1.
    everything = 1.3 * 0.5 * 1 / (0.3 * 0.5 + 1)
    assert adaptive_f(np.full((2, 2), 0.3, np.float32), truth) == pytest.approx(everything)
    # One of two found, twice the mean being .8: precision 1, recall 1/2.
    assert adaptive_f(np.array([[1, 0.2], [0.2, 0.2]], np.float32), truth) == pytest.approx(1.3 * 0.5 / (0.3 + 0.5))
    curve = f_by_threshold(np.array([[1, 0.2], [0.1, 0]], np.float32), truth)
    assert curve[0] == pytest.approx(everything)
    assert curve[51] == pytest.approx(1)
    assert curve[52:].tolist() == pytest.approx([1.3 * 0.5 / (0.3 + 0.5)] * 204)


def blurred_disc(seed: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A noisy, blurred map of a disc, in 256 levels from 0 to 1, and the disc."""
    rng = np.random.default_rng(seed)
    row, column = np.indices((64, 64))
    middle, centre, size = rng.uniform(16, 48, 3)
    truth = (row - middle) ** 2 + (column - centre) ** 2 < (size / 2) ** 2
    values = gaussian_filter(truth * rng.uniform(0.3, 1) + rng.normal(0, 0.4, (64, 64)), rng.uniform(1, 5))
    levels = np.rint((values - values.min()) / np.ptp(values) * 255)
    return (levels / 255).astype(np.float32), truth


def test_saliency_is_measured_as_another_library_does() -> None:
    """PySODMetrics 1.6.2 gives these numbers for the same maps; it cannot be installed beside the pinned numpy."""
    maps = [blurred_disc(seed) for seed in range(8)]
    assert np.mean([adaptive_f(*pair) for pair in maps]) == pytest.approx(0.747819, abs=1e-6)
    assert np.mean([f_by_threshold(*pair) for pair in maps], axis=0).max() == pytest.approx(0.942388, abs=1e-6)
    assert np.mean([np.abs(saliency - truth).mean() for saliency, truth in maps]) == pytest.approx(0.220075, abs=1e-6)


def test_miou_of_a_hand_made_image() -> None:
    truth, called = np.array([0, 0, 0, 1, 1, 2, 255]), np.array([0, 0, 1, 1, 1, 0, 2])
    table = confusion(called, truth, 4)
    assert table.sum() == 6
    assert mean_iou(table) == pytest.approx((2 / 4 + 2 / 3 + 0) / 3)  # class 3 is nowhere
    assert mean_iou(confusion(truth[:-1], truth[:-1], 4)) == 1


def entry(architecture: str, taps: dict[str, str], weights: dict[str, Any], padding: str = "zeros") -> Encoder:
    values = {"architecture": architecture, "weights": weights, "padding": padding, "taps": taps}
    return Encoder.model_validate({**values, "input": {"order": "RGB", "range": 1}})


def network(task: str, padding: str = "zeros", seed: int = 0) -> TaskNetwork:
    return TaskNetwork(entry("vgg16-eighth", TAPS, {"task": task, "seed": seed}, padding), 6)


@pytest.mark.parametrize("padding", ["zeros", "none", "reflect"])
def test_the_folded_encoder_is_the_trained_one(padding: str) -> None:
    trained = network("saliency", padding)
    generator = torch.Generator().manual_seed(0)
    for module in trained.modules():
        if isinstance(module, NormedConvolution):
            norm = module[1]
            assert isinstance(norm, nn.BatchNorm2d)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            for tensor in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
                tensor.uniform_(0.5, 1.5, generator=generator)
    images = torch.rand(2, 3, 224, 224, generator=generator)
    with torch.inference_mode(), in_padding(padding):  # type: ignore[arg-type]
        expected = trained.eval().body(images)
        model = with_weights("vgg16-eighth", trained.encoder(), "folded")
        torch.testing.assert_close(model(images), expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("task", "shape"), [("saliency", (2, 1)), ("segmentation", (2, 7)), ("classification", (2, 6))]
)
@pytest.mark.parametrize("padding", ["zeros", "none"])
def test_scores_have_the_side_of_the_images(task: str, shape: tuple[int, int], padding: str) -> None:
    scores = network(task, padding)(torch.rand(2, 3, 224, 224))
    assert scores.shape == (shape if task == "classification" else (*shape, 224, 224))
    assert not torch.equal(*(network(task, padding, seed).encoder()["features.0.weight"] for seed in (0, 1)))


def test_slim_encoders_are_vgg16_with_fewer_channels() -> None:
    with torch.device("meta"):  # shapes, no numbers
        whole, slim = (dict(ARCHITECTURES[name]().named_parameters()) for name in ("vgg16", "vgg16-eighth"))
    assert list(whole) == list(slim)
    for name in whole:
        assert slim[name].shape[0] * 8 == whole[name].shape[0]


def test_object_and_background_weigh_the_same() -> None:
    classes = torch.zeros(1, 10, 10, dtype=torch.int64)
    classes[0, 0, :2] = 3
    classes[0, 9] = 255
    scores = torch.zeros(1, 1, 10, 10)
    scores[0, 0, 0, :2] = -2.0  # wrong on two pixels of a hundred
    expected = (np.log1p(np.exp(2.0)) + np.log(2.0)) / 2
    assert float(task_loss("saliency", scores, torch.tensor([2]), classes)) == pytest.approx(expected)
    assert float(task_loss("segmentation", torch.zeros(1, 7, 10, 10), torch.tensor([2]), classes)) == pytest.approx(
        np.log(7)
    )


def test_overlap_counts_labelled_pixels_only() -> None:
    classes = torch.zeros(2, 10, 10, dtype=torch.int64)
    classes[:, 0, :4] = 3
    classes[:, 9] = 255
    scores = torch.full((2, 1, 10, 10), -2.0)
    scores[1] = 2.0  # one image all background, one all object
    scores[:, :, 9] = 50.0  # without a label
    low, high = 1 / (1 + np.exp(2.0)), 1 / (1 + np.exp(-2.0))
    entropy = [-(4 * np.log(p) + 86 * np.log(1 - p)) for p in (low, high)]
    overlaps = [4 * p / (4 + 90 * p - 4 * p) for p in (low, high)]
    found = task_loss("saliency", scores, torch.tensor([2, 2]), classes, overlap=True)
    assert float(found) == pytest.approx(sum(entropy) / 180 + 1 - sum(overlaps) / 2)


class Breaking(Compositions):
    """Compositions that a killed job would leave in the middle: asked for number `at`, they fail."""

    at = -1

    def __getitem__(self, index: int) -> Labelled:
        if index == self.at:
            raise KeyboardInterrupt
        return super().__getitem__(index)


def flat_photographs() -> Breaking:
    images = np.stack([np.full((224, 224, 3), value, np.uint8) for value in (0, 80, 160, 240)])
    return Breaking(images, np.arange(4), seed=0, side=224)


def trained(
    place: Path, examples: Breaking, fingerprint: str = "one", epochs: int = 3, images: int = 8
) -> tuple[TaskNetwork, list[dict[str, float]]]:
    made = network("saliency")
    history, _ = train(
        network=made,
        examples=examples,
        recipe=Recipe(epochs=epochs, images=images, batch=4, lr=0.003),
        evaluate=lambda: evaluate(made, flat_photographs(), range(100, 104), CPU)[1],
        checkpoint=place,
        device=CPU,
        fingerprint=fingerprint,
    )
    return made, history


def test_a_killed_training_resumes_to_the_same_result(tmp_path: Path) -> None:
    whole, history = trained(tmp_path / "whole", flat_photographs())
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert history[-1]["loss"] < history[0]["loss"]
    broken = flat_photographs()
    broken.at = 20
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "broken", broken)
    broken.at = 3  # of the first epoch, which is not trained again
    resumed, resumed_history = trained(tmp_path / "broken", broken)
    assert resumed_history == history
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_training_of_one_step_works(tmp_path: Path, steps: int) -> None:
    _, history = trained(tmp_path / "short", flat_photographs(), epochs=1, images=4 * steps)
    assert len(history) == 1


def test_other_and_damaged_checkpoints_are_ignored(tmp_path: Path) -> None:
    trained(tmp_path / "kept", flat_photographs(), epochs=1, images=4)
    whole = (tmp_path / "kept").read_bytes()
    broken = flat_photographs()
    broken.at = 0
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "kept", broken, "another")
    for damaged in (whole[:-1], b"", whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]):
        (tmp_path / "kept").write_bytes(damaged)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "kept", broken)


def test_only_sequences_of_convolutions_are_trained() -> None:
    with pytest.raises(InputError, match="cannot be trained here"):
        TaskNetwork(entry("resnet50-thin", {"f1": "layer1"}, {"task": "saliency"}), 6)
