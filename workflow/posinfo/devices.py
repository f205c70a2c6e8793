"""Which device a stage runs on."""

from typing import TYPE_CHECKING, Literal

from posinfo.errors import InputError

if TYPE_CHECKING:
    import torch

DeviceSetting = Literal["auto", "cpu", "cuda"]


def choose_device(setting: DeviceSetting, threads: int) -> "torch.device":
    """The torch device of that setting, with torch's threads set to `threads`.

    Raises:
        InputError: when CUDA is asked for and there is none.
    """
    import torch  # here, so that reading a configuration does not cost seconds

    torch.set_num_threads(threads)
    available = torch.cuda.is_available()
    if setting == "cuda" and not available:
        raise InputError("device: cuda is set, but torch finds no CUDA device; set device: auto or cpu")
    return torch.device("cuda" if available and setting != "cpu" else "cpu")
