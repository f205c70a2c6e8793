"""Sizes of images, of stored stages, and of the common grid on which a readout works."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

IMAGE_SIDE = 224  # pixels; the paper's size in training and test (section 4)


class Alignment(BaseModel):
    """How stages of different sizes are brought to one size."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    side: Annotated[int, Field(ge=8, le=IMAGE_SIDE)] = Field(
        28,
        description="Side in pixels to which every stage is resized before the readout (8 to 224). The paper's is 28.",
    )
    corners: bool = Field(
        False, description="torch's align_corners: the released code used false in 2020, true since 2021-08."
    )


@dataclass(frozen=True)
class StageFit:
    """How a stage's maps are cut (`crop`) or resized (`resize`): from their native side to `side`, both in pixels."""

    how: Literal["crop", "resize"]
    native: int
    side: int


@dataclass(frozen=True)
class StageShape:
    """A stage of an encoder: its name, its channels, the side at which it is stored (pixels), and how it is fitted."""

    name: str
    channels: int
    side: int
    fit: StageFit | None = None
