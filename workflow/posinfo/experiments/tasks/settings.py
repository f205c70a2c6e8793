"""The section `tasks` of the config: which encoders are trained for which task, from which images, by which recipe."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from posinfo.experiments.tasks.recipes import COMPOSITIONS, Recipe, Tuning
from posinfo.registry.catalogue import look_up
from posinfo.registry.entries import Task
from posinfo.run.experiments import Section, each_once
from posinfo.run.roles import registry_of


class TaskSets(Section):
    """The images with masks that a task is learned from and tested on."""

    train: str = Field(COMPOSITIONS, description="Learned from: compositions, or a set of images with masks.")
    tests: Annotated[list[str], Field(min_length=1), AfterValidator(each_once)] = Field(
        [COMPOSITIONS], description="Tested on, each by itself."
    )

    @model_validator(mode="after")
    def _known(self, info: ValidationInfo) -> Self:
        for name in (self.train, *self.tests):
            if name != COMPOSITIONS:
                registry_of(info).mask_dependencies(name)
        if self.train != COMPOSITIONS and self.train in self.tests:
            raise ValueError(f"{self.train} is both learned from and tested on; name another set")
        return self


class Tasks(Section):
    """Which encoders stand for the paper's VGGs that were trained for a task, and how they are trained."""

    classification: str = Field("vgg-slim-classification", description="Table 6's VGG.")
    saliency: str = Field("vgg-slim-saliency", description="VGG trained for saliency: Table 5a, Table 6, Figure 1.")
    saliency_without_padding: str = Field("vgg-slim-saliency-nopad", description="The same without padding: Table 5a.")
    segmentation: str = Field("vgg-slim-segmentation", description="VGG trained for segmentation: Tables 5b and 6.")
    segmentation_without_padding: str = Field(
        "vgg-slim-segmentation-nopad", description="The same without padding: Table 5b."
    )
    beside: list[str] = Field(
        ["vgg16", "vgg16-edges"], description="Encoders that Table 6 shows beside those, without published numbers."
    )
    steps: bool = Field(True, description="Show position step by step in each training: the table and figure `tuning`.")
    saliency_sets: TaskSets = Field(TaskSets(), description="Images for saliency.")
    segmentation_sets: TaskSets = Field(TaskSets(), description="Images for segmentation.")
    recipe: Recipe = Field(Recipe(), description="Training of an encoder from scratch; the paper prints no recipe.")
    tuning: Tuning = Field(
        Tuning(), description="Training of an encoder that starts from another's weights (start in its entry)."
    )

    @property
    def encoders(self) -> dict[str, str]:
        """Role to encoder."""
        return {role: name for role, name in self if isinstance(name, str)}

    @property
    def of_table6(self) -> list[str]:
        """The encoders whose position Table 6 shows."""
        return [self.classification, self.saliency, self.segmentation, *self.beside]

    def sets(self, task: Task | None) -> TaskSets:
        """The images of a task; classification always learns from compositions."""
        sets: dict[Task | None, TaskSets] = {"saliency": self.saliency_sets, "segmentation": self.segmentation_sets}
        return sets.get(task, TaskSets())

    @model_validator(mode="after")
    def _trained(self, info: ValidationInfo) -> Self:
        encoders = registry_of(info).encoders
        for role, name in self.encoders.items():
            task = role.split("_")[0]
            entry = look_up("encoder", name, encoders)
            if task != "classification" and entry.task != task:
                raise ValueError(
                    f"{role}: {name} is not trained for {task}; name an encoder with weights: task: {task}"
                )
            if role != task and entry.padding != "none":
                raise ValueError(f"{role}: {name} has padding {entry.padding}; name an encoder with padding: none")
        for name in self.beside:
            look_up("encoder", name, encoders)
        each_once(list(self.encoders.values()))
        each_once(self.of_table6)
        return self
