"""Readouts: trained by the released protocol, all patterns and seeds in one pass over the features."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from posinfo.features.batches import BatchReader
from posinfo.features.stored import StageFeatures
from posinfo.protocol.alignment import IMAGE_SIDE, Alignment, StageShape
from posinfo.protocol.patterns import Definition, ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.layered import Stack, StackedLayeredReadouts
from posinfo.readouts.stacked import Head, StackedReadouts
from posinfo.readouts.upsampling import UpsampledLoss
from posinfo.store.errors import InputError
from posinfo.store.provenance import code_digest
from posinfo.store.tensors import read_tensors, write_tensors

ORDER_SEED = 0  # the order of pictures is one for all heads, so that stacking changes nothing


def make_stack(
    readout: Readout, heads: list[Head], stages: Sequence[StageFeatures], alignment: Alignment, training: Training
) -> Stack:
    """An untrained stack that reads those of `stages` that the readout names.

    Each stage is divided by its root mean square if the training says so and the readout is not raw. One of zeros alone
    has none, and says as little without.
    """
    names = readout.stages_read([stage.name for stage in stages])
    chosen = [stage for stage in stages if stage.name in names]
    scaled = training.scale == "rms" and not readout.raw
    inverse = [1 / (stage.metadata["rms"] or 1.0) if scaled else 1.0 for stage in chosen]
    return _stack(readout, heads, [stage.shape for stage in chosen], inverse, alignment, training)


def _stack(
    readout: Readout,
    heads: list[Head],
    shapes: list[StageShape],
    inverse_scale: list[float],
    alignment: Alignment,
    training: Training,
) -> Stack:
    if readout.layers == 1:
        return StackedReadouts(readout, heads, shapes, inverse_scale, alignment, training.output)
    channels = sum(shape.channels for shape in shapes)
    hidden = channels if training.hidden == "same" else min(training.hidden, channels)
    return StackedLayeredReadouts(readout, heads, shapes, inverse_scale, alignment, training.output, hidden)


def truths(heads: list[Head], definition: Definition, size: int = IMAGE_SIDE) -> torch.Tensor:
    """The ground-truth map of each head, float64 [heads, size, size]."""
    return torch.stack([torch.from_numpy(ground_truth(head.pattern, size, definition)) for head in heads])


def train(
    stacks: Sequence[Stack],
    stages: Sequence[StageFeatures],
    training: Training,
    definition: Definition,
    alignment: Alignment,
    device: torch.device,
    describe: str = "readouts",
) -> list[torch.Tensor]:
    """Train every head of every stack in the same passes over `stages`.

    The released protocol: SGD with momentum and weight decay, learning rate multiplied once by `lr_decay` from epoch
    `decay_epoch` on, mean squared error at 224x224. The loss is the sum over heads; heads share no parameter, so each
    learns as if it were alone.

    Returns:
        For each stack the mean loss of every epoch, float32 [heads, epochs].

    Raises:
        InputError: when a head's loss stops being finite.
    """
    model = nn.ModuleList(stacks).to(device).train()
    losses = [
        UpsampledLoss(truths(stack.heads, definition), stack.side, alignment.corners).to(device) for stack in stacks
    ]
    optimiser = torch.optim.SGD(
        model.parameters(), lr=training.lr, momentum=training.momentum, weight_decay=training.weight_decay
    )
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [training.decay_epoch], gamma=training.lr_decay)
    reader = BatchReader(list(stages), training.batch, device)
    history = [torch.zeros(len(stack.heads), training.epochs) for stack in stacks]
    progress = tqdm(range(training.epochs), desc=describe, unit="epoch")
    for epoch in progress:
        sums = [torch.zeros(len(stack.heads), device=device) for stack in stacks]
        for features in reader.epoch(ORDER_SEED, epoch):
            optimiser.zero_grad(set_to_none=True)
            errors = [loss(stack(features)) for stack, loss in zip(stacks, losses, strict=True)]
            torch.cat(errors).sum().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            pictures = next(iter(features.values())).shape[1]
            for total, error in zip(sums, errors, strict=True):
                total += error.detach() * pictures
        schedule.step()
        for stack, record, total in zip(stacks, history, sums, strict=True):
            record[:, epoch] = (total / reader.count).cpu()
            _refuse_divergence(stack, record[:, epoch], epoch)
        progress.set_postfix(loss=f"{torch.cat([record[:, epoch] for record in history]).mean():.4f}")
    return history


def _refuse_divergence(stack: Stack, losses: torch.Tensor, epoch: int) -> None:
    for head, value in zip(stack.heads, losses.tolist(), strict=True):
        if not value < float("inf"):
            raise InputError(
                f"readout {head.readout.name}, pattern {head.pattern}, seed {head.seed}: the loss is {value} in epoch "
                f"{epoch}; lower training: lr in the config, or use scale: rms"
            )


def save(
    stack: Stack,
    measured: dict[str, torch.Tensor],
    outputs: dict[str, Path],
    stages: Sequence[StageFeatures],
    training: Training,
    definition: Definition,
    alignment: Alignment,
    made_by: str = "readouts.training",
) -> None:
    """Write `outputs[pattern]`, one safetensors file with every seed of a pattern inside.

    Tensors, for layer n: `layer{n}.weight` [seeds, out, in, k, k], `layer{n}.bias`, `.gamma`, `.beta`, `.mean` and
    `.var` [seeds, out]; `inverse_scale` [stages], and what was `measured` on the way, each [seeds, ...], such as `loss`
    [seeds, epochs]. All float32. The metadata entry `metadata` says what it was made from.
    """
    learned, scale = stack.tensors(), [stack.channel_scale[start] for start in _starts(stack)]
    read = {stage.name: stage for stage in stages if stage.name in {shape.name for shape in stack.stages}}
    for pattern, path in outputs.items():
        rows = [row for row, head in enumerate(stack.heads) if head.pattern == pattern]
        tensors = {name: tensor[rows] for name, tensor in (measured | learned).items()}
        tensors["inverse_scale"] = torch.stack(scale)
        origin = stages[0].metadata
        metadata = {
            "readout": stack.readout.name,
            "pattern": pattern,
            "seeds": [stack.heads[row].seed for row in rows],
            "stages": list(read),
            "encoder": origin["encoder"],
            "trained_on": origin["images"],
            "n_pictures": len(stages[0].array),
            "entry": origin.get("entry"),
            "weights_sha256": origin["weights_sha256"],
            "features_code": origin["code"],
            "features_sha256": {name: stage.metadata["sha256"] for name, stage in read.items()},
            "preprocessing": origin["preprocessing"],
            "training": training.model_dump(),
            "definition": definition,
            "alignment": alignment.model_dump(),
            "made_by": made_by,
            "code": code_digest(made_by),
            "versions": {"torch": torch.__version__, "python": platform.python_version()},
        }
        write_tensors({name: tensor.cpu().numpy() for name, tensor in tensors.items()}, metadata, path)


def _starts(stack: Stack) -> list[int]:
    starts = [0]
    for stage in stack.stages[:-1]:
        starts.append(starts[-1] + stage.channels)
    return starts


def load_stack(paths: Sequence[Path], stages: Sequence[StageFeatures]) -> tuple[Stack, list[dict[str, Any]]]:
    """The trained heads of one readout from its pattern files, stacked, ready to read `stages`; and their sidecars.

    Raises:
        InputError: when a file was made by other code, or from an encoder, stages or input preprocessing that are not
            those of the features.
    """
    tensors: list[dict[str, torch.Tensor]] = []
    sidecars = []
    for path in paths:
        arrays, metadata = read_tensors(path)
        tensors.append({name: torch.from_numpy(array) for name, array in arrays.items()})
        stages = [stage for stage in stages if stage.name in metadata["stages"]]
        found = {
            "code": code_digest(metadata["made_by"]),
            "encoder": stages[0].metadata["encoder"],
            "entry": stages[0].metadata.get("entry"),
            "weights_sha256": stages[0].metadata["weights_sha256"],
            "features_code": stages[0].metadata["code"],
            "preprocessing": json.loads(json.dumps(stages[0].metadata["preprocessing"])),
            "stages": [stage.name for stage in stages],
            "alignment": stages[0].metadata["alignment"],
        }
        for key, value in found.items():
            if metadata[key] != value:
                raise InputError(
                    f"{path} does not fit the features of {stages[0].metadata['images']}: {key} was {metadata[key]} "
                    f"when the readout was trained, is {value} now; delete the readout and run again"
                )
        sidecars.append(metadata)
    readout = Readout.parse(sidecars[0]["readout"])
    heads = [Head(readout, metadata["pattern"], seed) for metadata in sidecars for seed in metadata["seeds"]]
    alignment, training = Alignment(**sidecars[0]["alignment"]), Training(**sidecars[0]["training"])
    scale = tensors[0]["inverse_scale"].tolist()
    stack = _stack(readout, heads, [stage.shape for stage in stages], scale, alignment, training)
    learned = [name for name in tensors[0] if name.startswith("layer")]
    stack.load({name: torch.cat([part[name] for part in tensors]) for name in learned})
    return stack.eval(), sidecars
