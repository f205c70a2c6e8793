"""Weights that nothing has trained, drawn from a seed."""

from pathlib import Path

import torch
from torch import nn

from posinfo.encoders import model_zoos
from posinfo.encoders.architectures import ARCHITECTURES, Weights, empty_architecture, with_weights
from posinfo.store.tensors import write_tensors

NEARLY_OFF = 0.2  # a layer scale starts between 0 and this


def initialise(architecture: str, seed: int, path: Path) -> None:
    """Write random weights.

    Ours: convolutions as torchvision initialises VGG16 (Kaiming normal, fan out), zero biases; batch norms pass their
    input on. A network of a zoo: as the zoo initialises it, but every branch is on. Some begin as the identity, with
    norms or layer scales that are zero or nearly so; a network like that would show its shortcuts alone.
    """
    drawn = _ours(architecture, seed) if architecture in ARCHITECTURES else _of_a_zoo(architecture, seed)
    with_weights(architecture, drawn, f"random weights {seed}")
    arrays = {name: tensor.numpy() for name, tensor in drawn.items()}
    write_tensors(arrays, {"architecture": architecture, "random": seed}, path)


def _ours(architecture: str, seed: int) -> Weights:
    generator = torch.Generator().manual_seed(seed)
    weights: Weights = {}
    for name, tensor in empty_architecture(architecture).state_dict().items():
        values = torch.zeros(tensor.shape, dtype=tensor.dtype)
        if name.endswith("weight") and tensor.ndim == 4:
            nn.init.kaiming_normal_(values, mode="fan_out", nonlinearity="relu", generator=generator)
        elif name.endswith(("weight", "running_var")) and tensor.ndim == 1:
            values.fill_(1)
        weights[name] = values
    return weights


def _of_a_zoo(architecture: str, seed: int) -> Weights:
    empty_architecture(architecture)  # an unknown name is told before anything is drawn
    # The zoos draw from torch's own generator; it is lent to them and goes on as if they had not.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = model_zoos.build(architecture)
    weights = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
    for name, tensor in weights.items():
        if tensor.is_floating_point() and _scales_channels(name, tensor):
            tensor.fill_(1)
    return weights


def _scales_channels(name: str, tensor: torch.Tensor) -> bool:
    """Whether a tensor multiplies channels: a norm's weight, or a layer scale at its first value."""
    vector = tensor.numel() == max(tensor.shape, default=0)
    if name.endswith(".weight") and tensor.ndim == 1:
        return True
    low, high = (float(value) for value in tensor.aminmax()) if tensor.numel() else (0.0, 0.0)
    return vector and low == high and 0 < high < NEARLY_OFF
