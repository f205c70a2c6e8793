"""Settings of the experiment."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.run.experiments import Section, each_once


class PooledLocation(Section):
    """A small image in one cell of a black canvas, whose cell a linear readout names."""

    patch: Annotated[int, Field(ge=1)] = Field(
        32, description="Side in pixels of the small image on the canvas; at most that of a cell."
    )
    grids: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1), AfterValidator(each_once)] = Field(
        [3, 5, 7], description="Cells along a side of the canvas, one grid after the other."
    )
    training_images: Annotated[int, Field(ge=2)] = Field(
        5, description="Images per cell for training; each seed leaves one of them out."
    )
    test_images: Annotated[int, Field(ge=1)] = Field(3, description="Images per cell for testing.")

    @model_validator(mode="after")
    def _patch_fits(self) -> Self:
        finest = max(self.grids)
        cell = IMAGE_SIDE // finest
        if self.patch > cell:
            raise ValueError(
                f"a patch of {self.patch} pixels is larger than its cell: {finest} x {finest} cells of an image of "
                f"{IMAGE_SIDE} have {cell} pixels; take a patch of at most {cell}, or a coarser grid"
            )
        return self
