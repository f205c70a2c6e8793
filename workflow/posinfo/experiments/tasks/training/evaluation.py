"""How a trained network does on held-out pictures: a row of metrics for each, and their summary.

And how one would do that knows nothing but the position: its answer is the mean of the training masks at each pixel.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from posinfo.experiments.tasks.training.loop import Examples, Prepare, batches
from posinfo.experiments.tasks.training.metrics import adaptive_f, class_ious, confusion, f_by_threshold, mean_iou
from posinfo.experiments.tasks.training.networks import TaskNetwork
from posinfo.registry.entries import Task

BATCH = 16
ENOUGH = 1000  # of the pictures that are learnt from, for the mean of their masks

Answer = NDArray[np.float32]


@dataclass
class MetricAccumulator:
    """What is counted of answers, one picture after the other.

    Attributes:
        task: what is answered.
        scenes: whether every pixel belongs to a class among equals.
    """

    task: Task
    scenes: bool
    rows: list[dict[str, float]] = field(default_factory=list)
    curves: list[NDArray[np.float64]] = field(default_factory=list)
    tables: list[NDArray[np.int64]] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)

    def add(self, answer: Answer, truth: NDArray[np.integer], kind: int) -> None:
        """One picture: an answer as a network's after sigmoid or softmax, and what is true."""
        self.kinds.append(kind)
        if self.task == "classification":
            self.rows.append({"right": float(answer.argmax() == kind)})
        elif self.task == "saliency":
            mask = (truth > 0) & (truth != 255)
            self.rows.append({"f": adaptive_f(answer, mask), "mae": float(np.abs(answer - mask).mean())})
            self.curves.append(f_by_threshold(answer, mask))
        else:
            table = confusion(answer.argmax(0), truth, len(answer))
            self.tables.append(table)
            self.rows.append({"iou": mean_iou(table) if self.scenes else float(class_ious(table)[1 + kind])})

    def summary(self) -> dict[str, float]:
        """What `examine` says of the whole."""
        rows = pd.DataFrame(self.rows)
        if self.task == "classification":
            chance = float(np.bincount(self.kinds).max() / len(self.kinds))
            return {"accuracy": float(rows["right"].mean()), "chance": chance}
        if self.task == "saliency":
            mean = np.mean(self.curves, axis=0)
            found = {"f_adaptive": float(rows["f"].mean()), "f_maximal": float(mean.max())}
            return {**found, "mae": float(rows["mae"].mean()), "chance": float(mean[0])}
        total = np.sum(self.tables, axis=0)
        commonest = np.zeros_like(total)
        commonest[:, total.sum(1).argmax()] = total.sum(1)
        accuracy = float(np.diag(total).sum() / total.sum())
        return {"miou": mean_iou(total), "accuracy": accuracy, "chance": mean_iou(commonest)}

    def by_class(self) -> list[float]:
        """For segmentation the IoU of each class over all pixels; else nothing."""
        return [float(value) for value in class_ious(np.sum(self.tables, axis=0))] if self.tables else []


@torch.inference_mode()
def examine(
    network: TaskNetwork, examples: Examples, numbers: list[int], prepare: Prepare, device: torch.device
) -> tuple[pd.DataFrame, dict[str, float], list[float]]:
    """The metrics of a network's task over those pictures.

    Returns:
        One row for each picture: image, and `right` (classification); `f`, `mae` (saliency, adaptive threshold); `iou`
        (segmentation: of the thing, with its right class; of scenes the mean over their classes).
        Their summary: accuracy; f_adaptive and mae (means), f_maximal (of the mean curve); miou and accuracy of all
        pixels. Each with `chance`, what a constant answer gets: the commonest kind; the F of everything salient;
        the mIoU of everything of the commonest class.
        The IoU of each class (segmentation).
    """
    network.eval()
    accumulator = MetricAccumulator(network.task, examples.scenes)
    for pictures, true, classes in batches(examples, numbers, BATCH):
        scores = network(prepare(pictures.to(device)))
        said = (scores[:, 0].sigmoid() if network.task == "saliency" else scores.softmax(1)).cpu().numpy()
        for answer, kind, truth in zip(said, true.tolist(), classes.numpy(), strict=True):
            accumulator.add(answer, truth, kind)
    frame = pd.DataFrame(accumulator.rows).assign(image=[examples.name(number) for number in numbers])
    return frame[["image", *frame.columns[:-1]]], accumulator.summary(), accumulator.by_class()


def position_prior(task: Task, examples: Examples, numbers: list[int]) -> Answer:
    """What a picture's pixels are, as far as their position alone tells: the mean of masks, at each pixel.

    Args:
        numbers: of the examples that are learnt from.

    Returns:
        saliency: the share of masks with a thing there, float32 [side, side]; segmentation: the share of each class
        among those that say what is there, float32 [classes, side, side].
    """
    total = np.zeros((len(examples.classes), *examples.answer(numbers[0]).shape), np.float32)
    for number in numbers[:ENOUGH]:
        answer = examples.answer(number)
        for value in np.unique(answer[answer != 255]):
            total[value] += answer == value
    shares: Answer = total / np.maximum(total.sum(0), 1)
    return shares[1:].sum(0) if task == "saliency" else shares


def examine_prior(
    task: Task, prior: Answer, examples: Examples, numbers: list[int]
) -> tuple[dict[str, float], list[float]]:
    """Summary and IoU of each class, as `examine` has them, of the same answer for every picture."""
    accumulator = MetricAccumulator(task, examples.scenes)
    for number in numbers:
        accumulator.add(prior, examples.answer(number), kind=0)  # whose own row nobody reads
    return accumulator.summary(), accumulator.by_class()
