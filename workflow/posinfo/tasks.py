"""What an encoder may be trained for, and how: plain values, no torch, so that parsing a workflow stays quick.

The paper prints no recipe for its encoders trained from scratch; this one is ours.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Task = Literal["classification", "saliency", "segmentation"]
Count = Annotated[int, Field(ge=1)]


class Recipe(BaseModel):
    """How an encoder is trained for a task: AdamW, its learning rate rising to `lr` and falling to zero (one cycle)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    epochs: Count = Field(8, description="Passes; each composes new pictures. A checkpoint is kept after each.")
    pictures: Count = Field(640, description="Compositions of each pass.")
    batch: Count = Field(16, description="Pictures per step.")
    lr: Annotated[float, Field(allow_inf_nan=False, gt=0)] = Field(0.01, description="Highest learning rate of AdamW.")
    weight_decay: Annotated[float, Field(allow_inf_nan=False, ge=0)] = Field(1e-4, description="AdamW's weight decay.")
    tests: Count = Field(200, description="Compositions of held-out photographs on which it is tested.")
