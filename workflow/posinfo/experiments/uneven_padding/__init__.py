"""Uneven padding and foveation (after Alsallakh et al., ICLR 2021)."""

from pathlib import Path

from posinfo.experiments.uneven_padding.settings import EDGES, UnevenPadding
from posinfo.run.config import RunConfig
from posinfo.run.experiments import Experiment, Figure, Measurement, Table

FOLDER = Path(__file__).parent


def measured_files(run: RunConfig) -> list[str]:
    """The measured rows of ResNet."""
    return [f"{run.results}/uneven_padding/{run.models.ResNet}.csv"]


ASYMMETRY = Measurement(
    keys=("encoder", "side", "stage"),
    metric="asymmetry",
    inputs=measured_files,
    beside=EDGES,
    about="Uneven padding",
    across="stage",
    note="The paper trains networks for each side; these weights were trained at 224 and only see other sides. Its "
    "accuracies could not be verified and are not shown.",
)
EXPERIMENT = Experiment(
    title="Uneven padding and foveation (Alsallakh et al., ICLR 2021)",
    folder=FOLDER,
    settings=UnevenPadding,
    tables={
        "uneven_padding": ASYMMETRY.table("experiments.uneven_padding.strides:build", alias="uneven"),
        "foveation": Table(
            about="How often pixels are used, by padding",
            inputs=lambda _: [],
            build="experiments.uneven_padding.foveation:build",
            published=FOLDER / "published" / "foveation.csv",
        ),
    },
    figures={
        "uneven_padding": Figure(
            title="Mean maps and readout errors by side of the input",
            inputs=lambda run: [*measured_files(run), f"{run.results}/uneven_padding/maps/{run.models.ResNet}.npz"],
            draw="experiments.uneven_padding.figures:draw_uneven_padding",
        ),
        "foveation": Figure(
            title="Use of pixels by padding",
            inputs=lambda _: [],
            draw="experiments.uneven_padding.figures:draw_foveation",
        ),
    },
    measurements={"uneven_padding": ASYMMETRY},
)
