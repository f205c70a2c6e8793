"""What figures show, from random numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from posinfo.figures import schedule
from posinfo.figures.data import FigureData
from posinfo.figures.style import STYLE, write_figure
from posinfo.protocol.patterns import PATTERNS
from posinfo.run.config import RunConfig, load_config
from posinfo.run.figures import SHOWN
from posinfo.run.roles import SYNTHETIC
from posinfo.run.shown import all_maps
from posinfo.scores.predictions import Predictions
from synthetic_scores import synthetic_groups

RUN = load_config({})


def blown_up(numbers: NDArray[Any]) -> NDArray[Any]:
    """Each number of [n, side, side, ...] as a square of 8 x 8 pixels, which files hold in little time."""
    return numbers.repeat(8, axis=1).repeat(8, axis=2)


def random_images(count: int = SHOWN) -> NDArray[np.uint8]:
    return blown_up(np.random.default_rng(0).integers(0, 256, (count, 28, 28, 3), dtype=np.uint8))


@dataclass(frozen=True)
class SyntheticData(FigureData):
    """Figure data without files; images are named as those of the synthetic scores."""

    def images(self, role: str) -> NDArray[np.uint8]:
        return random_images(1 if role in SYNTHETIC else SHOWN)

    def stages(self) -> dict[str, dict[str, Any]]:
        return {
            f"f{depth}": {"shape": [30, 64 * depth, 28, 28], "native_side": 448 // 2**depth} for depth in range(1, 6)
        }

    def losses(self) -> pd.DataFrame:
        lines = [
            (encoder, pattern, seed, epoch, 1 / epoch)
            for encoder in self.run.models.of_table1.values()
            for pattern in PATTERNS
            for seed in self.run.seeds
            for epoch in (1, 2, 3)
        ]
        return pd.DataFrame(lines, columns=["encoder", "pattern", "seed", "epoch", "loss"])

    def curve(self) -> pd.DataFrame:
        frames = [
            self.groups[encoder, "L1-k3-p0-all", pattern, self.run.images.natural].assign(
                photographs=count, images=8 * count
            )
            for encoder in (self.run.models.VGG, self.run.models.ResNet)
            for pattern in ("H", "G")
            for count in (2, 20)
        ]
        return pd.concat(frames)

    def jobs(self) -> pd.DataFrame:
        name = "vgg-slim-segmentation-nopad"
        rows = [
            (f"encoders/{name}", "encoders", name, 4, 34),
            ("features/vgg16/photos-train", "features", "vgg16", 30, 30),
            ("readouts/vgg16/base", "readouts", "vgg16", 13, 47),
            ("scores/pixels/base/photos-test", "scores", "pixels", 2, np.nan),
            ("claims", "claims", "", 1, 1000),
        ]
        return pd.DataFrame(rows, columns=list(schedule.COLUMNS))


def synthetic_data(paths: tuple[Path, ...] = (), run: RunConfig = RUN) -> SyntheticData:
    """Scores, predicted maps and images of a run, from random numbers."""
    data = SyntheticData(run, paths, Path("benchmarks"))
    rng = np.random.default_rng(0)
    data.__dict__["groups"] = synthetic_groups(run, {("vgg16", "L1-k3-p0-f3", "G"): 0.9})
    predictions: dict[str, Predictions] = {}
    names = {
        run.images.natural: [f"photo{index}-0" for index in range(SHOWN)],
        run.images.synthetic: [f"{role}-0" for role in SYNTHETIC],
    }
    for encoder in dict.fromkeys(cell.encoder for cell in all_maps(run)):
        maps = {
            (cell.readout.name, cell.images, cell.pattern): blown_up(rng.random((SHOWN, 28, 28))).astype(np.float16)
            for cell in all_maps(run)
            if cell.encoder == encoder
        }
        predictions[encoder] = Predictions(maps=maps, names=names, seed=0)
    data.__dict__["predictions"] = predictions
    return data


def assert_drawn_whole(draw: Callable[[], Figure], place: Path) -> None:
    """Write a figure as pdf and png, and see that nothing of it is cut off at the edge."""
    figures: list[Figure] = []

    def drawn() -> Figure:
        figures.append(draw())
        return figures[0]

    write_figure(drawn, place / "figure")
    assert (place / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert (place / "figure.pdf").read_bytes().startswith(b"%PDF")
    with plt.style.context(STYLE):
        figures[0].dpi = plt.rcParams["savefig.dpi"]  # as it was written: letters are of whole pixels
        shown = figures[0].get_tightbbox()
    width, height = figures[0].get_size_inches()
    assert min(shown.x0, shown.y0, width - shown.x1, height - shown.y1) > -0.01
