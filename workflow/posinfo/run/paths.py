"""Where the results of a run lie. A path says what the file is; workflow/README.md has the grammar."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from posinfo.registry.catalogue import look_up
from posinfo.run.cells import Cell
from posinfo.run.config import RunConfig
from posinfo.run.groups import group_of


def images_file(run: RunConfig, images: str, suffix: str = "npy") -> str:
    """A set of images; .csv names its images, .json holds the digests of both."""
    return f"{run.results}/images/{images}.{suffix}"


def features_folder(run: RunConfig, encoder: str, images: str) -> str:
    """Feature maps: a file a stage. An encoder whose maps are cut or resized reads those of the encoder it varies."""
    entry = look_up("encoder", encoder, run.registry.encoders)
    stored = entry.variant_of if entry.fit else encoder
    return f"{run.results}/features/{stored}/{images}"


def readouts_folder(run: RunConfig, encoder: str, readouts: str) -> str:
    """The readouts of a group, or one by its name: a file each."""
    return f"{run.results}/readouts/{encoder}/{readouts}"


def scores_file(run: RunConfig, encoder: str, readouts: str, images: str) -> str:
    """Scores of each image, of all readouts of a group or of one by its name."""
    return f"{run.results}/scores/{encoder}/{readouts}/{images}.csv"


def scores_of(run: RunConfig, cells: Iterable[Cell]) -> list[str]:
    """The score files of some cells, each once."""
    found = [scores_file(run, cell.encoder, group_of(cell.readout), cell.images) for cell in cells]
    return list(dict.fromkeys(found))


def predictions_file(run: RunConfig, encoder: str) -> str:
    """The predicted maps of an encoder that figures show."""
    return f"{run.results}/predictions/{encoder}.npz"


def sidecars(paths: Iterable[str]) -> list[str]:
    """The sidecars of those paths that have one beside them: csv, npz and npy files."""
    files = [PurePosixPath(path) for path in paths]
    found = [str(file.with_suffix(".json")) for file in files if file.suffix in (".csv", ".npz", ".npy")]
    return list(dict.fromkeys(found))
