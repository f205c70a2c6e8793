"""How well a task is done: F-measure and MAE of saliency, mean intersection over union, accuracy."""

import numpy as np
from numpy.typing import NDArray

BETA_SQUARED = 0.3  # of the F-measure, as the literature on saliency has it: precision counts more than recall
LEVELS = 256  # thresholds of the maximal F-measure


def f_measure(hits: NDArray[np.float64], called: NDArray[np.float64], true: float) -> NDArray[np.float64]:
    """(1 + β²) precision recall / (β² precision + recall) = (1 + β²) hits / (β² true + called); 0 without a hit."""
    return np.asarray((1 + BETA_SQUARED) * hits / np.maximum(BETA_SQUARED * true + called, 1e-12))


def adaptive_f(saliency: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """The F-measure of one map at twice its mean (at most its largest value), as Achanta et al. (2009) threshold.

    Args:
        saliency: [side, side] in [0, 1].
        truth: [side, side], true somewhere.
    """
    called = saliency >= min(2 * float(saliency.mean()), float(saliency.max()))
    hits, all_called = (np.array([mask.sum()], np.float64) for mask in (called & truth, called))
    return float(f_measure(hits, all_called, float(truth.sum()))[0])


def f_by_threshold(saliency: NDArray[np.float32], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The F-measure of one map where it is at least t/255, for t = 0..255: float64 [256].

    The maximal F-measure of a set is the largest value of the mean of these curves over its pictures.
    """
    levels = np.rint(saliency * (LEVELS - 1)).astype(np.int64)
    called = np.bincount(levels.ravel(), minlength=LEVELS)[::-1].cumsum()[::-1]
    hits = np.bincount(levels[truth], minlength=LEVELS)[::-1].cumsum()[::-1]
    return f_measure(hits.astype(np.float64), called.astype(np.float64), float(truth.sum()))


def confusion(predicted: NDArray[np.integer], truth: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """How often class i (row) was called j (column), pixels marked 255 left out: int64 [classes, classes]."""
    known = truth != 255
    pairs = truth[known].astype(np.int64) * classes + predicted[known].astype(np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def class_ious(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of each class over all pixels: float64 [classes]; of a class never seen it is no number.

    A class is seen when it is in the truth or was called.
    """
    shared = np.diag(table)
    either = table.sum(0) + table.sum(1) - shared
    return np.asarray(np.where(either > 0, shared / np.maximum(either, 1), np.nan))


def mean_iou(table: NDArray[np.int64]) -> float:
    """The mean over the classes that are seen of `class_ious`."""
    return float(np.nanmean(class_ious(table)))
