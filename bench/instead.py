"""Ways to read two patterns out of the features of Table 1, each as a function that says what it took and found."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from limits import CPU, RUN, VGG, cached, epochs
from numpy.typing import NDArray
from posinfo.experiments.least_squares.solution import solve
from posinfo.features.stored import StageFeatures, read_features
from posinfo.images.pictures import read_names
from posinfo.protocol.patterns import ground_truth
from posinfo.protocol.readout import Readout
from posinfo.readouts.layered import Stack
from posinfo.readouts.stacked import Head
from posinfo.readouts.training import make_stack
from posinfo.scores.measures import centred_ranks, score, spearman
from timing import ROOT, seconds
from torch import nn
from torch.nn import functional

TRAINED = ("H", "G")
ROWS = 4096  # windows of 3 x 3 cells that Ridge is given: 0.2 GB, and as much again for each copy that it makes
ALPHAS = (1e3, 1e5, 1e7, 1e9)  # the stages are not scaled: sums of squares are large
EXACT = Readout(exact=True)


@dataclass(frozen=True)
class Way:
    """Seconds from stored features to a readout of each pattern; mean SPC on the test pictures by pattern."""

    seconds: float
    spc: dict[str, float]
    note: str = ""


class PosENet(nn.Module):
    """The released procedure, written plainly from its description: the encoder runs again for every batch.

    Pictures -> frozen VGG16 -> five maps resized to 28x28 and joined -> Conv 3x3 without padding -> batch norm ->
    sigmoid -> upsampled to 224x224.
    """

    def __init__(self, encoder: nn.Module, channels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.conv = nn.Conv2d(channels, 1, 3)
        self.norm = nn.BatchNorm2d(1)
        nn.init.xavier_uniform_(self.conv.weight)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Float32 [batch, 3, 224, 224] to [batch, 1, 224, 224]."""
        with torch.no_grad():
            maps = self.encoder(pictures)
        aligned = [functional.interpolate(one, 28, mode="bilinear", align_corners=True) for one in maps.values()]
        drawn = self.norm(self.conv(torch.cat(aligned, 1))).sigmoid()
        return functional.interpolate(drawn, 224, mode="bilinear", align_corners=False)


def train_as_released(
    encoder: nn.Module, channels: int, pictures: torch.Tensor, truth: torch.Tensor, epochs: int
) -> PosENet:
    """One readout of one pattern: SGD with learning rate 0.1, momentum 0.9, weight decay 1e-4, batches of 32.

    Args:
        encoder: frozen; pictures in, a dict of maps out.
        channels: of all its maps together.
        pictures: as the encoder wants them, float32 [N, 3, 224, 224].
        truth: float32 [224, 224].
        epochs: passes over the pictures.
    """
    model = PosENet(encoder, channels)
    learned = [*model.conv.parameters(), *model.norm.parameters()]
    optimiser = torch.optim.SGD(learned, lr=0.1, momentum=0.9, weight_decay=1e-4)
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(pictures)), 32):
            optimiser.zero_grad()
            loss = functional.mse_loss(model(pictures[chosen]), truth.expand(len(chosen), 1, -1, -1))
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return model


def tested() -> list[StageFeatures]:
    """VGG16's features of the test pictures."""
    folder = ROOT / f"results/features/{RUN.models.VGG}/{RUN.images.natural}"
    return read_features([folder / f"{stage}.npy" for stage in VGG.stages])


def _names(images: str) -> list[str]:
    return read_names(ROOT / f"results/images/{images}.csv")


def _scored(stack: Stack) -> dict[str, float]:
    rows = score(stack, tested(), _names(RUN.images.natural), RUN.patterns, RUN.alignment, CPU)
    return {str(pattern): float(some.mean()) for pattern, some in rows.groupby("pattern")["spc"]}


def with_sgd() -> Way:
    """The library's trained readout, both patterns in one pass."""
    stages = cached()
    heads = [Head(Readout(), pattern, 0) for pattern in TRAINED]
    stack = make_stack(Readout(), heads, stages, RUN.alignment, RUN.training)
    return Way(seconds(lambda: epochs([stack], stages, RUN.training)), _scored(stack))


def with_exact() -> Way:
    """The library's least squares, both patterns from the same sums, the ridge chosen on held-out photographs."""
    found: list[Stack] = []

    def work() -> None:
        asked, names = {EXACT: TRAINED}, _names(RUN.images.train)
        for stack, _ in solve(asked, cached(), names, 0, RUN.training, RUN.patterns, CPU):
            found.append(stack.eval())

    return Way(seconds(work), _scored(found[0]))


def aligned(stages: list[StageFeatures], pictures: slice = slice(None)) -> torch.Tensor:
    """All stages of those pictures at 28 x 28, float32 [N, 1472, 28, 28], as a person caches them."""
    maps = [torch.from_numpy(np.array(stage.array[pictures])).float() for stage in stages]
    return torch.cat([functional.interpolate(one, 28, mode="bilinear") for one in maps], 1)


def _spc(drawn: Callable[[torch.Tensor], torch.Tensor], pattern: str) -> float:
    """Mean SPC on the test pictures of what a function draws of aligned maps, [1, 1, 224, 224]."""
    stages, target = tested(), centred_ranks(ground_truth(pattern, 224, RUN.patterns))
    with torch.inference_mode():
        maps = [drawn(aligned(stages, slice(place, place + 1))) for place in range(len(stages[0].array))]
    return float(np.nan_to_num([spearman(one.numpy().ravel(), target) for one in maps]).mean())


class Cached(nn.Module):
    """In the place of the encoder: hands on the maps that it is given."""

    def forward(self, maps: torch.Tensor) -> dict[str, torch.Tensor]:
        """Maps in, maps out."""
        return {"all": maps}


def with_conv2d() -> Way:
    """The released loop, its encoder run once and its maps kept in memory: a Conv2d for each pattern."""
    took, spc = 0.0, {}
    for pattern in TRAINED:
        truth = torch.from_numpy(ground_truth(pattern, 224, RUN.patterns)).float()
        found: list[nn.Module] = []

        def work(truth: torch.Tensor = truth, found: list[nn.Module] = found) -> None:
            maps = aligned(cached())
            found.append(train_as_released(Cached(), maps.shape[1], maps, truth, RUN.training.epochs).eval())

        took += seconds(work)
        spc[pattern] = _spc(found[0], pattern)
    return Way(took, spc, "all maps in memory, stages unscaled as released, lr constant")


def _windows(maps: torch.Tensor) -> NDArray[np.float32]:
    """The 3 x 3 windows of one picture's maps [1, C, 28, 28], [26 x 26, 9 C]."""
    windows: NDArray[np.float32] = functional.unfold(maps, 3)[0].T.contiguous().numpy()
    return windows


def ridge() -> Way:
    """scikit-learn's Ridge on random windows of the training pictures, alpha chosen on a quarter of them."""
    from sklearn.linear_model import Ridge

    best = []

    def work() -> None:
        stages, rng = cached(), np.random.default_rng(0)
        count, of_each = len(stages[0].array), -(-ROWS // len(stages[0].array))
        cells = [rng.choice(26 * 26, min(of_each, 26 * 26), replace=False) for _ in range(count)]
        inputs = np.concatenate([_windows(aligned(stages, slice(n, n + 1)))[chosen] for n, chosen in enumerate(cells)])
        truth = np.stack([ground_truth(pattern, 28, RUN.patterns)[1:-1, 1:-1].ravel() for pattern in TRAINED], 1)
        wanted = truth[np.concatenate(cells)].astype(np.float32)
        learnt = len(inputs) * 3 // 4
        errors = []
        for alpha in ALPHAS:
            tried = Ridge(alpha=alpha).fit(inputs[:learnt], wanted[:learnt])
            errors.append(float(np.square(tried.predict(inputs[learnt:]) - wanted[learnt:]).mean()))
        best.append(Ridge(alpha=ALPHAS[int(np.argmin(errors))]).fit(inputs, wanted))

    took = seconds(work)

    def drawn(maps: torch.Tensor, place: int) -> torch.Tensor:
        small = torch.from_numpy(best[0].predict(_windows(maps))[:, place].reshape(1, 1, 26, 26)).float()
        return functional.interpolate(small, 224, mode="bilinear")

    windows = 26 * 26 * len(cached()[0].array)
    spc = {pattern: _spc(partial(drawn, place=place), pattern) for place, pattern in enumerate(TRAINED)}
    return Way(took, spc, f"about {ROWS} of {windows} windows, alpha {best[0].alpha:g}")
