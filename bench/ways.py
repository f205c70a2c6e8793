"""Ways to read two patterns out of the features of Table 1; each function returns seconds and scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from posinfo.experiments.least_squares.solution import solve
from posinfo.features.stored import StageFeatures, read_features
from posinfo.images.decoded import read_image_names
from posinfo.protocol.patterns import ground_truth
from posinfo.protocol.readout import Readout
from posinfo.readouts.stacked import StackedReadouts
from posinfo.scores.measures import centred_ranks, score, spearman
from timing import ROOT, seconds
from torch import nn
from torch.nn import functional
from training import CPU, LINEAR, RUN, train_epochs, training_features, untrained

TRAINED = ("H", "G")
ROWS = 4096  # windows of 3 x 3 cells that Ridge is given: 0.2 GB, and as much again for each copy that it makes
ALPHAS = (1e3, 1e5, 1e7, 1e9)  # the stages are not scaled: sums of squares are large


@dataclass(frozen=True)
class Way:
    """Seconds from stored features to a readout of each pattern; mean SPC on the test images by pattern."""

    seconds: float
    spc: dict[str, float]
    note: str = ""


class PosENet(nn.Module):
    """The released procedure, written plainly from its description: the encoder runs again for every batch.

    Images -> frozen VGG16 -> five maps resized to 28x28 and concatenated -> Conv 3x3 without padding -> batch norm ->
    sigmoid -> upsampled to 224x224.
    """

    def __init__(self, encoder: nn.Module, channels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.conv = nn.Conv2d(channels, 1, 3)
        self.norm = nn.BatchNorm2d(1)
        nn.init.xavier_uniform_(self.conv.weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Float32 [batch, 3, 224, 224] to [batch, 1, 224, 224]."""
        with torch.no_grad():
            maps = self.encoder(images)
        aligned = [functional.interpolate(stage, 28, mode="bilinear", align_corners=True) for stage in maps.values()]
        predicted = self.norm(self.conv(torch.cat(aligned, 1))).sigmoid()
        return functional.interpolate(predicted, 224, mode="bilinear", align_corners=False)


def train_as_released(
    encoder: nn.Module, channels: int, images: torch.Tensor, truth: torch.Tensor, epochs: int
) -> PosENet:
    """One readout of one pattern: SGD with learning rate 0.1, momentum 0.9, weight decay 1e-4, batches of 32.

    Args:
        encoder: frozen; images to a dict of maps.
        channels: of all its maps together.
        images: as the encoder expects them, float32 [N, 3, 224, 224].
        truth: float32 [224, 224].
        epochs: passes over the images.
    """
    model = PosENet(encoder, channels)
    learned = [*model.conv.parameters(), *model.norm.parameters()]
    optimiser = torch.optim.SGD(learned, lr=0.1, momentum=0.9, weight_decay=1e-4)
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(len(images)), 32):
            optimiser.zero_grad()
            loss = functional.mse_loss(model(images[batch]), truth.expand(len(batch), 1, -1, -1))
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return model


def test_features() -> list[StageFeatures]:
    """VGG16's features of the test images."""
    return read_features(ROOT / f"results/features/{RUN.models.VGG}/{RUN.images.natural}")


def _names(images: str) -> list[str]:
    return read_image_names(ROOT / f"results/images/{images}.csv")


def _scored(stack: StackedReadouts) -> dict[str, float]:
    rows = score(stack, test_features(), _names(RUN.images.natural), RUN.patterns, RUN.alignment, CPU)
    return {str(pattern): float(some.mean()) for pattern, some in rows.groupby("pattern")["spc"]}


def by_sgd() -> Way:
    """The library's trained readout, both patterns in one pass."""
    stages = training_features()
    stack = untrained(Readout(), 1, stages, TRAINED)
    return Way(seconds(lambda: train_epochs([stack], stages, RUN.training)), _scored(stack))


def by_least_squares() -> Way:
    """The library's least squares, both patterns from the same sums, the ridge chosen on held-out photographs."""
    solved: list[StackedReadouts] = []
    asked = {Readout(least_squares=True): TRAINED}

    def work() -> None:
        names = _names(RUN.images.train)
        for stack, _ in solve(asked, training_features(), names, 0, LINEAR, RUN.patterns, CPU):
            solved.append(stack.eval())

    return Way(seconds(work), _scored(solved[0]))


def aligned(stages: Sequence[StageFeatures], images: slice = slice(None)) -> torch.Tensor:
    """All stages of some images at 28 x 28, float32 [N, 1472, 28, 28], as a person caches them."""
    maps = [torch.from_numpy(np.array(stage.array[images])).float() for stage in stages]
    return torch.cat([functional.interpolate(stage, 28, mode="bilinear") for stage in maps], 1)


def _spc(predict: Callable[[torch.Tensor], torch.Tensor], pattern: str) -> float:
    """Mean SPC on the test images of the maps [1, 1, 224, 224] that `predict` makes of aligned stages."""
    stages = test_features()
    target = centred_ranks(ground_truth(pattern, 224, RUN.patterns))
    with torch.inference_mode():
        maps = [predict(aligned(stages, slice(index, index + 1))) for index in range(len(stages[0].array))]
    return float(np.nan_to_num([spearman(one.numpy().ravel(), target) for one in maps]).mean())


class Cached(nn.Module):
    """Stands for the encoder: returns the maps that it is given."""

    def forward(self, maps: torch.Tensor) -> dict[str, torch.Tensor]:
        """Maps in, the same maps out."""
        return {"all": maps}


def by_conv2d() -> Way:
    """The released loop with its maps kept in memory, so that the encoder runs once: a Conv2d for each pattern."""
    took = 0.0
    spc = {}
    for pattern in TRAINED:
        truth = torch.from_numpy(ground_truth(pattern, 224, RUN.patterns)).float()
        models: list[nn.Module] = []

        def work(truth: torch.Tensor = truth, models: list[nn.Module] = models) -> None:
            maps = aligned(training_features())
            models.append(train_as_released(Cached(), maps.shape[1], maps, truth, RUN.training.epochs).eval())

        took += seconds(work)
        spc[pattern] = _spc(models[0], pattern)
    return Way(took, spc, "all maps in memory, stages unscaled as released, lr constant")


def _windows(maps: torch.Tensor) -> NDArray[np.float32]:
    """The 3 x 3 windows of one image's maps [1, C, 28, 28], [26 x 26, 9 C]."""
    windows: NDArray[np.float32] = functional.unfold(maps, 3)[0].T.contiguous().numpy()
    return windows


def by_ridge() -> Way:
    """scikit-learn's Ridge on random windows of the training images, alpha chosen on a quarter of them."""
    from sklearn.linear_model import Ridge

    best = []

    def work() -> None:
        stages = training_features()
        rng = np.random.default_rng(0)
        count = len(stages[0].array)
        windows_of_each = min(-(-ROWS // count), 26 * 26)
        cells = [rng.choice(26 * 26, windows_of_each, replace=False) for _ in range(count)]
        inputs = np.concatenate([_windows(aligned(stages, slice(n, n + 1)))[chosen] for n, chosen in enumerate(cells)])
        truth = np.stack([ground_truth(pattern, 28, RUN.patterns)[1:-1, 1:-1].ravel() for pattern in TRAINED], 1)
        wanted = truth[np.concatenate(cells)].astype(np.float32)
        learned = len(inputs) * 3 // 4
        errors = []
        for alpha in ALPHAS:
            tried = Ridge(alpha=alpha).fit(inputs[:learned], wanted[:learned])
            errors.append(float(np.square(tried.predict(inputs[learned:]) - wanted[learned:]).mean()))
        best.append(Ridge(alpha=ALPHAS[int(np.argmin(errors))]).fit(inputs, wanted))

    took = seconds(work)

    def predict(maps: torch.Tensor, column: int) -> torch.Tensor:
        small = torch.from_numpy(best[0].predict(_windows(maps))[:, column].reshape(1, 1, 26, 26)).float()
        return functional.interpolate(small, 224, mode="bilinear")

    windows = 26 * 26 * len(training_features()[0].array)
    spc = {pattern: _spc(partial(predict, column=column), pattern) for column, pattern in enumerate(TRAINED)}
    return Way(took, spc, f"about {ROWS} of {windows} windows, alpha {best[0].alpha:g}")
