"""Metrics against hand-made cases, and training on compositions of flat photographs (synthetic, for tests)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from posinfo.encoders.architectures import ARCHITECTURES, with_padding, with_weights
from posinfo.experiments.tasks.data.compositions import Compositions, Labelled
from posinfo.experiments.tasks.training.evaluation import examine
from posinfo.experiments.tasks.training.loop import train
from posinfo.experiments.tasks.training.metrics import adaptive_f, confusion, f_by_threshold, mean_iou
from posinfo.experiments.tasks.training.networks import NormedConvolution, TaskNetwork, loss_of
from posinfo.run.tasks import Recipe
from posinfo.store.errors import InputError

TAPS = {"f1": "features.3", "f2": "features.8", "f3": "features.15", "f4": "features.22", "f5": "features.29"}
CPU = torch.device("cpu")


def test_f_measures_of_hand_made_maps() -> None:
    truth = np.array([[1, 1], [0, 0]], bool)
    assert adaptive_f(truth.astype(np.float32), truth) == pytest.approx(1)
    assert adaptive_f((~truth).astype(np.float32), truth) == 0
    # Everything called: precision 1/2, recall 1.
    everything = 1.3 * 0.5 * 1 / (0.3 * 0.5 + 1)
    assert adaptive_f(np.full((2, 2), 0.3, np.float32), truth) == pytest.approx(everything)
    # One of two found, twice the mean being .8: precision 1, recall 1/2.
    assert adaptive_f(np.array([[1, 0.2], [0.2, 0.2]], np.float32), truth) == pytest.approx(1.3 * 0.5 / (0.3 + 0.5))
    curve = f_by_threshold(np.array([[1, 0.2], [0.1, 0]], np.float32), truth)
    assert curve[0] == pytest.approx(everything)
    assert curve[51] == pytest.approx(1)
    assert curve[52:].tolist() == pytest.approx([1.3 * 0.5 / (0.3 + 0.5)] * 204)


def test_miou_of_a_hand_made_picture() -> None:
    truth, called = np.array([0, 0, 0, 1, 1, 2, 255]), np.array([0, 0, 1, 1, 1, 0, 2])
    table = confusion(called, truth, 4)
    assert table.sum() == 6
    assert mean_iou(table) == pytest.approx((2 / 4 + 2 / 3 + 0) / 3)  # class 3 is nowhere
    assert mean_iou(confusion(truth[:-1], truth[:-1], 4)) == 1


def network(task: str, padding: str = "zeros", seed: int = 0) -> TaskNetwork:
    return TaskNetwork("vgg16-eighth", padding, TAPS, task, 6, seed, 224)  # type: ignore[arg-type]


@pytest.mark.parametrize("padding", ["zeros", "none", "reflect"])
def test_the_folded_encoder_is_the_trained_one(padding: str) -> None:
    trained = network("saliency", padding)
    generator = torch.Generator().manual_seed(0)
    for module in trained.modules():
        if isinstance(module, NormedConvolution):
            norm = module.norm
            assert norm.running_mean is not None
            assert norm.running_var is not None
            for tensor in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
                tensor.uniform_(0.5, 1.5, generator=generator)
    pictures = torch.rand(2, 3, 224, 224, generator=generator)
    with torch.inference_mode():
        expected = trained.eval().body(pictures)
        model = with_padding(with_weights("vgg16-eighth", trained.encoder(), "folded"), padding)  # type: ignore[arg-type]
        torch.testing.assert_close(model(pictures), expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("task", "shape"), [("saliency", (2, 1)), ("segmentation", (2, 7)), ("classification", (2, 6))]
)
@pytest.mark.parametrize("padding", ["zeros", "none"])
def test_answers_have_the_pictures_side(task: str, shape: tuple[int, int], padding: str) -> None:
    answers = network(task, padding)(torch.rand(2, 3, 224, 224))
    assert answers.shape == (shape if task == "classification" else (*shape, 224, 224))
    assert not torch.equal(*(network(task, padding, seed).encoder()["features.0.weight"] for seed in (0, 1)))


def test_slim_encoders_are_vgg16_with_fewer_channels() -> None:
    with torch.device("meta"):  # shapes, no numbers
        whole, slim = (dict(ARCHITECTURES[name]().named_parameters()) for name in ("vgg16", "vgg16-eighth"))
    assert list(whole) == list(slim)
    for name in whole:
        assert slim[name].shape[0] * 8 == whole[name].shape[0]


def test_thing_and_background_weigh_the_same() -> None:
    classes = torch.zeros(1, 10, 10, dtype=torch.int64)
    classes[0, 0, :2] = 3
    classes[0, 9] = 255
    answers = torch.zeros(1, 1, 10, 10)
    answers[0, 0, 0, :2] = -2.0  # wrong on two pixels of a hundred
    expected = (np.log1p(np.exp(2.0)) + np.log(2.0)) / 2
    assert float(loss_of("saliency", answers, torch.tensor([2]), classes)) == pytest.approx(expected)
    assert float(loss_of("segmentation", torch.zeros(1, 7, 10, 10), torch.tensor([2]), classes)) == pytest.approx(
        np.log(7)
    )


def test_the_overlap_is_of_what_map_and_thing_share_where_anybody_says() -> None:
    classes = torch.zeros(2, 10, 10, dtype=torch.int64)
    classes[:, 0, :4] = 3
    classes[:, 9] = 255
    answers = torch.full((2, 1, 10, 10), -2.0)
    answers[1] = 2.0  # one picture all background, one all thing
    answers[:, :, 9] = 50.0  # where nobody says
    low, high = 1 / (1 + np.exp(2.0)), 1 / (1 + np.exp(-2.0))
    entropy = [-(4 * np.log(p) + 86 * np.log(1 - p)) for p in (low, high)]
    overlaps = [4 * p / (4 + 90 * p - 4 * p) for p in (low, high)]
    found = loss_of("saliency", answers, torch.tensor([2, 2]), classes, overlap=True)
    assert float(found) == pytest.approx(sum(entropy) / 180 + 1 - sum(overlaps) / 2)


class Breaking(Compositions):
    """Compositions that a killed job would leave in the middle: asked for number `at`, they fail."""

    at = -1

    def __getitem__(self, index: int) -> Labelled:
        if index == self.at:
            raise KeyboardInterrupt
        return super().__getitem__(index)


def flat_photographs() -> Breaking:
    pictures = np.stack([np.full((224, 224, 3), value, np.uint8) for value in (0, 80, 160, 240)])
    return Breaking(pictures, np.arange(4), seed=0, side=224)


def prepare(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.permute(0, 3, 1, 2).float() / 255


def trained(
    place: Path, examples: Breaking, describe: str = "one", epochs: int = 3, pictures: int = 8
) -> tuple[TaskNetwork, list[dict[str, float]]]:
    made = network("saliency")
    history, _ = train(
        network=made,
        examples=examples,
        order=lambda epoch: list(range(epoch * pictures, (epoch + 1) * pictures)),
        recipe=Recipe(epochs=epochs, pictures=pictures, batch=4, lr=0.003),
        prepare=prepare,
        examine=lambda network: examine(network, flat_photographs(), list(range(100, 104)), prepare, CPU)[1],
        checkpoint=place,
        device=CPU,
        describe=describe,
    )
    return made, history


def test_a_killed_training_goes_on_to_the_same_end(tmp_path: Path) -> None:
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
def test_a_training_may_be_as_short_as_a_step(tmp_path: Path, steps: int) -> None:
    _, history = trained(tmp_path / "short", flat_photographs(), epochs=1, pictures=4 * steps)
    assert len(history) == 1


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_not_gone_on_with(tmp_path: Path) -> None:
    trained(tmp_path / "kept", flat_photographs(), epochs=1, pictures=4)
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
        TaskNetwork("resnet50-thin", "zeros", {"f1": "layer1"}, "saliency", 6, 0, 224)
