"""The run's configuration: one model is its source of defaults, comments, checks and messages."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import PurePosixPath
from textwrap import wrap
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from posinfo import mistakes
from posinfo.alignment import Alignment
from posinfo.devices import DeviceSetting
from posinfo.entries import Task, Views
from posinfo.errors import InputError
from posinfo.patterns import Definition
from posinfo.protocol import Training
from posinfo.registry import Registry, look_up, shipped, with_own
from posinfo.tasks import COMPOSITIONS, Recipe

FOLDER = Field(pattern=r"^[A-Za-z0-9_./][A-Za-z0-9_./-]*$")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _registry(info: ValidationInfo) -> Registry:
    """The registry with the config's own entries, which `load_config` hands to every check."""
    return info.context if isinstance(info.context, Registry) else shipped()


class Models(_Part):
    """Which encoder stands for each model of the paper."""

    PosENet: str = Field("pixels", description="The control without an encoder: the readout on the picture itself.")
    VGG: str = Field("vgg16", description="The paper's VGG16.")
    ResNet: str = Field("resnet50-thin", description="The paper's ResNet-152; the default is the nearest in a package.")
    VGG_without_padding: str = Field("vgg16-nopad", description="VGG with the padding of every convolution removed.")

    @field_validator("*")
    @classmethod
    def _known(cls, name: str, info: ValidationInfo) -> str:
        look_up("encoder", name, _registry(info).encoders)
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


class ImageRoles(_Part):
    """Which set of images (registry/images.yaml) plays each role."""

    train: str = Field("photos-train", description="Readouts are trained on these.")
    natural: str = Field("photos-test", description="The paper's PASCAL-S: natural pictures for test.")
    black: str = Field("black", description="The paper's synthetic images: one black,")
    white: str = Field("white", description="one white,")
    noise: str = Field("noise", description="and Gaussian noise, here several draws.")

    @field_validator("*")
    @classmethod
    def _known(cls, name: str, info: ValidationInfo) -> str:
        look_up("set of images", name, _registry(info).images)
        return name

    @model_validator(mode="after")
    def _apart(self, info: ValidationInfo) -> Self:
        train, natural = (_registry(info).images[name] for name in (self.train, self.natural))
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


class TaskSets(_Part):
    """Which pictures with answers a task is learnt from."""

    train: str = Field(COMPOSITIONS, description="Learnt from: compositions, or a set of images with masks.")
    tests: list[str] = Field([COMPOSITIONS], min_length=1, description="Tested on, each by itself.")

    @model_validator(mode="after")
    def _known(self, info: ValidationInfo) -> Self:
        for name in (self.train, *self.tests):
            if name != COMPOSITIONS:
                _registry(info).behind_masks(name)
        if twice := [name for name in self.tests if self.tests.count(name) > 1]:
            raise ValueError(f"{twice[0]} stands there twice among the tests")
        if self.train != COMPOSITIONS and self.train in self.tests:
            raise ValueError(f"{self.train} is both learnt from and tested on; name another set")
        return self


class Tasks(_Part):
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

    @property
    def encoders(self) -> dict[str, str]:
        """Role to encoder."""
        return {role: name for role, name in self if isinstance(name, str)}

    def sets(self, task: Task) -> TaskSets:
        """The pictures with answers of a task; kinds of compositions alone are classified."""
        return {"saliency": self.saliency_sets, "segmentation": self.segmentation_sets}.get(task, TaskSets())

    @model_validator(mode="after")
    def _trained(self, info: ValidationInfo) -> Self:
        encoders = _registry(info).encoders
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
        shown = [*self.encoders.values(), *self.beside]
        if twice := [name for name in shown if shown.count(name) > 1]:
            raise ValueError(f"{twice[0]} stands there twice; name an encoder for each")
        return self


class Own(_Part):
    """Entries beside those of the registry, checked with it."""

    sources: dict[str, dict[str, Any]] = Field({}, description="Files to fetch: wheels, URLs, local files.")
    photographs: dict[str, dict[str, Any]] = Field({}, description="Collections that are split into train and test.")
    images: dict[str, dict[str, Any]] = Field({}, description="Sets of images: folders, archives, views.")
    encoders: dict[str, dict[str, Any]] = Field({}, description="Encoders: architecture, weights, input, taps.")


class RunConfig(_Part):
    """Every key of config.yaml."""

    results: Annotated[str, FOLDER] = Field("results", description="Folder of everything that is made.")
    resources: Annotated[str, FOLDER] = Field("resources", description="Folder of everything that is fetched.")
    device: DeviceSetting = Field("auto", description="auto (CUDA where there is one, else CPU), cpu or cuda.")
    patterns: Definition = Field(
        "paper",
        description="Definition of the ground-truth maps: paper (what the published numbers fit; stripes in [-1, 1]) "
        "or released (the PNG files of the released code, all in [0, 1]). Changing it retrains readouts, not features.",
    )
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = Field(
        [0, 1, 2],
        description="One readout is trained from each; tables show mean and sd over them. The paper used one.",
    )
    models: Models = Field(
        Models(), description="Encoder (registry/encoders.yaml) standing for each model of the paper."
    )
    controls: list[str] = Field(
        [
            *("vgg16-random-0", "vgg16-random-1", "vgg16-random-2", "vgg16-cropped", "vgg16-resized"),
            *("vgg16-reflect", "vgg16-replicate", "vgg16-circular", "vgg16-edges", "squeezenet", "efficientnet-lite0"),
        ],
        description="Encoders of the table of controls, beside VGG with and without padding.",
    )
    images: ImageRoles = Field(ImageRoles(), description="Set of images (registry/images.yaml) in each role.")
    alignment: Alignment = Field(Alignment(), description="How stages of different size are brought together.")
    training: Training = Field(
        Training(), description="Training of a readout. Defaults are the released code's, but for scale."
    )

    tasks: Tasks = Field(Tasks(), description="Encoders trained for a task: Tables 5 and 6, Figure 1.")

    own: Own = Field(
        Own(),
        description="Your own entries, written as in workflow/registry; one of a known name replaces the shipped one.",
    )

    @cached_property
    def registry(self) -> Registry:
        """What this run may name: the shipped registry with the config's own entries."""
        return with_own(self.own.model_dump())

    @property
    def sets_with_masks(self) -> list[str]:
        """The sets of images that the encoders of the tasks are trained and tested on."""
        learnt = [task for name in self.tasks.encoders.values() if (task := self.registry.encoders[name].task)]
        named = [name for task in learnt for name in (self.tasks.sets(task).train, *self.tasks.sets(task).tests)]
        return [name for name in dict.fromkeys(named) if name != COMPOSITIONS]

    def stages(self, encoder: str) -> list[str]:
        """The stages of an encoder, from shallow to deep."""
        return look_up("encoder", encoder, self.registry.encoders).stages

    @field_validator("controls")
    @classmethod
    def _known(cls, names: list[str], info: ValidationInfo) -> list[str]:
        for name in names:
            look_up("encoder", name, _registry(info).encoders)
            if names.count(name) > 1:
                raise ValueError(f"{name} stands there twice; each control may be named once")
        return names

    @model_validator(mode="after")
    def _two_folders(self) -> Self:
        if PurePosixPath(self.results) == PurePosixPath(self.resources):
            raise ValueError(f"results and resources are both {self.results!r}; name two folders")
        return self

    @field_validator("seeds")
    @classmethod
    def _each_once(cls, seeds: list[int]) -> list[int]:
        twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
        if twice:
            raise ValueError(f"seed {twice[0]} stands there twice; each seed may be named once")
        return seeds


def load_config(values: dict[str, Any]) -> RunConfig:
    """The checked configuration.

    Raises:
        InputError: one line for each mistake: the key, the value, what is allowed and the nearest match.
    """
    # The own entries first: the checks of every other key look names up in the registry that holds them.
    own = _checked({"own": values.get("own", {})}, shipped()).own
    return _checked(values, with_own(own.model_dump()))


def _checked(values: dict[str, Any], registry: Registry) -> RunConfig:
    try:
        return RunConfig.model_validate(values, context=registry)
    except ValidationError as error:
        lines = [f"  {line}" for line in mistakes.lines(error, _keys)]
        raise InputError("\n".join(["the configuration has a mistake", *lines])) from None


def _keys(path: list[Any]) -> list[str]:
    """The keys of the section at a path."""
    model: Any = RunConfig
    for part in path:
        model = model.model_fields[part].annotation
    return list(model.model_fields)


def render_config() -> str:
    """The text of config.yaml: every key with its default, its description above it as a comment."""
    head = "# The default run. Overlay it with --configfile or --config; written by: python -m posinfo config\n"
    return head + "\n".join(_rendered(RunConfig(), "")) + "\n"


def _rendered(model: BaseModel, indent: str) -> Iterator[str]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        yield ""
        yield from (f"{indent}# {line}" for line in wrap(field.description or "", 110 - len(indent)))
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from list(_rendered(value, indent + "  "))[1:]
        else:
            flow = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
            yield f"{indent}{name}: {flow.removesuffix('...' + chr(10)).strip()}"
