"""Encoders that this workflow trains: compositions of the run's photographs in, weights and how they did out.

Beside `{encoder}.safetensors` (the encoder alone, batch norms folded) lie `{encoder}.head.safetensors` (the head),
`{encoder}.epochs.csv` (loss and held-out metrics of each epoch) and `{encoder}.pictures.csv` (held-out pictures, last
epoch). `{encoder}.checkpoint` is there while it is trained, so that a killed job goes on.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from posinfo.alignment import IMAGE_SIDE
from posinfo.compositions import Compositions
from posinfo.entries import Encoder, TrainedWeights
from posinfo.errors import InputError
from posinfo.examinations import examine
from posinfo.features import InputConvention, open_encoder
from posinfo.files import sha256_of, written_whole
from posinfo.images import read_names, read_pictures
from posinfo.provenance import code_digest
from posinfo.registry import decisive
from posinfo.sidecars import write_sidecar
from posinfo.task_networks import Head, TaskNetwork
from posinfo.tasks import Recipe
from posinfo.tensors import read_tensors, write_tensors
from posinfo.training import train
from posinfo.views import photograph_of

SEED = 0  # of the compositions: one series for all encoders, so that they differ in nothing else


def compositions(pictures: Path, side: int = IMAGE_SIDE) -> Compositions:
    """The series that a set of images gives.

    Args:
        pictures: the set's .npy; its .csv says which views show one photograph.
    """
    names = pictures.with_suffix(".csv")
    return Compositions(read_pictures(pictures), photograph_of(read_names(names)), SEED, side)


def make(
    encoder: str, entry: Encoder, recipe: Recipe, training: Path, testing: Path, path: Path, device: torch.device
) -> None:
    """Train an encoder and write all its files; goes on from a checkpoint of the same making.

    Args:
        entry: its weights name a task.
        training, testing: sets of images (.npy) that share no photograph.
        path: the .safetensors file.

    Raises:
        InputError: for an entry whose weights are not trained here, or a training that diverges.
    """
    if not isinstance(entry.weights, TrainedWeights):
        raise InputError(f"encoder {encoder!r} is not trained here: its weights name no task")
    task, seed = entry.weights.task, entry.weights.seed
    shown, held_out = compositions(training), compositions(testing)
    network = TaskNetwork(entry.architecture, entry.padding, entry.taps, task, len(shown.kinds), seed, IMAGE_SIDE)
    prepare = InputConvention(**entry.input.model_dump()).prepare
    tests = list(range(recipe.tests))
    examined = partial(examine, examples=held_out, numbers=tests, prepare=prepare, device=device)
    story: dict[str, Any] = {
        "encoder": encoder,
        "entry": decisive(entry),
        "recipe": recipe.model_dump(),
        "trained_on": sha256_of(training),
        "tested_on": sha256_of(testing),
        "kinds": list(shown.kinds),
        "channels": network.head.channels,
        "code": code_digest("trained_encoders"),
    }
    checkpoint = path.with_suffix(".checkpoint")
    history = train(
        network=network,
        examples=shown,
        order=lambda epoch: list(range(epoch * recipe.pictures, (epoch + 1) * recipe.pictures)),
        recipe=recipe,
        prepare=prepare,
        examine=lambda trained: examined(trained)[1],
        checkpoint=checkpoint,
        device=device,
        describe=json.dumps({**story, "torch": torch.__version__}, sort_keys=True),
    )
    pictures, _ = examined(network)
    for frame, name in ((pd.DataFrame(history), "epochs"), (pictures, "pictures")):
        table = path.with_suffix(f".{name}.csv")
        with written_whole(table) as partial_file:
            frame.to_csv(partial_file, index=False, float_format="%.9g")
        write_sidecar(table, **story)
    head = {name: tensor.cpu().numpy() for name, tensor in network.head.state_dict().items()}
    write_tensors(head, story, path.with_suffix(".head.safetensors"))
    write_tensors({name: tensor.cpu().numpy() for name, tensor in network.encoder().items()}, story, path)
    checkpoint.unlink(missing_ok=True)


@torch.inference_mode()
def answers(entry: Encoder, path: Path, pictures: torch.Tensor) -> torch.Tensor:
    """What a finished encoder and its head say to pictures.

    Args:
        path: the encoder's .safetensors file; the head's lies beside it.
        pictures: uint8 [batch, side, side, 3].

    Returns:
        As `Head` gives them, after a sigmoid (saliency) or softmax: float32.
    """
    stored, story = read_tensors(path.with_suffix(".head.safetensors"))
    assert isinstance(entry.weights, TrainedWeights)
    head = Head(entry.weights.task, story["channels"], len(story["kinds"]))
    head.load_state_dict({name: torch.from_numpy(array) for name, array in stored.items()})
    model = open_encoder(entry.architecture, path, entry.taps, entry.padding)
    prepared = InputConvention(**entry.input.model_dump()).prepare(pictures)
    scores: torch.Tensor = head(model(prepared), pictures.shape[1])
    return scores.sigmoid() if entry.weights.task == "saliency" else scores.softmax(1)
