"""The sizes of a network, and what the cells of its stages see of an image."""

from typing import Any

import torch

from posinfo.encoders.architectures import empty_architecture, with_weights
from posinfo.encoders.reading.receptive_fields import receptive_fields
from posinfo.encoders.reading.tapped import tapped
from posinfo.registry.entries import Encoder


def describe_network(entry: Encoder) -> dict[str, Any]:
    """Parameters of a network without its head, and the receptive fields of its stages for images of 224x224.

    Returns:
        `parameters`: their number; `stages`: each stage to its `channels`, `side`, `field` and `border`, see
        `receptive_fields`.
    """
    empty = empty_architecture(entry.architecture)
    zeros = {name: torch.zeros(tensor.shape, dtype=tensor.dtype) for name, tensor in empty.state_dict().items()}
    network = with_weights(entry.architecture, zeros, "zeros") if zeros else empty.to_empty(device="cpu")
    model = tapped(network, entry.taps, entry.padding).eval()
    return {"parameters": sum(value.numel() for value in empty.parameters()), "stages": receptive_fields(model)}
