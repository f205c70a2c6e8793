"""Location from pooled features (after Islam et al., ICCV 2021)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from posinfo.experiments.pooled_location.settings import PooledLocation
from posinfo.run.experiments import Experiment, Measurement

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig
    from posinfo.tables.built import BuiltTable

FOLDER = Path(__file__).parent


def measured_files(run: "RunConfig") -> list[str]:
    """The measured rows of VGG without padding, VGG and ResNet."""
    models = run.models
    encoders = dict.fromkeys([models.VGG_without_padding, models.VGG, models.ResNet])
    return [f"{run.results}/pooled_location/{encoder}.csv" for encoder in encoders]


ACCURACY = Measurement(
    keys=("encoder", "grid", "channels"),
    metric="accuracy",
    inputs=measured_files,
    published=FOLDER / "published" / "pooled_location.csv",
    about="Location from pooled features",
    across="grid",
    note="Frozen encoders and a linear readout; the paper trained a ResNet-18 on CIFAR-10 images, whose released "
    "result stands in brackets.",
)


def build(run: "RunConfig", _: str, paths: Sequence[Path]) -> "BuiltTable":
    """Build the table of accuracies; chance is one cell of all cells of a grid."""
    from posinfo.tables.measurements import build_table

    table = build_table(run, ACCURACY, paths)
    table.tidy["chance"] = 1 / table.tidy["grid"] ** 2
    return table


EXPERIMENT = Experiment(
    title="Location from pooled features (Islam et al., ICCV 2021)",
    folder=FOLDER,
    settings=PooledLocation,
    tables={"pooled_location": ACCURACY.table("experiments.pooled_location:build", alias="pooled")},
    measurements={"pooled_location": ACCURACY},
)
