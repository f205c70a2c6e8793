"""The run's configuration: one model is its source of defaults, comments, checks and messages."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from os.path import expanduser, normpath
from pathlib import PurePosixPath
from re import fullmatch
from textwrap import wrap
from typing import Annotated, Any, Self, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from posinfo.protocol.alignment import Alignment
from posinfo.protocol.patterns import Definition
from posinfo.protocol.readout import Training
from posinfo.registry import mistakes
from posinfo.registry.catalogue import Registry, look_up, shipped, with_own
from posinfo.run.experiments import NAMES, Experiment, Section, each_once, experiment
from posinfo.run.roles import ImageRoles, Keep, Models, Own, registry_of
from posinfo.store.devices import DeviceSetting
from posinfo.store.errors import InputError


def _folder(path: str) -> str:
    """The path as Snakemake, which compares paths as text, asks for it: `x` where a user writes `./x` or `x//`."""
    if not fullmatch(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*", path):
        raise ValueError(
            "a path here has letters a to z, digits, dots, -, _ and /; for another folder, start the run in it"
        )
    return normpath(path)


FolderName = Annotated[str, AfterValidator(expanduser), AfterValidator(_folder)]
Settings = TypeVar("Settings", bound=Section)


class RunConfig(Section):
    """Every key of config.yaml; the sections of experiments are read with `section`."""

    results: FolderName = Field("results", description="Folder of everything that is made.")
    resources: FolderName = Field("resources", description="Folder of everything that is fetched.")
    device: DeviceSetting = Field("auto", description="auto (CUDA where there is one, else CPU), cpu or cuda.")
    patterns: Definition = Field(
        "paper",
        description="Definition of the ground-truth maps: paper (what the published numbers fit; stripes in [-1, 1]) "
        "or released (the PNG files of the released code, all in [0, 1]). Results of the latter lie in a folder "
        "`released` below `results`.",
    )
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(each_once)] = Field(
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
        description="The learning curve: shares of the training photographs that are learned from, beside all of them.",
    )
    paper: bool = Field(
        True, description="Whether Tables 1 to 4 with their controls, figures and claims are shown, beside experiments."
    )
    experiments: list[str] = Field(
        [name for name in NAMES if name != "atlas"],
        description=f"Experiments that are switched on, of {', '.join(NAMES)}. Each has a section of its name below, "
        "if it has settings, and a folder of its name with a README in workflow/posinfo/experiments.",
    )
    keep: Keep = Field(Keep(), description="What stays on the disk once everything that reads it is made.")
    expected: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] = Field(
        "default", description="Folder of workflow/expected with the committed values that `verify` compares with."
    )
    own: Own = Field(
        Own(),
        description="Your own entries, written as in workflow/registry; one of a known name replaces the shipped one.",
    )
    _sections: dict[str, Section] = PrivateAttr(default_factory=dict)
    _passed: frozenset[str] | None = PrivateAttr(None)

    def __getattribute__(self, name: str) -> Any:
        """The value; in a job, only of a section that its rule passes."""
        if name in _CORE:
            self._refuse_unpassed(name)
        return super().__getattribute__(name)

    def _refuse_unpassed(self, name: str) -> None:
        if self._passed is not None and name not in self._passed:
            raise RuntimeError(f"the job reads the config's {name!r}, which its rule does not pass: add it to settings")

    def section(self, kind: type[Settings]) -> Settings:
        """The settings of an experiment, by their class.

        Raises:
            RuntimeError: in a job whose rule does not pass them.
        """
        for name, found in self._sections.items():
            if isinstance(found, kind):
                self._refuse_unpassed(name)
                return found
        raise RuntimeError(f"no experiment has settings of the kind {kind.__name__}")

    @cached_property
    def registry(self) -> Registry:
        """What this run may name: the shipped registry, the config's own entries, and those of experiments."""
        own = self.own.model_dump()
        known = with_own(own)
        added: dict[str, Any] = {}
        for name in NAMES:
            entries = experiment(name).entries
            if entries and (self._passed is None or name in self._passed):
                added |= entries(self._sections[name], known)
        return with_own({**own, "encoders": {**own["encoders"], **added}}) if added else known

    @property
    def switched_on(self) -> dict[str, Experiment]:
        """The experiments of this run, by name."""
        return {name: experiment(name) for name in NAMES if name in self.experiments}

    def stages(self, encoder: str) -> list[str]:
        """The stages of an encoder, from shallow to deep."""
        return look_up("encoder", encoder, self.registry.encoders).stages

    def titles(self, encoders: Iterable[str]) -> dict[str, str]:
        """Encoder to what it is, in words."""
        return {name: look_up("encoder", name, self.registry.encoders).title or name for name in encoders}

    def values(self, *names: str) -> dict[str, Any]:
        """Sections by name as JSON takes them; all of them if none is named. `load_config` reads them back."""
        whole = self.model_dump(mode="json")
        whole |= {name: section.model_dump(mode="json") for name, section in self._sections.items()}
        return {name: whole[name] for name in names} if names else whole

    @field_validator("controls")
    @classmethod
    def _known(cls, names: list[str], info: ValidationInfo) -> list[str]:
        for name in names:
            look_up("encoder", name, registry_of(info).encoders)
        return each_once(names)

    @field_validator("experiments")
    @classmethod
    def _known_experiments(cls, names: list[str]) -> list[str]:
        for name in names:
            experiment(name)
        return each_once(names)

    @model_validator(mode="before")
    @classmethod
    def _folder_of_the_ground_truth(cls, values: Any) -> Any:
        """Results of another ground truth than the paper's lie below `results`, so that the two never mix."""
        patterns = str(values.get("patterns", "paper"))
        folder = PurePosixPath(str(values.get("results", "results")))
        if patterns in ("paper", folder.name):
            return values
        return {**values, "results": str(folder / patterns)}

    @model_validator(mode="after")
    def _two_folders(self) -> Self:
        if "." in (self.results, self.resources):
            raise ValueError("results and resources are folders of their own; name one below this folder, not '.'")
        if self.results == self.resources:
            raise ValueError(f"results and resources are both {self.results!r}; name two folders")
        if self.patterns == "paper" and PurePosixPath(self.results).name == "released":
            raise ValueError(f"results is {self.results!r}, where `patterns: released` writes; name another folder")
        return self


_CORE = frozenset(RunConfig.model_fields)


def load_config(values: Mapping[str, Any]) -> RunConfig:
    """The checked configuration.

    Raises:
        InputError: one line for each mistake: the key, the value, what is allowed and the nearest match.
    """
    own = _checked(RunConfig, {"own": values.get("own", {})}, shipped()).own
    registry = with_own(own.model_dump())  # in which the checks of every other key look names up
    kinds = {name: kind for name in NAMES if (kind := experiment(name).settings)}
    core = {key: value for key, value in values.items() if key not in kinds}
    run = _checked(RunConfig, core, registry)
    for name, kind in kinds.items():
        run._sections[name] = _checked(kind, values.get(name, {}), registry, name)
    return run


def load_passed(text: str) -> RunConfig:
    """The configuration of a job: of the sections that its rule passes as JSON, and no others."""
    values = json.loads(text)
    run = load_config(values)
    run._passed = frozenset(values)
    return run


Checked = TypeVar("Checked", bound=Section)


def _checked(kind: type[Checked], values: Any, registry: Registry, under: str = "") -> Checked:
    try:
        return kind.model_validate(values, context=registry)
    except ValidationError as error:
        lines = [f"  {line}" for line in mistakes.lines(error, lambda path: _keys(kind, path), under)]
        raise InputError("\n".join(["the configuration has a mistake", *lines])) from None


def _keys(kind: type[BaseModel], path: list[Any]) -> list[str]:
    """The keys of the section at a path."""
    model: Any = kind
    for part in path:
        model = model.model_fields[part].annotation
    names = [name for name in NAMES if experiment(name).settings] if model is RunConfig else []
    return [*model.model_fields, *names]


def render_config() -> str:
    """The text of config.yaml: every key with its default, its description above it as a comment."""
    run = load_config({})
    head = "# The default run. Overlay it with --configfile or --config; written by: posinfo config\n"
    lines = list(_rendered(run, ""))
    for name, section in run._sections.items():
        lines += ["", f"# {experiment(name).title}", f"{name}:", *list(_rendered(section, "  "))[1:]]
    return head + "\n".join(lines) + "\n"


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
