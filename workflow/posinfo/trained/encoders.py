"""Encoders that this workflow trains: pictures with answers in, weights and how they did out.

Beside `{encoder}.safetensors` (the encoder alone, batch norms folded) lie `{encoder}.head.safetensors` (the head),
`{encoder}.epochs.csv` (loss and held-out metrics of each epoch), `{encoder}.metrics.csv` (each held-out set at the end)
and `{encoder}.pictures.csv` (each held-out picture). `{encoder}.checkpoint` is there while it is trained, so that a
killed job goes on.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from posinfo.features.extraction import InputConvention
from posinfo.images.masks import read_masks
from posinfo.images.pictures import read_names, read_pictures
from posinfo.images.views import photograph_of
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.registry.catalogue import decisive
from posinfo.registry.entries import Encoder, TrainedWeights
from posinfo.run.tasks import COMPOSITIONS, Recipe
from posinfo.store.errors import InputError
from posinfo.store.files import sha256_of, written_whole
from posinfo.store.provenance import code_digest
from posinfo.store.sidecars import write_sidecar
from posinfo.store.tensors import write_tensors
from posinfo.trained.compositions import Compositions
from posinfo.trained.examinations import examine
from posinfo.trained.labelled_sets import LabelledSet
from posinfo.trained.networks import TaskNetwork
from posinfo.trained.training import train

SEED = 0  # of the series of examples: one for all encoders, so that they differ in nothing else


@dataclass(frozen=True)
class Part:
    """Examples to learn from or to be tested on.

    Attributes:
        name: what they are.
        files: pictures (.npy), and masks unless they are composed.
        examples: the series.
    """

    name: str
    files: tuple[Path, ...]
    examples: Compositions | LabelledSet

    @classmethod
    def opened(cls, files: Sequence[Path], learnt: Recipe | None = None) -> "Part":
        """A set of images, of which compositions are made, or one with its masks.

        Args:
            files: the set's .npy; its .csv says which views show one photograph. Then, perhaps, the masks' .npy.
            learnt: the recipe by which they are learnt from (masked sets are shuffled, mirrored and endless,
                compositions begin plain); without one they are tested on.
        """
        pictures, names = read_pictures(files[0]), read_names(files[0].with_suffix(".csv"))
        if len(files) == 1:
            plain = round(learnt.plain * learnt.epochs * learnt.pictures) if learnt else 0
            made = Compositions(pictures, photograph_of(names), SEED, IMAGE_SIDE, plain)
            return cls(f"{COMPOSITIONS} of {files[0].stem}", tuple(files), made)
        labelled = LabelledSet(pictures, read_masks(files[1]), names, SEED if learnt else None)
        return cls(files[0].stem, tuple(files), labelled)

    def tests(self, recipe: Recipe) -> list[int]:
        """The numbers of the examples to be tested on: all, where they come to an end."""
        return list(range(recipe.tests if isinstance(self.examples, Compositions) else len(self.examples)))

    def spread(self, count: int) -> list[int]:
        """The numbers of that many examples, spread evenly where they come to an end."""
        if isinstance(self.examples, Compositions):
            return list(range(count))
        places = np.linspace(0, len(self.examples) - 1, min(count, len(self.examples)))
        return [int(place) for place in places.round()]

    def photographs(self) -> dict[str, str]:
        """The sha256 of each photograph, and its name."""
        table = pd.read_csv(self.files[0].with_suffix(".csv"), dtype=str, keep_default_na=False)
        return dict(zip(table["sha256"], table["source"], strict=True))

    def digests(self) -> list[str]:
        """What the examples are made of."""
        return [sha256_of(path) for path in self.files]


def make(
    encoder: str,
    entry: Encoder,
    recipe: Recipe,
    training: Sequence[Path],
    testing: Sequence[Sequence[Path]],
    path: Path,
    device: torch.device,
) -> None:
    """Train an encoder and write all its files; goes on from a checkpoint of the same making.

    Args:
        entry: its weights name a task.
        training: files of what is learnt from, as `Part.opened` takes them.
        testing: the same of each set that is tested on; the first is tested on after each epoch.
        path: the .safetensors file.

    Raises:
        InputError: for an entry whose weights are not trained here, sets that share a photograph or do not go together,
            or a training that diverges.
    """
    if not isinstance(entry.weights, TrainedWeights):
        raise InputError(f"encoder {encoder!r} is not trained here: its weights name no task")
    task, seed = entry.weights.task, entry.weights.seed
    learnt, tests = Part.opened(training, recipe), [Part.opened(files) for files in testing]
    refuse_what_proves_nothing(learnt, tests)
    kinds = learnt.examples.kinds
    network = TaskNetwork(entry.architecture, entry.padding, entry.taps, task, len(kinds), seed, IMAGE_SIDE)
    prepare = InputConvention(**entry.input.model_dump()).prepare

    def examined(part: Part) -> tuple[pd.DataFrame, dict[str, float]]:
        return examine(network, part.examples, part.tests(recipe), prepare, device)

    latest: list[tuple[pd.DataFrame, dict[str, float]]] = []  # of the first set; none where a finished training goes on

    def after_epoch(_: TaskNetwork) -> dict[str, float]:
        latest[:] = [examined(tests[0])]
        return latest[0][1]

    story: dict[str, Any] = {
        "encoder": encoder,
        "entry": decisive(entry),
        "recipe": recipe.model_dump(),
        "trained_on": learnt.digests(),
        "tested_on": [part.digests() for part in tests],
        "kinds": list(kinds),
        "channels": network.head.channels,
        "code": code_digest("trained.encoders"),
    }
    checkpoint = path.with_suffix(".checkpoint")
    history = train(
        network=network,
        examples=learnt.examples,
        order=lambda epoch: list(range(epoch * recipe.pictures, (epoch + 1) * recipe.pictures)),
        recipe=recipe,
        prepare=prepare,
        examine=after_epoch,
        checkpoint=checkpoint,
        device=device,
        describe=json.dumps({**story, "torch": torch.__version__}, sort_keys=True),
    )
    results = [*latest, *(examined(part) for part in tests[len(latest) :])]
    found = [(part.name, rows, summary) for part, (rows, summary) in zip(tests, results, strict=True)]
    frames = {
        "epochs": pd.DataFrame(history),
        "metrics": pd.DataFrame([{"images": name, "n_images": len(rows), **summary} for name, rows, summary in found]),
        "pictures": pd.concat([rows.assign(images=name) for name, rows, _ in found]),
    }
    for name, frame in frames.items():
        table = path.with_suffix(f".{name}.csv")
        with written_whole(table) as partial_file:
            frame.to_csv(partial_file, index=False, float_format="%.9g")
        write_sidecar(table, **story)
    head = {name: tensor.cpu().numpy() for name, tensor in network.head.state_dict().items()}
    write_tensors(head, story, path.with_suffix(".head.safetensors"))
    write_tensors({name: tensor.cpu().numpy() for name, tensor in network.encoder().items()}, story, path)
    checkpoint.unlink(missing_ok=True)


def refuse_what_proves_nothing(learnt: Part, tests: list[Part]) -> None:
    """Stop before a test on photographs that were learnt from, or on classes that were not.

    Raises:
        InputError: names the photograph, or the numbers of classes.
    """
    known = learnt.photographs()
    for part in tests:
        if shared := known.keys() & part.photographs().keys():
            raise InputError(f"{part.name} holds a photograph of {learnt.name}: {known[min(shared)]}; name another set")
        if len(part.examples.kinds) > len(learnt.examples.kinds):
            raise InputError(
                f"{part.name} has {len(part.examples.kinds)} classes, {learnt.name} only {len(learnt.examples.kinds)}"
            )
