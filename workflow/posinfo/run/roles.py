"""The parts of a configuration that give names their roles: encoders, sets of images, tasks; and entries of its own."""

from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from posinfo.registry.catalogue import Registry, look_up, shipped
from posinfo.registry.entries import Encoder, RandomWeights, Task, Views
from posinfo.run.tasks import COMPOSITIONS, Recipe, Tuning
from posinfo.store.errors import unknown


class Part(BaseModel):
    """A section: unknown keys are mistakes, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def registry_of(info: ValidationInfo) -> Registry:
    """The registry with the config's own entries, which `load_config` hands to every check."""
    return info.context if isinstance(info.context, Registry) else shipped()


class Models(Part):
    """Which encoder stands for each model of the paper."""

    PosENet: str = Field("pixels", description="The control without an encoder: the readout on the picture itself.")
    VGG: str = Field("vgg16", description="The paper's VGG16.")
    ResNet: str = Field("resnet50-thin", description="The paper's ResNet-152; the default is the nearest in a package.")
    VGG_without_padding: str = Field("vgg16-nopad", description="VGG with the padding of every convolution removed.")

    @field_validator("*")
    @classmethod
    def _known(cls, name: str, info: ValidationInfo) -> str:
        look_up("encoder", name, registry_of(info).encoders)
        return name

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        models = {name: model for model, name in self}
        for model, name in self:
            if models[name] != model:
                raise ValueError(f"{name} stands for both {model} and {models[name]}; name an encoder for each")
        return self

    @property
    def of_table1(self) -> dict[str, str]:
        """The models of the paper's Table 1."""
        return {"PosENet": self.PosENet, "VGG": self.VGG, "ResNet": self.ResNet}


class ImageRoles(Part):
    """Which set of images (registry/images.yaml) plays each role."""

    train: str = Field("photos-train", description="Readouts are trained on these.")
    natural: str = Field("photos-test", description="The paper's PASCAL-S: natural pictures for test.")
    black: str = Field("black", description="The paper's synthetic images: one black,")
    white: str = Field("white", description="one white,")
    noise: str = Field("noise", description="and Gaussian noise, here several draws.")

    @field_validator("*")
    @classmethod
    def _known(cls, name: str, info: ValidationInfo) -> str:
        look_up("set of images", name, registry_of(info).images)
        return name

    @model_validator(mode="after")
    def _apart(self, info: ValidationInfo) -> Self:
        train, natural = (registry_of(info).images[name] for name in (self.train, self.natural))
        if isinstance(train, Views) and train.part != "train":
            raise ValueError(f"train: {self.train} holds the photographs kept for test; name a set with part: train")
        if isinstance(natural, Views) and natural.part != "test":
            raise ValueError(f"natural: {self.natural} holds training photographs; name a set with part: test")
        if self.train == self.natural:
            raise ValueError(f"train and natural are both {self.train}; readouts are tested on other photographs")
        return self

    @property
    def tests(self) -> dict[str, str]:
        """Role to set of images, for all roles but `train`."""
        return {role: name for role, name in self if role != "train"}


class TaskSets(Part):
    """Which pictures with answers a task is learnt from."""

    train: str = Field(COMPOSITIONS, description="Learnt from: compositions, or a set of images with masks.")
    tests: list[str] = Field([COMPOSITIONS], min_length=1, description="Tested on, each by itself.")

    @model_validator(mode="after")
    def _known(self, info: ValidationInfo) -> Self:
        for name in (self.train, *self.tests):
            if name != COMPOSITIONS:
                registry_of(info).mask_dependencies(name)
        if twice := [name for name in self.tests if self.tests.count(name) > 1]:
            raise ValueError(f"{twice[0]} stands there twice among the tests")
        if self.train != COMPOSITIONS and self.train in self.tests:
            raise ValueError(f"{self.train} is both learnt from and tested on; name another set")
        return self


class Tasks(Part):
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
    saliency_sets: TaskSets = Field(TaskSets(), description="Pictures for saliency.")
    segmentation_sets: TaskSets = Field(TaskSets(), description="Pictures for segmentation.")
    recipe: Recipe = Field(Recipe(), description="Training of an encoder from scratch; the paper prints no recipe.")
    tuning: Tuning = Field(
        Tuning(), description="Training of an encoder that starts from another's weights (start in its entry)."
    )

    @property
    def encoders(self) -> dict[str, str]:
        """Role to encoder."""
        return {role: name for role, name in self if isinstance(name, str)}

    def sets(self, task: Task) -> TaskSets:
        """The pictures with answers of a task; kinds of compositions alone are classified."""
        return {"saliency": self.saliency_sets, "segmentation": self.segmentation_sets}.get(task, TaskSets())

    @property
    def of_table6(self) -> list[str]:
        """The encoders whose position Table 6 shows."""
        return [self.classification, self.saliency, self.segmentation, *self.beside]

    def recipe_of(self, entry: Encoder) -> Recipe:
        """How an encoder that is trained here is trained."""
        return self.tuning if entry.start else self.recipe

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
        for shown in (list(self.encoders.values()), self.of_table6):
            if twice := [name for name in shown if shown.count(name) > 1]:
                raise ValueError(f"{twice[0]} stands there twice; name an encoder for each")
        return self


@dataclass(frozen=True)
class Member:
    """One encoder of the atlas: of which network, and whether its weights are `trained`, `random`, or `none`."""

    encoder: str
    network: str
    weights: str


class Atlas(Part):
    """Networks that are mapped stage by stage, each beside itself with random weights."""

    encoders: list[str] = Field([], description="Encoders, one a network; none: no atlas is made.")
    untrained: list[str] = Field(
        [], description="Those of them that are read with random weights alone, such as where theirs cannot be fetched."
    )
    draws: Annotated[int, Field(ge=0, le=10)] = Field(
        3, description="Random weights of each network: as many draws, with the seeds 0, 1, 2 ..."
    )

    @model_validator(mode="after")
    def _known(self, info: ValidationInfo) -> Self:
        for name in self.encoders:
            entry = look_up("encoder", name, registry_of(info).encoders)
            if entry.fit:
                raise ValueError(f"{name} has fitted maps; the atlas shows a network's own, name {entry.variant_of}")
        if twice := [name for name in self.encoders if self.encoders.count(name) > 1]:
            raise ValueError(f"{twice[0]} stands there twice; name each network once")
        for name in self.untrained:
            if name not in self.encoders:
                raise ValueError(f"untrained: {unknown('encoder of the atlas', name, self.encoders)}")
        if self.untrained and not self.draws:
            raise ValueError(f"untrained: {self.untrained[0]} would have no weights at all; set draws to 1 or more")
        return self

    def members(self, registry: Registry) -> list[Member]:
        """Every encoder of the atlas, network by network, the trained one first."""
        found = []
        for name in self.encoders:
            weights = registry.encoders[name].weights
            if weights is None or isinstance(weights, RandomWeights):
                found.append(Member(name, name, "random" if weights else "none"))
                continue
            if name not in self.untrained:
                found.append(Member(name, name, "trained"))
            found += [Member(f"{name}-random-{draw}", name, "random") for draw in range(self.draws)]
        return found

    def drawn(self, registry: Registry) -> dict[str, dict[str, Any]]:
        """Entries of the random encoders that a registry lacks: the network's own, with other weights."""
        entries = {}
        for member in self.members(registry):
            if member.encoder not in registry.encoders:
                entry = registry.encoders[member.network]
                seed = int(member.encoder.rpartition("-")[2])
                title = f"{entry.title or member.network}, random weights (seed {seed})"
                new = {"title": title, "weights": RandomWeights(random=seed), "variant_of": None}
                entries[member.encoder] = entry.model_copy(update=new).model_dump(mode="json", exclude_none=True)
        return entries


class Own(Part):
    """Entries beside those of the registry, checked with it."""

    sources: dict[str, dict[str, Any]] = Field({}, description="Files to fetch: wheels, URLs, local files.")
    photographs: dict[str, dict[str, Any]] = Field({}, description="Collections that are split into train and test.")
    images: dict[str, dict[str, Any]] = Field({}, description="Sets of images: folders, archives, views.")
    encoders: dict[str, dict[str, Any]] = Field({}, description="Encoders: architecture, weights, input, taps.")
