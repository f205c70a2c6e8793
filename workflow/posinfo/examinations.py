"""How an encoder's network does on held-out pictures: answers, and one row of metrics."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from posinfo.metrics import adaptive_f, confusion, f_by_threshold, mean_iou
from posinfo.task_networks import TaskNetwork
from posinfo.training import Examples, Prepare, batches

BATCH = 16


@torch.inference_mode()
def answers(
    network: TaskNetwork, examples: Examples, numbers: list[int], prepare: Prepare, device: torch.device
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]]:
    """For each batch what the network says, the kinds and the classes.

    Yields:
        probabilities of saliency [batch, side, side], of kinds [batch, kinds] or of classes [batch, 1 + kinds, side,
        side]; kinds [batch]; classes [batch, side, side].
    """
    network.eval()
    for pictures, kinds, classes in batches(examples, numbers, BATCH):
        scores = network(prepare(pictures.to(device)))
        said = scores[:, 0].sigmoid() if network.task == "saliency" else scores.softmax(1)
        yield said.cpu().numpy(), kinds.numpy(), classes.numpy()


def examine(
    network: TaskNetwork, examples: Examples, numbers: list[int], prepare: Prepare, device: torch.device
) -> dict[str, float]:
    """The metrics of a network's task over those pictures.

    Returns:
        classification: accuracy. saliency: f_adaptive (mean over pictures), f_maximal (of the mean curve), mae.
        segmentation: miou, accuracy (of pixels). Each with `chance`, what a constant answer gets: the commonest kind;
        everything salient (its F); everything background.
    """
    said = answers(network, examples, numbers, prepare, device)
    if network.task == "classification":
        right, kinds = [], []
        for probabilities, true, _ in said:
            right += (probabilities.argmax(1) == true).tolist()
            kinds += true.tolist()
        return {"accuracy": float(np.mean(right)), "chance": float(np.bincount(kinds).max() / len(kinds))}
    if network.task == "segmentation":
        classes = 0
        table, background = np.zeros((1, 1), np.int64), np.zeros((1, 1), np.int64)
        for probabilities, _, truth in said:
            if not classes:
                classes = probabilities.shape[1]
                table, background = (np.zeros((classes, classes), np.int64) for _ in range(2))
            table += confusion(probabilities.argmax(1), truth, classes)
            background += confusion(np.zeros_like(truth), truth, classes)
        accuracy = float(np.diag(table).sum() / table.sum())
        return {"miou": mean_iou(table), "accuracy": accuracy, "chance": mean_iou(background)}
    rows, curves, constant = [], [], []
    for maps, _, truth in said:
        for one, mask in zip(maps, (truth > 0) & (truth != 255), strict=True):
            rows.append((adaptive_f(one, mask), float(np.abs(one - mask).mean())))
            curves.append(f_by_threshold(one, mask))
            constant.append(curves[-1][0])
    adaptive, mae = np.mean(rows, axis=0)
    maximal = float(np.mean(curves, axis=0).max())
    return {
        "f_adaptive": float(adaptive), "f_maximal": maximal, "mae": float(mae), "chance": float(np.mean(constant))
    }
