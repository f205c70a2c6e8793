"""Extraction beside the bare forward pass, and two jobs of one thread beside one job of two."""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median

import noise
import numpy as np
import torch
from posinfo.encoders.architectures import with_weights
from posinfo.features.extraction import Preprocessing, extract, open_encoder
from posinfo.protocol.alignment import Alignment
from posinfo.registry import catalogue
from posinfo.store.tensors import read_tensors
from timing import CORES, Line, seconds, side_by_side, use_cores
from torch import nn

VGG = catalogue.shipped().encoders["vgg16"]
PREPROCESSING = Preprocessing.of(VGG.input)


def extraction(count: int, scratch: Path) -> Callable[[], None]:
    """Extraction of `count` images of noise to disk, ready to be called."""
    images = scratch / f"noise{count}.npy"
    noise.write_noise(count, images)
    return partial(
        extract,
        model=open_encoder(VGG, noise.weights()),
        preprocessing=PREPROCESSING,
        images=images,
        output=scratch / "features",
        metadata={"encoder": "vgg16", "weights_sha256": None},
        alignment=Alignment(),
        device=torch.device("cpu"),
    )


def preprocessed(count: int) -> torch.Tensor:
    """Images of noise as the encoder expects them, float32 [count, 3, 224, 224]."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 224, 224, 3), dtype=np.uint8)
    return PREPROCESSING.prepare(torch.from_numpy(pixels)).contiguous()


def bare_vgg() -> nn.Module:
    """The convolutions without taps."""
    arrays = read_tensors(noise.weights())[0]
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return with_weights(VGG.architecture, tensors, "the weights").eval()


def _bare(count: int, layout: torch.memory_format) -> Callable[[], None]:
    model = bare_vgg().to(memory_format=layout)
    images = preprocessed(count).contiguous(memory_format=layout)

    @torch.inference_mode()
    def forward() -> None:
        for batch in torch.split(images, 4):
            model(batch)

    return forward


def two_threads(count: int = 96) -> list[Line]:
    """Extraction to disk over the bare forward pass of the same module, on images already in memory.

    With fewer images, the costs of each set (flushing to the disk) would be several percent.
    """
    return _beside_bare(count, CORES, 5)


def one_thread(count: int = 64) -> list[Line]:
    """The same with one thread, as jobs have it on two cores: the other core is free for the writing thread."""
    return _beside_bare(count, 1, 3)


def _beside_bare(count: int, threads: int, repetitions: int) -> list[Line]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    layouts = {"float32": torch.contiguous_format, "channels-last": torch.channels_last}
    tried = {}
    for name, layout in layouts.items():
        few = _bare(8, layout)
        few()
        tried[name] = seconds(few)
    best = min(tried, key=lambda name: tried[name])
    with tempfile.TemporaryDirectory(dir=noise.folder()) as scratch:
        work = extraction(count, Path(scratch))
        extracting, forward = side_by_side(work, _bare(count, layouts[best]), repetitions=repetitions)
    torch.set_num_threads(before)
    ours = count / np.array(extracting)
    bare = count / np.array(forward)
    words = f"{threads} thread" + "s" * (threads > 1)
    note = f"{np.median(ours):.2f} against {np.median(bare):.2f} images/s ({best}, the faster layout)"
    what = f"extraction, VGG16, {words}: rate over the bare forward pass"
    return [Line(what, float(np.median(ours / bare)), "≥ 0.97", note)]


def two_jobs(count: int = 48) -> list[Line]:
    """Images a second of two jobs of one thread together, over those of one job with both cores."""
    together = []
    single = []
    for _ in range(3):
        together.append(_rate(CORES, 1, count))
        single.append(_rate(1, CORES, CORES * count))
    quotient = median(two / one for two, one in zip(together, single, strict=True))
    note = f"{median(together):.2f} against {median(single):.2f} images/s, flushed to the disk"
    what = "extraction, VGG16: two jobs of one thread over one job of two, images a second"
    return [Line(what, quotient, "≥ 1", note)]


def _rate(jobs: int, threads: int, count: int) -> float:
    """Images a second of jobs that start together, from the start to the end of the last."""
    context = get_context("spawn")
    ready = context.Barrier(jobs)
    spans = context.SimpleQueue()
    running = [context.Process(target=_job, args=(threads, count, ready, spans)) for _ in range(jobs)]
    for job in running:
        job.start()
    for job in running:
        job.join()
        if job.exitcode:
            raise RuntimeError("a job of the bench failed; see above")
    times: list[tuple[float, float]] = [spans.get() for _ in running]
    return jobs * count / (max(end for _, end in times) - min(start for start, _ in times))


def _job(threads: int, count: int, ready: Barrier, spans: "SimpleQueue[tuple[float, float]]") -> None:
    use_cores(threads)
    with tempfile.TemporaryDirectory(dir=noise.folder()) as scratch:
        extraction(4, Path(scratch))()
        work = extraction(count, Path(scratch))
        ready.wait()
        started = time.perf_counter()
        work()
        spans.put((started, time.perf_counter()))
