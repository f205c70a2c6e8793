"""Chooses the device that a stage runs on."""

import fcntl
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from posinfo.store.errors import InputError

if TYPE_CHECKING:
    import torch

DeviceSetting = Literal["auto", "cpu", "cuda"]


def choose_device(setting: DeviceSetting, threads: int) -> "torch.device":
    """Return the torch device for a setting, on a machine with several GPUs a free one; limit torch to `threads`.

    CUDA computes convolutions in float32, not in the shorter TF32, so that a GPU gives the CPU's numbers.

    Raises:
        InputError: when CUDA is asked for and there is none.
    """
    import torch  # here, so that reading a config does not take seconds

    torch.set_num_threads(threads)
    available = torch.cuda.is_available()
    if setting == "cuda" and not available:
        raise InputError("device: cuda is set, but torch finds no CUDA device; set device: auto or cpu")
    if not available or setting == "cpu":
        return torch.device("cpu")
    torch.backends.cudnn.allow_tf32 = False
    names = [str(torch.cuda.get_device_properties(index).uuid) for index in range(torch.cuda.device_count())]
    return torch.device("cuda", free_gpu(names, Path(tempfile.gettempdir())))


def free_gpu(names: Sequence[str], folder: Path) -> int:
    """Lock the first GPU that no other process has locked, until this process ends, and return its index.

    Returns 0 when every GPU is locked: this process then shares the first one.

    Args:
        names: the GPUs' names, the same for every process of the machine.
        folder: folder of the lock files, one for each GPU.
    """
    for index, name in enumerate(names):
        path = folder / f"posinfo-gpu-{name}.lock"
        if not path.exists():  # another user's file can be read and locked, not written
            path.touch()
            path.chmod(0o644)  # whatever the umask
        # The descriptor stays open on purpose: the kernel releases the lock when the process ends, however it ends.
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            return index
    return 0
