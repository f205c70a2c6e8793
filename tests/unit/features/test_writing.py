"""Feature files are written by other threads: the same bytes in order, and nothing half-done after an error."""

import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, current_thread
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from posinfo.__main__ import tidy_when_terminated
from posinfo.features import writing
from posinfo.features.extraction import aligned, write_features
from posinfo.features.writing import SIDECAR
from posinfo.store.errors import InputError
from posinfo.store.files import StreamedArray, read_json, sha256_of, write_json
from pretended_gpu import GPU, pretended_gpu
from synthetic_features import ALIGNMENT, IMAGE_FILES, PREPROCESSING, TwoStages, files_in, small_features


def interrupting(stop: Callable[[], None]) -> type[TwoStages]:
    """A network that is interrupted while it computes the third batch and the second is being written."""

    class Interrupted(TwoStages):
        batches = 0

        def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
            self.batches += 1
            if self.batches == 3:
                stop()
            return super().forward(images)

    return Interrupted


def interrupt() -> None:
    raise KeyboardInterrupt


def terminate(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def test_the_bytes_are_those_of_a_plain_forward_pass(tmp_path: Path) -> None:
    folder = small_features(tmp_path, count=20)
    network, images = TwoStages(), torch.from_numpy(np.load(tmp_path / "set.npy"))
    with torch.inference_mode():
        batches = [network(PREPROCESSING.prepare(chunk)) for chunk in torch.split(images, 3)]
    stages = read_json(folder / "features.json")["stages"]
    for name, metadata in stages.items():
        maps = torch.cat([aligned(batch[name], ALIGNMENT) for batch in batches]).half()
        expected = io.BytesIO()
        np.save(expected, maps.contiguous().numpy())
        assert (folder / f"{name}.npy").read_bytes() == expected.getvalue()
        assert metadata["sha256"] == sha256_of(folder / f"{name}.npy")
        assert metadata["rms"] == pytest.approx(float(maps.double().square().mean().sqrt()), rel=1e-6)
        assert metadata["largest"] == float(maps.abs().max())


def written(folder: Path, count: int, batch: int, threads: int, infinite: frozenset[int] = frozenset()) -> Any:
    """What is written of two stages of noise, one of them faint: files by name, and the sidecar; or the error."""
    maps = torch.randn(count, 5, 4, 4, generator=torch.Generator().manual_seed(0))
    maps[sorted(infinite), -1] = torch.inf
    write_json(folder / "set.json", {"sha256": ""})

    def maps_of(part: slice) -> dict[str, torch.Tensor]:
        return {"f1": maps[part, :4], "f2": 1e-5 * maps[part]}

    try:
        write_features(
            maps_of, count, folder / "set.npy", folder / "set", {"encoder": "noise"}, ALIGNMENT, batch, threads
        )
    except InputError as error:
        assert files_in(folder) == {"set.json"}
        return str(error).replace(str(folder), "")
    sidecar = read_json(folder / "set/features.json")
    del sidecar["seconds"]
    return {name: (folder / "set" / name).read_bytes() for name in files_in(folder / "set") - {SIDECAR}}, sidecar


class Overtaken(StreamedArray):
    """The first batch is written after a later one."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.later = Event()

    def write(self, rows: np.ndarray, first: int) -> None:
        assert first or self.later.wait(timeout=60)
        super().write(rows, first)
        if first:
            self.later.set()


@settings(max_examples=30, deadline=None)
@given(count=st.integers(4, 30), batch=st.integers(1, 3), threads=st.integers(4, 9))
def test_threads_that_overtake_each_other_write_the_same(count: int, batch: int, threads: int) -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as several:
        expected = written(Path(one), count, batch, 1)
        with patch.object(writing, "StreamedArray", Overtaken):
            assert written(Path(several), count, batch, threads) == expected


def test_on_a_gpu_all_threads_of_the_job_write(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        with pretended_gpu(), patch.object(writing, "StreamedArray", Overtaken):
            small_features(tmp_path, device=GPU)
    finally:
        torch.set_num_threads(threads)


@settings(max_examples=30, deadline=None)
@given(st.frozensets(st.integers(0, 19), min_size=1), st.integers(2, 9))
def test_threads_report_the_error_of_the_first_batch(infinite: frozenset[int], threads: int) -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as several:
        expected = written(Path(one), 20, 2, 1, infinite)
        assert f"images {min(infinite) // 2 * 2} to" in expected
        assert written(Path(several), 20, 2, threads, infinite) == expected


def test_one_batch_at_most_waits_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed, waiting, threads = [], [], set()

    class Counting(TwoStages):
        def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
            computed.append(len(images))
            return super().forward(images)

    class Watched(StreamedArray):
        def write(self, rows: np.ndarray, first: int) -> None:
            waiting.append(sum(computed) - first)
            threads.add(current_thread())
            super().write(rows, first)

    monkeypatch.setattr(writing, "StreamedArray", Watched)
    small_features(tmp_path, count=60, network=Counting)
    assert len(waiting) == 2 * 20
    assert max(waiting) <= 2 * 3  # the batch being written and the one being computed
    assert len(threads) == 1  # the network needs the others


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(StreamedArray):
        def write(self, rows: np.ndarray, first: int) -> None:
            if first:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().write(rows, first)

    monkeypatch.setattr(writing, "StreamedArray", Full)
    with pytest.raises(OSError, match="No space left on device"):
        small_features(tmp_path)
    assert files_in(tmp_path) == IMAGE_FILES


def test_an_interrupt_leaves_nothing_and_resets_threads(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        small_features(tmp_path, network=interrupting(interrupt))
    assert files_in(tmp_path) == IMAGE_FILES
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("number", "option", "said"),
    [(signal.SIGTERM, "--weights", ""), (signal.SIGINT, "--weights", "Stopped.\n"), (signal.SIGINT, "--log", "")],
)
def test_a_terminated_extraction_leaves_nothing(
    tmp_path: Path,
    number: signal.Signals,
    option: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Snakemake gives its jobs --log, and says itself that they are stopped."""
    monkeypatch.setattr(sys, "argv", ["posinfo", "features", option, "file"])
    before = {signal.SIGTERM: signal.getsignal(signal.SIGTERM), signal.SIGINT: signal.getsignal(signal.SIGINT)}
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored if the tests run in the background
        tidy_when_terminated()
        with pytest.raises(SystemExit) as left:
            small_features(tmp_path, network=interrupting(partial(terminate, number)))
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)
    assert left.value.code == 128 + number
    assert capfd.readouterr().err == said
    assert files_in(tmp_path) == IMAGE_FILES
