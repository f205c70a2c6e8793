"""Which device a stage runs on."""

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
    """The torch device of that setting, with torch's threads set to `threads`; of several GPUs one that is free.

    Convolutions on CUDA are done in float32, not in the shorter TF32, so that a GPU gives the CPU's numbers.

    Raises:
        InputError: when CUDA is asked for and there is none.
    """
    import torch  # here, so that reading a configuration does not cost seconds

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
    """The first GPU that no other process has taken, which is then taken until this process ends; 0 if there is none.

    Args:
        names: of the GPUs, the same for every process of the machine.
        folder: for the lock files, one for each GPU.
    """
    for index, name in enumerate(names):
        # The descriptor stays open on purpose: the kernel drops the lock with the process, however it ends.
        descriptor = os.open(folder / f"posinfo-gpu-{name}.lock", os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            return index
    return 0
