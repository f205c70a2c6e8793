"""Training of readouts by the released protocol, all patterns and seeds in one pass over the features."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from posinfo.features.batches import BatchReader, epoch_order
from posinfo.features.stored import StageFeatures, read_by
from posinfo.protocol.alignment import IMAGE_SIDE, Alignment
from posinfo.protocol.patterns import Definition, ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head, StackedReadouts
from posinfo.readouts.upsampling import UpsampledLoss
from posinfo.store.checkpoints import read_checkpoint, write_checkpoint
from posinfo.store.provenance import code_digest

ORDER_SEED = 0  # all heads see the images in one order, so that stacking changes nothing


def make_stack(
    readout: Readout, heads: list[Head], stages: Sequence[StageFeatures], alignment: Alignment, training: Training
) -> StackedReadouts:
    """An untrained stack that reads those of `stages` that the readout names.

    Each stage is divided by its root mean square if the training says so and the readout is not raw. An all-zero stage
    has RMS 0 and is left unscaled.
    """
    chosen = read_by([readout], stages)
    inverse_scale = [1.0] * len(chosen)
    if training.scale == "rms" and not readout.raw:
        inverse_scale = [1 / (stage.metadata["rms"] or 1.0) for stage in chosen]
    shapes = [stage.shape for stage in chosen]
    return StackedReadouts(readout, heads, shapes, inverse_scale, alignment, training)


def truths(heads: list[Head], definition: Definition, size: int = IMAGE_SIDE) -> torch.Tensor:
    """The ground-truth map of each head, float64 [heads, size, size]."""
    return torch.stack([torch.from_numpy(ground_truth(head.pattern, size, definition)) for head in heads])


def train(
    stacks: Sequence[StackedReadouts],
    stages: Sequence[StageFeatures],
    training: Training,
    definition: Definition,
    alignment: Alignment,
    device: torch.device,
    describe: str = "readouts",
    checkpoint: Path | None = None,
) -> list[torch.Tensor]:
    """Train every head of every stack in the same passes over `stages`.

    The released protocol: SGD with momentum and weight decay, learning rate multiplied once by `lr_decay` from epoch
    `decay_epoch` on, mean squared error at 224x224. The loss is the sum over heads. Heads share no parameter, so each
    learns as if it were alone.

    Args:
        checkpoint: written after each epoch, so that a killed job resumes from it, and removed at the end; the result
            is the same. A checkpoint of another training is ignored.

    Returns:
        The mean loss of every epoch for each stack, float32 [heads, epochs].

    Raises:
        InputError: when a head's loss, or at the end a weight or a predicted map, is not finite.
    """
    model = nn.ModuleList(stacks).to(device).train()
    losses = [
        UpsampledLoss(truths(stack.heads, definition), stack.side, alignment.corners).to(device) for stack in stacks
    ]
    optimiser = torch.optim.SGD(
        model.parameters(), lr=training.lr, momentum=training.momentum, weight_decay=training.weight_decay
    )
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [training.decay_epoch], gamma=training.lr_decay)
    reader = BatchReader(list(stages), training.batch, device, training.epochs)
    history = [torch.zeros(len(stack.heads), training.epochs) for stack in stacks]
    parts: dict[str, Any] = {"model": model, "optimiser": optimiser, "schedule": schedule}
    fingerprint = _fingerprint(stacks, stages, training, definition, alignment) if checkpoint else ""
    begun = 0
    if checkpoint and (stored := read_checkpoint(checkpoint, fingerprint)):
        for name, part in parts.items():
            part.load_state_dict(stored[name])
        history = stored["history"]
        begun = stored["epochs"]
    progress = tqdm(
        range(begun, training.epochs), describe, training.epochs, unit="epoch", initial=begun, disable=None, leave=False
    )
    for epoch in progress:
        sums = [torch.zeros(len(stack.heads), device=device) for stack in stacks]
        for features in reader.images(epoch_order(reader.count, ORDER_SEED, epoch)):
            optimiser.zero_grad(set_to_none=True)
            errors = [loss(stack(features)) for stack, loss in zip(stacks, losses, strict=True)]
            torch.cat(errors).sum().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            images = next(iter(features.values())).shape[1]
            for total, error in zip(sums, errors, strict=True):
                total += error.detach() * images
        schedule.step()
        for stack, record, total in zip(stacks, history, sums, strict=True):
            record[:, epoch] = (total / reader.count).cpu()
            stack.refuse_non_finite(record[:, epoch], f"the loss of epoch {epoch}")
        progress.set_postfix(loss=f"{torch.cat([record[:, epoch] for record in history]).mean():.4f}")
        if checkpoint:
            states = {name: part.state_dict() for name, part in parts.items()}
            write_checkpoint(checkpoint, fingerprint, {"history": history, "epochs": epoch + 1, **states})
    _refuse_diverged(stacks, reader.load(np.arange(min(training.batch, reader.count))))
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    return history


def _fingerprint(
    stacks: Sequence[StackedReadouts],
    stages: Sequence[StageFeatures],
    training: Training,
    definition: Definition,
    alignment: Alignment,
) -> str:
    """Everything that decides what a training learns, as text."""
    return repr(
        (
            [(stack.heads, stack.stages) for stack in stacks],
            [(stage.name, stage.metadata["sha256"], stage.metadata["rms"]) for stage in stages],
            (training, definition, alignment),
            (code_digest("readouts.training"), torch.__version__),
        )
    )


@torch.no_grad()
def _refuse_diverged(stacks: Sequence[StackedReadouts], features: dict[str, torch.Tensor]) -> None:
    """Refuse weights and maps that the last steps made non-finite: no loss has seen them.

    Args:
        features: of one batch of images, as `BatchReader.load` returns them.
    """
    for stack in stacks:
        for name, tensor in stack.tensors().items():
            stack.refuse_non_finite(tensor.cpu(), name)
        stack.refuse_non_finite(stack.eval()(features).cpu(), "a predicted map")
