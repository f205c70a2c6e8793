"""What a readout is and how it is trained: plain values, no torch, so that parsing a workflow stays quick.

The grammar of a readout's name is frozen. Initial weights are drawn from the name (`readouts.stacked.Head.generator`),
so another spelling of the same choices would give other weights and other results.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from posinfo.store.errors import InputError

_READOUT = re.compile(
    r"(L(?P<layers>[1-9]\d*)|lstsq)-k(?P<kernel>[1-9]\d*)-p(?P<padding>\d+)-(?P<stages>[a-z][a-z0-9]*)"
    r"(-c(?P<cut>[1-9]\d*))?(?P<raw>-raw)?"
)


@dataclass(frozen=True, order=True)
class Readout:
    """A readout by its choices; its name, such as `L1-k3-p0-all` or `lstsq-k3-p0-all`, can be parsed back.

    Attributes:
        layers: convolutions (paper table 2a: 1, 2, 3).
        kernel: side of each kernel, odd (table 2b: 1, 3, 7).
        padding: zero padding of each convolution, in cells of the 28x28 map (table 4: 0, 1, 2).
        stages: `all`, or the name of the one stage that is read (table 3).
        cut: cells of the 28x28 map that are cut away on each side before the convolution; the name then says `-c2`.
        raw: read the stages unscaled whatever `training: scale` says; the name then ends in `-raw`.
        least_squares: one linear convolution, solved by least squares instead of trained; the name then begins with
            `lstsq`, which is numpy's name for the method.
    """

    layers: int = 1
    kernel: int = 3
    padding: int = 0
    stages: str = "all"
    cut: int = 0
    raw: bool = False
    least_squares: bool = False

    @property
    def name(self) -> str:
        """The name in paths, such as `L1-k3-p0-all`."""
        start = "lstsq" if self.least_squares else f"L{self.layers}"
        name = f"{start}-k{self.kernel}-p{self.padding}-{self.stages}"
        if self.cut:
            name += f"-c{self.cut}"
        if self.raw:
            name += "-raw"
        return name

    @property
    def margin(self) -> int:
        """Zero padding of the first convolution, in cells on each side; a negative number of cells is cut away."""
        return self.padding - self.cut

    @classmethod
    def parse(cls, name: str) -> "Readout":
        """Parse a readout's name.

        Raises:
            InputError: when the name does not follow the grammar or the kernel is even.
        """
        match = _READOUT.fullmatch(name)
        if match is None:
            raise InputError(
                f"readout {name!r} does not follow L<layers>-k<kernel>-p<padding>-<all or a stage>; examples: "
                "L1-k3-p0-all, or lstsq-k3-p0-all for the least-squares solution"
            )
        readout = cls(
            layers=int(match["layers"] or 1),
            kernel=int(match["kernel"]),
            padding=int(match["padding"]),
            stages=match["stages"],
            cut=int(match["cut"] or 0),
            raw=match["raw"] is not None,
            least_squares=match["layers"] is None,
        )
        if readout.kernel % 2 == 0:
            raise InputError(f"readout {name!r}: the kernel must be odd (1, 3, 5, 7 ...), not {readout.kernel}")
        if readout.cut and (readout.layers > 1 or readout.least_squares or readout.padding):
            raise InputError(f"readout {name!r}: only trained readouts of one layer without padding are cut (-c...)")
        return readout

    def stages_read(self, stages: list[str]) -> list[str]:
        """The stages of an encoder that this readout reads.

        Args:
            stages: names of all stages of the encoder.

        Raises:
            InputError: when the encoder has no such stage.
        """
        if self.stages == "all":
            return stages
        if self.stages not in stages:
            raise InputError(f"readout {self.name!r}: this encoder has the stages {', '.join(stages)}, or all")
        return [self.stages]


# Columns of a score file, which has one row per prediction.
SCORE_COLUMNS = ("readout", "pattern", "seed", "image", "spc", "mae", "constant")
PositiveInt = Annotated[int, Field(ge=1)]


class Training(BaseModel):
    """How a readout is trained; the defaults are the released code's (the paper prints only some of them)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    output: Literal["sigmoid", "linear"] = Field(
        "sigmoid",
        description="What follows the last batch norm: sigmoid as released, or linear, which reaches below 0.",
    )
    epochs: PositiveInt = Field(15, description="Passes over the training images.")
    batch: PositiveInt = Field(32, description="Images per step.")
    lr: Annotated[float, Field(allow_inf_nan=False, gt=0)] = Field(0.1, description="SGD's learning rate at the start.")
    decay_epoch: PositiveInt = Field(10, description="The epoch (from 0) from which lr is multiplied by lr_decay.")
    lr_decay: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1)] = Field(
        0.1, description="The factor of lr from decay_epoch on."
    )
    momentum: Annotated[float, Field(allow_inf_nan=False, ge=0, lt=1)] = Field(0.9, description="SGD's momentum.")
    weight_decay: Annotated[float, Field(allow_inf_nan=False, ge=0)] = Field(1e-4, description="SGD's weight decay.")
    hidden: PositiveInt | Literal["same"] = Field(
        8,
        description="Channels between the layers of a readout of several layers: a number (never more than the stages "
        "have), small enough for a CPU, or same: as many as are read, as released (VGG16, 3 layers: 39 M weights).",
    )
    scale: Literal["rms", "none"] = Field(
        "rms",
        description="rms divides each stage by its root mean square over the training images, one number a stage: "
        "stages differ by far (VGG16: from 216 to 6), and SGD hardly learns from small ones. none is the paper's.",
    )
