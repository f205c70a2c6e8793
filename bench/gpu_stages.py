"""What `gpu.py` measures of whole stages: numbers beside the CPU's, and Table 1 from images of noise."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import noise
import numpy as np
import pandas as pd
import torch
from posinfo.encoders.initial import initialise
from posinfo.experiments.least_squares.solution import solve
from posinfo.features.batches import BatchReader
from posinfo.features.extraction import CUDA_BATCH, Preprocessing, extract, open_encoder
from posinfo.features.stored import StageFeatures, read_features
from posinfo.protocol.alignment import Alignment
from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import StackedReadouts
from posinfo.readouts.training import make_stack, train
from posinfo.registry import catalogue
from posinfo.registry.entries import Encoder
from posinfo.scores.measures import predict, score
from posinfo.scores.predictions import select_images
from timing import Line
from torch import nn
from training import make_heads

CPU = torch.device("cpu")
ALIGNMENT = Alignment()
BASE = Readout()
LAYERS = [Readout(layers=2), Readout(layers=3)]
COMPARED = [BASE, *LAYERS, Readout(kernel=7), Readout(padding=1), Readout(padding=2)]
SOLVED = Readout(stages="f4", least_squares=True)
ENCODERS = ("pixels", "vgg16", "resnet50")


@dataclass(frozen=True)
class Sizes:
    """Architectures, and numbers of images."""

    vgg: str
    resnet: str
    compared: int  # with the CPU
    scored: int  # of those
    timed: int
    chains: tuple[int, ...]  # training images of Table 1


LARGE = Sizes("vgg16", "torchvision/resnet50", 48, 48, 512, (1000, 10_000))
TINY = Sizes("vgg16-eighth", "torchvision/resnet18", 16, 1, 4, (8,))


@dataclass(frozen=True)
class Bench:
    """What all parts need.

    Attributes:
        device: the GPU.
        scratch: an empty folder.
        ends: when the last part has to be done, a time of `time.monotonic`.
    """

    device: torch.device
    scratch: Path
    sizes: Sizes
    ends: float

    def entry(self, name: str) -> Encoder:
        """An encoder of the sizes' architecture."""
        if name == "resnet50":
            stages = {f"f{number}": f"layer{number}" for number in range(1, 5)}
            described = {"architecture": self.sizes.resnet, "input": {"order": "RGB", "range": 1}, "taps": stages}
            return Encoder.model_validate({**described, "weights": {"random": 0}})
        entry = catalogue.shipped().encoders[name]
        return entry.model_copy(update={"architecture": self.sizes.vgg}) if name == "vgg16" else entry

    def weights(self, name: str) -> Path:
        """Its random weights."""
        path = self.scratch / f"{name}.safetensors"
        if not path.exists():
            initialise(self.entry(name).architecture, 0, path)
        return path

    def images(self, count: int) -> Path:
        """A set of images of noise."""
        path = self.scratch / f"noise{count}.npy"
        if not path.exists():
            noise.write_noise(count, path)
        return path

    def features(self, name: str, count: int, device: torch.device, model: nn.Module | None = None) -> Path:
        """The features of an encoder, or of a model in its place."""
        entry = self.entry(name)
        folder = self.scratch / device.type / name / f"noise{count}"
        extract(
            model=model or open_encoder(entry, self.weights(name)),
            preprocessing=Preprocessing.of(entry.input),
            images=self.images(count),
            output=folder,
            metadata={"encoder": name, "entry": None, "weights_sha256": None},
            alignment=ALIGNMENT,
            device=device,
        )
        return folder


class Free(nn.Module):
    """An encoder that takes no time: the same maps for every batch."""

    def __init__(self, stages: Sequence[StageFeatures], device: torch.device) -> None:
        super().__init__()
        few = range(min(CUDA_BATCH, len(stages[0].array)))
        read = BatchReader(list(stages), len(few), device).load(np.array(few))
        self.maps = {name: maps.transpose(0, 1).contiguous() for name, maps in read.items()}

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """The maps of so many images."""
        return {name: maps[: len(images)] for name, maps in self.maps.items()}


def trained(
    readouts: Sequence[Readout], stages: Sequence[StageFeatures], training: Training, device: torch.device, seeds: int
) -> list[StackedReadouts]:
    """Readouts of all patterns, trained in the same passes."""
    stacks = [make_stack(readout, make_heads(readout, seeds), stages, ALIGNMENT, training) for readout in readouts]
    train(stacks, stages, training, "paper", ALIGNMENT, device)
    return stacks


def numbers(bench: Bench) -> list[Line]:
    """Features, readouts and scores on the GPU beside the CPU's; readouts are trained on the same features."""
    count = bench.sizes.compared
    folders = [bench.features("vgg16", count, device) for device in (bench.device, CPU)]
    ours, stages = (read_features(folder) for folder in folders)
    lines = []
    for one, other in zip(ours, stages, strict=True):
        difference = np.abs(np.asarray(one.array, np.float32) - np.asarray(other.array, np.float32)).max()
        lines.append(Line(f"features {one.name}: largest difference over RMS", difference / other.metadata["rms"]))
    found: dict[str, dict[str, tuple[torch.Tensor, pd.Series[float]]]] = {}
    names = noise.names(count)
    for device in (bench.device, CPU):
        stacks = trained(COMPARED, stages, Training(epochs=3, batch=8), device, 1)
        solved = solve({SOLVED: PATTERNS}, stages[3:4], names, 0, Training(output="linear"), "paper", device)
        found[device.type] = {}
        for stack in [*stacks, *(stack for stack, _ in solved)]:
            read = [stage for stage in stages if stage.name in [shape.name for shape in stack.stages]]
            tested = select_images(read, range(bench.sizes.scored))
            scores = score(stack, tested, names[: len(tested[0].array)], "paper", ALIGNMENT, device)
            spc = scores.groupby("pattern")["spc"].mean()
            found[device.type][stack.readout.name] = predict(stack, read, device), spc
    for name, (maps, spc) in found["cuda"].items():
        expected, expected_spc = found["cpu"][name]
        lines.append(Line(f"{name}: largest difference of a predicted map", float((maps - expected).abs().max())))
        largest = np.abs(spc - expected_spc).max()
        lines.append(Line(f"{name}: largest difference of an SPC (mean over images)", largest, "≤ 0.001"))
    return lines


def chains(bench: Bench) -> list[Line]:
    """Table 1 of three encoders and three seeds from images of noise: seconds of each stage."""
    lines: list[Line] = []
    for count in bench.sizes.chains:
        left = bench.ends - time.monotonic()
        if lines and left < 10 * lines[-1].measured:
            return [*lines, Line(f"Table 1, {count} images: skipped", left, note="seconds that were left")]
        spent = chain(bench, count, max(1, count // 12))  # DUTS-TR and PASCAL-S: 10,553 and 850
        for stage, took in spent.items():
            lines.append(Line(f"Table 1, {count} images, {stage}: seconds", took))
        lines.append(Line(f"Table 1, {count} images: seconds", sum(spent.values())))
    return lines


def chain(bench: Bench, count: int, tested: int) -> Mapping[str, float]:
    """Seconds of each stage."""
    for number in (count, tested):
        bench.images(number)
    spent = dict.fromkeys(("extraction", "reading and checking", "training", "scores"), 0.0)
    for name in ENCODERS:
        moments = [time.perf_counter()]
        folders = [bench.features(name, number, bench.device) for number in (count, tested)]
        moments.append(time.perf_counter())
        stages, test = (read_features(folder) for folder in folders)
        moments.append(time.perf_counter())
        (stack,) = trained([BASE], stages, Training(), bench.device, 3)
        moments.append(time.perf_counter())
        score(stack, test, noise.names(tested), "paper", ALIGNMENT, bench.device)
        moments.append(time.perf_counter())
        for stage, took in zip(spent, np.diff(moments).tolist(), strict=True):
            spent[stage] += took
        for folder in folders:
            for file in folder.iterdir():
                file.unlink()
    return spent
