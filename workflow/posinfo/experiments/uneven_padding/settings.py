"""Settings of the experiment, and the edges at which a readout's error is measured."""

from typing import Annotated

from pydantic import AfterValidator, Field

from posinfo.run.experiments import Section, each_once

EDGES = ("left", "right", "top", "bottom")
Sides = Annotated[list[Annotated[int, Field(ge=64, le=512)]], Field(min_length=1), AfterValidator(each_once)]


class UnevenPadding(Section):
    """Inputs of several sides, at which strides use their padding differently."""

    sides: Sides = Field(
        [224, 225, 229],
        description="Sides of the input, in pixels. At 229 every stride of the default ResNet uses its padding evenly.",
    )
