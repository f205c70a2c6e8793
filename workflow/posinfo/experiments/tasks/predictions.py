"""What a trained encoder and its head say to pictures: saliency, of cropped copies too; the class of each pixel."""

from pathlib import Path

import numpy as np
import torch

from posinfo.experiments.tasks.crops import CUT, Crops
from posinfo.experiments.tasks.data.splits import Split
from posinfo.experiments.tasks.segmentations import Segmentations
from posinfo.experiments.tasks.training.evaluation import position_prior
from posinfo.experiments.tasks.training.networks import Head
from posinfo.features.extraction import Preprocessing, open_encoder
from posinfo.registry.entries import Encoder, TrainedWeights
from posinfo.run.figures import SHOWN
from posinfo.run.tasks import Recipe
from posinfo.store.tensors import read_tensors


@torch.inference_mode()
def answers(entry: Encoder, path: Path, pictures: torch.Tensor, device: torch.device) -> torch.Tensor:
    """What a finished encoder and its head say to pictures.

    Args:
        path: the encoder's .safetensors file; the head's lies beside it.
        pictures: uint8 [batch, side, side, 3].

    Returns:
        As `Head` gives them, after a sigmoid (saliency) or softmax: float32, on the CPU.
    """
    stored, metadata = read_tensors(path.with_suffix(".head.safetensors"))
    assert isinstance(entry.weights, TrainedWeights)
    head = Head(entry.weights.task, metadata["channels"], len(metadata["kinds"]), metadata["scales"])
    head.load_state_dict({name: torch.from_numpy(array) for name, array in stored.items()})
    model = open_encoder(entry.architecture, path, entry.taps, entry.padding).to(device)
    prepared = Preprocessing(**entry.input.model_dump()).prepare(pictures.to(device))
    scores: torch.Tensor = head.to(device)(model(prepared), pictures.shape[1])
    return (scores.sigmoid() if entry.weights.task == "saliency" else scores.softmax(1)).cpu()


def crops(entry: Encoder, weights: Path, part: Split, device: torch.device) -> Crops:
    """The saliency of `SHOWN` pictures and of their copies, spread evenly over what is tested on.

    Args:
        entry: an encoder trained for saliency.
        weights: its .safetensors file, the head's beside it.
        part: what it is tested on.
    """
    chosen = np.stack([part.examples[number].picture for number in part.spread(SHOWN)])
    pictures = torch.from_numpy(chosen)
    said = [answers(entry, weights, shown, device)[:, 0] for shown in (pictures, pictures[:, CUT:, CUT:].contiguous())]
    whole, cropped = (maps.numpy().astype(np.float16) for maps in said)
    return Crops(chosen, whole, cropped)


def segmentations(
    entry: Encoder, weights: Path, learnt: Split, part: Split, recipe: Recipe, device: torch.device
) -> Segmentations:
    """The class of each pixel of `SHOWN` pictures, spread evenly over what is tested on.

    Args:
        entry: an encoder trained for segmentation.
        weights: its .safetensors file, the head's beside it.
        learnt: what it has learnt from, of whose masks position alone answers.
        part: what it is tested on.
        recipe: of its training.
    """
    examples, numbers = part.examples, part.spread(SHOWN)
    pictures = np.stack([examples[number].picture for number in numbers])
    said = answers(entry, weights, torch.from_numpy(pictures), device).numpy().argmax(1)
    prior = position_prior("segmentation", learnt.examples, list(range(recipe.epochs * recipe.pictures))).argmax(0)
    true = np.stack([examples.answer(number) for number in numbers])
    return Segmentations(
        part.name, learnt.examples.classes, pictures, true, said.astype(np.uint8), prior.astype(np.uint8)
    )
