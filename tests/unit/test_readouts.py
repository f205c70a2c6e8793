"""Training from feature files: stacking, saving, loading, refusing. Features here are synthetic."""

from pathlib import Path

import pytest
import torch
from posinfo.alignment import Alignment
from posinfo.batches import epoch_order
from posinfo.errors import InputError
from posinfo.features import read_features
from posinfo.heads import Head
from posinfo.protocol import Readout, Training
from posinfo.readouts import load_stack, make_stack, save, train
from posinfo.scores import score
from test_features import run

CPU = torch.device("cpu")
ALIGNMENT = Alignment(side=16)
HEADS = [Head(Readout(), pattern, seed) for pattern in ("H", "G") for seed in (0, 1)]


def test_heads_trained_together_equal_heads_trained_alone(tmp_path: Path) -> None:
    stages = read_features(run(tmp_path))
    training = Training(epochs=3, batch=3, decay_epoch=2)
    together = make_stack(Readout(), HEADS, stages, ALIGNMENT, training)
    wide = make_stack(Readout(kernel=7), [Head(Readout(kernel=7), "H", 0)], stages, ALIGNMENT, training)
    losses, _ = train([together, wide], stages, training, "paper", ALIGNMENT, CPU)
    for row, head in enumerate(HEADS):
        alone = make_stack(Readout(), [head], stages, ALIGNMENT, training)
        (alone_losses,) = train([alone], stages, training, "paper", ALIGNMENT, CPU)
        torch.testing.assert_close(together.weight()[row], alone.weight()[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(losses[row], alone_losses[0], rtol=1e-4, atol=1e-6)


def test_a_saved_readout_predicts_the_same_and_names_its_origin(tmp_path: Path) -> None:
    stages = read_features(run(tmp_path))
    training = Training(epochs=1, batch=3)
    stack = make_stack(Readout(), HEADS, stages, ALIGNMENT, training)
    (history,) = train([stack], stages, training, "paper", ALIGNMENT, CPU)
    outputs = {pattern: tmp_path / f"{pattern}.safetensors" for pattern in ("H", "G")}
    save(stack, history, outputs, stages, training, "paper", ALIGNMENT)
    loaded, stories = load_stack(list(outputs.values()), stages)
    names = [f"image-{index}" for index in range(7)]
    before = score(stack.eval(), stages, names, "paper", ALIGNMENT, CPU)
    after = score(loaded, stages, names, "paper", ALIGNMENT, CPU)
    assert before.equals(after)
    assert len(after) == len(HEADS) * 7
    assert stories[0]["encoder"] == "two-stages"
    (tmp_path / "other").mkdir()
    others = read_features(run(tmp_path / "other", weights="retrained"))
    with pytest.raises(InputError, match="weights_sha256 was w when the readout was trained, is retrained now"):
        load_stack(list(outputs.values()), others)


def test_divergence_is_named(tmp_path: Path) -> None:
    stages = read_features(run(tmp_path))
    training = Training(epochs=4, batch=3, lr=1e30, output="linear")
    stack = make_stack(Readout(), HEADS[:1], stages, ALIGNMENT, training)
    with pytest.raises(InputError, match="pattern H, seed 0: the loss is"):
        train([stack], stages, training, "paper", ALIGNMENT, CPU)


@pytest.mark.parametrize(("count", "run_length", "pool"), [(5, 2, 10), (100, 8, 32), (33, 16, 16)])
def test_an_epoch_sees_every_picture_once_in_an_order_of_its_own(count: int, run_length: int, pool: int) -> None:
    first = epoch_order(count, 0, 0, run_length, pool)
    assert sorted(first.tolist()) == list(range(count))
    assert first.tolist() != epoch_order(count, 0, 1, run_length, pool).tolist()
    assert first.tolist() == epoch_order(count, 0, 0, run_length, pool).tolist()
