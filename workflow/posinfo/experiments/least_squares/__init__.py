"""Readouts solved by least squares, beside readouts trained by SGD."""

from pathlib import Path

from posinfo.protocol.readout import Readout
from posinfo.run.cells import BASE, Cell
from posinfo.run.config import RunConfig
from posinfo.run.experiments import CellLayout, Experiment, Table
from posinfo.run.paths import scores_of
from posinfo.run.tables import natural_cells


def cells(run: RunConfig) -> list[Cell]:
    """PosENet and VGG, trained and solved with kernels of 1 and 3; and each stage of VGG alone, solved."""
    solved = [Readout(kernel=kernel, least_squares=True) for kernel in (1, 3)]
    rows = [(encoder, readout) for encoder in (run.models.PosENet, run.models.VGG) for readout in (BASE, *solved)]
    rows += [(run.models.VGG, Readout(stages=stage, least_squares=True)) for stage in run.stages(run.models.VGG)]
    return [
        cell for encoder, readout in rows for cell in natural_cells(run, f"{encoder} {readout.name}", encoder, readout)
    ]


EXPERIMENT = Experiment(
    title="Readouts solved by least squares",
    folder=Path(__file__).parent,
    tables={
        "least_squares": Table(
            about="Readouts trained by SGD and solved by least squares",
            inputs=lambda run: scores_of(run, cells(run)),
            build="experiments.least_squares.table:build",
            cells=cells,
            layout=CellLayout(
                keys=("model", "pattern"),
                down=("model",),
                across="pattern",
                note="L1: trained; lstsq: solved, the ridge chosen on every fourth training photograph; seconds: "
                "of the whole job.",
            ),
        )
    },
)
