"""Where every result of a run lies. A path says what the file is; workflow/README.md has the grammar."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from posinfo.registry.catalogue import look_up
from posinfo.registry.entries import Source
from posinfo.run.figures import CROPS, SEGMENTATIONS

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig

TABLES_OF_TRAINING = ("epochs", "metrics", "pictures")  # csv files beside a trained encoder


class Paths:
    """The paths of one run, below its folders `results` and `resources`.

    A name may be one of Snakemake's wildcards, such as `{encoder}`, wherever it is only put into a path.
    """

    def __init__(self, run: "RunConfig") -> None:
        self.results, self.resources = run.results, run.resources
        self._encoders = run.registry.encoders

    def source(self, source: Source) -> str:
        """A file from outside."""
        return f"{self.resources}/{source.place}"

    def images(self, images: str, suffix: str = "npy") -> str:
        """A set of images; .csv names its pictures, .json vouches for both."""
        return f"{self.results}/images/{images}.{suffix}"

    def masks(self, images: str, suffix: str = "npy") -> str:
        """The answers to a set of images."""
        return f"{self.results}/masks/{images}.{suffix}"

    def fetched_weights(self, encoder: str) -> str:
        """Weights of an encoder that is not trained here."""
        return f"{self.resources}/encoders/{encoder}.safetensors"

    def trained(self, encoder: str, suffix: str = "safetensors") -> str:
        """Weights of an encoder that is trained here, and what lies beside them."""
        return f"{self.results}/encoders/{encoder}.{suffix}"

    def kept(self, encoder: str, step: int) -> str:
        """Weights of an encoder after some steps of its training."""
        return self.trained(encoder, f"step-{step}.safetensors")

    def weights(self, encoder: str) -> list[str]:
        """An encoder's weight file, or the file of the encoder that it varies; none for one without weights.

        Raises:
            InputError: for an unknown encoder.
        """
        entry = look_up("encoder", encoder, self._encoders)
        if entry.step is not None:
            return [self.kept(str(entry.variant_of), entry.step)]
        place = self.trained if entry.task else self.fetched_weights
        return [place(entry.variant_of or encoder)] if entry.weights else []

    def features(self, encoder: str, images: str, stages: Iterable[str], suffix: str = "npy") -> list[str]:
        """Feature maps, a file a stage; .json says what they were made from."""
        return [f"{self.results}/features/{encoder}/{images}/{stage}.{suffix}" for stage in stages]

    def readouts(self, encoder: str, patterns: Mapping[str, Sequence[str]]) -> list[str]:
        """Trained or solved readouts, given as a readout's name to patterns; every seed of a pattern in one file."""
        return [
            f"{self.results}/readouts/{encoder}/{readout}/{pattern}.safetensors"
            for readout, shown in patterns.items()
            for pattern in shown
        ]

    def scores(self, encoder: str, readouts: Iterable[str], images: Iterable[str], suffix: str = "csv") -> list[str]:
        """Scores of each picture, a file for each readout and set of images."""
        sets = list(images)
        return [f"{self.results}/scores/{encoder}/{readout}/{name}.{suffix}" for readout in readouts for name in sets]

    def predictions(self, encoder: str, readout: str, images: str) -> str:
        """The maps that figures show."""
        return f"{self.results}/predictions/{encoder}/{readout}/{images}.npz"

    def crops(self, encoder: str, suffix: str = "npz") -> str:
        """Saliency of pictures and of cropped copies."""
        return f"{self.results}/predictions/{encoder}/{CROPS}.{suffix}"

    def segmentations(self, encoder: str, suffix: str = "npz") -> str:
        """The class of each pixel of some pictures."""
        return f"{self.results}/predictions/{encoder}/{SEGMENTATIONS}.{suffix}"

    def measured(self, experiment: str, condition: str, suffix: str = "csv") -> str:
        """What an experiment on where position comes from measured of each picture; .json vouches for it."""
        return f"{self.results}/origins/{experiment}/{condition}.{suffix}"

    def table(self, name: str, suffix: str = "csv") -> str:
        """A table, tidy as csv, laid out as md and tex."""
        return f"{self.results}/tables/{name}.{suffix}"

    def figure(self, name: str, suffix: str = "png") -> str:
        """A figure, as pdf and png."""
        return f"{self.results}/figures/{name}.{suffix}"

    def atlas(self, encoder: str, suffix: str = "npz") -> str:
        """An encoder in the atlas: npz and json hold the maps that it draws, structure.json what its stages see."""
        return f"{self.results}/atlas/{encoder}.{suffix}"

    def page(self, name: str) -> str:
        """A page of the report."""
        return f"{self.results}/pages/{name}.html"

    def whole(self, file: str) -> str:
        """A file of the whole run: `claims.csv`, `learning_curve.csv`, `verified.txt`, `report.html`."""
        return f"{self.results}/{file}"

    def log(self, name: str) -> str:
        """What a job said."""
        return f"{self.results}/logs/{name}.log"

    def benchmark(self, name: str) -> str:
        """What a job took."""
        return f"{self.results}/benchmarks/{name}.tsv"


def sidecars(paths: Iterable[str]) -> list[str]:
    """The sidecars of lists of images, scores, predicted maps and metrics; other files have none, or another's."""
    stems = [path.rsplit(".", 1) for path in paths]
    return list(dict.fromkeys(f"{stem}.json" for stem, suffix in stems if suffix in ("csv", "npz")))
