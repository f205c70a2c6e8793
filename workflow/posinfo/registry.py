"""The registry: what a config may name. Read from YAML, checked, and looked up with helpful errors."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from posinfo.errors import InputError, unknown

REGISTRY = Path(__file__).parent.parent / "registry"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Colours = tuple[float, float, float]
Entry = TypeVar("Entry")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wheel(_Entry):
    """Files inside a wheel of a package index."""

    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+]*$")]
    about: str
    licence: str
    members: dict[str, Sha256]

    @property
    def place(self) -> str:
        """Where it lies below the resources folder."""
        return f"packages/{self.package}-{self.version}.whl"


class RemoteFile(_Entry):
    """One file behind a URL."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    sha256: Sha256
    about: str
    licence: str

    @property
    def place(self) -> str:
        """Where it lies below the resources folder."""
        return f"archives/{self.sha256[:12]}-{self.url.rsplit('/', 1)[-1]}"


class LocalFile(_Entry):
    """One file of this machine."""

    path: str
    sha256: Sha256
    about: str
    licence: str

    @property
    def place(self) -> str:
        """Where it lies below the resources folder."""
        return f"archives/{self.sha256[:12]}-{Path(self.path).name}"


Source = Wheel | RemoteFile | LocalFile


class Photographs(_Entry):
    """A collection of photographs, divided into training and test by photograph."""

    sources: list[str]
    held_out: Annotated[int, Field(ge=1)]
    seed: int


class Views(_Entry):
    """Views of the photographs of one part of a collection."""

    photographs: str
    part: Literal["train", "test"]
    views: Annotated[int, Field(ge=1)]
    seed: int


class Grey(_Entry):
    """One picture of one grey value."""

    grey: Annotated[int, Field(ge=0, le=255)]


class Noise(_Entry):
    """Pictures of Gaussian noise; draw number i has the seed i."""

    mean: float
    sd: Annotated[float, Field(gt=0)]
    draws: Annotated[int, Field(ge=1)]


ImageSet = Views | Grey | Noise


class WeightFile(_Entry):
    """Where an encoder's weights are stored."""

    source: str
    member: str
    layout: str


class RandomWeights(_Entry):
    """Weights that nothing has trained, drawn from a seed."""

    random: Annotated[int, Field(ge=0)]


class Fit(_Entry):
    """Maps brought to given sides: cut at the centre, or resized."""

    how: Literal["crop", "resize"]
    sides: dict[str, Annotated[int, Field(ge=1)]]


class Convention(_Entry):
    """How an encoder wants its pictures; see `features.InputConvention`."""

    order: Literal["RGB", "BGR"]
    range: Literal[1, 255]
    mean: Colours = (0.0, 0.0, 0.0)
    std: Colours = (1.0, 1.0, 1.0)


class Encoder(_Entry):
    """A frozen network: architecture, weights, padding, input convention and taps.

    A variant names the encoder whose entry it completes, and reads that encoder's weights.
    """

    title: str
    variant_of: str | None = None
    architecture: str
    weights: WeightFile | RandomWeights | None = None
    padding: Literal["zeros", "none", "reflect", "replicate", "circular"] = "zeros"
    fit: Fit | None = None
    input: Convention
    taps: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*$")], str], Field(min_length=1)]

    @property
    def stages(self) -> list[str]:
        """The stages' names, from shallow to deep."""
        return list(self.taps)


@cache
def _read(name: str) -> Any:
    return yaml.safe_load((REGISTRY / f"{name}.yaml").read_text(encoding="utf-8"))


def _checked(kind: type[Any] | Any, file: str, content: object) -> Any:
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        raise InputError(f"registry/{file}.yaml: {error}") from None


@cache
def sources() -> dict[str, Source]:
    """Every file that may be fetched, by name."""
    return dict(_checked(dict[str, Source], "sources", _read("sources")))


@cache
def photographs() -> dict[str, Photographs]:
    """Every collection of photographs, by name."""
    return dict(_checked(dict[str, Photographs], "images", _read("images")["photographs"]))


@cache
def image_sets() -> dict[str, ImageSet]:
    """Every set of images, by name."""
    return dict(_checked(dict[str, ImageSet], "images", _read("images")["images"]))


@cache
def encoders() -> dict[str, Encoder]:
    """Every encoder, by name; variants completed from the encoder that they vary."""
    written: dict[str, dict[str, Any]] = _read("encoders")
    complete = {name: written.get(str(entry.get("variant_of")), {}) | entry for name, entry in written.items()}
    for name, entry in written.items():
        if "variant_of" in entry and entry["variant_of"] not in written:
            raise InputError(f"registry/encoders.yaml: {name}: {unknown('encoder', entry['variant_of'], written)}")
    return dict(_checked(dict[str, Encoder], "encoders", complete))


def fingerprint(*entries: BaseModel) -> str:
    """16 hex digits that change when one of the entries does, but for what is only said about it."""
    content = "\n".join(entry.model_dump_json(exclude={"title", "about", "licence"}) for entry in entries)
    return sha256(content.encode()).hexdigest()[:16]


def look_up(kind: str, name: str, entries: Mapping[str, Entry]) -> Entry:
    """The entry of that name.

    Raises:
        InputError: names the nearest known one.
    """
    if name not in entries:
        raise InputError(unknown(kind, name, entries))
    return entries[name]
