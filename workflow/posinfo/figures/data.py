"""What figures are drawn from: results found by their paths, checked, read when they are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posinfo.figures.schedule import read_jobs
from posinfo.images.decoded import read_image_names, read_images
from posinfo.images.views import first_views
from posinfo.run.cells import Cell
from posinfo.run.config import RunConfig
from posinfo.run.figures import SHOWN
from posinfo.run.roles import SYNTHETIC
from posinfo.run.tables import TABLES
from posinfo.scores.predictions import Predictions, read_predictions
from posinfo.store.errors import InputError
from posinfo.store.files import read_json
from posinfo.store.sidecars import verified
from posinfo.store.tensors import read_tensors
from posinfo.tables.claims import printed_values
from posinfo.tables.summaries import Groups, by_cell, read_scores, scores_of_cell


@dataclass(frozen=True)
class FigureData:
    """The results that a figure shows.

    Attributes:
        run: the run's configuration.
        paths: of the results.
        benchmarks: the folder of the run's benchmark files; `logs` lies beside it.
    """

    run: RunConfig
    paths: tuple[Path, ...]
    benchmarks: Path

    def files(self, folder: str, suffix: str = "") -> Iterator[Path]:
        """The given paths below a folder of results, such as `scores`."""
        for path in self.paths:
            if folder in path.parts[:-1] and (not suffix or path.suffix == suffix):
                yield path

    @cached_property
    def printed(self) -> pd.DataFrame:
        """The published cells of the core's tables, as `claims.printed_values` returns them."""
        return printed_values(self.run, TABLES)

    @cached_property
    def groups(self) -> Groups:
        """Scores by cell."""
        return by_cell(read_scores(list(self.files("scores"))))

    @cached_property
    def predictions(self) -> dict[str, Predictions]:
        """Encoder to its predicted maps."""
        return {path.stem: read_predictions(path) for path in self.files("predictions", ".npz")}

    def images(self, role: str) -> NDArray[np.uint8]:
        """The shown images of a role: several natural ones, one black, white or noise; uint8 [images, 224, 224, 3]."""
        wanted = self.run.images.tests[role]
        array = next((path for path in self.files("images", ".npy") if path.stem == wanted), None)
        if array is None:
            raise InputError(f"no images of {wanted}: the figure would have a hole")
        names = read_image_names(array.with_suffix(".csv"))
        chosen = [names.index(f"{role}-0")] if role in SYNTHETIC else first_views(names, SHOWN)
        return np.asarray(read_images(array)[chosen])

    def _drawn(self, cell: Cell, place: int) -> tuple[Predictions, int]:
        """The predictions that hold a cell's maps, and the number of the shown image among them."""
        if cell.encoder not in self.predictions:
            raise InputError(f"no predicted maps of {cell.encoder}: the figure would have a hole")
        predictions = self.predictions[cell.encoder]
        if cell.role in SYNTHETIC:
            return predictions, predictions.names[cell.images].index(f"{cell.role}-0")
        return predictions, range(len(predictions.names[cell.images]))[place]

    def map_of(self, cell: Cell, place: int = -1) -> NDArray[np.float64]:
        """The predicted map of a cell on the shown image number `place`; where one is shown, it is the last."""
        predictions, number = self._drawn(cell, place)
        maps = predictions.map_of(cell.readout.name, cell.images, cell.pattern)
        return np.asarray(maps[number], dtype=np.float64)

    def score_of(self, cell: Cell, place: int = -1) -> tuple[float, float]:
        """SPC and MAE of that map."""
        predictions, number = self._drawn(cell, place)
        name = predictions.names[cell.images][number]
        scores = scores_of_cell(self.groups, cell)
        (row,) = scores[(scores["image"] == name) & (scores["seed"] == predictions.seed)].to_dict("records")
        return float(row["spc"]), float(row["mae"])

    def stages(self) -> dict[str, dict[str, Any]]:
        """Stage to what its features' sidecar says of it, shallow first."""
        (folder,) = (path for path in self.paths if "features" in path.parts[:-1])
        return dict(read_json(folder / "features.json")["stages"])

    def losses(self) -> pd.DataFrame:
        """Training losses of the given readouts: columns encoder, pattern, seed, epoch, loss."""
        frames = []
        for folder in self.files("readouts"):
            for file in sorted(folder.glob("*.safetensors")):
                arrays, metadata = read_tensors(file)
                for (pattern, seed), losses in zip(metadata["heads"], arrays["loss"], strict=True):
                    columns = {"epoch": np.arange(1, len(losses) + 1), "loss": losses}
                    frames.append(pd.DataFrame(columns).assign(encoder=folder.parent.name, pattern=pattern, seed=seed))
        return pd.concat(frames, ignore_index=True)

    def curve(self) -> pd.DataFrame:
        """The rows of the learning curves, with their encoder."""
        frames = []
        for path in self.paths:
            verified(path)
            frames.append(pd.read_csv(path).assign(encoder=path.stem))
        return pd.concat(frames, ignore_index=True)

    def jobs(self) -> pd.DataFrame:
        """The run's jobs, as `schedule.read_jobs` returns them."""
        return read_jobs(self.benchmarks, self.benchmarks.parent / "logs")
