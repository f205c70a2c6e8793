"""Random weights, drawn from a seed."""

from pathlib import Path

import torch
from torch import nn

from posinfo.encoders import model_zoos
from posinfo.encoders.architectures import ARCHITECTURES, Weights, empty_architecture, with_weights
from posinfo.store.tensors import write_tensors

LARGEST_LAYER_SCALE = 0.2  # initial values of layer scales lie between 0 and this


def random_weights(architecture: str, seed: int) -> Weights:
    """Draw the weights of an architecture from a seed.

    The architectures of `architectures.py` get convolutions as torchvision initialises VGG16 (Kaiming normal, fan out),
    zero biases, and batch norms that are the identity. Networks of a model zoo get the zoo's own initial values, except
    that norm weights and layer scales are 1: some zoos start them at or near zero, so that blocks are the identity and
    only the shortcuts would be measured.
    """
    return _kaiming(architecture, seed) if architecture in ARCHITECTURES else _from_zoo(architecture, seed)


def initialise(architecture: str, seed: int, path: Path) -> None:
    """Write random weights as safetensors."""
    weights = random_weights(architecture, seed)
    with_weights(architecture, weights, f"random weights {seed}")
    arrays = {name: tensor.numpy() for name, tensor in weights.items()}
    write_tensors(arrays, {"architecture": architecture, "random": seed}, path)


def _kaiming(architecture: str, seed: int) -> Weights:
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


def _from_zoo(architecture: str, seed: int) -> Weights:
    empty_architecture(architecture)  # raises for an unknown name before anything is drawn
    # The zoos draw from torch's global generator, whose state is restored afterwards.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = model_zoos.build(architecture)
    weights = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
    for name, tensor in weights.items():
        if tensor.is_floating_point() and _scales_channels(name, tensor):
            tensor.fill_(1)
    return weights


def _scales_channels(name: str, tensor: torch.Tensor) -> bool:
    """Whether a tensor scales channels: the weight of a norm, or a layer scale at its initial value."""
    if name.endswith(".weight") and tensor.ndim == 1:
        return True
    is_vector = tensor.numel() == max(tensor.shape, default=0)
    if not is_vector or tensor.numel() == 0:
        return False
    low = float(tensor.min())
    high = float(tensor.max())
    return low == high and 0 < high < LARGEST_LAYER_SCALE
