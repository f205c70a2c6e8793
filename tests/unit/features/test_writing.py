"""Feature files are written by another thread: the same bytes in order, and nothing half-done after an error."""

import errno
import io
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from posinfo.__main__ import tidy_when_terminated
from posinfo.features import writing
from posinfo.features.extraction import aligned
from posinfo.store.files import StreamedArray, read_json, sha256_of
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


def test_one_batch_at_most_waits_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed, waiting = [], []

    class Counting(TwoStages):
        def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
            computed.append(len(images))
            return super().forward(images)

    class Watched(StreamedArray):
        def append(self, values: np.ndarray) -> None:
            waiting.append(sum(computed) - self.filled)
            super().append(values)

    monkeypatch.setattr(writing, "StreamedArray", Watched)
    small_features(tmp_path, count=60, network=Counting)
    assert len(waiting) == 2 * 20
    assert max(waiting) <= 2 * 3  # the batch being written and the one being computed


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(StreamedArray):
        def append(self, values: np.ndarray) -> None:
            if self.filled:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().append(values)

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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_terminated_extraction_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
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
    assert files_in(tmp_path) == IMAGE_FILES
