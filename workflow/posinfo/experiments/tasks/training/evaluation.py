"""Metrics of a trained network, and of the position-only baseline, on held-out images: for each image, and in all.

Position-only baseline: predict the mean training mask, whatever the image.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from posinfo.experiments.tasks.data.masks import UNKNOWN
from posinfo.experiments.tasks.data.splits import Examples
from posinfo.experiments.tasks.training.networks import TaskNetwork
from posinfo.registry.entries import Task

BATCH = 16
ENOUGH = 1000  # training images for the mean mask and for class weights

Prediction = NDArray[np.float32]
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Result = tuple[Prediction, NDArray[np.integer], int]

BETA_SQUARED = 0.3  # of the F-measure, as usual for saliency: precision counts more than recall
LEVELS = 256  # thresholds of the maximal F-measure


def f_measure(hits: NDArray[np.float64], predicted: NDArray[np.float64], true: float) -> NDArray[np.float64]:
    """(1 + β²) precision recall / (β² precision + recall) = (1 + β²) hits / (β² true + predicted); 0 without a hit."""
    return np.asarray((1 + BETA_SQUARED) * hits / np.maximum(BETA_SQUARED * true + predicted, 1e-12))


def adaptive_f(saliency: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """The F-measure of one map at twice its mean (at most its largest value), as Achanta et al. (2009) threshold.

    Args:
        saliency: [side, side] in [0, 1].
        truth: [side, side], true somewhere.
    """
    predicted = saliency >= min(2 * float(saliency.mean()), float(saliency.max()))
    hits = np.array([(predicted & truth).sum()], np.float64)
    return float(f_measure(hits, np.array([predicted.sum()], np.float64), float(truth.sum()))[0])


def f_by_threshold(saliency: NDArray[np.float32], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The F-measure of one map where it is at least t/255, for t = 0..255: float64 [256].

    The maximal F-measure of a set is the largest value of the mean of these curves over its images.
    """
    levels = np.rint(saliency * (LEVELS - 1)).astype(np.int64)
    predicted = np.bincount(levels.ravel(), minlength=LEVELS)[::-1].cumsum()[::-1]
    hits = np.bincount(levels[truth], minlength=LEVELS)[::-1].cumsum()[::-1]
    return f_measure(hits.astype(np.float64), predicted.astype(np.float64), float(truth.sum()))


def confusion(predicted: NDArray[np.integer], truth: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """Pixels of class i (row) predicted as class j (column), without unlabelled pixels: int64 [classes, classes]."""
    known = truth != UNKNOWN
    pairs = truth[known].astype(np.int64) * classes + predicted[known].astype(np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def class_ious(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of each class over all pixels: float64 [classes].

    It is NaN for a class that is neither in the truth nor predicted.
    """
    shared = np.diag(table)
    either = table.sum(0) + table.sum(1) - shared
    return np.asarray(np.where(either > 0, shared / np.maximum(either, 1), np.nan))


def mean_iou(table: NDArray[np.int64]) -> float:
    """Mean of `class_ious` over the classes that have one."""
    return float(np.nanmean(class_ious(table)))


def batches(examples: Examples, order: Sequence[int], size: int) -> Iterator[Batch]:
    """Yield batches in that order; a thread makes the next one while the caller works on the present one.

    Yields:
        images uint8 [batch, side, side, 3], labels int64 [batch], classes int64 [batch, side, side].
    """

    def load(numbers: Sequence[int]) -> Batch:
        loaded = [examples[number] for number in numbers]
        images = np.stack([example.image for example in loaded])
        classes = np.stack([example.classes for example in loaded]).astype(np.int64)
        labels = torch.tensor([example.label for example in loaded])
        return torch.from_numpy(images), labels, torch.from_numpy(classes)

    parts = [order[start : start + size] for start in range(0, len(order), size)]
    with ThreadPoolExecutor(1) as loader:
        waiting = loader.submit(load, parts[0])
        for following in parts[1:]:
            ready = waiting.result()
            waiting = loader.submit(load, following)
            yield ready
        yield waiting.result()


def measure(
    task: Task, background: bool, results: Iterable[Result], classes: Sequence[str] = ()
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Metrics of the predictions for some images: of each image, and of all.

    Args:
        task: what is predicted.
        background: as `Compositions.background`.
        results: for each image a network's prediction after sigmoid or softmax, the true classes, the true label.
        classes: names of the classes; for segmentation, `iou_{class}` of each of them is added.

    Returns:
        One row for each image: `right` (classification); `f`, `mae` (saliency, adaptive threshold); `iou`
        (segmentation: of the object's class; without a background the mean over the image's classes).
        What sums them up: accuracy; f_adaptive and mae (means), f_maximal (of the mean curve); miou and accuracy of
        all pixels. Each with `chance`, the metric of a constant prediction: the commonest class; all pixels salient
        (F); all pixels of the commonest class (mIoU).
    """
    rows: list[dict[str, float]] = []
    parts: list[NDArray[Any]] = []  # of each image: labels, F by threshold, or confusion
    for prediction, truth, label in results:
        if task == "classification":
            parts.append(np.array(label))
            rows.append({"right": float(prediction.argmax() == label)})
        elif task == "saliency":
            mask = (truth > 0) & (truth != UNKNOWN)
            parts.append(f_by_threshold(prediction, mask))
            rows.append({"f": adaptive_f(prediction, mask), "mae": float(np.abs(prediction - mask).mean())})
        else:
            table = confusion(prediction.argmax(0), truth, len(prediction))
            parts.append(table)
            rows.append({"iou": float(class_ious(table)[1 + label]) if background else mean_iou(table)})
    frame = pd.DataFrame(rows)
    if task == "classification":
        found = {"accuracy": frame["right"].mean(), "chance": np.bincount(parts).max() / len(parts)}
    elif task == "saliency":
        curve = np.mean(parts, axis=0)
        found = {"f_adaptive": frame["f"].mean(), "f_maximal": curve.max(), "mae": frame["mae"].mean()}
        found["chance"] = curve[0]
    else:
        total = np.sum(parts, axis=0)
        commonest = np.zeros_like(total)
        commonest[:, total.sum(1).argmax()] = total.sum(1)
        found = {"miou": mean_iou(total), "accuracy": np.diag(total).sum() / total.sum(), "chance": mean_iou(commonest)}
        if classes:
            found |= {f"iou_{name}": iou for name, iou in zip(classes, class_ious(total), strict=True)}
    return frame, {name: float(value) for name, value in found.items()}


@torch.inference_mode()
def evaluate(
    network: TaskNetwork,
    examples: Examples,
    numbers: Sequence[int],
    device: torch.device,
    classes: Sequence[str] = (),
) -> tuple[pd.DataFrame, dict[str, float]]:
    """The metrics of a network's task on some images, as `measure` returns them, with a column `image`."""

    def results() -> Iterator[Result]:
        for images, labels, truths in batches(examples, numbers, BATCH):
            scores = network(network.prepare(images.to(device)))
            predicted = scores[:, 0].sigmoid() if network.task == "saliency" else scores.softmax(1)
            yield from zip(predicted.cpu().numpy(), truths.numpy(), labels.tolist(), strict=True)

    network.eval()
    frame, summary = measure(network.task, examples.background, results(), classes)
    frame.insert(0, "image", [examples.name(number) for number in numbers])
    return frame, summary


def position_baseline(task: Task, examples: Examples, numbers: Sequence[int]) -> Prediction:
    """The mean training mask.

    Args:
        numbers: of the training examples.

    Returns:
        saliency: the share of masks with an object at each pixel, float32 [side, side]; segmentation: the share of
        each class among the pixels with a label, float32 [classes, side, side].
    """
    total = np.zeros((len(examples.classes), *examples.class_map(numbers[0]).shape), np.float32)
    for number in numbers[:ENOUGH]:
        classes = examples.class_map(number)
        for value in np.unique(classes[classes != UNKNOWN]):
            total[value] += classes == value
    shares: Prediction = total / np.maximum(total.sum(0), 1)
    return shares[1:].sum(0) if task == "saliency" else shares


def evaluate_baseline(
    task: Task, baseline: Prediction, examples: Examples, numbers: Sequence[int], classes: Sequence[str] = ()
) -> dict[str, float]:
    """The metrics of the same prediction for every image."""
    results = ((baseline, examples.class_map(number), 0) for number in numbers)  # single images' metrics are not used
    return measure(task, examples.background, results, classes)[1]
