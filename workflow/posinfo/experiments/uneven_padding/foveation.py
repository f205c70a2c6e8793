"""Foveation: how often each pixel is used, from the architecture alone; and its table by padding.

Definition: Alsallakh, Kokhlikyan, Miglani, Yuan and Reblitz-Richardson, "Mind the Pad" (ICLR 2021).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from posinfo.encoders.architectures import empty_architecture
from posinfo.encoders.reading.padding import Padding, in_padding
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.run.config import RunConfig
from posinfo.tables.built import BuiltTable
from posinfo.tables.layouts import three_decimals

PUBLISHED = Path(__file__).parent / "published" / "foveation.csv"
AnyPadding = Padding | Literal["full"]
Map = NDArray[np.float64]
PADDINGS: tuple[AnyPadding, ...] = ("none", "zeros", "full", "circular", "reflect", "replicate")
CAPTION = (
    "How often a pixel is used, relative to the middle one: one 3x3 convolution, and the network named below, its "
    "poolings as means. In brackets whether the paper's interactive page calls one layer uniform; reflect overuses "
    "the second line."
)


def foveation(model: nn.Module, padding: AnyPadding, side: int) -> Map:
    """How often each pixel takes part in the output, relative to the most used pixel: [side, side].

    Every convolution averages, max poolings become mean poolings and biases vanish, so that the derivative of the sum
    of the outputs counts the paths from a pixel to an output.

    Args:
        model: images [1, 3, side, side] in, one map out; its weights do not matter, it is changed.
        padding: of its convolutions; `full` pads by the kernel's side less one.
    """
    for module in list(model.modules()):
        if isinstance(module, nn.Conv2d):
            weight = torch.full(module.weight.shape, 1 / module.weight[0].numel())
            module.weight = nn.Parameter(weight, requires_grad=False)
            module.bias = None
            if padding == "full":
                height, width = module.kernel_size
                module.padding = (height - 1, width - 1)
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                mean = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode)
                setattr(module, name, mean)
            elif isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
    image = torch.ones(1, 3, side, side, requires_grad=True)
    with torch.enable_grad(), in_padding("zeros" if padding == "full" else padding):
        model.eval()(image).sum().backward()
    assert image.grad is not None
    used = image.grad[0].double().mean(0).numpy()
    return np.asarray(used / used.max())


def of_one_layer(padding: AnyPadding, side: int = 15) -> Map:
    """Foveation of one 3x3 convolution, as the paper's interactive page shows it."""
    return foveation(nn.Sequential(nn.Conv2d(3, 1, 3, padding=1)), padding, side)


def by_padding(architecture: str) -> dict[AnyPadding, Map]:
    """Foveation of a network with each padding, for an image of 224 pixels."""
    return {padding: foveation(empty_architecture(architecture), padding, IMAGE_SIDE) for padding in PADDINGS}


def foveation_rows(networks: Mapping[AnyPadding, Map]) -> pd.DataFrame:
    """A row for each padding.

    Columns: padding; corner and edge (the middle of a side) of one 3x3 layer and of the network, relative to the pixel
    in the middle; `uniform`, yes where one layer uses all pixels alike, and what is published of that.

    Args:
        networks: padding to the network's map.
    """
    rows = []
    for padding, network in networks.items():
        layer = of_one_layer(padding)
        row: dict[str, Any] = {"padding": padding}
        for name, used in (("layer", layer), ("network", network)):
            middle = len(used) // 2
            row[f"{name}_corner"] = used[0, 0] / used[middle, middle]
            row[f"{name}_edge"] = used[0, middle] / used[middle, middle]
        row["uniform"] = "yes" if np.allclose(layer, layer[0, 0], atol=1e-5) else "no"
        rows.append(row)
    published = pd.read_csv(PUBLISHED)[["padding", "uniform"]].rename(columns={"uniform": "published"})
    return pd.DataFrame(rows).merge(published, how="left", on="padding")


def foveation_layout(rows: pd.DataFrame) -> pd.DataFrame:
    """Lay out the rows as they are printed."""
    printed = rows.copy()
    for column in rows.columns[1:5]:
        printed[column] = [three_decimals(value) for value in rows[column]]
    printed["uniform"] += " (" + printed.pop("published") + ")"
    printed.columns = pd.MultiIndex.from_tuples([(name.replace("_", " "), "") for name in printed.columns])
    return printed


def build(run: RunConfig, _: str, __: Sequence[Path]) -> BuiltTable:
    """Build the table from the architecture of VGG."""
    rows = foveation_rows(by_padding(run.registry.encoders[run.models.VGG].architecture))
    return BuiltTable(rows, foveation_layout(rows), CAPTION, run.titles([run.models.VGG]))
