"""Train an encoder for a task and write its files.

Beside `{encoder}.safetensors` (the encoder alone, batch norms folded) lie `{encoder}.head.safetensors` (the head),
`{encoder}.epochs.csv` (loss and held-out metrics of each epoch), `{encoder}.metrics.csv` (each held-out set at the end,
and the position-only baseline), `{encoder}.images.csv` (each held-out image), and the directory `{encoder}.steps`
(`step-{step}.safetensors`: the encoder after some of its steps). While it is trained, `{encoder}.checkpoint` lets a
killed job resume.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import tqdm

from posinfo.encoders.architectures import Weights
from posinfo.encoders.steps import weights_file
from posinfo.experiments.tasks.data.splits import Examples, Split, check_splits
from posinfo.experiments.tasks.recipes import Recipe, Tuning
from posinfo.experiments.tasks.training import evaluation
from posinfo.experiments.tasks.training.networks import TaskNetwork, task_loss
from posinfo.registry.catalogue import canonical_json
from posinfo.registry.entries import Encoder, TrainedWeights
from posinfo.store.checkpoints import read_checkpoint, write_checkpoint
from posinfo.store.errors import InputError
from posinfo.store.files import atomic_directory, sha256_of
from posinfo.store.frames import write_rows
from posinfo.store.provenance import code_digest
from posinfo.store.tensors import read_tensors, write_tensors

SCALED_BY = 8  # images over which the scales of a new head are measured


def train_encoder(
    encoder: str,
    entry: Encoder,
    recipe: Recipe,
    training: Sequence[Path],
    testing: Sequence[Sequence[Path]],
    path: Path,
    device: torch.device,
    start: Path | None = None,
    save: Sequence[int] = (),
) -> None:
    """Train an encoder and write all its files. Resumes a checkpoint of the same training.

    Args:
        entry: its weights name a task.
        recipe: a `Tuning` where there is a start.
        training: files of what is learned from, as `Split.open` takes them.
        testing: the same of each set that is tested on; the first is tested on after each epoch.
        path: the .safetensors file.
        start: the .safetensors file whose weights training starts from, if the entry names a start.
        save: steps after which the encoder is saved.

    Raises:
        InputError: for a start that the entry does not name or that does not fit, steps beyond the last, sets that
            share a photograph or differ in their classes, or a training that diverges.
    """
    assert isinstance(entry.weights, TrainedWeights)
    if (entry.start is None) != (start is None):
        raise InputError(f"encoder {encoder!r} starts from {entry.start or 'scratch'}, but the file given is {start}")
    if save and max(save) >= recipe.steps:
        raise InputError(f"encoder {encoder!r} is trained for {recipe.steps} steps; step {max(save)} cannot be saved")
    learned = Split.open(training, recipe, entry.weights.placed)
    tests = [Split.open(files, placed=entry.weights.placed) for files in testing]
    check_splits(learned, tests)
    examples = learned.examples
    numbers = range(recipe.epochs * recipe.images)
    begun = {name: torch.from_numpy(array) for name, array in read_tensors(start)[0].items()} if start else None
    network = TaskNetwork(entry, len(examples.object_classes), begun)
    if start:
        first = np.stack([examples[number].image for number in numbers[:SCALED_BY]])
        network.scale_head(network.prepare(torch.from_numpy(first)))
    metadata: dict[str, Any] = {
        "encoder": encoder,
        "entry": canonical_json(entry),
        "recipe": recipe.model_dump(),
        "trained_on": [sha256_of(file) for file in training],
        "tested_on": [[sha256_of(file) for file in files] for files in testing],
        "object_classes": list(examples.object_classes),
        "channels": network.head.channels,
        "scales": network.head.scales,
        "start": sha256_of(start) if start else None,
        "saved_steps": list(save),
        "code": code_digest("experiments.tasks.training.encoders"),
    }
    fingerprint = json.dumps({**metadata, "torch": torch.__version__}, sort_keys=True)
    weights_of_classes = None if examples.background else class_weights(examples, numbers).to(device)
    checkpoint = path.with_suffix(".checkpoint")

    def after_epoch() -> dict[str, float]:
        return evaluation.evaluate(network, tests[0].examples, tests[0].test_numbers(recipe), device)[1]

    history, saved = train(
        network, examples, recipe, after_epoch, checkpoint, device, fingerprint, weights_of_classes, save
    )
    baseline = None
    if network.task != "classification":
        baseline = evaluation.position_baseline(network.task, examples, numbers)
    metrics = []
    images = []
    for split in tests:
        tested = split.test_numbers(recipe)
        rows, summary = evaluation.evaluate(network, split.examples, tested, device, examples.classes)
        if baseline is not None:
            beside = evaluation.evaluate_baseline(network.task, baseline, split.examples, tested, examples.classes)
            summary |= {f"baseline_{name}": value for name, value in beside.items()}
        images.append(rows.assign(images=split.name))
        metrics.append({"images": split.name, "n_images": len(rows), **summary})
    tables = {"epochs": pd.DataFrame(history), "metrics": pd.DataFrame(metrics), "images": pd.concat(images)}
    for name, table in tables.items():
        write_rows(table, path.with_suffix(f".{name}.csv"), **metadata)
    with atomic_directory(path.with_suffix(".steps")) as steps:
        for step, weights in saved.items():
            _write_weights(weights, {**metadata, "step": step}, weights_file(steps, step))
    _write_weights(network.head.state_dict(), metadata, path.with_suffix(".head.safetensors"))
    _write_weights(network.encoder(), metadata, path)
    checkpoint.unlink(missing_ok=True)


def _write_weights(weights: Weights, metadata: Mapping[str, Any], path: Path) -> None:
    write_tensors({name: tensor.cpu().numpy() for name, tensor in weights.items()}, metadata, path)


def class_weights(examples: Examples, numbers: Sequence[int]) -> torch.Tensor:
    """Class weights: sqrt(median pixel frequency / class pixel frequency), float32 [classes].

    SegNet balances by the median frequency; the root keeps half of that, so that common classes are still learned. The
    weight of a class without pixels is 0.
    """
    counts = np.zeros(256)
    for number in numbers[: evaluation.ENOUGH]:
        counts += np.bincount(examples.class_map(number).ravel(), minlength=256)
    shares = counts[: len(examples.classes)] / max(counts[: len(examples.classes)].sum(), 1)
    median = np.median(shares[shares > 0])
    return torch.from_numpy(np.where(shares > 0, np.sqrt(median / np.maximum(shares, 1e-12)), 0).astype(np.float32))


def train(
    network: TaskNetwork,
    examples: Examples,
    recipe: Recipe,
    evaluate: Callable[[], dict[str, float]],
    checkpoint: Path,
    device: torch.device,
    fingerprint: str,
    class_weights: torch.Tensor | None = None,
    save: Collection[int] = (),
) -> tuple[list[dict[str, float]], dict[int, Weights]]:
    """Train a network in place. Resumes a matching checkpoint; the result is identical.

    Args:
        evaluate: returns the network's metrics; called after each epoch.
        checkpoint: written after each epoch; the caller removes it once the result is stored.
        fingerprint: everything that decides the result; a checkpoint with another one is ignored.
        class_weights: as `task_loss` takes them.
        save: steps after which the encoder is returned as it is then; 0 is before the first.

    Returns:
        One row for each epoch: epoch (from 1), loss (mean over its batches) and the metrics.
        Step to encoder, for the steps of `save`.

    Raises:
        InputError: when the loss is no longer finite.
    """
    # Backward through a whole VGG16 is faster with channels first, through a slim one with channels last.
    layout = torch.contiguous_format if network.started else torch.channels_last
    network.to(device).to(memory_format=layout)
    highest = [recipe.lr_body if isinstance(recipe, Tuning) else recipe.lr, recipe.lr]
    groups = [{"params": list(part.parameters())} for part in (network.body, network.head)]
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)  # the schedule sets the learning rates
    total = recipe.steps + 1
    schedule = OneCycleLR(optimiser, highest, total_steps=total, pct_start=max(0.25, 2 / total))  # two steps at least
    parts: dict[str, Any] = {"network": network, "optimiser": optimiser, "schedule": schedule}
    history: list[dict[str, float]] = []
    saved: dict[int, Weights] = {}
    if stored := read_checkpoint(checkpoint, fingerprint):
        for name, part in parts.items():
            part.load_state_dict(stored[name])
        history = stored["history"]
        saved = stored["saved"]
    steps = recipe.steps // recipe.epochs
    for epoch in range(len(history), recipe.epochs):
        network.train()
        losses = []
        loaded = evaluation.batches(examples, range(epoch * recipe.images, (epoch + 1) * recipe.images), recipe.batch)
        bar = tqdm(loaded, f"epoch {epoch + 1} of {recipe.epochs}", steps, unit="batch", disable=None, leave=False)
        for step, (images, labels, classes) in enumerate(bar, epoch * steps):
            if step in save:
                saved[step] = network.encoder()
            optimiser.zero_grad(set_to_none=True)
            scores = network(network.prepare(images.to(device)).contiguous(memory_format=layout))
            # From scratch an object must first be found at all, which balance helps; a trained encoder finds it soon.
            loss = task_loss(
                network.task, scores, labels.to(device), classes.to(device), class_weights, network.started
            )
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(loss.detach())  # a float would wait for a GPU at each step
        mean = float(np.mean(torch.stack(losses).tolist()))
        if not mean < float("inf"):
            section = "tuning" if isinstance(recipe, Tuning) else "recipe"
            raise InputError(f"the loss is {mean} in epoch {epoch + 1}; lower tasks: {section}: lr in the config")
        network.eval()
        history.append({"epoch": float(epoch + 1), "loss": mean, **evaluate()})
        states = {name: part.state_dict() for name, part in parts.items()}
        write_checkpoint(checkpoint, fingerprint, {"history": history, "saved": saved, **states})
        tqdm.write(", ".join(f"{name} {value:.4g}" for name, value in history[-1].items()))
    return history, saved
