"""Strides that use the padding of one side only, and the table of asymmetries beside their number.

Definition: Alsallakh, Kokhlikyan, Miglani, Yuan and Reblitz-Richardson, "Mind the Pad" (ICLR 2021).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from posinfo.encoders.architectures import empty_architecture
from posinfo.experiments.uneven_padding import ASYMMETRY
from posinfo.experiments.uneven_padding.settings import EDGES
from posinfo.run.config import RunConfig
from posinfo.tables.built import BuiltTable
from posinfo.tables.layouts import three_decimals
from posinfo.tables.measurements import build_table

PADS = (nn.ZeroPad2d, nn.ReplicationPad2d, nn.ReflectionPad2d)


def strides(architecture: str, side: int) -> pd.DataFrame:
    """Every layer with a stride, for an input of `side` pixels, in the order of computation; on the meta device.

    A layer of side i, kernel k, stride s and padding p gives o = floor((i + 2p - k) / s) + 1 and reads s (o - 1) + k
    lines: it pads evenly when these are i + 2p. A padding module counts to the layer that follows.

    Returns:
        Columns layer (its name), before and after: lines of padding that it reads along an axis; `after` is negative
        where lines of the input are never read.
    """
    model = empty_architecture(architecture)
    found: list[tuple[str, int, int]] = []
    pending = [0, 0]  # lines that a padding module has added: left, right

    def record(name: str, module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if isinstance(module, PADS):
            pending[:] = module.padding[0], module.padding[1]
            return
        kernel = _across(module.kernel_size)
        stride = _across(module.stride)
        before = _across(module.padding) + pending[0]
        read = stride * (output.shape[-1] - 1) + _across(module.dilation) * (kernel - 1) + 1
        if stride > 1:
            side_of_input = inputs[0].shape[-1] - sum(pending)
            found.append((name, before, read - side_of_input - before))
        pending[:] = 0, 0

    for name, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.MaxPool2d, *PADS)):
            module.register_forward_hook(lambda module, inputs, output, name=name: record(name, module, inputs, output))
    with torch.inference_mode():
        model(torch.empty(1, 3, side, side, device="meta"))
    return pd.DataFrame(found, columns=["layer", "before", "after"])


def _across(value: Any) -> int:
    """The second of two sides, or the only one."""
    return int(value[-1] if isinstance(value, tuple) else value)


def build(run: RunConfig, _: str, paths: Sequence[Path]) -> BuiltTable:
    """Build the table of asymmetries by side and stage, with the uneven strides and the errors at the deepest stage."""
    table = build_table(run, ASYMMETRY, paths)
    uneven = []
    for encoder, side in zip(table.tidy["encoder"], table.tidy["side"], strict=True):
        found = strides(run.registry.encoders[encoder].architecture, side)
        uneven.append(f"{(found['before'] != found['after']).sum()} of {len(found)}")
    table.tidy["uneven_strides"] = uneven
    deepest = table.tidy.groupby(["encoder", "side"], sort=False).last()
    for edge in EDGES:
        table.layout[f"error {edge}", ""] = [three_decimals(value) for value in deepest[edge]]
    table.layout["uneven strides", ""] = deepest["uneven_strides"].to_list()
    return table
