"""The atlas: networks side by side, stage by stage, as a table, a figure and a page."""

from pathlib import Path

from posinfo.experiments.atlas import inputs
from posinfo.run.experiments import Experiment, Figure, Table

EXPERIMENT = Experiment(
    title="Position in many networks, stage by stage",
    folder=Path(__file__).parent,
    settings=inputs.Atlas,
    tables={
        "atlas": Table(
            about="Position in each stage of a network, with trained and with random weights",
            inputs=inputs.scores_and_structures,
            build="experiments.atlas.table:build",
            cells=inputs.cells,
        )
    },
    figures={
        "atlas": Figure(
            title="SPC by stage of each network",
            inputs=inputs.scores_and_structures,
            draw="experiments.atlas.figure:draw",
        )
    },
    entries=inputs.random_encoders,
    targets=inputs.targets,
)
