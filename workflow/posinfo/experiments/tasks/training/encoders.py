"""Encoders that this workflow trains: pictures with answers in, weights and how they did out.

Beside `{encoder}.safetensors` (the encoder alone, batch norms folded) lie `{encoder}.head.safetensors` (the head),
`{encoder}.epochs.csv` (loss and held-out metrics of each epoch), `{encoder}.metrics.csv` (each held-out set at the end,
and what position alone would answer), `{encoder}.pictures.csv` (each held-out picture), and
`{encoder}.step-{step}.safetensors` (the encoder after some of its steps). `{encoder}.checkpoint` is there while it is
trained, so that a killed job goes on.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from posinfo.encoders.architectures import Weights
from posinfo.experiments.tasks.data.splits import Split, refuse_what_proves_nothing
from posinfo.experiments.tasks.training.evaluation import ENOUGH, examine, examine_prior, position_prior
from posinfo.experiments.tasks.training.loop import Examples, train
from posinfo.experiments.tasks.training.networks import TaskNetwork
from posinfo.features.extraction import Preprocessing
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.registry.catalogue import canonical_json
from posinfo.registry.entries import Encoder, Task, TrainedWeights
from posinfo.run.tasks import Recipe
from posinfo.store.errors import InputError
from posinfo.store.files import atomic_write, sha256_of
from posinfo.store.provenance import code_digest
from posinfo.store.sidecars import write_sidecar
from posinfo.store.tensors import read_tensors, write_tensors

SCALED_BY = 8  # pictures over which a new head's scales are measured

Examined = tuple[pd.DataFrame, dict[str, float], list[float]]  # as `examine` returns it


def make(
    encoder: str,
    entry: Encoder,
    recipe: Recipe,
    training: Sequence[Path],
    testing: Sequence[Sequence[Path]],
    path: Path,
    device: torch.device,
    start: Path | None = None,
    keep: Sequence[int] = (),
) -> None:
    """Train an encoder and write all its files; goes on from a checkpoint of the same making.

    Args:
        entry: its weights name a task.
        recipe: a `Tuning` where there is a start.
        training: files of what is learnt from, as `Split.opened` takes them.
        testing: the same of each set that is tested on; the first is tested on after each epoch.
        path: the .safetensors file.
        start: the .safetensors file whose weights training starts from, if the entry names a start.
        keep: numbers of steps after which the encoder is kept.

    Raises:
        InputError: for an entry whose weights are not trained here, a start that does not fit, steps beyond the last,
            sets that share a photograph or do not go together, or a training that diverges.
    """
    if not isinstance(entry.weights, TrainedWeights):
        raise InputError(f"encoder {encoder!r} is not trained here: its weights name no task")
    if (entry.start is None) != (start is None):
        raise InputError(f"encoder {encoder!r} starts from {entry.start or 'scratch'}, but the file given is {start}")
    if keep and max(keep) >= recipe.steps:
        raise InputError(f"encoder {encoder!r} is trained for {recipe.steps} steps; step {max(keep)} cannot be kept")
    task, seed, placed = entry.weights.task, entry.weights.seed, entry.weights.placed
    learnt, tests = Split.opened(training, recipe, placed), [Split.opened(files, placed=placed) for files in testing]
    refuse_what_proves_nothing(learnt, tests)
    kinds, classes = learnt.examples.kinds, learnt.examples.classes
    numbers = list(range(recipe.epochs * recipe.pictures))
    begun = {name: torch.from_numpy(array) for name, array in read_tensors(start)[0].items()} if start else None
    network = TaskNetwork(entry.architecture, entry.padding, entry.taps, task, len(kinds), seed, IMAGE_SIDE, begun)
    prepare = Preprocessing(**entry.input.model_dump()).prepare
    if start:
        first = np.stack([learnt.examples[number].picture for number in numbers[:SCALED_BY]])
        network.scale_head(prepare(torch.from_numpy(first)))

    def examined(part: Split) -> Examined:
        return examine(network, part.examples, part.tests(recipe), prepare, device)

    latest: list[Examined] = []  # of the first set; none where a finished training goes on

    def after_epoch(_: TaskNetwork) -> dict[str, float]:
        latest[:] = [examined(tests[0])]
        return latest[0][1]

    metadata: dict[str, Any] = {
        "encoder": encoder,
        "entry": canonical_json(entry),
        "recipe": recipe.model_dump(),
        "trained_on": learnt.digests(),
        "tested_on": [part.digests() for part in tests],
        "kinds": list(kinds),
        "channels": network.head.channels,
        "scales": network.head.scales,
        "start": sha256_of(start) if start else None,
        "keep": list(keep),
        "code": code_digest("experiments.tasks.training.encoders"),
    }
    checkpoint = path.with_suffix(".checkpoint")
    weights = class_weights(learnt.examples, numbers).to(device) if learnt.examples.scenes else None
    history, kept = train(
        network=network,
        examples=learnt.examples,
        order=lambda epoch: numbers[epoch * recipe.pictures : (epoch + 1) * recipe.pictures],
        recipe=recipe,
        prepare=prepare,
        examine=after_epoch,
        checkpoint=checkpoint,
        device=device,
        describe=json.dumps({**metadata, "torch": torch.__version__}, sort_keys=True),
        weights=weights,
        keep=keep,
    )
    results = [*latest, *(examined(part) for part in tests[len(latest) :])]
    prior = None if task == "classification" else position_prior(task, learnt.examples, numbers)
    found = [
        {"images": part.name, "n_images": len(rows), **_metrics(task, summary, ious, prior, part, recipe, classes)}
        for part, (rows, summary, ious) in zip(tests, results, strict=True)
    ]
    frames = {
        "epochs": pd.DataFrame(history),
        "metrics": pd.DataFrame(found),
        "pictures": pd.concat([rows.assign(images=part.name) for part, (rows, *_) in zip(tests, results, strict=True)]),
    }
    for name, frame in frames.items():
        table = path.with_suffix(f".{name}.csv")
        with atomic_write(table) as partial_file:
            frame.to_csv(partial_file, index=False, float_format="%.9g")
        write_sidecar(table, **metadata)
    head = {name: tensor.cpu().numpy() for name, tensor in network.head.state_dict().items()}
    write_tensors(head, metadata, path.with_suffix(".head.safetensors"))
    for step, encoder_then in kept.items():
        write_tensors(_arrays(encoder_then), {**metadata, "step": step}, path.with_suffix(f".step-{step}.safetensors"))
    write_tensors(_arrays(network.encoder()), metadata, path)
    checkpoint.unlink(missing_ok=True)


def _arrays(weights: Weights) -> dict[str, NDArray[np.float32]]:
    return {name: tensor.cpu().numpy() for name, tensor in weights.items()}


def _metrics(
    task: Task,
    summary: dict[str, float],
    ious: list[float],
    prior: NDArray[np.float32] | None,
    part: Split,
    recipe: Recipe,
    classes: Sequence[str],
) -> dict[str, float]:
    """The columns of one held-out set: its summary, `iou_{class}`; then the same of position alone, after `prior_`."""
    found = {**summary, **{f"iou_{name}": value for name, value in zip(classes, ious, strict=bool(ious))}}
    if prior is None:
        return found
    of_prior, its_ious = examine_prior(task, prior, part.examples, part.tests(recipe))
    of_prior |= {f"iou_{name}": value for name, value in zip(classes, its_ious, strict=bool(its_ious))}
    return found | {f"prior_{name}": value for name, value in of_prior.items()}


def class_weights(examples: Examples, numbers: Sequence[int]) -> torch.Tensor:
    """Weights of classes among equals: the root of the median share of pixels over each one's own; float32 [classes].

    Balancing by the median frequency is SegNet's; the root keeps half of it, so that what is common is still learnt.
    A class that is nowhere weighs nothing.
    """
    counts = np.zeros(256)
    for number in numbers[:ENOUGH]:
        counts += np.bincount(examples.answer(number).ravel(), minlength=256)
    shares = counts[: len(examples.classes)] / max(counts[: len(examples.classes)].sum(), 1)
    median = np.median(shares[shares > 0])
    return torch.from_numpy(np.where(shares > 0, np.sqrt(median / np.maximum(shares, 1e-12)), 0).astype(np.float32))
