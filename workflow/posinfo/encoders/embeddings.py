"""Ablation of a network's position embedding: zeroed or shuffled."""

from typing import Literal

import torch
from torch import nn

from posinfo.store.errors import InputError

Position = Literal["zeroed"] | int | None  # None keeps the embedding; a number is the seed of a permutation
# Parameters of torchvision's and timm's networks that hold one row for each position.
ABSOLUTE = ("pos_embed", "pos_embedding", "position_embedding", "position_embeddings")
RELATIVE = ("relative_position_bias_table",)


@torch.no_grad()
def with_position(model: nn.Module, position: Position) -> nn.Module:
    """Change the position embeddings of a network, in place.

    Absolute embeddings are [1, prefix + side², C]; the rows of tokens before the grid (a class token) are not
    shuffled. Tables of relative positions are [offsets, heads].

    Args:
        model: the network with its weights.
        position: `zeroed`, or the seed of the permutation of the rows; None changes nothing.

    Raises:
        InputError: when the network has no position embedding, or also computes positions in another way.
    """
    if position is None:
        return model
    names = (*ABSOLUTE, *RELATIVE)
    found = {name: values for name, values in model.named_parameters() if name.split(".")[-1] in names}
    computed = [type(module).__name__ for module in model.modules() if _computes_position(module)]
    if computed:
        raise InputError(f"position: this network computes its positions ({computed[0]}); they cannot be removed")
    if not found:
        raise InputError(f"position: this network has no position embedding, no parameter named {', '.join(names)}")
    for name, values in found.items():
        if position == "zeroed":
            values.zero_()
            continue
        rows = values if name.split(".")[-1] in RELATIVE else values[0]
        if rows.ndim != 2:
            raise InputError(f"position: {name} is {list(values.shape)}, no list of positions; it can only be zeroed")
        prefix = 0 if rows is values else len(rows) - int(len(rows) ** 0.5) ** 2
        order = torch.randperm(len(rows) - prefix, generator=torch.Generator().manual_seed(position))
        rows[prefix:] = rows[prefix:][order.to(rows.device)]
    return model


def _computes_position(module: nn.Module) -> bool:
    """Whether a module is a rotary embedding, or has Swin V2's small network from offsets to biases."""
    return "rotary" in type(module).__name__.lower() or hasattr(module, "cpb_mlp")
