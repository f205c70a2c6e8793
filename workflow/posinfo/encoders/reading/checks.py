"""Decides by what a network computes whether it reads images apart and in order, and whether its padding can change."""

import math
from collections.abc import Mapping
from typing import Any
from warnings import warn

import torch
from torch import nn

from posinfo.encoders.reading.grids import Grid, as_maps, grid_of
from posinfo.encoders.reading.padding import OtherPadding, Padding, in_padding
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.store.errors import InputError

PART = (60, 172)  # row and column in the middle of 8 x 8 pixels that patches of 8, 14, 16, 28 or 32 do not cut
GREY = 10.0  # of the constant image, in the units of a network's input; padding of zeros differs from it
CONSTANT = 1e-3  # largest difference of what should be equal, relative to its largest value; rounding stays below it
LISTED = 3  # layers in an error


@torch.inference_mode()
def check_padding(model: nn.Module, reader: nn.Module, mode: OtherPadding, side: int) -> None:
    """Refuse a padding that changes nothing, or after which something other than the image still varies over the maps.

    A constant image must give constant maps. On the meta device, where maps have no values, only their shapes are
    found.

    Args:
        model: the whole network, in which the layers that are in the way are searched.
        reader: reads it in this padding.
        mode: is on while the reader runs.
        side: of the images, in pixels.

    Raises:
        InputError: one line that names the layers.
    """
    image = torch.full((1, 3, side, side), GREY, device=device_of(model))
    what = f"padding {mode.padding!r} of {type(model).__name__}"
    try:
        outputs = reader.eval()(image)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{what}: in {_Watch(model, mode.padding, image).where}, {reason(error)}; use padding: zeros"
        ) from None
    if not mode.changed:
        raise InputError(f"{what} changes nothing, since no layer pads; leave it out")
    if not _constant(outputs):
        layers = _Watch(model, mode.padding, image).in_the_way
        more = ", ..." if len(layers) > LISTED else ""
        raise InputError(
            f"{what}: an image of one grey gives maps that are not constant, because of "
            f"{', '.join(layers[:LISTED]) or 'its own operations'}{more}; use padding: zeros"
        )


@torch.inference_mode()
def check_order(reader: nn.Module, taps: Mapping[str, str]) -> None:
    """Refuse tokens that are not the image row by row, after others such as a class token.

    NaN in a part of the image has to reach the token of that part. This is seen where tokens of a shape are first
    computed, since attention then takes it to all tokens.

    Args:
        reader: maps an image to {name: output} for every output of the network, in the order of computation.
        taps: stage to the name of the output that is read.

    Raises:
        InputError: one line that names the tap.
    """
    image = torch.zeros(1, 3, IMAGE_SIDE, IMAGE_SIDE, device=device_of(reader))
    image[:, :, PART[0] - 4 : PART[0] + 4, PART[1] - 4 : PART[1] + 4] = math.nan
    try:
        outputs = reader.eval()(image)
    except Exception:  # the network may refuse such an image
        return
    in_order: dict[Grid, bool] = {}
    for name, output in outputs.items():
        grid = grid_of(output.shape) if isinstance(output, torch.Tensor) else None
        if grid is None or grid.kind != "tokens" or len(output) > 1:
            continue
        reached = as_maps(output, name)[0].isnan().any(0)
        row, column = (pixel * grid.side // IMAGE_SIDE for pixel in PART)
        in_order.setdefault(grid, bool(reached.all() or not reached.any() or reached[row, column]))
        if name in taps.values() and not in_order[grid]:
            raise InputError(
                f"tap {name!r} gives tokens in another order than the image row by row, after {grid.prefix} others; "
                "put them in that order, class token and registers first, or read other taps"
            )


@torch.inference_mode()
def check_batches(reader: nn.Module, taps: Mapping[str, str]) -> None:
    """Refuse maps of an image that depend on the images beside it; warn of a network that draws them anew at each call.

    Args:
        reader: maps images to {stage: output}.
        taps: stage to the name of its output.

    Raises:
        InputError: one line that names the tap.
    """
    image = torch.rand(1, 3, IMAGE_SIDE, IMAGE_SIDE, generator=torch.Generator().manual_seed(0)).to(device_of(reader))
    try:
        alone, again, beside = (
            reader.eval()(images) for images in (image, image, torch.cat([image, torch.zeros_like(image)]))
        )
    except Exception:  # the network may refuse such images
        return
    for stage, tap in taps.items():
        if _first_differs(alone.get(stage), again.get(stage)):
            warn(f"tap {tap!r} gives other values at each call, so results cannot be made again", stacklevel=3)
            return
        if _first_differs(alone.get(stage), beside.get(stage)):
            raise InputError(
                f"tap {tap!r} gives an image other values when another image is beside it, as batch norm without "
                "running statistics does; give a network that reads each image alone"
            )


def _first_differs(one: object, other: object) -> bool:
    """Whether maps of the first image of two batches differ by more than rounding; False for what is not comparable."""
    if not isinstance(one, torch.Tensor) or not isinstance(other, torch.Tensor) or one.shape[1:] != other.shape[1:]:
        return False
    return bool((one[0] - other[0]).abs().max() > CONSTANT * one[0].abs().max())


def device_of(model: nn.Module) -> torch.device:
    """The device of a network's parameters; the CPU's if it has none."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def reason(error: Exception) -> str:
    """What went wrong in a network, in a line."""
    first = str(error).strip().split("\n")[0] or f"its own {type(error).__name__}"
    if "must match" in first:
        return f"maps whose sides differ are added or joined: {first}"
    return first


class _Watch:
    """Runs a network on an image and watches its modules.

    Attributes:
        in_the_way: the innermost modules whose output varies although their input is constant.
        where: the innermost module that runs when the network fails.
    """

    def __init__(self, model: nn.Module, padding: Padding, image: torch.Tensor) -> None:
        self._names = {module: name for name, module in model.named_modules()}
        self._running: list[nn.Module] = []
        self._found: list[nn.Module] = []
        hooks = [module.register_forward_pre_hook(self._before) for module in self._names]
        hooks += [module.register_forward_hook(self._after) for module in self._names]
        try:
            with in_padding(padding):
                model(image)
        except Exception:  # its module is what is asked for
            pass
        finally:
            for hook in hooks:
                hook.remove()
        self.in_the_way = [self._described(module) for module in self._found]
        self.where = self._described(self._running[-1] if self._running else model)

    def _before(self, module: nn.Module, _: Any) -> None:
        self._running.append(module)

    def _after(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._running.pop()
        inside = set(module.modules())
        if _constant(inputs) and not _constant(output) and inside.isdisjoint(self._found):
            self._found.append(module)

    def _described(self, module: nn.Module) -> str:
        name = self._names[module]
        return f"{name} ({type(module).__name__})" if name else type(module).__name__


def _constant(value: Any) -> bool:
    """Whether each map in a network's value is the same at every position; true of what is no map."""
    if isinstance(value, dict):
        return all(map(_constant, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_constant, value))
    if not isinstance(value, torch.Tensor) or value.is_meta or not value.is_floating_point():
        return True
    grid = grid_of(value.shape)
    if grid is None:
        return True
    channels_last = value.permute(0, 2, 3, 1) if grid.kind == "maps" else value
    cells = channels_last.flatten(1, -2)[:, grid.prefix :]
    spread = cells.amax(1) - cells.amin(1)
    return bool(spread.max() <= CONSTANT * value.abs().max())
