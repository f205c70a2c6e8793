"""Settings of the experiment, and the paddings that it compares."""

from typing import Annotated

from pydantic import AfterValidator, Field

from posinfo.run.experiments import Section, each_once

PADDINGS = {"valid": "valid", "same": "same", "circular": "same, circular", "full": "full"}  # in a path, in a table


class RedGreen(Section):
    """Small networks that learn which of two coloured squares is left."""

    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(each_once)] = Field(
        [0, 1, 2], description="A network is trained from each. The paper took ten."
    )
    examples: Annotated[int, Field(ge=2)] = Field(
        1000,
        description="Training images; half as many each for validation and testing. The paper's release: 2000.",
    )
    epochs: Annotated[int, Field(ge=1)] = Field(
        12, description="Passes over the training images at most. The paper's release: 50."
    )
