"""Predictions of trained encoders and their heads: saliency, also of cropped copies, and the class of each pixel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from posinfo.experiments.tasks.data.splits import Split
from posinfo.experiments.tasks.recipes import Recipe
from posinfo.experiments.tasks.training.evaluation import position_baseline
from posinfo.experiments.tasks.training.networks import Head
from posinfo.features.extraction import Preprocessing, open_encoder
from posinfo.registry.entries import Encoder, TrainedWeights
from posinfo.store.tensors import read_tensors

SHOWN = 5  # images of a figure
# Rows and columns cut off at the top and at the left: one step of VGG's deepest stage, so that every pooling grid meets
# the same pixels again. A network without borders would predict the same for that part of the image.
CUT = 16


@torch.inference_mode()
def predict(entry: Encoder, weights: Path, images: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Predict the task of a trained encoder and its head.

    Args:
        weights: the encoder's .safetensors file; the head's lies beside it.
        images: uint8 [batch, side, side, 3].

    Returns:
        The scores of `Head`, after a sigmoid (saliency) or softmax: float32, on the CPU.
    """
    stored, metadata = read_tensors(weights.with_suffix(".head.safetensors"))
    assert isinstance(entry.weights, TrainedWeights)
    task = entry.weights.task
    head = Head(task, metadata["channels"], len(metadata["object_classes"]), metadata["scales"])
    head.load_state_dict({name: torch.from_numpy(array) for name, array in stored.items()})
    model = open_encoder(entry, weights).to(device)
    prepared = Preprocessing.of(entry.input).prepare(images.to(device))
    scores: torch.Tensor = head.to(device)(model(prepared), images.shape[1])
    return (scores.sigmoid() if task == "saliency" else scores.softmax(1)).cpu()


def crops(entry: Encoder, weights: Path, testing: Sequence[Path], device: torch.device) -> dict[str, NDArray[Any]]:
    """Saliency of `SHOWN` images, spread evenly over what is tested on, and of their cropped copies.

    Args:
        entry: an encoder trained for saliency.
        weights: its .safetensors file, the head's beside it.
        testing: files of what it is tested on, as `Split.open` takes them.

    Returns:
        images: uint8 [SHOWN, side, side, 3].
        whole: saliency of the images, float16 [SHOWN, side, side].
        cropped: saliency of the copies, float16 [SHOWN, side - CUT, side - CUT].
    """
    assert isinstance(entry.weights, TrainedWeights)
    tested = Split.open(testing, placed=entry.weights.placed)
    images = np.stack([tested.examples[number].image for number in tested.evenly_spaced(SHOWN)])
    pixels = torch.from_numpy(images)
    whole = predict(entry, weights, pixels, device)[:, 0]
    cropped = predict(entry, weights, pixels[:, CUT:, CUT:].contiguous(), device)[:, 0]
    return {"images": images, "whole": whole.half().numpy(), "cropped": cropped.half().numpy()}


def segmentations(
    entry: Encoder,
    weights: Path,
    training: Sequence[Path],
    testing: Sequence[Path],
    recipe: Recipe,
    device: torch.device,
) -> dict[str, NDArray[Any]]:
    """The class of each pixel of `SHOWN` images, spread evenly over what is tested on.

    Args:
        entry: an encoder trained for segmentation.
        weights: its .safetensors file, the head's beside it.
        training: files of what it has learned from; the position-only baseline is the mean of these masks.
        testing: files of what it is tested on.
        recipe: of its training.

    Returns:
        source: the set of images, or the compositions of it.
        classes: their names, in the order of their numbers.
        images: uint8 [SHOWN, side, side, 3].
        true: the masks, `UNKNOWN` where there is no label; uint8 [SHOWN, side, side].
        predicted: by the network, uint8 [SHOWN, side, side].
        baseline: the commonest class of the training masks at each pixel, uint8 [side, side].
    """
    assert isinstance(entry.weights, TrainedWeights)
    learned = Split.open(training, recipe, entry.weights.placed).examples
    tested = Split.open(testing, placed=entry.weights.placed)
    numbers = tested.evenly_spaced(SHOWN)
    images = np.stack([tested.examples[number].image for number in numbers])
    predicted = predict(entry, weights, torch.from_numpy(images), device).numpy().argmax(1)
    baseline = position_baseline("segmentation", learned, range(recipe.epochs * recipe.images)).argmax(0)
    return {
        "source": np.array(tested.name),
        "classes": np.array(learned.classes),
        "images": images,
        "true": np.stack([tested.examples.class_map(number) for number in numbers]),
        "predicted": predicted.astype(np.uint8),
        "baseline": baseline.astype(np.uint8),
    }
