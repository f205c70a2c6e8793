"""How a trained network does on held-out pictures: a row of metrics for each, and their summary."""

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from posinfo.trained.metrics import adaptive_f, confusion, f_by_threshold, mean_iou
from posinfo.trained.networks import TaskNetwork
from posinfo.trained.training import Examples, Prepare, batches

BATCH = 16


@torch.inference_mode()
def examine(
    network: TaskNetwork, examples: Examples, numbers: list[int], prepare: Prepare, device: torch.device
) -> tuple[pd.DataFrame, dict[str, float]]:
    """The metrics of a network's task over those pictures.

    Returns:
        One row for each picture: image, and `right` (classification); `f`, `mae` (saliency, adaptive threshold); `iou`
        (segmentation: of the thing, with its right class).
        And their summary: accuracy; f_adaptive and mae (means), f_maximal (of the mean curve); miou and accuracy of all
        pixels. Each with `chance`, what a constant answer gets: the commonest kind; the F of everything salient;
        the mIoU of everything background.
    """
    network.eval()
    rows: list[dict[str, float]] = []
    curves: list[NDArray[np.float64]] = []
    tables: list[NDArray[np.int64]] = []
    kinds: list[int] = []
    for pictures, true, classes in batches(examples, numbers, BATCH):
        scores = network(prepare(pictures.to(device)))
        said = (scores[:, 0].sigmoid() if network.task == "saliency" else scores.softmax(1)).cpu().numpy()
        kinds += true.tolist()
        for answer, kind, truth in zip(said, true.tolist(), classes.numpy(), strict=True):
            if network.task == "classification":
                rows.append({"right": float(answer.argmax() == kind)})
            elif network.task == "saliency":
                mask = (truth > 0) & (truth != 255)
                rows.append({"f": adaptive_f(answer, mask), "mae": float(np.abs(answer - mask).mean())})
                curves.append(f_by_threshold(answer, mask))
            else:
                tables.append(confusion(answer.argmax(0), truth, len(answer)))
                shared = tables[-1][1 + kind, 1 + kind]
                either = tables[-1][1 + kind].sum() + tables[-1][:, 1 + kind].sum() - shared
                rows.append({"iou": float(shared / either)})
    frame = pd.DataFrame(rows).assign(image=[examples.name(number) for number in numbers])
    return frame[["image", *frame.columns[:-1]]], _summary(network.task, frame, curves, tables, kinds)


def _summary(
    task: str,
    rows: pd.DataFrame,
    curves: list[NDArray[np.float64]],
    tables: list[NDArray[np.int64]],
    kinds: list[int],
) -> dict[str, float]:
    if task == "classification":
        return {"accuracy": float(rows["right"].mean()), "chance": float(np.bincount(kinds).max() / len(kinds))}
    if task == "saliency":
        mean = np.mean(curves, axis=0)
        found = {
            "f_adaptive": float(rows["f"].mean()),
            "f_maximal": float(mean.max()),
            "mae": float(rows["mae"].mean()),
        }
        return {**found, "chance": float(mean[0])}
    total = np.sum(tables, axis=0)
    background = np.zeros_like(total)
    background[:, 0] = total.sum(1)
    accuracy = float(np.diag(total).sum() / total.sum())
    return {"miou": mean_iou(total), "accuracy": accuracy, "chance": mean_iou(background)}
