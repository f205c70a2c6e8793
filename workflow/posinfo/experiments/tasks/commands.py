"""Decode masks, train encoders, and predict what figures show."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from posinfo.store.devices import DeviceSetting


def masks(name: str, *, entry: str, names: Path, resources: Path = Path("resources"), output: Path) -> None:
    """Decode and resize the masks of a set of images.

    Args:
        name: a set in registry/images.yaml
        entry: JSON of the entries behind the set's masks
        names: csv of the set's images
        output: npy file; a sidecar goes beside it
    """
    from posinfo.experiments.tasks.data.decoding import decode_masks, entry_with_masks, whole_photographs
    from posinfo.experiments.tasks.data.masks import write_masks
    from posinfo.registry.catalogue import Registry

    registry = Registry.model_validate_json(entry)
    photographs = whole_photographs(names)
    decoded = decode_masks(name, registry, resources, photographs)
    classes = entry_with_masks(name, registry).masks_classes or ()
    write_masks(decoded, len(photographs), output, classes=classes)


def train_encoder(
    name: str,
    *,
    entry: str,
    recipe: str,
    start: Path | None = None,
    save: Sequence[int] = (),
    train: Sequence[Path],
    test: Sequence[Sequence[Path]],
    device: DeviceSetting = "auto",
    threads: int = 1,
    output: Path,
) -> None:
    """Train an encoder for its task.

    Args:
        name: an encoder whose weights name a task
        entry: JSON of its entry of the registry
        recipe: JSON of the config's tasks: recipe, or tasks: tuning for an encoder that starts from another's weights
        start: safetensors file that training starts from, if it does not start from scratch
        save: steps after which the encoder is saved
        train: npy files of photographs to compose of, or of images and their masks
        test: the same of a held-out set; may be given again
        output: safetensors file; others go beside it
    """
    from posinfo.experiments.tasks.recipes import read_recipe
    from posinfo.experiments.tasks.training import encoders
    from posinfo.registry.entries import Encoder
    from posinfo.store.devices import choose_device

    described = Encoder.model_validate_json(entry)
    chosen = choose_device(device, threads)
    how = read_recipe(recipe, described)
    encoders.train_encoder(name, described, how, train, test, output, chosen, start, save)


def task_predictions(
    shown: Literal["crops", "segmentations"],
    *,
    entry: str,
    weights: Path,
    recipe: str,
    train: Sequence[Path],
    test: Sequence[Path],
    device: DeviceSetting = "auto",
    threads: int = 1,
    output: Path,
) -> None:
    """Predict what a figure shows: the saliency of images and cropped copies, or the class of each pixel.

    Args:
        shown: crops of an encoder trained for saliency; segmentations, also by the position-only baseline
        entry: JSON of the encoder's entry of the registry
        weights: its safetensors file; the head lies beside it
        recipe: JSON of the recipe, as train-encoder takes it
        train: npy files of what it has learned from, as train-encoder takes them
        test: npy files of photographs to compose of, or of images and their masks
        output: npz file
    """
    from posinfo.experiments.tasks import predictions
    from posinfo.experiments.tasks.recipes import read_recipe
    from posinfo.registry.entries import Encoder
    from posinfo.store.arrays import write_arrays
    from posinfo.store.devices import choose_device

    described = Encoder.model_validate_json(entry)
    chosen = choose_device(device, threads)
    if shown == "crops":
        arrays = predictions.crops(described, weights, test, chosen)
    else:
        learned = read_recipe(recipe, described)
        arrays = predictions.segmentations(described, weights, train, test, learned, chosen)
    write_arrays(arrays, output)


OF_RULES = (masks, train_encoder, task_predictions)
