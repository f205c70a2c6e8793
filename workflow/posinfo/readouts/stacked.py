"""One-layer readouts, stacked: all patterns and seeds as one matrix product over channels (see `mixing`)."""

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from posinfo.protocol.alignment import Alignment, StageShape
from posinfo.protocol.readout import Readout
from posinfo.readouts.aligned_conv import AlignedConv

VECTORS = ("bias", "gamma", "beta", "mean", "var")  # of a layer: its bias, and its batch norm's parameters and state
FEWER_FROM = 5  # side of a kernel: of 15 heads, transforming the features costs more than the products that 3 x 3 takes


@dataclass(frozen=True)
class Head:
    """One readout to be learned: one pattern from one initialisation."""

    readout: Readout
    pattern: str
    seed: int

    def generator(self) -> torch.Generator:
        """Its own source of randomness, the same whether the head is trained alone or stacked."""
        key = f"{self.readout.name}/{self.pattern}/{self.seed}".encode()
        return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(key).digest()[:7], "big"))


class StackedReadouts(nn.Module):
    """Heads of one readout (same kernel, padding and stages), each with its own weights and batch norm.

    Args:
        readout: what the heads have in common; `layers` must be 1.
        heads: which pattern and seed each head is for.
        stages: the stages that are read, in the order of their channels.
        inverse_scale: what each stage is multiplied by before the readout, float32 [stages].
        alignment: side and corner rule of the common size.
        output: `sigmoid` or `linear`.

    The parameters are named as in the plain module: `weight` float32 [heads, C, k, k] (stored as [k², heads, C]),
    `bias` [heads], and the batch norm's `gamma`, `beta`, `mean`, `var` [heads].
    """

    mixing: nn.Parameter
    mean: torch.Tensor
    var: torch.Tensor

    def __init__(
        self,
        readout: Readout,
        heads: list[Head],
        stages: list[StageShape],
        inverse_scale: list[float],
        alignment: Alignment,
        output: str,
    ) -> None:
        super().__init__()
        self.readout, self.heads, self.stages, self.output = readout, heads, stages, output
        channels, kernel = sum(stage.channels for stage in stages), readout.kernel
        weight = torch.empty(len(heads), channels, kernel, kernel)
        bound = math.sqrt(6 / ((channels + 1) * kernel**2))  # xavier_uniform, as released
        for row, head in zip(weight, heads, strict=True):
            row.uniform_(-bound, bound, generator=head.generator())
        self.mixing = nn.Parameter(weight.permute(2, 3, 0, 1).reshape(kernel**2, len(heads), channels).contiguous())
        self.bias = nn.Parameter(torch.zeros(len(heads)))
        self.gamma = nn.Parameter(torch.ones(len(heads)))
        self.beta = nn.Parameter(torch.zeros(len(heads)))
        self.register_buffer("mean", torch.zeros(len(heads)))
        self.register_buffer("var", torch.ones(len(heads)))
        self.mixer = AlignedConv(stages, inverse_scale, alignment, kernel, readout.margin, fewer=kernel >= FEWER_FROM)
        self.side = self.mixer.side

    @property
    def channel_scale(self) -> torch.Tensor:
        """What each channel is multiplied by before the readout, float32 [C]."""
        return self.mixer.channel_scale

    def weight(self) -> torch.Tensor:
        """The convolution's weights in the plain layout, float32 [heads, C, k, k]."""
        kernel = self.readout.kernel
        return self.mixing.detach().reshape(kernel, kernel, len(self.heads), -1).permute(2, 3, 0, 1).contiguous()

    def tensors(self) -> dict[str, torch.Tensor]:
        """What was learned, each [heads, ...]: `layer0.weight` [heads, 1, C, k, k] and vectors [heads, 1]."""
        vectors = {f"layer0.{name}": getattr(self, name).detach()[:, None] for name in VECTORS}
        return {"layer0.weight": self.weight()[:, None], **vectors}

    @torch.no_grad()
    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Set what `tensors` returned."""
        self.mixing.copy_(tensors["layer0.weight"][:, 0].permute(2, 3, 0, 1).reshape(self.mixing.shape))
        for name in VECTORS:
            getattr(self, name).copy_(tensors[f"layer0.{name}"][:, 0])

    def convolve(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        """The convolution of the aligned stages, float32 [heads, batch, side, side].

        Args:
            features: for each stage name, float32 [C, batch, h, w]: channels first, so that mixing is one product.
        """
        weight = self.mixing.view(self.readout.kernel, self.readout.kernel, len(self.heads), -1)
        maps: torch.Tensor = self.mixer(weight, features)
        return maps + self.bias[:, None, None, None]

    def forward(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        """Predicted maps before the upsampling, float32 [heads, batch, side, side]; see `convolve`."""
        maps = functional.batch_norm(
            self.convolve(features).transpose(0, 1),
            self.mean,
            self.var,
            self.gamma,
            self.beta,
            training=self.training,
        ).transpose(0, 1)
        return maps.sigmoid() if self.output == "sigmoid" else maps
