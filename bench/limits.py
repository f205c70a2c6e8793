"""Each stage of the work beside the least that it could take."""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from posinfo.encoders.architectures import with_weights
from posinfo.features.extraction import InputConvention, Target, extract, open_encoder
from posinfo.features.stored import StageFeatures, read_features
from posinfo.images.pictures import Picture, write_images
from posinfo.protocol.alignment import Alignment
from posinfo.protocol.patterns import PATTERNS, ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.deep import Stack
from posinfo.readouts.heads import Head
from posinfo.readouts.training import make_stack, train
from posinfo.registry import catalogue
from posinfo.run.config import RunConfig
from posinfo.scores.measures import centred_ranks, spearman
from posinfo.store.tensors import read_tensors
from timing import Line, ratio, side_by_side
from torch import nn

ROOT = Path(__file__).parent.parent
RUN = RunConfig()
CPU = torch.device("cpu")
VGG = catalogue.shipped().encoders[RUN.models.VGG]
WEIGHTS = ROOT / f"resources/encoders/{RUN.models.VGG}.safetensors"


def pictures(count: int) -> np.ndarray:
    """The first training pictures, uint8 [count, 224, 224, 3]."""
    return np.array(np.load(ROOT / f"results/images/{RUN.images.train}.npy", mmap_mode="r")[:count])


def cached() -> list[StageFeatures]:
    """VGG16's features of the training pictures."""
    folder = ROOT / f"results/features/{RUN.models.VGG}/{RUN.images.train}"
    return read_features([folder / f"{stage}.npy" for stage in VGG.stages])


def first(stages: list[StageFeatures], count: int) -> list[StageFeatures]:
    """The same stages with only the first pictures."""
    return [StageFeatures(stage.name, stage.array[:count], stage.story) for stage in stages]


def heads(readout: Readout, seeds: int = 3) -> list[Head]:
    """A head for each pattern and seed."""
    return [Head(readout, pattern, seed) for pattern in PATTERNS for seed in range(seeds)]


def bare_vgg() -> nn.Module:
    """The convolutions without taps."""
    stored = {name: torch.from_numpy(array) for name, array in read_tensors(WEIGHTS)[0].items()}
    return with_weights(VGG.architecture, stored, str(WEIGHTS)).eval()


def extracting(count: int, scratch: Path) -> Callable[[], None]:
    """Extraction of the first pictures to disk, ready to be called."""
    convention, model = InputConvention(**VGG.input.model_dump()), open_encoder(VGG.architecture, WEIGHTS, VGG.taps)
    images, story = scratch / "bench.npy", {"encoder": RUN.models.VGG, "weights_sha256": None}
    write_images((Picture(f"{index}", picture) for index, picture in enumerate(pictures(count))), count, images)
    return partial(
        extract,
        model=model,
        convention=convention,
        images=images,
        targets=[Target({stage: scratch / f"{stage}.npy" for stage in VGG.stages}, story)],
        alignment=Alignment(),
        device=CPU,
    )


def extraction(count: int = 96) -> list[Line]:
    """Extraction to disk against the bare forward pass of the same module, on pictures already in memory.

    Of fewer pictures, what each set pays once (flushing to the disk) would be several percent.
    """
    plain = InputConvention(**VGG.input.model_dump()).prepare(torch.from_numpy(pictures(count))).contiguous()
    bare = {"float32": bare_vgg(), "channels-last": bare_vgg().to(memory_format=torch.channels_last)}
    prepared = {"float32": plain, "channels-last": plain.to(memory_format=torch.channels_last)}
    with tempfile.TemporaryDirectory() as scratch:
        ours = extracting(count, Path(scratch))

        @torch.inference_mode()
        def forward(kind: str) -> None:
            for chosen in torch.split(prepared[kind], 4):
                bare[kind](chosen)

        found = side_by_side(ours, lambda: forward("float32"), lambda: forward("channels-last"))
    rates = [count / np.array(one) for one in found]
    best = np.maximum(rates[1], rates[2])
    note = " / ".join(f"{np.median(rate):.1f}" for rate in rates)
    return [
        Line(
            "extraction, VGG16: rate over the bare forward pass",
            float(np.median(rates[0] / best)),
            "≥ 0.95",
            f"pictures/s: {note} (ours, bare float32, bare channels-last)",
        )
    ]


def one_pass() -> list[Line]:
    """One epoch of the base readout against reading its features and the bare products forward and backward."""
    stages, readout, training = cached(), Readout(), Training(epochs=1)
    stack = make_stack(readout, heads(readout), stages, RUN.alignment, training)
    rows = readout.kernel**2 * len(stack.heads)

    def least() -> None:
        for start in range(0, len(stages[0].array), training.batch):
            for stage in stages:
                values = torch.from_numpy(stage.array[start : start + training.batch]).float()
                maps = values.flatten(2)
                mixed = torch.randn(rows, stage.shape.channels) @ maps
                torch.einsum("brp,bcp->rc", mixed, maps)

    quotient, mine, limit = ratio(lambda: epochs([stack], stages, training), least)
    note = f"{mine:.2f} s against {limit:.2f} s"
    return [Line("one training pass, VGG16, 15 heads: over reading and bare products", quotient, "≤ 1.3", note)]


def epochs(stacks: Sequence[Stack], stages: list[StageFeatures], training: Training) -> None:
    """Train without keeping anything."""
    train(stacks, stages, training, RUN.patterns, RUN.alignment, CPU, describe="bench")


def scoring() -> list[Line]:
    """Spearman's correlation of one map against one sort that says where each of its numbers stood."""
    values = np.random.default_rng(0).random(224 * 224, dtype=np.float32)
    target = centred_ranks(ground_truth("H", 224, RUN.patterns))
    times = 20

    def ours() -> None:
        for _ in range(times):
            spearman(values, target)

    def sort() -> None:
        for _ in range(times):
            np.argsort(values)

    quotient, mine, limit = ratio(ours, sort)
    note = f"{1e3 * mine / times:.2f} ms against {1e3 * limit / times:.2f} ms"
    return [Line("SPC of a map: over one sort of 224 x 224 numbers", quotient, "≤ 1.5", note)]
