"""Every stage on a pretended GPU: the CPU's numbers, no tensor on the wrong device, no wait for it in any loop."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from posinfo.encoders.initial import initialise
from posinfo.experiments.atlas.maps import predict_maps
from posinfo.experiments.least_squares.solution import solve
from posinfo.experiments.pooled_location.measurement import draw_placements, pool_features
from posinfo.experiments.red_green.measurement import measure_accuracy
from posinfo.experiments.tasks.data.masks import write_masks
from posinfo.experiments.tasks.predictions import crops, segmentations
from posinfo.experiments.tasks.recipes import Recipe, Tuning
from posinfo.experiments.tasks.training.encoders import train_encoder
from posinfo.experiments.uneven_padding.measurement import measure_sides
from posinfo.features.stored import StageFeatures, read_features
from posinfo.images.decoded import DecodedImage, read_images, write_images
from posinfo.probing.probe import probe
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.training import make_stack, train
from posinfo.registry.entries import Encoder
from posinfo.run.config import load_config
from posinfo.scores.learning_curve import curve
from posinfo.scores.measures import predict, score
from posinfo.scores.predictions import predicted_maps, select_images
from posinfo.store.tensors import read_tensors
from pretended_gpu import CPU, GPU, pretended_gpu
from synthetic_features import ALIGNMENT, PREPROCESSING, TwoStages, heads_of, small_features
from synthetic_measurements import write_noise
from torch import nn

Found = list[Any]  # arrays and tables
TRAINING = Training(epochs=2, batch=3, decay_epoch=1, hidden=3)


def stages_and_names(device: torch.device, folder: Path, count: int) -> tuple[list[StageFeatures], list[str]]:
    return read_features(small_features(folder, count, device=device)), [f"{number}-0" for number in range(count)]


def readout(name: str) -> Callable[[torch.device, Path, int], Found]:
    """A readout trained and scored, its maps for figures, and its maps and errors for the atlas."""

    def work(device: torch.device, folder: Path, count: int) -> Found:
        stages, names = stages_and_names(device, folder, count)
        chosen = Readout.parse(name)
        stack = make_stack(chosen, heads_of(chosen), stages, ALIGNMENT, TRAINING)
        losses = train([stack], stages, TRAINING, "paper", ALIGNMENT, device)
        read = [stage for stage in stages if stage.name in [shape.name for shape in stack.stages]]
        return [
            *(np.asarray(stage.array) for stage in stages),
            *losses,
            score(stack, read, names, "paper", ALIGNMENT, device),
            predict(stack, select_images(read, 4 * [*range(count)]), device),  # of 48 images, more than a batch
            predicted_maps(stack, read, ["G"], 1, device)["G"],
            *predict_maps(stack, read, ["H", "G"], [1, 0], 0, "paper", device),
        ]

    return work


def least_squares(device: torch.device, folder: Path, count: int) -> Found:
    stages, names = stages_and_names(device, folder, count)
    asked = {Readout(kernel=kernel, padding=1, least_squares=True): ("H", "G") for kernel in (1, 3)}
    solved = solve(asked, stages, names, 0, Training(output="linear"), "paper", device)
    return [tensor for stack, losses in solved for tensor in (stack.cpu().tensors()["layer0.weight"], *losses.values())]


def learning_curve(device: torch.device, folder: Path, count: int) -> Found:
    stages, names = stages_and_names(device, folder, count)
    run = load_config({"curve": [1 / 2], "seeds": [0], "training": TRAINING.model_dump()})
    return list(curve(run, [Readout()], stages, names, stages, names, device))


def scenes(folder: Path, part: str, classes: tuple[str, ...]) -> list[Path]:
    """Two images of noise, with an object or class below and an unlabelled corner."""
    rng = np.random.default_rng(len(part))
    pixels = [rng.integers(0, 256, (224, 224, 3), dtype=np.uint8) for _ in range(2)]
    images = [
        DecodedImage(f"{part}{number}-0", one, f"{part}{number}", f"{part}{number}")
        for number, one in enumerate(pixels)
    ]
    masks = np.zeros((2, 224, 224), np.uint8)
    masks[:, 112:, :50] = 1
    masks[:, 0, :7] = 255
    write_images(iter(images), 2, folder / f"{part}.npy")
    write_masks(iter(masks), 2, folder / f"masks/{part}.npy", classes=classes)
    return [folder / f"{part}.npy", folder / f"masks/{part}.npy"]


def training(task: str, start: str | None) -> Callable[[torch.device, Path, int], Found]:
    """An encoder trained for a task from scratch, or further from weights, and what figures show of it."""

    def work(device: torch.device, folder: Path, count: int) -> Found:
        classes = ("sky", "road") if task == "segmentation" else ()
        learned, tested = (scenes(folder, part, classes) for part in ("train", "test"))
        weights = {"task": task, "start": start, "seed": 0}
        described = {"architecture": "vgg16-eighth", "weights": weights, "input": {"order": "BGR", "range": 255}}
        entry = Encoder.model_validate({**described, "taps": {"f1": "features.8", "f2": "features.15"}})
        steps = {"epochs": 2, "images": count, "batch": 2, "lr": 1e-3}
        recipe: Recipe = Tuning(**steps) if start else Recipe(**steps)
        begun = folder / "begun.safetensors" if start else None
        if begun:
            initialise("vgg16-eighth", 0, begun)
        path = folder / "trained.safetensors"
        train_encoder("trained", entry, recipe, learned, [tested], path, device, begun, [1])
        if task == "saliency":
            shown = crops(entry, path, tested, device)
        else:
            shown = segmentations(entry, path, learned, tested, recipe, device)
        stored = [*read_tensors(path)[0].values(), *read_tensors(path.with_suffix(".head.safetensors"))[0].values()]
        tables = [pd.read_csv(path.with_suffix(f".{name}.csv")) for name in ("epochs", "metrics", "images")]
        return [*stored, *tables, *(values for values in shown.values() if values.dtype.kind != "U")]

    return work


def pooled_location(device: torch.device, folder: Path, count: int) -> Found:
    write_noise(folder / "images.npy", count)
    placements = draw_placements([f"photo{number}-0" for number in range(count)], [2], count, 0)
    return [pool_features(TwoStages(), PREPROCESSING, read_images(folder / "images.npy"), placements, 40, device)]


def red_green(device: torch.device, _: Path, count: int) -> Found:
    return [measure_accuracy("same", [0], 100 * count, 1, device)]


def uneven_padding(device: torch.device, _: Path, count: int) -> Found:
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    rows, maps = measure_sides(TwoStages(), PREPROCESSING, images, images[:2], ["a-0", "b-0"], [32, 33], device)
    return [rows, *maps.values()]


def probing(device: torch.device, _: Path, count: int) -> Found:
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    module, beside = (
        nn.Sequential(nn.Conv2d(3, 4, 3, 8, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3, 2, padding=1)) for _ in range(2)
    )
    for number, weights in enumerate([*module.parameters(), *beside.parameters()]):
        nn.init.normal_(weights, generator=torch.Generator().manual_seed(number))
    options: dict[str, Any] = {"transform": PREPROCESSING, "training": TRAINING, "device": device.type}
    options["random"] = [beside]
    with patch.dict("posinfo.probing.images.IMAGES", train=count, test=2):  # no views beside the images
        scores, maps = probe(module, images, {"f1": "1", "f2": "2"}, patterns=["H"], seeds=[0], **options)
    return [scores, *(of_stage["H"] for of_stage in maps.values())]


READOUTS = (
    "L1-k3-p0-all",
    "L1-k3-p1-f1",
    "L1-k3-p2-all",
    "L1-k3-p0-all-c2",
    "L1-k7-p0-all",
    "L2-k3-p0-all",
    "L3-k3-p2-all",
)
WORKS: dict[str, Callable[[torch.device, Path, int], Found]] = {
    **{name: readout(name) for name in READOUTS},
    "least squares": least_squares,
    "learning curve": learning_curve,
    "saliency from weights": training("saliency", "begun"),
    "segmentation from scratch": training("segmentation", None),
    "pooled location": pooled_location,
    "red and green": red_green,
    "uneven padding": uneven_padding,
    "probe": probing,
}


def on_gpu(work: Callable[[torch.device, Path, int], Found], folder: Path, count: int) -> tuple[Found, list[str]]:
    """What a work finds on the pretended GPU, and its waits."""
    folder.mkdir()
    with pretended_gpu() as waits:
        return work(GPU, folder, count), waits


@pytest.mark.parametrize("name", WORKS)
def test_a_gpu_gives_the_numbers_of_the_cpu_without_waits(name: str, tmp_path: Path) -> None:
    """More batches to learn from wait no more often for the GPU."""
    (tmp_path / "cpu").mkdir()
    expected = WORKS[name](CPU, tmp_path / "cpu", 12)
    _, few = on_gpu(WORKS[name], tmp_path / "few", 6)
    found, waits = on_gpu(WORKS[name], tmp_path / "gpu", 12)
    assert 0 < len(waits) == len(few)
    assert len(found) == len(expected) > 0
    for ours, theirs in zip(found, expected, strict=True):
        if isinstance(theirs, pd.DataFrame):
            pd.testing.assert_frame_equal(ours, theirs, rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)  # a step of float16


def bench(*options: str, folder: Path) -> set[str]:
    """What the bench for a GPU measures on a pretended one; a part that fails makes its exit status 1."""
    csv = folder / "gpu.csv"
    command = [sys.executable, str(ROOT / "bench/gpu.py"), "--pretend", "--into", str(csv), "--scratch", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, *options], env=environment, check=True)
    return set(pd.read_csv(csv)["what"])


def test_the_bench_measures_every_part_within_its_budget(tmp_path: Path) -> None:
    skipped = bench("--budget", "0", folder=tmp_path)
    parts = {line.removesuffix(": skipped") for line in skipped}
    assert {"numbers", "extraction", "scores", "task", "chains"} < parts
    measured = bench("--budget", "3600", folder=tmp_path)
    assert {f"{part}: peak GPU memory, GB" for part in parts} < measured
    assert {"L3-k3-p0-all: largest difference of a predicted map", "Table 1, 8 images: seconds"} < measured
