"""What figures are drawn from: results found by their paths, checked, as arrays and frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posinfo.experiments.tasks.crops import Crops, read_crops
from posinfo.experiments.tasks.segmentations import Segmentations, read_segmentations
from posinfo.figures.schedule import read_jobs
from posinfo.images.pictures import read_names, read_pictures
from posinfo.images.views import first_views
from posinfo.run.cells import Cell
from posinfo.run.figures import CROPS, SEGMENTATIONS, SHOWN
from posinfo.store.arrays import read_arrays
from posinfo.store.errors import InputError
from posinfo.store.files import read_json
from posinfo.store.sidecars import verified
from posinfo.store.tensors import read_tensors
from posinfo.tables.claims import printed_values
from posinfo.tables.summaries import Groups, by_cell, read_scores, scores_of_cell

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig


@dataclass(frozen=True)
class Maps:
    """Predicted maps of one readout on the shown pictures of one set: float16 [pictures, 224, 224] per pattern."""

    maps: dict[str, NDArray[np.float16]]
    names: list[str]
    seed: int


@dataclass(frozen=True)
class FigureData:
    """All that a figure may show; empty where it shows none of a kind.

    Attributes:
        printed: the published cells, as `claims.printed_values` returns them.
        captions: what the paper printed under the panels of its figure 6.
        groups: scores by cell.
        predicted: (encoder, readout, images) to the predicted maps.
        crops: saliency of pictures and of cropped copies.
        segmentations: encoder to the classes of pixels that it says.
        pictures: set of images to its shown pictures, uint8 [pictures, 224, 224, 3].
        sidecars: the sidecars of an encoder's stages, shallow first.
        losses: columns encoder, pattern, seed, epoch, loss.
        curve: the learning curve's rows.
        costs: the jobs, as `schedule.read_jobs` returns them.
    """

    run: "RunConfig"
    printed: pd.DataFrame
    captions: pd.DataFrame
    groups: Groups
    predicted: dict[tuple[str, str, str], Maps]
    crops: Crops | None
    segmentations: dict[str, Segmentations]
    pictures: dict[str, NDArray[np.uint8]]
    sidecars: list[dict[str, Any]]
    losses: pd.DataFrame
    curve: pd.DataFrame
    costs: pd.DataFrame

    def map_of(self, cell: Cell, place: int) -> NDArray[np.float64]:
        """The predicted map of a cell on the shown picture number `place`."""
        key = (cell.encoder, cell.readout.name, cell.images)
        if key not in self.predicted or cell.pattern not in self.predicted[key].maps:
            raise InputError(f"no predicted map for {' / '.join(key)} / {cell.pattern}: the figure would have a hole")
        return np.asarray(self.predicted[key].maps[cell.pattern][place], dtype=np.float64)

    def score_of(self, cell: Cell, place: int) -> tuple[float, float]:
        """SPC and MAE of that map."""
        drawn = self.predicted[cell.encoder, cell.readout.name, cell.images]
        scores = scores_of_cell(self.groups, cell)
        (row,) = scores[(scores["image"] == drawn.names[place]) & (scores["seed"] == drawn.seed)].to_dict("records")
        return float(row["spc"]), float(row["mae"])


def collect(run: "RunConfig", paths: Sequence[Path], published: Path, benchmarks: Path | None = None) -> FigureData:
    """Read every result that `paths` name; each is known by its folder and suffix.

    Args:
        benchmarks: folder of the run's benchmark files; `logs` lies beside it.

    Raises:
        InputError: when a path is of no known kind, or a file does not hold what its kind holds.
    """
    kinds: dict[str, list[Path]] = {}
    for path in paths:
        kinds.setdefault(_kind(path), []).append(path)
    names = {path.stem: read_names(path) for path in kinds.get("names", [])}
    scores = kinds.get("scores", [])
    curves = [read_curve(path) for path in kinds.get("curve", [])]
    return FigureData(
        run=run,
        printed=printed_values(run, published),
        captions=pd.read_csv(published / "figure6_captions.csv"),
        groups=by_cell(read_scores(scores)) if scores else {},
        predicted={
            (path.parts[-3], path.parts[-2], path.stem): read_maps(path) for path in kinds.get("predictions", [])
        },
        crops=next((read_crops(path) for path in kinds.get("crops", [])), None),
        segmentations={path.parts[-2]: read_segmentations(path) for path in kinds.get("segmentations", [])},
        pictures={
            path.stem: read_pictures(path)[first_views(names[path.stem], SHOWN)] for path in kinds.get("images", [])
        },
        sidecars=[read_json(path) for path in kinds.get("sidecars", [])],
        losses=read_losses(kinds.get("readouts", [])),
        curve=pd.concat(curves) if curves else pd.DataFrame(),
        costs=read_jobs(benchmarks, benchmarks.parent / "logs") if benchmarks else pd.DataFrame(),
    )


def _kind(path: Path) -> str:
    folders = set(path.parts[:-1])
    if path.stem in (CROPS, SEGMENTATIONS):
        return path.stem
    for folder in ("scores", "predictions", "readouts"):
        if folder in folders:
            return folder
    if "images" in folders:
        return "images" if path.suffix == ".npy" else "names"
    if path.stem == "learning_curve":
        return "curve"
    if path.suffix == ".json":
        return "sidecars"
    raise InputError(f"{path} is no result that a figure can show")


def read_maps(path: Path) -> Maps:
    """A file of predicted maps, once its sidecar vouches for it."""
    stored = read_arrays(path)
    maps = {name: array for name, array in stored.items() if name not in ("pictures", "names", "seed")}
    return Maps(maps, stored["names"].tolist(), int(stored["seed"]))


def read_curve(path: Path) -> pd.DataFrame:
    """The rows of the learning curve, once its sidecar vouches for them."""
    verified(path)
    return pd.read_csv(path)


def read_losses(paths: Sequence[Path]) -> pd.DataFrame:
    """The training loss of each encoder, pattern, seed and epoch, from readout files `.../encoder/readout/pattern`."""
    frames = []
    for path in paths:
        losses = read_tensors(path)[0]["loss"]
        seeds, epochs = np.indices(losses.shape)
        columns = {"seed": seeds.ravel(), "epoch": epochs.ravel() + 1, "loss": losses.ravel()}
        frames.append(pd.DataFrame(columns).assign(encoder=path.parts[-3], pattern=path.stem))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
