"""Exact readouts: the best linear convolution, by ridge least squares, for all patterns in one pass over the features.

One set of sums (`normal_equations.Moments`) serves every pattern, every choice of stages, and kernels of 1 and 3.
Larger kernels are solved by conjugate gradients on the cached features (`conjugate_gradient`).
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from posinfo.experiments.least_squares.axis import Axis
from posinfo.experiments.least_squares.conjugate_gradient import NormalOperator, steps
from posinfo.experiments.least_squares.normal_equations import Moments
from posinfo.features.batches import BatchReader
from posinfo.features.stored import StageFeatures
from posinfo.images.views import photograph_of
from posinfo.protocol.alignment import IMAGE_SIDE, Alignment
from posinfo.protocol.patterns import Definition, ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.protocol.resampling import bilinear_matrix
from posinfo.readouts.layered import Stack
from posinfo.readouts.stacked import Head, StackedReadouts
from posinfo.readouts.training import make_stack, truths
from posinfo.readouts.upsampling import UpsampledLoss
from posinfo.store.errors import InputError

RIDGES = tuple(10.0**power for power in range(-4, 3))  # relative to the mean variance of the inputs
LARGEST_DIRECT = 3  # kernel whose normal equations fit in memory: 13,248 unknowns for VGG16
STEPS = 40  # of conjugate gradients, at most
HELD_OUT = 4  # every fourth photograph judges the ridges
BATCH = 32


def target(pattern: str, side: int, definition: Definition, corners: bool) -> torch.Tensor:
    """What a linear readout regresses on, float64 [side, side]: the map whose upsampling is nearest to the truth.

    The loss at 224x224 is |U (p - t) Uᵀ|² plus a constant, with this t. Least squares here takes |p - t|² instead: the
    weight UᵀU mixes neighbouring outputs only, and without it the sums over outputs stay correlations at fixed offsets.
    """
    shrink: torch.Tensor = torch.linalg.pinv(bilinear_matrix(IMAGE_SIDE, side, corners))
    nearest: torch.Tensor = shrink @ torch.from_numpy(ground_truth(pattern, IMAGE_SIDE, definition)) @ shrink.T
    return nearest


def held_out(names: Sequence[str]) -> NDArray[np.bool_]:
    """Which pictures judge the ridges: all views of every fourth photograph. bool [N].

    Raises:
        InputError: when there are fewer photographs than that.
    """
    photographs = photograph_of(names)
    if photographs.max() + 1 < HELD_OUT:
        raise InputError(
            f"an exact readout needs at least {HELD_OUT} training photographs; name a larger set of images"
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
) -> Iterator[tuple[Stack, dict[str, torch.Tensor]]]:
    """The solved readouts, each with what its strength was chosen by, on every fourth photograph.

    Kernels of 1 and 3 have a `ridge` [heads] and the `held_out` loss at 224x224 of each of `RIDGES` [heads, ridges];
    larger ones the number of `steps` [heads] of conjugate gradients and the `held_out` loss after each [heads, STEPS].
    The strength is the one whose solution on three quarters of the photographs has the smallest loss on the others; the
    readout is then solved on all.

    Args:
        asked: readouts to patterns; all exact, with one padding.
        names: of the training pictures.
        seed: under which the one solution is stored; nothing is drawn.
        training: `scale` is used; `output` must be linear.

    Raises:
        InputError: when a readout is not exact, or they differ in padding or scale.
    """
    if not all(readout.exact for readout in asked):
        raise InputError("exact readouts are named so, such as exact-k3-p0-all")
    if len({(readout.padding, readout.raw) for readout in asked}) > 1:
        raise InputError("exact readouts that are solved together share one padding and one scale")
    judges, direct = held_out(names), {}
    for readout, patterns in asked.items():
        if readout.kernel <= LARGEST_DIRECT:
            direct[readout] = patterns
            continue
        heads = [Head(readout, pattern, seed) for pattern in patterns]
        stack = make_stack(readout, heads, stages, stages[0].alignment, training)
        yield stack, _iterated(stack, stages, judges, definition, device)
    if direct:
        yield from _solved(direct, stages, judges, seed, training, definition, device)


def _iterated(
    stack: Stack,
    stages: Sequence[StageFeatures],
    judges: NDArray[np.bool_],
    definition: Definition,
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """Solve a stack by conjugate gradients, stopped for each head where the held-out loss was smallest."""
    assert isinstance(stack, StackedReadouts)
    alignment, name = stages[0].alignment, stack.readout.name
    wanted = torch.stack([target(head.pattern, stack.side, definition, alignment.corners) for head in stack.heads])
    part = NormalOperator(stack, stages, np.flatnonzero(~judges), wanted, device)
    losses = []
    for weights in steps(part, STEPS, f"{name}, three quarters"):
        _load_mixing(stack, weights, part.biases(weights))
        losses += _losses([stack], stages, np.flatnonzero(judges), definition, alignment, device)
    held = torch.stack(losses, 1)
    best = held.argmin(1)
    whole = NormalOperator(stack, stages, np.arange(len(judges)), wanted, device)
    chosen = torch.zeros_like(whole.right)
    for place, weights in enumerate(steps(whole, int(best.max()) + 1, f"{name}, all")):
        chosen[:, best == place] = weights[:, best == place]
    _load_mixing(stack, chosen, whole.biases(chosen))
    return {"steps": best + 1, "held_out": held}


def _load_mixing(stack: StackedReadouts, weights: torch.Tensor, biases: torch.Tensor) -> None:
    _load(stack, weights.transpose(0, 1).flatten(1), biases)


def _solved(
    asked: Mapping[Readout, Sequence[str]],
    stages: Sequence[StageFeatures],
    judges: NDArray[np.bool_],
    seed: int,
    training: Training,
    definition: Definition,
    device: torch.device,
) -> Iterator[tuple[Stack, dict[str, torch.Tensor]]]:
    """Solve readouts with small kernels by their normal equations, all from the same sums."""
    readouts, alignment = list(asked), stages[0].alignment
    kernel = max(readout.kernel for readout in readouts)
    everything = Readout(kernel=kernel, padding=readouts[0].padding, raw=readouts[0].raw, exact=True)
    # A stage is scaled as a stack scales it.
    scales = [make_stack(everything, [], [stage], alignment, training).channel_scale[0].item() for stage in stages]
    axis = Axis(alignment.side, everything.padding, kernel, alignment.corners)
    moments = Moments([stage.shape for stage in stages], scales, axis, device)
    _add(moments, stages, np.flatnonzero(~judges), device)

    def solved(readout: Readout, patterns: Sequence[str], ridges: Sequence[float]) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights [ridges, patterns, P] and biases."""
        wanted = torch.stack(
            [target(pattern, axis.side - readout.kernel + 1, definition, alignment.corners) for pattern in patterns]
        )
        return moments.equations(readout.kernel, _channels(readout, stages)).solve(wanted, ridges)

    trials = []
    for readout, patterns in tqdm(asked.items(), desc="ridges", unit="readout"):
        # One head per ridge and pattern; the place in RIDGES stands where the seed would.
        heads = [Head(readout, pattern, place) for place in range(len(RIDGES)) for pattern in patterns]
        stack = make_stack(readout, heads, stages, alignment, training)
        _load(stack, *(part.flatten(0, 1) for part in solved(readout, patterns, RIDGES)))
        trials.append(stack)
    losses = _losses(trials, stages, np.flatnonzero(judges), definition, alignment, device)
    _add(moments, stages, np.flatnonzero(judges), device)
    for (readout, patterns), found in zip(asked.items(), losses, strict=True):
        loss = found.view(len(RIDGES), len(patterns))
        best = loss.argmin(0).tolist()
        chosen = sorted(set(best))
        weights, biases = solved(readout, patterns, [RIDGES[place] for place in chosen])
        mine = ([chosen.index(place) for place in best], list(range(len(best))))
        stack = make_stack(readout, [Head(readout, pattern, seed) for pattern in patterns], stages, alignment, training)
        _load(stack, weights[mine], biases[mine])
        yield stack, {"ridge": torch.tensor([RIDGES[place] for place in best]), "held_out": loss.T.contiguous()}


def _channels(readout: Readout, stages: Sequence[StageFeatures]) -> torch.Tensor:
    """The channels that a readout reads, among those of all stages."""
    read = readout.stages_read([stage.name for stage in stages])
    chosen = torch.cat([torch.full((stage.shape.channels,), stage.name in read) for stage in stages])
    return chosen.nonzero().flatten()


def _add(moments: Moments, stages: Sequence[StageFeatures], pictures: NDArray[np.int64], device: torch.device) -> None:
    batches = BatchReader(list(stages), BATCH, device).pictures(pictures)
    for features in tqdm(batches, desc="sums", unit="batch", total=-(-len(pictures) // BATCH)):
        moments.add([features[stage.name] for stage in stages])


def _load(stack: Stack, weights: torch.Tensor, biases: torch.Tensor) -> None:
    """Set weights [heads, k² C] and biases [heads], with a batch norm that changes nothing."""
    kernel, count = stack.readout.kernel, len(stack.heads)
    by_place = weights.view(count, kernel, kernel, -1).permute(0, 3, 1, 2)
    ones, zeros = torch.ones(count, 1), torch.zeros(count, 1)
    # The norm divides by the root of var + 1e-5: gamma makes up for that.
    vectors = {"bias": biases[:, None], "gamma": ones * (1 + 1e-5) ** 0.5, "beta": zeros, "mean": zeros, "var": ones}
    stack.load({"layer0.weight": by_place[:, None], **{f"layer0.{name}": vector for name, vector in vectors.items()}})


@torch.inference_mode()
def _losses(
    stacks: Sequence[Stack],
    stages: Sequence[StageFeatures],
    pictures: NDArray[np.int64],
    definition: Definition,
    alignment: Alignment,
    device: torch.device,
) -> list[torch.Tensor]:
    """For each stack the mean squared error of its heads at 224x224 on some pictures, float32 [heads]."""
    judged = [
        UpsampledLoss(truths(stack.heads, definition), stack.side, alignment.corners).to(device) for stack in stacks
    ]
    sums = [torch.zeros(len(stack.heads)) for stack in stacks]
    for features in BatchReader(list(stages), BATCH, device).pictures(pictures):
        batch = next(iter(features.values())).shape[1]
        for total, stack, loss in zip(sums, stacks, judged, strict=True):
            total += batch * loss(stack.to(device).eval()(features)).cpu()
    return [total / len(pictures) for total in sums]
