"""How encoders are trained for a task: plain values, without torch.

The paper prints no recipe for the encoders that it trained from scratch; these are ours.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from posinfo.registry.entries import Encoder

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
LearningRate = Annotated[float, Field(allow_inf_nan=False, gt=0)]

COMPOSITIONS = "compositions"  # names what is composed of the run's own images, in place of a set of images


class Recipe(BaseModel):
    """How an encoder is trained from scratch: AdamW, its learning rate rising to `lr` and falling to 0 (one cycle)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    epochs: Count = Field(5, description="Passes, each over images of its own. A checkpoint is written after each.")
    images: Count = Field(1280, description="Images of each pass.")
    plain: Share = Field(
        0.6, description="Share of the training over which compositions fade from two greys into textures."
    )
    batch: Count = Field(8, description="Images per step.")
    lr: LearningRate = Field(0.0015, description="Highest learning rate of AdamW.")
    weight_decay: Annotated[float, Field(allow_inf_nan=False, ge=0)] = Field(1e-4, description="AdamW's weight decay.")
    tests: Count = Field(
        200, description="Compositions of held-out photographs for test; a set with masks is used whole."
    )

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.epochs * -(-self.images // self.batch)


class Tuning(Recipe):
    """How an encoder is trained further from another's weights, with a learning rate of its own for the encoder."""

    epochs: Count = Field(2, description="Passes, each over images of its own. A checkpoint is written after each.")
    images: Count = Field(500, description="Images of each pass.")
    plain: Share = Field(
        0.0, description="Share of the training over which compositions fade from two greys into textures."
    )
    batch: Count = Field(2, description="Images per step.")
    lr: LearningRate = Field(0.003, description="Highest learning rate of AdamW for the head, which is new.")
    lr_body: LearningRate = Field(5e-5, description="Highest learning rate of AdamW for the encoder.")


def read_recipe(text: str, entry: Encoder) -> Recipe:
    """The recipe of an encoder, from the JSON that a rule passes."""
    return (Tuning if entry.start else Recipe).model_validate_json(text)
