"""Feature files are written by another thread: the same bytes in order, and nothing half-done when it stops."""

import errno
import io
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from posinfo.__main__ import tidy_when_terminated
from posinfo.features import writing
from posinfo.features.extraction import aligned
from posinfo.store.files import StreamedArray, read_json, sha256_of
from synthetic_features import ALIGNMENT, CONVENTION, TwoStages, small_features


def interrupting(stop: Callable[[], None]) -> type[TwoStages]:
    """A network that is interrupted while it computes the third batch and the second is being written."""

    class Interrupted(TwoStages):
        batches = 0

        def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
            self.batches += 1
            if self.batches == 3:
                stop()
            return super().forward(pictures)

    return Interrupted


def interrupt() -> None:
    raise KeyboardInterrupt


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_the_bytes_are_those_of_the_maps_in_their_order(tmp_path: Path) -> None:
    paths = small_features(tmp_path, count=20)
    network, pictures = TwoStages(), torch.from_numpy(np.load(tmp_path / "set.npy"))
    with torch.inference_mode():
        batches = [network(CONVENTION.prepare(chunk)) for chunk in torch.split(pictures, 3)]
    for path in paths:
        maps = torch.cat([aligned(batch[path.stem], ALIGNMENT) for batch in batches]).half()
        expected = io.BytesIO()
        np.save(expected, maps.contiguous().numpy())
        assert path.read_bytes() == expected.getvalue()
        metadata = read_json(path.with_suffix(".json"))
        assert metadata["sha256"] == sha256_of(path)
        assert metadata["rms"] == pytest.approx(float(maps.double().square().mean().sqrt()), rel=1e-6)
        assert metadata["largest"] == float(maps.abs().max())


def test_one_batch_at_most_waits_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed, waiting = [], []

    class Counting(TwoStages):
        def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
            computed.append(len(pictures))
            return super().forward(pictures)

    class Watched(StreamedArray):
        def append(self, values: np.ndarray) -> None:
            waiting.append(sum(computed) - self.filled)
            super().append(values)

    monkeypatch.setattr(writing, "StreamedArray", Watched)
    small_features(tmp_path, count=60, network=Counting)
    assert len(waiting) == 2 * 20
    assert max(waiting) <= 2 * 3  # the batch being written and the one being computed


def test_a_disk_that_refuses_a_batch_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(StreamedArray):
        def append(self, values: np.ndarray) -> None:
            if self.filled:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().append(values)

    monkeypatch.setattr(writing, "StreamedArray", Full)
    with pytest.raises(OSError, match="No space left on device"):
        small_features(tmp_path)
    assert list((tmp_path / "set").iterdir()) == []


def test_an_interrupt_leaves_nothing_and_gives_torch_its_threads_back(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        small_features(tmp_path, network=interrupting(interrupt))
    assert list((tmp_path / "set").iterdir()) == []
    assert torch.get_num_threads() == threads


def test_a_process_that_is_terminated_leaves_nothing(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        tidy_when_terminated()
        with pytest.raises(SystemExit) as left:
            small_features(tmp_path, network=interrupting(terminate))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert left.value.code == 128 + signal.SIGTERM
    assert list((tmp_path / "set").iterdir()) == []
