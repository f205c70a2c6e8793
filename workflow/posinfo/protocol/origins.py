"""Where position comes from: plain values of three experiments of the follow-up literature, defined in docs/beyond.md.

Location from pooled features (Islam et al., ICCV 2021), absolute location learned from scratch (Kayhan and van Gemert,
CVPR 2020) and uneven padding (Alsallakh et al., ICLR 2021).
"""

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from posinfo.protocol.alignment import IMAGE_SIDE

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]


def fitting(patch: int, grid: int) -> int:
    """The side of a cell of a grid x grid canvas, in pixels.

    Raises:
        ValueError: when a patch of that side does not fit into it.
    """
    cell = IMAGE_SIDE // grid
    if patch > cell:
        raise ValueError(
            f"a patch of {patch} pixels is larger than its cell: {grid} x {grid} cells of a picture of {IMAGE_SIDE} "
            f"have {cell} pixels; take a patch of at most {cell}, or a coarser grid"
        )
    return cell


class Origins(BaseModel):
    """Settings of the experiments on where position comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    patch: Count = Field(
        32, description="Pooled features: side in pixels of a photograph on the empty picture; at most that of a cell."
    )
    grids: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1)] = Field(
        [3, 5, 7], description="Pooled features: cells along a side of the empty picture, one grid after the other."
    )
    learnt: Annotated[int, Field(ge=2)] = Field(
        5, description="Pooled features: pictures a cell that are learnt from; each seed leaves one of them out."
    )
    tested: Count = Field(3, description="Pooled features: pictures a cell that are tested on.")
    starts: Annotated[list[Seed], Field(min_length=1)] = Field(
        [0, 1, 2], description="Red and green: a network is trained from each. The paper took ten."
    )
    examples: Annotated[int, Field(ge=2)] = Field(
        1000,
        description="Red and green: pictures to learn from; half as many choose the epoch, and as many test. The "
        "paper's release: 2000.",
    )
    epochs: Count = Field(12, description="Red and green: passes at most. The paper's release: 50.")
    sides: Annotated[list[Annotated[int, Field(ge=64, le=512)]], Field(min_length=1)] = Field(
        [224, 225, 229],
        description="Uneven padding: sides of the input, in pixels. At 229 every stride of the default ResNet uses its "
        "padding evenly.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for grid in self.grids:
            fitting(self.patch, grid)
        for name in ("grids", "starts", "sides"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name}: {values} names one twice")
        return self


@dataclass(frozen=True)
class Experiment:
    """An experiment, its table and what is published of it.

    Attributes:
        about: what it shows, for the caption.
        keys: the columns of its rows that name a condition.
        metric: what is measured of each picture.
        note: how setting and data differ from the paper's, for the caption.
        beside: what else is measured of each picture.
        published: file name in `published/`; empty where no number could be verified.
    """

    about: str
    keys: tuple[str, ...]
    metric: str
    note: str
    beside: tuple[str, ...] = ()
    published: str = ""

    @property
    def columns(self) -> list[str]:
        """Of a row: its condition, the picture, the seed, what is measured."""
        return [*self.keys, "image", "seed", self.metric, *self.beside]


EXPERIMENTS = {
    "pooled": Experiment(
        about="Location from pooled features",
        keys=("encoder", "grid", "channels"),
        metric="accuracy",
        note="Frozen encoders and a linear readout; the paper trained a ResNet-18 on CIFAR-10 pictures, whose released "
        "result stands in brackets.",
        published="pooled.csv",
    ),
    "redgreen": Experiment(
        about="Absolute location learned from scratch",
        keys=("padding", "places"),
        metric="accuracy",
        note="Drawn anew by the released definition; in brackets the authors' numbers, ten networks a row.",
        published="redgreen.csv",
    ),
    "uneven": Experiment(
        about="Uneven padding",
        keys=("encoder", "side", "stage"),
        metric="asymmetry",
        note="The paper trains networks for each side; these weights were trained at 224 and only see other sides. Its "
        "accuracies could not be verified and are not shown.",
        beside=("left", "right", "top", "bottom"),
    ),
}
REDGREEN = {"valid": "valid", "same": "same", "circular": "same, circular", "full": "full"}  # in a path, and in words
FOVEATION = Experiment(
    about="How often pixels are used, by padding",
    keys=("padding",),
    metric="corner",
    note="",
    published="foveation.csv",
)
TABLES = {**EXPERIMENTS, "foveation": FOVEATION}
DRAWN = {
    "foveation": "Foveation of padding kinds",
    "sides": "Mean maps and error by side",
}
