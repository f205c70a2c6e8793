"""A small job on synthetic data gives the same numbers on every device, and jobs take different GPUs."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from posinfo.features.batches import BatchReader, epoch_order
from posinfo.features.stored import read_features
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.training import make_stack, train
from posinfo.scores.measures import predict
from posinfo.store.devices import choose_device, free_gpu
from posinfo.store.errors import InputError
from pretended_gpu import GPU, pretended_gpu
from synthetic_features import ALIGNMENT, heads_of, small_features

CUDA = [torch.device("cuda", index) for index in range(torch.cuda.device_count())]


def predicted_on(device: torch.device, folder: Path) -> torch.Tensor:
    """Extract features, train readouts and predict their maps on one device."""
    folder.mkdir()
    stages = read_features(small_features(folder, device=device))
    training = Training(epochs=3, batch=3, decay_epoch=2)
    stack = make_stack(Readout(), heads_of(Readout()), stages, ALIGNMENT, training)
    train([stack], stages, training, "paper", ALIGNMENT, device)
    return predict(stack, stages, device)


@pytest.mark.skipif(not CUDA, reason="torch finds no CUDA device: there is only the CPU to run on")
def test_every_device_predicts_the_same_maps(tmp_path: Path) -> None:
    expected = predicted_on(torch.device("cpu"), tmp_path / "cpu")
    for device in CUDA:
        found = predicted_on(device, tmp_path / str(device.index))
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_batches_equal_the_features(tmp_path: Path) -> None:
    stages = read_features(small_features(tmp_path))
    for device in [torch.device("cpu"), *CUDA]:
        batches = list(BatchReader(stages, 3, device).in_order())
        for stage in stages:
            joined = torch.cat([batch[stage.name] for batch in batches], 1)
            assert joined.dtype == torch.float32
            assert torch.equal(joined.cpu().transpose(0, 1), torch.from_numpy(np.array(stage.array)).float())


@pytest.mark.parametrize(("memory", "kept"), [(2**30, True), (2**10, False)])
def test_features_that_fit_stay_on_a_gpu_in_the_same_order(tmp_path: Path, memory: int, kept: bool) -> None:
    stages = read_features(small_features(tmp_path))
    order = epoch_order(7, 0, 1)
    expected = list(BatchReader(stages, 3, torch.device("cpu")).images(order))
    with pretended_gpu(memory=memory):
        reader = BatchReader(stages, 3, GPU, passes=2)
        assert bool(reader.kept) == kept
        assert not BatchReader(stages, 3, GPU).kept  # read once, they need not stay
        for ours, theirs in zip(reader.images(order), expected, strict=True):
            assert all(torch.equal(ours[name].cpu(), maps) for name, maps in theirs.items())


def test_jobs_spread_over_the_gpus_that_they_may_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA_VISIBLE_DEVICES hides GPUs and numbers the others anew; their names stay."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for visible, taken in ((["a", "b"], 0), (["b", "a", "c"], 0), (["a", "b", "c"], 2), (["b"], 0)):
        with pretended_gpu(visible):
            assert choose_device("cuda", torch.get_num_threads()) == torch.device("cuda", taken)


def test_cuda_without_a_gpu_is_refused() -> None:
    assert choose_device("cpu", 1).type == "cpu"
    if not CUDA:
        assert choose_device("auto", 1).type == "cpu"
        with pytest.raises(InputError, match="device: auto or cpu"):
            choose_device("cuda", 1)


def test_each_job_takes_another_gpu(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; from posinfo.store.devices import free_gpu;"
        "print(free_gpu(['first', 'second'], pathlib.Path(sys.argv[1])), flush=True); sys.stdin.read()"
    )
    command, environment = [sys.executable, "-c", code, str(tmp_path)], os.environ | {"PYTHONPATH": f"{ROOT}/workflow"}
    with ExitStack() as jobs:
        taken = []
        for _ in range(3):
            job = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            jobs.enter_context(job)  # ends when its standard input closes
            assert job.stdout
            taken.append(int(job.stdout.readline()))
    assert taken == [0, 1, 0]  # a third job shares the first
    assert free_gpu(["first", "second"], tmp_path) == 0
