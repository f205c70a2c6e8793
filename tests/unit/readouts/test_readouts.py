"""Training from feature files, saved readouts, and what is refused. Features are synthetic."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from posinfo.features.batches import epoch_order
from posinfo.features.stored import StageFeatures, read_features
from posinfo.protocol.alignment import StageFit
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head
from posinfo.readouts.stored import load_readout, save_readout
from posinfo.readouts.training import make_stack, train
from posinfo.scores.measures import score
from posinfo.store.errors import InputError
from posinfo.store.tensors import read_tensors
from synthetic_features import ALIGNMENT, CPU, heads_of, small_features


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_heads_trained_together_equal_heads_trained_alone(tmp_path: Path, layers: int) -> None:
    stages = read_features(small_features(tmp_path))
    training = Training(epochs=3, batch=3, decay_epoch=2, hidden=3)
    heads = heads_of(Readout(layers=layers))
    together = make_stack(Readout(layers=layers), heads, stages, ALIGNMENT, training)
    wide = make_stack(Readout(kernel=7), [Head(Readout(kernel=7), "H", 0)], stages, ALIGNMENT, training)
    single = Readout(stages="f2", raw=True)
    losses, _, _ = train(
        [together, wide, make_stack(single, heads_of(single), stages, ALIGNMENT, training)],
        *(stages, training, "paper", ALIGNMENT, CPU),
    )
    for row, head in enumerate(heads):
        alone = make_stack(Readout(layers=layers), [head], stages, ALIGNMENT, training)
        (alone_losses,) = train([alone], stages, training, "paper", ALIGNMENT, CPU)
        for name, tensor in alone.tensors().items():
            # A bias before a batch norm has no gradient: what it holds is rounding.
            if not name.endswith("bias"):
                torch.testing.assert_close(together.tensors()[name][row], tensor[0], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(losses[row], alone_losses[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("stopped_in", [1, 3])
def test_a_killed_training_of_readouts_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_in: int
) -> None:
    stages = read_features(small_features(tmp_path))
    training = Training(epochs=5, batch=3, decay_epoch=2, hidden=3)
    readout = Readout(layers=2)
    checkpoint = tmp_path / "checkpoint"
    epochs: list[int] = []

    def run(place: Path | None, kill_in: int | None = None) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        def order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
            epochs.append(epoch)
            if epoch == kill_in:
                raise KeyboardInterrupt
            return epoch_order(count, seed, epoch)

        monkeypatch.setattr("posinfo.readouts.training.epoch_order", order)
        stack = make_stack(readout, heads_of(readout), stages, ALIGNMENT, training)
        (losses,) = train([stack], stages, training, "paper", ALIGNMENT, CPU, checkpoint=place)
        return stack.tensors(), losses

    whole, losses = run(None)
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint, kill_in=stopped_in)
    epochs.clear()
    resumed, resumed_losses = run(checkpoint)
    assert epochs == list(range(stopped_in, 5))
    assert torch.equal(losses, resumed_losses)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not checkpoint.exists()


@pytest.mark.parametrize("layers", [1, 2])
def test_a_saved_readout_predicts_the_same(tmp_path: Path, layers: int) -> None:
    stages = read_features(small_features(tmp_path))
    training = Training(epochs=1, batch=3, hidden=3)
    heads = heads_of(Readout(layers=layers))
    stack = make_stack(Readout(layers=layers), heads, stages, ALIGNMENT, training)
    (history,) = train([stack], stages, training, "paper", ALIGNMENT, CPU)
    path = tmp_path / f"{stack.readout.name}.safetensors"
    save_readout(stack, {"loss": history}, path, stages, training, "paper", ALIGNMENT)
    loaded, metadata = load_readout(path, stages)
    names = [f"image-{index}" for index in range(7)]
    before = score(stack, stages, names, "paper", ALIGNMENT, CPU)
    after = score(loaded, stages, names, "paper", ALIGNMENT, CPU)
    assert before.equals(after)
    assert len(after) == len(heads) * 7
    assert loaded.heads == heads
    assert metadata["heads"] == [["H", 0], ["H", 1], ["G", 0], ["G", 1]]
    assert (metadata["readout"], metadata["encoder"], metadata["n_images"]) == (stack.readout.name, "two-stages", 7)
    assert torch.equal(torch.from_numpy(read_tensors(path)[0]["loss"]), history)


def saved_readout(folder: Path, stages: list[StageFeatures], readout: Readout) -> Path:
    stack = make_stack(readout, heads_of(readout), stages, ALIGNMENT, Training())
    path = folder / "readout.safetensors"
    save_readout(stack, {}, path, stages, Training(), "paper", ALIGNMENT)
    return path


def test_a_readout_refuses_features_of_other_weights(tmp_path: Path) -> None:
    path = saved_readout(tmp_path, read_features(small_features(tmp_path)), Readout())
    (tmp_path / "other").mkdir()
    others = read_features(small_features(tmp_path / "other", weights="retrained"))
    with pytest.raises(InputError, match="weights_sha256 was w when the readout was trained, is retrained now"):
        load_readout(path, others)


def test_a_readout_reads_only_its_stage(tmp_path: Path) -> None:
    stages = read_features(small_features(tmp_path))
    path = saved_readout(tmp_path, stages, Readout(stages="f2"))
    stack, metadata = load_readout(path, stages)
    assert [shape.name for shape in stack.stages] == metadata["stages"] == ["f2"]
    with pytest.raises(InputError, match=r"stages was \['f2'\] when the readout was trained, is \[\] now"):
        load_readout(path, stages[:1])


def cropped(stages: list[StageFeatures]) -> list[StageFeatures]:
    """The stages, each read as its inner half."""
    return [replace(stage, fit=StageFit("crop", stage.shape.side, stage.shape.side // 2)) for stage in stages]


def test_a_readout_of_cropped_stages_refuses_whole_ones(tmp_path: Path) -> None:
    stages = read_features(small_features(tmp_path))
    path = saved_readout(tmp_path, cropped(stages), Readout())
    stack, metadata = load_readout(path, cropped(stages))
    assert metadata["fits"][1] == {"how": "crop", "native": 4, "side": 2}
    assert [shape.fit for shape in stack.stages] == [StageFit("crop", 16, 8), StageFit("crop", 4, 2)]
    with pytest.raises(InputError, match=r"fits was .*crop.* when the readout was trained, is .*None.* now"):
        load_readout(path, stages)


def test_a_stages_scale_decides_nothing(tmp_path: Path) -> None:
    training = Training(epochs=3, batch=3)
    heads = heads_of(Readout())
    losses = []
    for gain in (1.0, 1e-8, 0.0):
        (tmp_path / f"{gain}").mkdir()
        stages = read_features(small_features(tmp_path / f"{gain}", gain=gain))
        stack = make_stack(Readout(), heads, stages, ALIGNMENT, training)
        losses += train([stack], stages, training, "paper", ALIGNMENT, CPU)
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-3, atol=1e-5)
    drawn = score(stack, stages, [f"image-{index}" for index in range(7)], "paper", ALIGNMENT, CPU)
    assert drawn["constant"].all()


@pytest.mark.parametrize(
    ("layers", "output", "batch", "epochs", "what"),
    [
        (1, "linear", 3, 1, "the loss of epoch 0"),
        (1, "linear", 7, 1, "a predicted map"),
        (1, "sigmoid", 7, 2, "layer0.weight"),
        (2, "sigmoid", 7, 1, "a predicted map"),
    ],
)
def test_divergence_names_the_head(
    tmp_path: Path, layers: int, output: Literal["linear", "sigmoid"], batch: int, epochs: int, what: str
) -> None:
    """The last step is followed by no loss: what it made non-finite is found, too."""
    stages = read_features(small_features(tmp_path))
    training = Training(epochs=epochs, batch=batch, lr=1e30, output=output)
    readout = Readout(layers=layers)
    stack = make_stack(readout, heads_of(readout)[:1], stages, ALIGNMENT, training)
    with pytest.raises(InputError, match=rf"pattern H, seed 0: {what} is not finite; lower training: lr"):
        train([stack], stages, training, "paper", ALIGNMENT, CPU)


@pytest.mark.parametrize(("count", "run_length", "pool"), [(5, 2, 10), (100, 8, 32), (33, 16, 16)])
def test_an_epoch_sees_every_image_once_in_its_own_order(count: int, run_length: int, pool: int) -> None:
    first = epoch_order(count, 0, 0, run_length, pool)
    assert sorted(first.tolist()) == list(range(count))
    assert first.tolist() != epoch_order(count, 0, 1, run_length, pool).tolist()
    assert first.tolist() == epoch_order(count, 0, 0, run_length, pool).tolist()
