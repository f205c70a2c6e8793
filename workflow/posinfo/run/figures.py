"""The core's figures: what each is drawn from. Plain values, no torch and no drawing."""

from collections.abc import Sequence

from posinfo.protocol.patterns import PATTERNS
from posinfo.protocol.readout import Readout
from posinfo.run.cells import BASE, MOST_PATTERNS, Cell
from posinfo.run.config import RunConfig
from posinfo.run.experiments import Cells, Figure, Paths
from posinfo.run.paths import (
    features_folder,
    images_file,
    predictions_file,
    readouts_folder,
    scores_of,
)
from posinfo.run.tables import TABLES, natural_cells, random_control

SHOWN = 5  # photographs of a set of images that figures show, one view of each
LAYERS = (1, 2, 3)
KERNELS = (1, 3, 7)
PADDINGS = (0, 1, 2)


def _cells(
    run: RunConfig, models: Sequence[str], readouts: Sequence[Readout], patterns: Sequence[str], roles: Sequence[str]
) -> list[Cell]:
    encoders = run.models.model_dump()
    return [
        Cell(model, encoders[model], readout, pattern, role, run.images.tests[role])
        for pattern in patterns
        for role in roles
        for model in models
        for readout in readouts
    ]


def _question(run: RunConfig) -> list[Cell]:
    encoders = [run.models.VGG, run.models.PosENet, *random_control(run)]
    return [cell for encoder in encoders for cell in natural_cells(run, encoder, encoder, BASE, PATTERNS)]


def _figure4(run: RunConfig) -> list[Cell]:
    return _cells(run, list(run.models.of_table1), [BASE], MOST_PATTERNS, list(run.images.tests))


def _figure5(run: RunConfig) -> list[Cell]:
    readouts = [Readout(layers=layers) for layers in LAYERS] + [Readout(kernel=kernel) for kernel in KERNELS]
    return _cells(run, ("PosENet", "VGG"), readouts, ("G",), ("natural",))


def _figure6(run: RunConfig) -> list[Cell]:
    padded = [Readout(padding=padding) for padding in PADDINGS]
    return [
        *_cells(run, ("PosENet",), padded, ("G",), ("natural",)),
        *_cells(run, ("VGG", "VGG_without_padding"), [BASE], ("G",), ("natural",)),
    ]


def _figure7(run: RunConfig) -> list[Cell]:
    return _cells(run, list(run.models.of_table1), [BASE], ("H", "V", "G"), ("natural",))


def _images(run: RunConfig) -> list[str]:
    sets = (run.images.natural, run.images.synthetic)
    return [images_file(run, images, suffix) for images in sets for suffix in ("npy", "csv")]


def _of_maps(maps: Cells) -> Paths:
    """What a figure of predicted maps needs: images, maps and their scores."""

    def inputs(run: RunConfig) -> list[str]:
        shown = maps(run)
        drawn = [predictions_file(run, encoder) for encoder in dict.fromkeys(cell.encoder for cell in shown)]
        return [*_images(run), *drawn, *scores_of(run, shown)]

    return inputs


def _of_tables(*names: str) -> Paths:
    """What a figure of numbers needs: the scores of those tables."""

    def inputs(run: RunConfig) -> list[str]:
        found = [path for name in names for path in TABLES[name].inputs(run)]
        return list(dict.fromkeys(found))

    return inputs


def _of_features(run: RunConfig) -> list[str]:
    return [features_folder(run, run.models.VGG, run.images.natural)]


def _of_losses(run: RunConfig) -> list[str]:
    return [readouts_folder(run, encoder, "base") for encoder in run.models.of_table1.values()]


def _of_curve(run: RunConfig) -> list[str]:
    return [f"{run.results}/learning_curve/{encoder}.csv" for encoder in (run.models.VGG, run.models.ResNet)]


def _map_figure(title: str, function: str, maps: Cells) -> Figure:
    return Figure(title, _of_maps(maps), f"figures.maps:{function}", maps)


FIGURES = {
    "question": _map_figure("What a readout draws", "question", _question),
    "figure2": Figure("Architecture", _of_features, "figures.architecture:figure2"),
    "figure3": Figure("Images and ground truth", _images, "figures.maps:figure3"),
    "figure4": _map_figure("Predicted maps", "figure4", _figure4),
    "figure5": _map_figure("Deeper readouts, larger kernels", "figure5", _figure5),
    "figure6": _map_figure("Zero padding on one image", "figure6", _figure6),
    "figure7": _map_figure("Where the errors lie", "figure7", _figure7),
    "stages": Figure("SPC by stage", _of_tables("table3"), "figures.summaries:stages"),
    "padding": Figure("SPC by padding", _of_tables("table4", "controls"), "figures.summaries:padding"),
    "border": Figure("SPC without the border of the maps", _of_tables("border"), "figures.border:border"),
    "agreement": Figure(
        "Ours against the paper's",
        _of_tables("table1", "table2a", "table2b", "table3", "table4"),
        "figures.summaries:agreement",
    ),
    "learning_curve": Figure("SPC by number of training images", _of_curve, "figures.curves:learning_curve"),
    "training": Figure("Loss by epoch and seed", _of_losses, "figures.curves:training"),
    # Its inputs are scores so that the run is over when its time is counted.
    "cost": Figure("Where the time went", _of_tables(*TABLES), "figures.cost:cost"),
}
