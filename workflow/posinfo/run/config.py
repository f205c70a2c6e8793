"""The run's configuration: one model is its source of defaults, comments, checks and messages."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import PurePosixPath
from textwrap import wrap
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator, model_validator

from posinfo.protocol.alignment import Alignment
from posinfo.protocol.origins import Origins
from posinfo.protocol.patterns import Definition
from posinfo.protocol.readout import Training
from posinfo.registry import mistakes
from posinfo.registry.catalogue import Registry, look_up, shipped, with_own
from posinfo.run.roles import Atlas, ImageRoles, Models, Own, Part, Tasks, registry_of
from posinfo.run.tasks import COMPOSITIONS
from posinfo.store.devices import DeviceSetting
from posinfo.store.errors import InputError

FOLDER = Field(pattern=r"^[A-Za-z0-9_./][A-Za-z0-9_./-]*$")


class RunConfig(Part):
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

    curve: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [0.125, 0.25, 0.5],
        description="The learning curve: shares of the training photographs that are learnt from, beside all of them.",
    )

    tasks: Tasks = Field(Tasks(), description="Encoders trained for a task: Tables 5 and 6, Figure 1.")

    atlas: Atlas = Field(Atlas(), description="The atlas: networks side by side, stage by stage (results/atlas.html).")

    origins: Origins = Field(Origins(), description="Experiments on where position comes from: docs/beyond.md.")

    expected: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] = Field(
        "default", description="Folder of workflow/expected with the committed values that `verify` compares with."
    )

    own: Own = Field(
        Own(),
        description="Your own entries, written as in workflow/registry; one of a known name replaces the shipped one.",
    )

    @cached_property
    def registry(self) -> Registry:
        """What this run may name: the shipped registry with the config's own entries and the atlas's random draws."""
        own = self.own.model_dump()
        drawn = self.atlas.drawn(with_own(own))
        return with_own({**own, "encoders": {**own["encoders"], **drawn}}) if drawn else with_own(own)

    @property
    def sets_with_masks(self) -> list[str]:
        """The sets of images that the encoders of the tasks are trained and tested on."""
        encoders = [*self.tasks.encoders.values(), *self.tasks.beside]
        learnt = [task for name in encoders if (task := self.registry.encoders[name].task)]
        named = [name for task in learnt for name in (self.tasks.sets(task).train, *self.tasks.sets(task).tests)]
        return [name for name in dict.fromkeys(named) if name != COMPOSITIONS]

    def kept(self, encoder: str) -> dict[int, str]:
        """The steps of an encoder's training after which it is kept, to the encoder that it is then."""
        last = self.tasks.recipe_of(look_up("encoder", encoder, self.registry.encoders)).steps
        entries = self.registry.encoders.items()
        named = {entry.step: name for name, entry in entries if entry.variant_of == encoder and entry.step is not None}
        return {step: name for step, name in sorted(named.items()) if step < last}

    def course(self, encoder: str) -> dict[int, str]:
        """An encoder's training: steps to the encoder that it is then, from what it starts from to itself."""
        known, entry = self.registry.encoders, look_up("encoder", encoder, self.registry.encoders)
        alike = {"padding": entry.padding, "input": entry.input, "fit": None, "step": None}
        begun = [
            name
            for name, other in known.items()
            if entry.start in (name, other.variant_of) and all(getattr(other, key) == alike[key] for key in alike)
        ]
        first = {0: begun[0]} if entry.start and begun else {}
        return {**first, **self.kept(encoder), self.tasks.recipe_of(entry).steps: encoder}

    def stages(self, encoder: str) -> list[str]:
        """The stages of an encoder, from shallow to deep."""
        return look_up("encoder", encoder, self.registry.encoders).stages

    def titles(self, encoders: Iterable[str]) -> dict[str, str]:
        """Encoder to what it is, in words."""
        return {name: look_up("encoder", name, self.registry.encoders).title or name for name in encoders}

    @field_validator("controls")
    @classmethod
    def _known(cls, names: list[str], info: ValidationInfo) -> list[str]:
        for name in names:
            look_up("encoder", name, registry_of(info).encoders)
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
    head = "# The default run. Overlay it with --configfile or --config; written by: posinfo config\n"
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
