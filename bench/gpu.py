"""The bench for a machine with a GPU that is there for minutes: numbers beside the CPU's, speeds, memory, Table 1.

`make gpu` needs the repository alone: weights are random, images are noise. It prints a table, and writes each part
into results/gpu.csv as soon as it is measured. Parts that no longer fit into `--budget` are skipped, and named.
`--pretend` runs everything on a pretended GPU with tiny sizes; its times mean nothing.

Where the library's packages are missing and nothing can be fetched, fetch them before, for that machine's Python;
`make gpu` installs what lies there:

    pip download --only-binary=:all: --python-version 3.12 --platform manylinux_2_17_x86_64 --dest bench/wheels pydantic
"""

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

os.environ["TQDM_DISABLE"] = "1"  # before the library is imported
import gpu_stages
import noise
import numpy as np
import torch
from gpu_stages import ALIGNMENT, BASE, CPU, ENCODERS, LAYERS, Bench, Free, trained
from posinfo.experiments.tasks.data.splits import LabelledSet
from posinfo.experiments.tasks.recipes import Tuning
from posinfo.experiments.tasks.training.encoders import train
from posinfo.experiments.tasks.training.networks import TaskNetwork
from posinfo.features.batches import BatchReader
from posinfo.features.extraction import CUDA_BATCH, Preprocessing, open_encoder
from posinfo.features.stored import StageFeatures, read_features
from posinfo.images.decoded import read_images
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.training import make_stack
from posinfo.registry.entries import Encoder
from posinfo.scores.measures import score
from posinfo.store.devices import choose_device
from posinfo.store.tensors import read_tensors
from timing import ROOT, Line, seconds, side_by_side
from training import make_heads, multiply

from bench import update

KERNELS = [Readout(kernel=1), Readout(kernel=7)]


def synchronised(work: Callable[[], object]) -> Callable[[], None]:
    """The same work, done once the GPU is."""

    def whole() -> None:
        work()
        torch.cuda.synchronize()

    return whole


def pass_seconds(work: Callable[[], object]) -> float:
    """Median seconds of a work on the GPU, without gradients."""
    return median(side_by_side(synchronised(torch.inference_mode()(work)))[0])


def extraction(bench: Bench) -> list[Line]:
    """Extraction beside the bare forward pass, the pass in three ways, and a network that costs nothing."""
    count = bench.sizes.timed
    lines = []
    for name in ENCODERS[1:]:
        model = open_encoder(bench.entry(name), bench.weights(name)).eval().to(bench.device)
        pixels = torch.from_numpy(np.array(read_images(bench.images(count))[:CUDA_BATCH])).to(bench.device)
        prepared = Preprocessing.of(bench.entry(name).input).prepare(pixels)
        bare = {}
        for way, layout, short in (
            ("float32", torch.contiguous_format, False),
            ("channels last", torch.channels_last, False),
            ("channels last, TF32", torch.channels_last, True),
        ):
            batch = prepared.contiguous(memory_format=layout)
            model.to(memory_format=layout)
            torch.backends.cudnn.allow_tf32 = short
            bare[way] = pass_seconds(partial(model, batch)) / len(batch)
            lines.append(Line(f"{name}, bare pass, {way}: images/s", 1 / bare[way]))
        torch.backends.cudnn.allow_tf32 = False
        whole = seconds(partial(bench.features, name, count, bench.device)) / count
        lines.append(Line(f"{name}, extraction: rate over the bare pass, channels last", bare["channels last"] / whole))
    free = Free(read_features(bench.features("vgg16", count, bench.device)), bench.device)
    whole = seconds(partial(bench.features, "vgg16", count, bench.device, free)) / count
    return [*lines, Line("extraction by a network that costs nothing: images/s", 1 / whole, "≥ 1000")]


def epoch_seconds(bench: Bench, readouts: Sequence[Readout], stages: Sequence[StageFeatures]) -> float:
    """Seconds of one epoch of 15 heads for each readout, once the features are on the GPU."""
    short, long = (
        seconds(partial(trained, readouts, stages, Training(epochs=epochs), bench.device, 3)) for epochs in (2, 6)
    )
    return (long - short) / 4


def timed_features(bench: Bench) -> list[StageFeatures]:
    """Features of VGG16, and everything warm."""
    stages = read_features(bench.features("vgg16", bench.sizes.timed, bench.device))
    trained([BASE], stages, Training(epochs=1), bench.device, 3)
    return stages


def epochs(bench: Bench) -> list[Line]:
    """One epoch of 15 heads beside its bare products, and beside reading the features once."""
    stages = timed_features(bench)
    ours = epoch_seconds(bench, [BASE], stages)
    batches = list(BatchReader(stages, 32, bench.device).in_order())
    rows = BASE.kernel**2 * 15

    def products() -> None:
        for batch in batches:
            for maps in batch.values():
                multiply(rows, maps.transpose(0, 1).flatten(2))

    def reading() -> None:
        for _ in BatchReader(stages, 32, bench.device).in_order():
            pass

    bare, read = (median(times) for times in side_by_side(*map(synchronised, (products, reading))))
    note = f"{ours:.3f} s for {bench.sizes.timed} images; products {bare:.3f} s, reading {read:.3f} s"
    return [
        Line("one epoch, 15 heads: over the bare products", ours / bare, note=note),
        Line("one epoch, 15 heads: over reading the features once", ours / read, note=note),
    ]


def tables(bench: Bench) -> list[Line]:
    """Tables 2(a) and 2(b): an epoch of their readouts over the base readout's."""
    stages = timed_features(bench)
    base = epoch_seconds(bench, [BASE], stages)
    both = {"2(a), two and three layers": LAYERS, "2(b), 1 x 1 and 7 x 7": KERNELS}
    times = {table: epoch_seconds(bench, readouts, stages) for table, readouts in both.items()}
    return [
        Line(f"Table {table}: over the base readout", own / base, note=f"{own:.3f} s") for table, own in times.items()
    ]


def scores(bench: Bench) -> list[Line]:
    """Scores of 5 maps an image, on the GPU and on the CPU."""
    stages = timed_features(bench)[-1:]
    stack = make_stack(Readout(stages=stages[0].name), make_heads(BASE, 1), stages, ALIGNMENT, Training())
    names = noise.names(bench.sizes.timed)
    works = [partial(score, stack, stages, names, "paper", ALIGNMENT, device) for device in (bench.device, CPU)]
    works[0]()
    gpu, cpu = (seconds(work) for work in works)
    return [Line("SPC and MAE: the GPU's rate over the CPU's", cpu / gpu, "≥ 1", f"{5 * len(names) / gpu:.0f} maps/s")]


def task(bench: Bench) -> list[Line]:
    """A step of a training for saliency, over three bare passes forward of the same images."""
    described = {**bench.entry("vgg16").model_dump(), "weights": {"task": "saliency", "start": "vgg16"}}
    start = {name: torch.from_numpy(array) for name, array in read_tensors(bench.weights("vgg16"))[0].items()}
    network = TaskNetwork(Encoder.model_validate(described), 1, start)
    masks = np.zeros((16, 224, 224), np.uint8)
    masks[:, 60:180, 60:180] = 1
    images = np.array(read_images(bench.images(16)))
    examples = LabelledSet(images, masks, noise.names(16), 0)
    batch = torch.from_numpy(images[:8]).to(bench.device)

    def steps(count: int) -> None:
        recipe = Tuning(epochs=1, images=8 * count, batch=8)
        train(network, examples, recipe, dict, bench.scratch / "checkpoint", bench.device, f"{count}")

    short, long = (seconds(synchronised(partial(steps, count))) for count in (2, 12))
    bare = pass_seconds(lambda: network(network.prepare(batch)))
    step = (long - short) / 10
    return [Line("a step of 8 images for saliency: over three passes forward", step / (3 * bare), note=f"{step:.3f} s")]


# Part to its work and the seconds that it may take on a large GPU with 16 cores; those that matter most come first.
PARTS: dict[str, tuple[Callable[[Bench], list[Line]], int]] = {
    "numbers": (gpu_stages.numbers, 90),
    "extraction": (extraction, 60),
    "epochs": (epochs, 30),
    "tables": (tables, 40),
    "scores": (scores, 40),
    "task": (task, 20),
    "chains": (gpu_stages.chains, 30),
}


def measure(parts: Sequence[str], bench: Bench, into: Path) -> int:
    """Measure parts, print and write their lines, and return how many failed."""
    failed = 0
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    into.parent.mkdir(parents=True, exist_ok=True)
    for part in parts:
        work, needed = PARTS[part]
        left = bench.ends - time.monotonic()
        if left < needed:
            lines = [Line(f"{part}: skipped", left, note="seconds that were left")]
        else:
            torch.cuda.reset_peak_memory_stats()
            try:
                lines = work(bench)
            except Exception:  # the machine is there for minutes: the other parts are still measured
                traceback.print_exc()
                failed += 1
                lines = [Line(f"{part}: failed", left, note="seconds that were left")]
            lines.append(Line(f"{part}: peak GPU memory, GB", torch.cuda.max_memory_allocated() / 1e9))
        update(into, f"gpu {part}", lines)
        for line in lines:
            print(f"{line.what:<80} {line.measured:<10.4g} {line.goal:<8} {line.note}", flush=True)
    return failed


def main() -> int:
    """Measure the asked parts; 0 if all that fit into the budget were measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}; by default all")
    parser.add_argument("--pretend", action="store_true", help="a pretended GPU, and tiny sizes")
    parser.add_argument("--budget", type=float, default=520, help="seconds that all parts may take (default: 520)")
    parser.add_argument("--into", type=Path, default=ROOT / "results/gpu.csv", help="csv that the lines go into")
    parser.add_argument("--scratch", type=Path, help="folder with 20 GB of room; by default the system's own")
    args = parser.parse_args()
    if unknown := set(args.parts) - PARTS.keys():
        parser.error(f"there is no part {min(unknown)}; parts: {', '.join(PARTS)}")
    ends = time.monotonic() + args.budget
    gpu: AbstractContextManager[object] = nullcontext()
    if args.pretend:
        sys.path.append(str(ROOT / "tests"))
        gpu = import_module("pretended_gpu").pretended_gpu()
    with gpu, TemporaryDirectory(dir=args.scratch) as scratch:
        sizes = gpu_stages.TINY if args.pretend else gpu_stages.LARGE
        bench = Bench(choose_device("cuda", torch.get_num_threads()), Path(scratch), sizes, ends)
        return measure(args.parts or list(PARTS), bench, args.into)


if __name__ == "__main__":
    sys.exit(main())
