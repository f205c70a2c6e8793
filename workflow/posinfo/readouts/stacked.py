"""Readouts, stacked: one matrix product over channels for all patterns and seeds (see `aligned_conv`)."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from posinfo.protocol.alignment import Alignment, StageShape
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.aligned_conv import AlignedConv
from posinfo.store.errors import InputError

# Smallest kernel of one layer that transforms the features. With 15 heads and 3 x 3, that costs more than it saves.
TRANSFORM_FROM = 5
NORM = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "var": "running_var"}  # our names and torch's


@dataclass(frozen=True)
class Head:
    """A readout of one pattern, trained from the initial weights of one seed."""

    readout: Readout
    pattern: str
    seed: int

    def generator(self) -> torch.Generator:
        """The generator of the initial weights, the same for a head trained alone and for a stacked head.

        It is seeded by the readout's name, the pattern and the seed.
        """
        key = f"{self.readout.name}/{self.pattern}/{self.seed}".encode()
        return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(key).digest()[:7], "big"))


class StackedReadouts(nn.Module):
    """Heads of one readout (one kernel, one padding, the same stages), each with its own weights and batch norms.

    Conv -> BatchNorm -> ReLU for each layer but the last, then Conv -> BatchNorm -> output, as released. The first
    layer of all heads is one wide convolution of the stages; in later layers each head is a group of a grouped
    convolution.

    Args:
        readout: what the heads have in common.
        heads: pattern and seed of each head.
        stages: the stages that are read, in the order of their channels.
        inverse_scale: the factor of each stage, float32 [stages].
        alignment: side and corner rule of the common size.
        training: says the output and the channels between the layers.

    Attributes:
        weights: of each layer, float32: the first as [k, k, heads * out, C], later ones as [heads * out, in, k, k].
        side: of the predicted maps.
    """

    def __init__(
        self,
        readout: Readout,
        heads: list[Head],
        stages: list[StageShape],
        inverse_scale: list[float],
        alignment: Alignment,
        training: Training,
    ) -> None:
        super().__init__()
        self.readout = readout
        self.heads = heads
        self.stages = stages
        self.output = training.output
        kernel = readout.kernel
        channels = sum(stage.channels for stage in stages)
        hidden = channels if training.hidden == "same" else min(training.hidden, channels)
        generators = [head.generator() for head in heads]
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        self.norms = nn.ModuleList()
        for wide, narrow in pairwise([channels, *[hidden] * (readout.layers - 1), 1]):
            weight = torch.empty(len(heads), narrow, wide, kernel, kernel)
            bound = math.sqrt(6 / ((wide + narrow) * kernel**2))  # xavier_uniform, as released
            for of_head, generator in zip(weight, generators, strict=True):
                of_head.uniform_(-bound, bound, generator=generator)
            by_row = weight.flatten(0, 1)
            self.weights.append(by_row if self.weights else by_row.permute(2, 3, 0, 1).contiguous())
            self.biases.append(torch.zeros(len(by_row)))
            self.norms.append(nn.BatchNorm2d(len(by_row)))
        # Hidden channels make so many rows that transforming the features always pays.
        transform = kernel >= TRANSFORM_FROM if readout.layers == 1 else kernel > 1
        self.conv = AlignedConv(stages, inverse_scale, alignment, kernel, readout.margin, transform)
        self.side = alignment.side + readout.layers * (2 * readout.margin - kernel + 1)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The learned tensors: `layer{n}.weight` [heads, out, in, k, k] and vectors [heads, out]."""
        heads = len(self.heads)
        return {name: tensor.detach().view(heads, -1, *tensor.shape[1:]) for name, tensor in self._named()}

    @torch.no_grad()
    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Set the tensors that `tensors` returned."""
        for name, tensor in self._named():
            tensor.copy_(tensors[name].flatten(0, 1))

    def _named(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Names and tensors, whose first dimension is heads * out."""
        for layer, norm in enumerate(self.norms):
            weight = self.weights[layer]
            yield f"layer{layer}.weight", weight if layer else weight.permute(2, 3, 0, 1)
            yield f"layer{layer}.bias", self.biases[layer]
            for name, attribute in NORM.items():
                yield f"layer{layer}.{name}", getattr(norm, attribute)

    def forward(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        """Predicted maps before the upsampling, float32 [heads, batch, side, side].

        Args:
            features: for each stage name, float32 [C, batch, h, w]: channels first, so that mixing is one product.
        """
        rows: torch.Tensor = self.conv(self.weights[0], features) + self.biases[0][:, None, None, None]
        maps: torch.Tensor = self.norms[0](rows.transpose(0, 1))
        padding = self.readout.padding
        for layer in range(1, self.readout.layers):
            weight = self.weights[layer]
            bias = self.biases[layer]
            maps = functional.conv2d(maps.relu(), weight, bias, padding=padding, groups=len(self.heads))
            maps = self.norms[layer](maps)
        maps = maps.transpose(0, 1)
        return maps.sigmoid() if self.output == "sigmoid" else maps

    def refuse_non_finite(self, values: torch.Tensor, what: str, remedy: str = "or use scale: rms") -> None:
        """Refuse values [heads, ...] that are not finite.

        Raises:
            InputError: names readout, pattern and seed of the head.
        """
        for head, of_head in zip(self.heads, values, strict=True):
            if not of_head.isfinite().all():
                raise InputError(
                    f"readout {head.readout.name}, pattern {head.pattern}, seed {head.seed}: {what} is not finite; "
                    f"lower training: lr in the config, {remedy}"
                )
