"""Encoders trained for a task: classification, saliency, segmentation (Tables 5 and 6, Figure 1)."""

from pathlib import Path

from posinfo.experiments.tasks import inputs
from posinfo.experiments.tasks.settings import Tasks
from posinfo.run.experiments import CellLayout, Experiment, Figure, Measurement, Table
from posinfo.run.paths import scores_of
from posinfo.run.tables import cell_table

FOLDER = Path(__file__).parent

TABLES = {
    "table5a": Table(
        about="Saliency with and without padding",
        inputs=lambda run: inputs.measured_files(run, "saliency", "metrics"),
        build="experiments.tasks.tables:build",
        alias="saliency",
        published=FOLDER / "published/table5a_saliency.csv",
    ),
    "table5b": Table(
        about="Semantic segmentation with and without padding",
        inputs=lambda run: inputs.measured_files(run, "segmentation", "metrics"),
        build="experiments.tasks.tables:build",
        alias="segmentation",
        published=FOLDER / "published/table5b_segmentation.csv",
    ),
    "classes": Table(
        about="Segmentation class by class",
        inputs=lambda run: inputs.measured_files(run, "segmentation", "metrics"),
        build="experiments.tasks.tables:build_classes",
        alias="per-class",
    ),
    "table6": cell_table(
        "Position read out of encoders trained for different tasks",
        "tasks",
        inputs.table6_cells,
        CellLayout(
            keys=("pattern", "model", "images"),
            down=("pattern", "model"),
            across="images",
            note="VGG-SOD: for saliency, VGG-SS: for segmentation, by a recipe of ours.",
        ),
        published=FOLDER / "published/table6_tasks.csv",
    ),
    "tuning": cell_table(
        "Position by steps of training for a task",
        "steps",
        inputs.tuning_cells,
        CellLayout(
            keys=("model", "steps", "pattern"),
            down=("model", "steps"),
            across="pattern",
            note="Steps: of the training, 0 before it; constant: no readout.",
        ),
    ),
}

DRAWN = "experiments.tasks.figures"
FIGURES = {
    "figure1": Figure("Saliency of cropped copies", inputs.figure1_files, f"{DRAWN}:figure1"),
    "segmentations": Figure("Segmentation with and without padding", inputs.predicted_files, f"{DRAWN}:segmentations"),
    "tuning": Figure(
        "SPC by steps of training for a task",
        lambda run: scores_of(run, inputs.tuning_cells(run)),
        f"{DRAWN}:tuning",
    ),
}

EXPERIMENT = Experiment(
    title="Does position depend on the task that an encoder was trained for?",
    folder=FOLDER,
    settings=Tasks,
    tables=TABLES,
    figures=FIGURES,
    measurements={
        "tasks": Measurement(
            keys=("task", "padding"),
            metric="score",
            inputs=lambda run: [
                path for task in ("saliency", "segmentation") for path in inputs.measured_files(run, task, "images")
            ],
            rows="experiments.tasks.tables:image_scores",
            printed="experiments.tasks.tables:published_scores",
        )
    },
    encoders=lambda run: run.section(Tasks).encoders,
    image_sets=inputs.sets_with_masks,
)
