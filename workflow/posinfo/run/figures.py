"""What each figure shows: the tables whose cells it draws, the predicted maps it needs, and which pictures.

Plain values, no torch and no drawing: the rules ask here what to build before a figure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posinfo.protocol.readout import Readout
from posinfo.run.cells import BASE, READ_IN_MOST_TABLES, Cell

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig

CROPS = "crops"  # the file of saliency of pictures and of cropped copies
SEGMENTATIONS = "segmentations"  # the file of the classes of pixels
SHOWN = 5  # photographs of a set of images that figures show, one view of each
LAYERS, KERNELS, PADDINGS = (1, 2, 3), (1, 3, 7), (0, 1, 2)


@dataclass(frozen=True)
class FigureSpec:
    """What a figure is drawn from.

    Attributes:
        title: what it shows, in a word, for the report.
        tables: their scores, every cell.
        maps: predicted maps, a cell each; their pictures and scores come with them.
        pictures: the roles of the sets of images that are shown themselves.
        crops: saliency of pictures and of cropped copies.
        segmentations: the class of each pixel, with padding and without.
        architecture: the sidecars of VGG's features.
        losses: the training losses of the readouts of Table 1.
        curve: the learning curve's csv.
        costs: the run's benchmark files.
    """

    title: str
    tables: tuple[str, ...] = ()
    maps: "Callable[[RunConfig], list[Cell]] | None" = None
    pictures: tuple[str, ...] = ()
    crops: bool = False
    segmentations: bool = False
    architecture: bool = False
    losses: bool = False
    curve: bool = False
    costs: bool = False


def _cells(
    run: "RunConfig", models: Sequence[str], readouts: Sequence[Readout], patterns: Sequence[str], roles: Sequence[str]
) -> list[Cell]:
    return [
        Cell(model, str(getattr(run.models, model)), readout, pattern, role, str(getattr(run.images, role)))
        for pattern in patterns
        for role in roles
        for model in models
        for readout in readouts
    ]


def _figure4(run: "RunConfig") -> list[Cell]:
    return _cells(run, list(run.models.of_table1), [BASE], READ_IN_MOST_TABLES, list(run.images.tests))


def _figure5(run: "RunConfig") -> list[Cell]:
    readouts = [Readout(layers=layers) for layers in LAYERS] + [Readout(kernel=kernel) for kernel in KERNELS]
    return _cells(run, ("PosENet", "VGG"), readouts, ("G",), ("natural",))


def _figure6(run: "RunConfig") -> list[Cell]:
    padded = [Readout(padding=padding) for padding in PADDINGS]
    return [
        *_cells(run, ("PosENet",), padded, ("G",), ("natural",)),
        *_cells(run, ("VGG", "VGG_without_padding"), [BASE], ("G",), ("natural",)),
    ]


def _figure7(run: "RunConfig") -> list[Cell]:
    return _cells(run, list(run.models.of_table1), [BASE], ("H", "V", "G"), ("natural",))


FIGURES = {
    "figure1": FigureSpec("Saliency of cropped copies", crops=True),
    "figure2": FigureSpec("Architecture", architecture=True),
    "figure3": FigureSpec("Pictures and ground truth", pictures=("natural", "black", "white", "noise")),
    "figure4": FigureSpec("Predicted maps", maps=_figure4, pictures=("natural", "black", "white", "noise")),
    "figure5": FigureSpec("Deeper readouts, larger kernels", maps=_figure5, pictures=("natural",)),
    "figure6": FigureSpec("Zero padding on one picture", maps=_figure6, pictures=("natural",)),
    "figure7": FigureSpec("Where the errors lie", maps=_figure7, pictures=("natural",)),
    "stages": FigureSpec("SPC by stage", tables=("table3",)),
    "padding": FigureSpec("SPC by padding", tables=("table4", "controls")),
    "border": FigureSpec("SPC without the border of the maps", tables=("border",)),
    "segmentations": FigureSpec("Segmentation with and without padding", segmentations=True),
    "tuning": FigureSpec("SPC by steps of training for a task", tables=("tuning",)),
    "agreement": FigureSpec("Ours against the paper's", tables=("table1", "table2a", "table2b", "table3", "table4")),
    "learning_curve": FigureSpec("SPC by number of training pictures", curve=True),
    "training": FigureSpec("Loss by epoch and seed", losses=True),
    "cost": FigureSpec("Where the time went", costs=True),
}

Wanted = dict[str, dict[str, dict[str, list[str]]]]


def maps_wanted(run: "RunConfig") -> Wanted:
    """Every predicted map that some figure shows: encoder -> readout name -> set of images -> patterns."""
    wanted: Wanted = {}
    for display in FIGURES.values():
        for cell in display.maps(run) if display.maps else []:
            patterns = wanted.setdefault(cell.encoder, {}).setdefault(cell.readout.name, {}).setdefault(cell.images, [])
            if cell.pattern not in patterns:
                patterns.append(cell.pattern)
    return wanted
