"""A copy of a network that somebody holds in memory, which can be read without a change of theirs."""

import inspect
import warnings
from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from posinfo.store.errors import InputError


def own_copy(module: nn.Module) -> nn.Module:
    """Copy a network as float32, in evaluation mode, and out of `DataParallel` and `torch.compile`.

    Raises:
        InputError: for what is no network, takes several inputs, has no weights yet, or cannot be copied.
    """
    if not isinstance(module, nn.Module):
        raise InputError(
            f"the network is a {type(module).__name__}, not a torch module; build it first, such as "
            "torchvision.models.resnet18()"
        )
    what = type(_unwrapped(module)).__name__
    for name, values in (*module.named_parameters(), *module.named_buffers()):
        if isinstance(values, UninitializedParameter | UninitializedBuffer):
            raise InputError(f"{what} is lazy: {name} has no shape yet; run the network on one image first")
    _check_inputs(_unwrapped(module), what)
    # A copy keeps only tensors that were not computed: weights under weight_norm or pruning are.
    copied: dict[int, Any] = {
        id(value): value.detach().clone()
        for part in module.modules()
        for value in vars(part).values()
        if isinstance(value, torch.Tensor) and not value.is_leaf
    }
    try:
        for part in reversed(list(module.modules())):  # the innermost first
            if _unwrapped(part) is not part:
                copied[id(part)] = deepcopy(_unwrapped(part), copied)
        network = deepcopy(module, copied).eval()
    except Exception as error:  # what a network holds may refuse in any way
        raise InputError(f"{what} cannot be copied: {error}") from None
    other = {value.dtype for value in network.state_dict().values() if value.is_floating_point()} - {torch.float32}
    if other:
        warnings.warn(f"{what} is read in float32; it has {', '.join(map(str, other))}", stacklevel=3)
    return network.float()


def _unwrapped(module: nn.Module) -> nn.Module:
    """The network inside `DataParallel`, `DistributedDataParallel` and `torch.compile`."""
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return _unwrapped(module.module)
    inner = getattr(module, "_orig_mod", None)
    return _unwrapped(inner) if isinstance(inner, nn.Module) else module


def _check_inputs(network: nn.Module, what: str) -> None:
    try:
        parameters = inspect.signature(network.forward).parameters.values()
    except ValueError:  # a scripted network has none
        return
    required = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if len(required) > 1:
        raise InputError(
            f"{what} takes {len(required)} inputs ({', '.join(required)}); posinfo gives one, images "
            "[batch, 3, 224, 224]: wrap it in a module that fills in the others"
        )
