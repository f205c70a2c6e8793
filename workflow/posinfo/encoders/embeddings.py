"""A network's own position embedding, zeroed or shuffled: what is left of position without it."""

from typing import Literal

import torch
from torch import nn

from posinfo.store.errors import InputError

Position = Literal["zeroed"] | int | None  # kept if None; a number is the seed of a permutation
# Parameters that hold a place's position, a row a place: of torchvision's and timm's networks.
ABSOLUTE = ("pos_embed", "pos_embedding", "position_embedding", "position_embeddings")
RELATIVE = ("relative_position_bias_table",)


def _embeddings(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: value for name, value in model.named_parameters() if name.split(".")[-1] in (*ABSOLUTE, *RELATIVE)}


@torch.no_grad()
def with_position(model: nn.Module, position: Position) -> nn.Module:
    """The same network and weights with its position embeddings changed, in place.

    Absolute embeddings are [1, prefix + side², C]: those of tokens before the grid (a class token) stay. Tables of
    relative positions are [offsets, heads].

    Args:
        position: zeroed, or the seed of the permutation by which the embeddings change places; None keeps them.

    Raises:
        InputError: when the network has none, or computes its positions another way as well.
    """
    if position is None:
        return model
    found = _embeddings(model)
    computed = [type(module).__name__ for module in model.modules() if _computes_position(module)]
    if computed:
        raise InputError(f"position: this network computes its positions ({computed[0]}); they cannot be taken out")
    if not found:
        names = ", ".join((*ABSOLUTE, *RELATIVE))
        raise InputError(f"position: this network has no position embedding; looked for parameters named {names}")
    for name, values in found.items():
        if position == "zeroed":
            values.zero_()
            continue
        rows = values if name.split(".")[-1] in RELATIVE else values[0]
        if rows.ndim != 2:
            raise InputError(f"position: {name} is {list(values.shape)}, no list of places; it can only be zeroed")
        prefix = 0 if rows is values else len(rows) - int(len(rows) ** 0.5) ** 2
        order = torch.randperm(len(rows) - prefix, generator=torch.Generator().manual_seed(position))
        rows[prefix:] = rows[prefix:][order.to(rows.device)]
    return model


def _computes_position(module: nn.Module) -> bool:
    """Rotary embeddings, and Swin V2's small networks from offsets to biases."""
    return "rotary" in type(module).__name__.lower() or hasattr(module, "cpb_mlp")
