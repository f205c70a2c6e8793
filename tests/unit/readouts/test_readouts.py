"""Training from feature files: stacking, saving, loading, refusing. Features here are synthetic."""

from pathlib import Path
from typing import Literal

import pytest
import torch
from posinfo.features.batches import epoch_order
from posinfo.features.stored import read_features
from posinfo.protocol.patterns import ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head
from posinfo.readouts.training import load_stack, make_stack, save, train
from posinfo.scores.measures import score
from posinfo.store.errors import InputError
from synthetic_features import ALIGNMENT, CPU, heads_of, small_features
from torch import nn
from torch.nn import functional


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


class PlainDeepReadout(nn.Module):
    """The released module with several layers, on the concatenated stages."""

    def __init__(self, tensors: dict[str, torch.Tensor], layers: int, padding: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for layer in range(layers):
            weight = tensors[f"layer{layer}.weight"][0]
            conv = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], padding=padding)
            conv.weight.data.copy_(weight)
            assert conv.bias is not None
            conv.bias.data.zero_()
            last = layer + 1 == layers
            blocks += [conv, nn.BatchNorm2d(len(weight)), nn.Sigmoid() if last else nn.ReLU()]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        aligned = [functional.interpolate(stage, ALIGNMENT.side, mode="bilinear") for stage in maps]
        return functional.interpolate(self.blocks(torch.cat(aligned, 1)), 224, mode="bilinear")


@pytest.mark.parametrize(
    ("layers", "padding", "kernel"), [(2, 0, 3), (3, 0, 3), (3, 1, 3), (2, 2, 3), (2, 0, 1), (2, 0, 5), (2, 3, 7)]
)
@pytest.mark.parametrize("hidden", [4, "same"])
def test_a_deep_readout_equals_the_plain_module_after_training(
    tmp_path: Path, layers: int, padding: int, kernel: int, hidden: int | Literal["same"]
) -> None:
    stages = read_features(small_features(tmp_path))
    training = Training(epochs=2, batch=7, hidden=hidden, scale="none", decay_epoch=1)
    readout = Readout(layers=layers, padding=padding, kernel=kernel)
    stack = make_stack(readout, [Head(readout, "G", 5)], stages, ALIGNMENT, training)
    plain = PlainDeepReadout(stack.tensors(), layers, padding)
    train([stack], stages, training, "paper", ALIGNMENT, CPU)
    optimiser = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    truth = torch.from_numpy(ground_truth("G", 224, "paper")).float().expand(7, 1, 224, 224)
    for epoch in range(2):
        order = epoch_order(7, 0, epoch)
        optimiser.param_groups[0]["lr"] = 0.1 if epoch < 1 else 0.01
        optimiser.zero_grad()
        maps = [torch.from_numpy(stage.array[order].astype("float32")) for stage in stages]
        functional.mse_loss(plain(maps), truth).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    for layer in range(layers):
        expected = plain.state_dict()[f"blocks.{3 * layer}.weight"]
        torch.testing.assert_close(stack.tensors()[f"layer{layer}.weight"][0], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_saved_readout_predicts_the_same_and_names_its_origin(tmp_path: Path, layers: int) -> None:
    stages = read_features(small_features(tmp_path))
    training = Training(epochs=1, batch=3, hidden=3)
    heads = heads_of(Readout(layers=layers))
    stack = make_stack(Readout(layers=layers), heads, stages, ALIGNMENT, training)
    (history,) = train([stack], stages, training, "paper", ALIGNMENT, CPU)
    outputs = {pattern: tmp_path / f"{pattern}.safetensors" for pattern in ("H", "G")}
    save(stack, {"loss": history}, outputs, stages, training, "paper", ALIGNMENT)
    loaded, sidecars = load_stack(list(outputs.values()), stages)
    names = [f"image-{index}" for index in range(7)]
    before = score(stack.eval(), stages, names, "paper", ALIGNMENT, CPU)
    after = score(loaded, stages, names, "paper", ALIGNMENT, CPU)
    assert before.equals(after)
    assert len(after) == len(heads) * 7
    assert sidecars[0]["encoder"] == "two-stages"
    (tmp_path / "other").mkdir()
    others = read_features(small_features(tmp_path / "other", weights="retrained"))
    with pytest.raises(InputError, match="weights_sha256 was w when the readout was trained, is retrained now"):
        load_stack(list(outputs.values()), others)


def test_the_scale_of_a_stage_decides_nothing_and_one_of_zeros_says_nothing(tmp_path: Path) -> None:
    training, heads, losses = Training(epochs=3, batch=3), heads_of(Readout()), []
    for gain in (1.0, 1e-8, 0.0):
        (tmp_path / f"{gain}").mkdir()
        stages = read_features(small_features(tmp_path / f"{gain}", gain=gain))
        stack = make_stack(Readout(), heads, stages, ALIGNMENT, training)
        losses += train([stack], stages, training, "paper", ALIGNMENT, CPU)
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-3, atol=1e-5)
    drawn = score(stack.eval(), stages, [f"image-{index}" for index in range(7)], "paper", ALIGNMENT, CPU)
    assert drawn["constant"].all()


def test_divergence_is_named(tmp_path: Path) -> None:
    stages = read_features(small_features(tmp_path))
    training = Training(epochs=4, batch=3, lr=1e30, output="linear")
    stack = make_stack(Readout(), heads_of(Readout())[:1], stages, ALIGNMENT, training)
    with pytest.raises(InputError, match="pattern H, seed 0: the loss is"):
        train([stack], stages, training, "paper", ALIGNMENT, CPU)


@pytest.mark.parametrize(("count", "run_length", "pool"), [(5, 2, 10), (100, 8, 32), (33, 16, 16)])
def test_an_epoch_sees_every_picture_once_in_an_order_of_its_own(count: int, run_length: int, pool: int) -> None:
    first = epoch_order(count, 0, 0, run_length, pool)
    assert sorted(first.tolist()) == list(range(count))
    assert first.tolist() != epoch_order(count, 0, 1, run_length, pool).tolist()
    assert first.tolist() == epoch_order(count, 0, 0, run_length, pool).tolist()
