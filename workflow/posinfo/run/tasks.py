"""What an encoder may be trained for, and how: plain values, no torch, so that parsing a workflow stays quick.

The paper prints no recipe for its encoders trained from scratch; this one is ours.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from posinfo.registry.entries import Task

Count = Annotated[int, Field(ge=1)]


COMPOSITIONS = "compositions"  # in place of a set of images: made of the run's photographs


class Recipe(BaseModel):
    """How an encoder is trained for a task: AdamW, its learning rate rising to `lr` and falling to zero (one cycle)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    epochs: Count = Field(5, description="Passes, each over pictures of its own. A checkpoint is kept after each.")
    pictures: Count = Field(1280, description="Pictures of each pass.")
    plain: Annotated[float, Field(ge=0, le=1)] = Field(
        0.6, description="Share of the training over which compositions fade from two greys into textures."
    )
    batch: Count = Field(8, description="Pictures per step.")
    lr: Annotated[float, Field(allow_inf_nan=False, gt=0)] = Field(
        0.0015, description="Highest learning rate of AdamW."
    )
    weight_decay: Annotated[float, Field(allow_inf_nan=False, ge=0)] = Field(1e-4, description="AdamW's weight decay.")
    tests: Count = Field(
        200, description="Compositions of held-out photographs for test; a set with masks is used whole."
    )

    @property
    def steps(self) -> int:
        """Steps of the optimiser in the whole training."""
        return self.epochs * -(-self.pictures // self.batch)


class Tuning(Recipe):
    """The same for an encoder whose training starts from another's weights; the body has a learning rate of its own."""

    epochs: Count = Field(2, description="Passes, each over pictures of its own. A checkpoint is kept after each.")
    pictures: Count = Field(500, description="Pictures of each pass.")
    plain: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="Share of the training over which compositions fade from two greys into textures."
    )
    batch: Count = Field(2, description="Pictures per step.")
    lr: Annotated[float, Field(allow_inf_nan=False, gt=0)] = Field(
        0.003, description="Highest learning rate of AdamW for the head, which is new."
    )
    lr_body: Annotated[float, Field(allow_inf_nan=False, gt=0)] = Field(
        5e-5, description="The same for the encoder itself, which has learnt already."
    )


@dataclass(frozen=True)
class TaskTable:
    """A table of how well encoders with and without padding do their task, and how well position alone does it.

    Attributes:
        alias: the name a person would guess.
        about: what it shows, for the caption.
        published: file name in `published/`; empty for a table that the paper lacks.
        task: what the encoders are trained for; their roles in the config are the task, and `{task}_without_padding`.
        score: the column of a picture's own score.
        metrics: our columns, as the training's csv names them, to what the published file calls them.
        unit: by which published numbers are divided.
        note: how the metrics are meant, for the caption.
        by_class: whether it shows the IoU of each class, and no other metric.
    """

    alias: str
    about: str
    published: str
    task: Task
    score: str
    metrics: dict[str, str]
    unit: float
    note: str
    by_class: bool = False

    @property
    def models(self) -> dict[str, str]:
        """The paper's row label to the role of the config."""
        return {"VGG w/o padding": f"{self.task}_without_padding", "VGG": self.task}


TASK_TABLES = {
    "table5a": TaskTable(
        alias="saliency",
        about="Saliency with and without padding",
        published="table5a_saliency.csv",
        task="saliency",
        score="f",
        metrics={"f_adaptive": "f_measure", "f_maximal": "", "mae": "mae"},
        unit=1,
        note="F with beta squared .3: adaptive at twice a map's mean, maximal over 256 thresholds; chance: all "
        "salient.",
    ),
    "table5b": TaskTable(
        alias="segmentation",
        about="Semantic segmentation with and without padding",
        published="table5b_segmentation.csv",
        task="segmentation",
        score="iou",
        metrics={"miou": "miou_percent", "accuracy": ""},
        unit=100,
        note="mIoU over all classes; chance: everything of the commonest.",
    ),
    "classes": TaskTable(
        alias="per-class",
        about="Segmentation class by class, IoU of all pixels",
        published="",
        task="segmentation",
        score="iou",
        metrics={},
        unit=1,
        note="A class that a set lacks and nobody called has none.",
        by_class=True,
    ),
}
TASK_ALIASES = {table.alias: name for name, table in TASK_TABLES.items()}
