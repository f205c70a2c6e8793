"""Copies of a network that somebody holds in memory: to be read without a change of theirs, or with random weights."""

import inspect
import math
import warnings
from copy import deepcopy
from types import FunctionType
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from posinfo.store.errors import InputError


def own_copy(module: nn.Module) -> nn.Module:
    """Copy a network as float32, in evaluation mode, and out of `DataParallel` and `torch.compile`.

    Raises:
        InputError: for what is no network, takes several inputs, has no weights yet, has a function in the place of a
            `forward`, or cannot be copied.
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
        if values.is_meta:
            raise InputError(f"{what}: {name} has a shape but no values (torch's meta device); load its weights first")
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
    _check_forwards(network, what)
    other = {value.dtype for value in network.state_dict().values() if value.is_floating_point()} - {torch.float32}
    if other:
        warnings.warn(f"{what} is read in float32; it has {', '.join(map(str, other))}", stacklevel=3)
    return network.float()


def redrawn(network: nn.Module, seed: int) -> nn.Module:
    """Copy a network with random weights, drawn from a seed by the `reset_parameters` of each layer, onto the CPU.

    Convolutions are drawn as in `encoders.initial`: Kaiming normal, fan out, and zero biases. What torch draws for
    them shrinks maps from layer to layer until only biases are left.

    Raises:
        InputError: when no layer draws some parameter, or the running mean or variance of a norm.
    """
    copy = deepcopy(network).cpu().requires_grad_(False)
    for values in _learned(copy).values():
        values.fill_(math.nan)
    # Layers draw from torch's global generator, whose state is restored afterwards.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for name, part in reversed(list(copy.named_modules())):  # the innermost first
            draw = getattr(part, "reset_parameters", getattr(part, "_reset_parameters", None))
            try:
                if draw:
                    draw()
            except Exception as error:  # the network's own code may raise anything
                raise InputError(f"reset_parameters of {name or 'the network'} fails: {error}") from None
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
                if part.bias is not None:
                    nn.init.zeros_(part.bias)
    undrawn = [name for name, values in _learned(copy).items() if not values.isfinite().all()]
    if undrawn:
        raise InputError(f"{undrawn[0]} belongs to no layer with reset_parameters")
    return copy


def _learned(network: nn.Module) -> dict[str, torch.Tensor]:
    """What training changes: parameters, and the running means and variances of norms."""
    running = [(name, values) for name, values in network.named_buffers() if "running_" in name]
    return {name: values for name, values in (*network.named_parameters(), *running) if values.is_floating_point()}


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


def _check_forwards(copy: nn.Module, what: str) -> None:
    """Refuse a function in the place of `forward`: it reads the layers that it was written for, and not a copy's."""
    for name, part in copy.named_modules():
        if isinstance(vars(part).get("forward"), FunctionType) and next(part.parameters(), None) is not None:
            raise InputError(
                f"{what}: a function took the place of forward of {name or 'the network'}, and reads other layers than "
                "those of a copy; put it into a class, or bind it by types.MethodType"
            )
