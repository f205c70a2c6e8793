"""Encoders trained for a task: an epoch at a time, with a checkpoint that a kill cannot hurt."""

import io
import json
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import tqdm

from posinfo.encoders.architectures import Weights
from posinfo.experiments.tasks.data.compositions import Labelled
from posinfo.experiments.tasks.training.networks import TaskNetwork, loss_of
from posinfo.run.tasks import Recipe, Tuning
from posinfo.store.errors import InputError
from posinfo.store.files import atomic_write

Prepare = Callable[[torch.Tensor], torch.Tensor]


class Examples(Protocol):
    """Pictures with answers by number, the same ones each time."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of what a pixel may be, the background's first unless they are equals."""
        ...

    @property
    def scenes(self) -> bool:
        """Whether they are equals: every pixel belongs to one of them."""
        ...

    def __getitem__(self, index: int) -> Labelled: ...

    def answer(self, index: int) -> NDArray[np.uint8]:
        """The classes of one of them alone, uint8 [side, side]."""
        ...

    def name(self, index: int) -> str:
        """What it is called, unlike any other."""
        ...


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def batches(examples: Examples, order: list[int], batch: int) -> Iterator[Batch]:
    """Batches in that order, the next one made while the present one is worked on.

    Yields:
        pictures uint8 [batch, side, side, 3], kinds int64 [batch], classes int64 [batch, side, side].
    """

    def load(indices: list[int]) -> Batch:
        made = [examples[index] for index in indices]
        pictures, classes = (np.stack([getattr(one, part) for one in made]) for part in ("picture", "classes"))
        kinds = torch.tensor([one.kind for one in made])
        return torch.from_numpy(pictures), kinds, torch.from_numpy(classes.astype(np.int64))

    parts = [order[start : start + batch] for start in range(0, len(order), batch)]
    with ThreadPoolExecutor(1) as maker:
        waiting = maker.submit(load, parts[0])
        for following in parts[1:]:
            ready, waiting = waiting.result(), maker.submit(load, following)
            yield ready
        yield waiting.result()


def train(
    network: TaskNetwork,
    examples: Examples,
    order: Callable[[int], list[int]],
    recipe: Recipe,
    prepare: Prepare,
    examine: Callable[[TaskNetwork], dict[str, float]],
    checkpoint: Path,
    device: torch.device,
    describe: str,
    weights: torch.Tensor | None = None,
    keep: Collection[int] = (),
) -> tuple[list[dict[str, float]], dict[int, Weights]]:
    """Train a network in place; what an earlier, killed call left at `checkpoint` is gone on with, to the same end.

    Args:
        order: epoch (from 0) to the numbers of the examples that it shows, all epochs as many.
        prepare: uint8 pictures to the network's input.
        examine: the metrics of the network, called after each epoch.
        checkpoint: written whole after each epoch; left there, since whoever stores the result removes it.
        describe: all that decides the result, so that a checkpoint of anything else is not gone on with.
        weights: of the classes, as `loss_of` takes them.
        keep: numbers of steps after which the encoder is kept as it is then; 0 is before the first.

    Returns:
        One row for each epoch: epoch (from 1), loss (mean over its batches) and what `examine` says.
        Step to encoder, for those kept.

    Raises:
        InputError: when the loss stops being finite.
    """
    # Backward through a whole VGG16 is faster with channels first, through a slim one with channels last.
    layout = torch.contiguous_format if network.started else torch.channels_last
    network.to(device).to(memory_format=layout)
    groups = _groups(network, recipe)
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    a_pass = -(-len(order(0)) // recipe.batch)  # steps
    highest = [group["lr"] for group in groups]
    total = a_pass * recipe.epochs + 1
    schedule = OneCycleLR(optimiser, highest, total_steps=total, pct_start=max(0.25, 2 / total))  # two steps at least
    parts: dict[str, Any] = {"network": network, "optimiser": optimiser, "schedule": schedule}
    kept: dict[int, Weights] = {}
    history = _resumed(checkpoint, describe, parts, kept)
    for epoch in range(len(history), recipe.epochs):
        network.train()
        losses = []
        made = batches(examples, order(epoch), recipe.batch)
        bar = tqdm(made, f"epoch {epoch + 1} of {recipe.epochs}", a_pass, unit="batch", disable=None)
        for step, (pictures, kinds, classes) in enumerate(bar, epoch * a_pass):
            if step in keep:
                kept[step] = network.encoder()
            optimiser.zero_grad(set_to_none=True)
            answers = network(prepare(pictures.to(device)).contiguous(memory_format=layout))
            # From scratch a thing is first to be found at all, which balance does; what is trained finds it soon.
            loss = loss_of(network.task, answers, kinds.to(device), classes.to(device), weights, network.started)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
            if not losses[-1] < float("inf"):
                section = "tuning" if isinstance(recipe, Tuning) else "recipe"
                raise InputError(
                    f"the loss is {losses[-1]} in epoch {epoch + 1}; lower tasks: {section}: lr in the config"
                )
        row = {"epoch": float(epoch + 1), "loss": float(np.mean(losses)), **examine(network.eval())}
        history.append(row)
        _keep(checkpoint, describe, parts, history, kept)
        tqdm.write(", ".join(f"{name} {value:.4g}" for name, value in row.items()))
    return history, kept


def _groups(network: TaskNetwork, recipe: Recipe) -> list[dict[str, Any]]:
    """What is learnt at which highest rate."""
    if isinstance(recipe, Tuning):
        rates = {network.body: recipe.lr_body, network.head: recipe.lr}
        return [{"params": list(part.parameters()), "lr": rate} for part, rate in rates.items()]
    return [{"params": list(network.parameters()), "lr": recipe.lr}]


def _keep(
    checkpoint: Path,
    describe: str,
    parts: dict[str, Any],
    history: list[dict[str, float]],
    kept: dict[int, Weights],
) -> None:
    buffer = io.BytesIO()
    states = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"describe": describe, "history": json.dumps(history), "kept": kept, **states}, buffer)
    data = buffer.getvalue()
    with atomic_write(checkpoint) as partial:
        partial.write_bytes(sha256(data).digest() + data)


def _resumed(
    checkpoint: Path, describe: str, parts: dict[str, Any], kept: dict[int, Weights]
) -> list[dict[str, float]]:
    """Put what the checkpoint holds into `parts` and `kept`, return its history; nothing where none fits."""
    if not checkpoint.exists():
        return []
    digest, data = checkpoint.read_bytes()[:32], checkpoint.read_bytes()[32:]
    if sha256(data).digest() != digest:
        return []
    try:
        stored = torch.load(io.BytesIO(data), weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError):
        return []
    if stored["describe"] != describe:
        return []
    for name, part in parts.items():
        part.load_state_dict(stored[name])
    kept.update(stored["kept"])
    found: list[dict[str, float]] = json.loads(stored["history"])
    return found
