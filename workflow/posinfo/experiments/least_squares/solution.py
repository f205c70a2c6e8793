"""The best linear convolution by ridge least squares, for all patterns in one pass over the features.

One set of sums (`normal_equations.Moments`) serves every pattern, every choice of stages, and kernels of 1 and 3.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from posinfo.experiments.least_squares.normal_equations import Moments
from posinfo.features.batches import BatchReader
from posinfo.features.stored import StageFeatures, read_by
from posinfo.images.views import photograph_of
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.protocol.patterns import Definition, ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.protocol.resampling import bilinear_matrix
from posinfo.readouts.stacked import Head, StackedReadouts
from posinfo.readouts.training import make_stack, truths
from posinfo.readouts.upsampling import UpsampledLoss
from posinfo.store.errors import InputError

RIDGES = tuple(10.0**power for power in range(-4, 3))  # relative to the mean variance of the inputs
LARGEST_KERNEL = 3  # whose normal equations fit in memory: 13,248 unknowns for VGG16, 0.7 GB
HELD_OUT = 4  # every fourth photograph judges the ridges
PREDICTED = 32  # images predicted at once
SUMMED = 128  # images added to the sums at once: 0.4 GB of VGG16's features


def target(pattern: str, side: int, definition: Definition, corners: bool) -> torch.Tensor:
    """The map that a linear readout regresses on, float64 [side, side]: the one whose upsampling is nearest the truth.

    The loss at 224x224 is |U (p - t) Uᵀ|² plus a constant, with this t. Least squares here takes |p - t|² instead: the
    weight UᵀU mixes neighbouring outputs only, and without it the sums over outputs stay correlations at fixed offsets.
    """
    shrink: torch.Tensor = torch.linalg.pinv(bilinear_matrix(IMAGE_SIDE, side, corners))
    nearest: torch.Tensor = shrink @ torch.from_numpy(ground_truth(pattern, IMAGE_SIDE, definition)) @ shrink.T
    return nearest


def held_out(names: Sequence[str]) -> NDArray[np.bool_]:
    """The images that judge the ridges: all views of every fourth photograph. bool [N].

    Raises:
        InputError: when there are fewer than four photographs.
    """
    photographs = photograph_of(names)
    if photographs.max() + 1 < HELD_OUT:
        raise InputError(
            f"a least-squares readout needs at least {HELD_OUT} training photographs; name a larger set of images"
        )
    return np.asarray(photographs % HELD_OUT == HELD_OUT - 1)


def solve(
    asked: Mapping[Readout, Sequence[str]],
    stages: Sequence[StageFeatures],
    names: Sequence[str],
    seed: int,
    training: Training,
    definition: Definition,
    device: torch.device,
) -> Iterator[tuple[StackedReadouts, dict[str, torch.Tensor]]]:
    """Yield each solved readout with its `ridge` [heads] and the `held_out` loss of each of `RIDGES` [heads, ridges].

    The loss is at 224x224. Three quarters of the photographs give a solution for each ridge; the ridge whose solution
    has the smallest loss on the other photographs is chosen, and the readout is then solved on all.

    Args:
        asked: readouts to patterns; all by least squares, with one padding.
        stages: the features that they read.
        names: of the training images.
        seed: under which the one solution is stored; nothing is drawn.
        training: `scale` is used; `output` must be linear.
        definition: of the patterns.
        device: where the sums are computed.

    Raises:
        InputError: when a readout is trained, has a kernel above 3, or differs in padding or scale from the others.
    """
    _check(asked)
    judges = held_out(names)
    problem = _Problem(asked, stages, training, definition, device)
    problem.add(np.flatnonzero(~judges))
    losses = []
    for readout, patterns in tqdm(asked.items(), desc="ridges", unit="readout", disable=None, leave=False):
        # One head for each ridge and pattern; the place in RIDGES stands where the seed would.
        heads = [Head(readout, pattern, place) for place in range(len(RIDGES)) for pattern in patterns]
        weights, biases = problem.solve(readout, RIDGES)
        trial = problem.stack(readout, heads, weights.flatten(0, 1), biases.flatten(0, 1))
        losses.append(problem.loss(trial, np.flatnonzero(judges)).view(len(RIDGES), len(patterns)))
    problem.add(np.flatnonzero(judges))
    for (readout, patterns), loss in zip(asked.items(), losses, strict=True):
        best = loss.argmin(0).numpy()
        places, rows = np.unique(best, return_inverse=True)
        weights, biases = problem.solve(readout, [RIDGES[place] for place in places])
        columns = np.arange(len(patterns))
        heads = [Head(readout, pattern, seed) for pattern in patterns]
        stack = problem.stack(readout, heads, weights[rows, columns], biases[rows, columns])
        yield stack, {"ridge": torch.tensor([RIDGES[place] for place in best]), "held_out": loss.T.contiguous()}


def _check(asked: Mapping[Readout, Sequence[str]]) -> None:
    for readout in asked:
        if not readout.least_squares:
            raise InputError(f"readout {readout.name} is trained; one by least squares is named like lstsq-k3-p0-all")
        if readout.kernel > LARGEST_KERNEL:
            raise InputError(
                f"readout {readout.name}: least squares is for kernels of 1 and {LARGEST_KERNEL}, since larger normal "
                f"equations do not fit in memory; train it instead (L1-k{readout.kernel}-...)"
            )
    if len({(readout.padding, readout.raw) for readout in asked}) > 1:
        raise InputError("readouts that are solved together must have the same padding and the same scale")


@dataclass
class _Problem:
    """The sums of one encoder's features, and the readouts to solve from them; arguments as for `solve`."""

    asked: Mapping[Readout, Sequence[str]]
    stages: Sequence[StageFeatures]
    training: Training
    definition: Definition
    device: torch.device

    def __post_init__(self) -> None:
        self.alignment = self.stages[0].alignment
        some = next(iter(self.asked))
        kernel = max(readout.kernel for readout in self.asked)
        everything = Readout(kernel=kernel, padding=some.padding, raw=some.raw, least_squares=True)
        scales = [  # a stage is scaled as a stack scales it
            make_stack(everything, [], [stage], self.alignment, self.training).conv.channel_scale[0].item()
            for stage in self.stages
        ]
        shapes = [stage.shape for stage in self.stages]
        self.moments = Moments(shapes, scales, self.alignment, some.padding, kernel, self.device)

    def add(self, images: NDArray[np.int64]) -> None:
        """Add images to the sums."""
        batches = BatchReader(list(self.stages), SUMMED, self.device).images(images)
        for features in tqdm(batches, "sums", -(-len(images) // SUMMED), unit="batch", disable=None, leave=False):
            self.moments.add([features[stage.name] for stage in self.stages])

    def solve(self, readout: Readout, ridges: Sequence[float]) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights [ridges, patterns, C k²] and biases [ridges, patterns] for the images added so far."""
        side = self.moments.side - readout.kernel + 1
        targets = [target(pattern, side, self.definition, self.alignment.corners) for pattern in self.asked[readout]]
        names = [stage.name for stage in self.stages]
        read = readout.stages_read(names)  # all stages, or one
        edges = np.cumsum([0, *(stage.shape.channels for stage in self.stages)]).tolist()
        channels = slice(edges[names.index(read[0])], edges[names.index(read[-1]) + 1])
        return self.moments.equations(readout.kernel, channels).solve(torch.stack(targets), ridges)

    def stack(
        self, readout: Readout, heads: list[Head], weights: torch.Tensor, biases: torch.Tensor
    ) -> StackedReadouts:
        """Readouts with weights [heads, C k²] and biases [heads], and a batch norm that changes nothing."""
        stack = make_stack(readout, heads, self.stages, self.alignment, self.training)
        solved = {  # the norm divides by the root of var + 1e-5
            "layer0.weight": weights.view(len(heads), 1, -1, readout.kernel, readout.kernel),
            "layer0.bias": biases[:, None],
            "layer0.gamma": torch.full((len(heads), 1), (1 + 1e-5) ** 0.5),
        }
        stack.load({**stack.tensors(), **solved})
        return stack

    @torch.inference_mode()
    def loss(self, stack: StackedReadouts, images: NDArray[np.int64]) -> torch.Tensor:
        """The mean squared error of each head at 224x224 on some images, float32 [heads]."""
        stages = read_by([stack.readout], self.stages)
        stack.to(self.device).eval()
        loss = UpsampledLoss(truths(stack.heads, self.definition), stack.side, self.alignment.corners).to(self.device)
        total = torch.zeros(len(stack.heads), device=self.device)
        for features in BatchReader(stages, PREDICTED, self.device).images(images):
            maps = stack(features)
            total += maps.shape[1] * loss(maps)
        return total.cpu() / len(images)
