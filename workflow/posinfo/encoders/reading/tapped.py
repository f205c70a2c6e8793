"""A network that is read at its taps in one forward pass."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from posinfo.encoders.reading.checks import check_batches, check_order, check_padding, device_of
from posinfo.encoders.reading.grids import as_maps, grid_in
from posinfo.encoders.reading.hooks import HookedNetwork
from posinfo.encoders.reading.padding import OtherPadding, Padding, in_padding
from posinfo.encoders.reading.tracing import TracedNetwork
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.store.errors import InputError, unknown

KNOWN = {"torch", "torchvision", "timm", "posinfo"}  # packages of the networks that the registry names


def outputs_of(model: nn.Module) -> TracedNetwork | HookedNetwork:
    """What of a network can be read: its operations and modules, or its modules where operations cannot be traced.

    Raises:
        InputError: for a scripted network.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise InputError("the network is scripted, so nothing inside it can be read; give the module it was made from")
    try:
        traced = TracedNetwork(model)
        _check_trace(model, traced.whole())
        return traced
    except Exception:  # tracing runs the code of the network, which may raise anything
        return HookedNetwork(model)


@torch.inference_mode()
def _check_trace(model: nn.Module, traced: nn.Module) -> None:
    """Compare what the recorded operations compute with what the network does, which may ask for tensors, or draw.

    Raises:
        AssertionError: when they differ.
    """
    if not _is_tried(model):
        return
    device = device_of(model)
    image = torch.rand(1, 3, IMAGE_SIDE, IMAGE_SIDE, generator=torch.Generator().manual_seed(0)).to(device)
    training = model.training
    try:
        torch.testing.assert_close(traced.eval().forward(image), model.eval()(image), equal_nan=True)
    finally:
        model.train(training)


def _is_tried(model: nn.Module) -> bool:
    """Whether a network is tried on images before it is read.

    Networks of the zoos are known to be read as they compute, and take a second of every job; but a trace leaves out a
    hook before the network, or a `forward` of its own, and a batch norm may have been built without running statistics.
    On the meta device there are no values.
    """
    modules = list(model.modules())
    packages = {type(module).__module__.partition(".")[0] for module in modules}
    changed = model._forward_pre_hooks or "forward" in vars(model)
    of_batch = any(isinstance(module, _BatchNorm) and module.running_mean is None for module in modules)
    return bool(changed or of_batch or not packages <= KNOWN) and device_of(model).type != "meta"


def tapped(model: nn.Module, taps: Mapping[str, str], padding: Padding = "zeros") -> "Tapped":
    """Build a module that maps images to {stage: map} in one forward pass and computes nothing after the last tap.

    Args:
        model: maps [batch, 3, side, side]; its modules and parameters are shared.
        taps: stage to the name of an operation or module, such as `features.3`; see `posinfo taps`.
        padding: of every layer: `zeros` (as built), `none` (maps shrink), or `reflect`, `replicate`, `circular` of the
            same width.

    Raises:
        InputError: when the network has no such tap, its tokens are in another order than row by row, the images of
            a batch change each other's maps, or its padding cannot be changed in this way.
    """
    outputs = outputs_of(model)
    for name in taps.values():
        if name not in outputs.names:
            raise InputError(unknown("tap", name, outputs.names))
    network = outputs.reader(taps, kept)
    if _is_tried(model):
        check_order(outputs.reader({name: name for name in outputs.names}, kept), taps)
        check_batches(network, taps)
    reader = Tapped(network, dict(taps), padding)
    if isinstance(reader.mode, OtherPadding):
        check_padding(model, reader, reader.mode, IMAGE_SIDE)
    return reader


def kept(output: Any) -> Any:
    """A copy of the grid in an output, which no operation in place reaches; anything else as it is."""
    grid = grid_in(output)
    return grid.clone() if isinstance(grid, torch.Tensor) else grid


class Tapped(nn.Module):
    """A network that returns {stage: maps [batch, C, side, side]} in one forward pass.

    Args:
        reader: returns {stage: output}.
        taps: stage to the name of its tap, shallow first.
        padding: as in `tapped`.
    """

    def __init__(self, reader: nn.Module, taps: dict[str, str], padding: Padding) -> None:
        super().__init__()
        self.reader = reader
        self.taps = taps
        self.mode = in_padding(padding)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map preprocessed images, float32 [batch, 3, side, side], to the maps of every stage, shallow first."""
        with self.mode:
            outputs: dict[str, object] = self.reader(images)
        unread = [tap for stage, tap in self.taps.items() if stage not in outputs]
        if unread:
            raise InputError(f"tap {unread[0]!r} is never called by the network; see: posinfo taps")
        return {stage: as_maps(outputs[stage], f"tap {tap!r}") for stage, tap in self.taps.items()}
