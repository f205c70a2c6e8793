"""Figures 3 to 7 of the paper: pictures, ground truth, predicted maps and their errors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from posinfo.figures.data import FigureData
from posinfo.figures.style import ERROR, MAP, WHOLE, bare, scale_of, short
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.protocol.patterns import PATTERNS, ground_truth
from posinfo.protocol.readout import Readout
from posinfo.run.cells import READ_IN_MOST_TABLES, Cell
from posinfo.run.figures import FIGURES, KERNELS, LAYERS, PADDINGS

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig

ONE = -1  # where one natural picture is shown, it is the last of those chosen
FORMULAS = {"H": "from left to right", "V": "from top to bottom", "G": "Gaussian", "HS": "stripes", "VS": "stripes"}


def figure3(data: FigureData) -> Figure:
    """Sample pictures above, the five ground-truth maps below."""
    run = data.run
    natural = data.pictures[run.images.natural]
    others = {role: data.pictures[getattr(run.images, role)][0] for role in ("black", "white", "noise")}
    figure = plt.figure(figsize=(WHOLE, 3.0))
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=(1, 1.45)))
    titles = [f"natural {place + 1}" for place in range(len(natural))] + list(others)
    for axes, picture, title in zip(above.subplots(1, len(titles)), [*natural, *others.values()], titles, strict=True):
        picture_in(axes, picture)
        axes.set_title(title)
    for axes, pattern in zip(below.subplots(1, len(PATTERNS)), PATTERNS, strict=True):
        _map(axes, _truth(pattern, run), scale_of(pattern, run))
        axes.set_title(f"{pattern}: {FORMULAS[pattern]}")
        low, high = scale_of(pattern, run)
        bar(below, MAP, low, high, axes, orientation="horizontal", ticks=[low, (low + high) / 2, high])
    return figure


def figure4(data: FigureData) -> Figure:
    """Predicted maps: rows are patterns; columns are models, in a group for each kind of picture."""
    run = data.run
    cells = {(cell.pattern, cell.role, cell.model): cell for cell in _cells("figure4", run)}
    models, roles = list(run.models.of_table1), list(run.images.tests)
    widths = [1.0] + [width for _ in roles for width in (0.18, *[1.0] * len(models))]
    figure = plt.figure(figsize=(WHOLE, 2.5))
    tight(figure)
    grid = figure.add_gridspec(1 + len(READ_IN_MOST_TABLES), len(widths), width_ratios=widths)
    for group, role in enumerate(roles):
        start = 2 + group * (len(models) + 1)
        axes = figure.add_subplot(grid[0, start : start + len(models)])
        picture_in(axes, _shown(data, role))
        axes.set_ylabel(role, rotation=0, ha="right", va="center")
        for row, pattern in enumerate(READ_IN_MOST_TABLES):
            for column, model in enumerate(models):
                axes = figure.add_subplot(grid[1 + row, start + column])
                _map(axes, data.map_of(cells[pattern, role, model], _place(role)), scale_of(pattern, run))
                if row == 0:
                    axes.set_title(_name(model, run).replace("-", "-\n"), fontsize=6)
    for row, pattern in enumerate(READ_IN_MOST_TABLES):
        axes = figure.add_subplot(grid[1 + row, 0])
        _map(axes, _truth(pattern, run), scale_of(pattern, run))
        axes.set_ylabel(pattern, rotation=0, ha="right", va="center")
        if row == 0:
            axes.set_title("truth", fontsize=6)
        low, high = scale_of(pattern, run)
        whole = [axes for axes in figure.axes if axes.get_subplotspec() and _row(axes) == 1 + row]
        bar(figure, MAP, low, high, whole, ticks=[low, high])
    return figure


def figure5(data: FigureData) -> Figure:
    """Pattern G: more layers above, larger kernels below."""
    run, cells = data.run, _cells("figure5", data.run)
    by_readout = {(cell.model, cell.readout): cell for cell in cells}
    figure = plt.figure(figsize=(WHOLE, 2.8))
    tight(figure)
    grid = figure.add_gridspec(2, 9, width_ratios=(1, 0.12, 1, 1, 1, 0.12, 1, 1, 1))
    rows = (
        ("natural", [(Readout(layers=layers), _count(layers, "layer")) for layers in LAYERS]),
        ("truth", [(Readout(kernel=kernel), f"{kernel}×{kernel}") for kernel in KERNELS]),
    )
    drawn = []
    for row, (left, readouts) in enumerate(rows):
        axes = figure.add_subplot(grid[row, 0])
        if left == "natural":
            picture_in(axes, _shown(data, "natural"))
            axes.set_title("picture")
        else:
            _map(axes, _truth("G", run), scale_of("G", run))
            axes.set_title("truth, G")
            _key(axes)
        for column, model in enumerate(("PosENet", "VGG")):
            for place, (readout, title) in enumerate(readouts):
                axes = figure.add_subplot(grid[row, 2 + 4 * column + place])
                cell = by_readout[model, readout]
                _map(axes, data.map_of(cell, _place("natural")), scale_of("G", run))
                _below(axes, data.score_of(cell, _place("natural")))
                axes.set_title(f"{_name(model, run)}, {title}" if place == 0 else title)
                drawn.append(axes)
    bar(figure, MAP, *scale_of("G", run), drawn, ticks=[0, 0.5, 1])
    return figure


def figure6(data: FigureData) -> Figure:
    """Zero padding and pattern G on one picture, SPC and MAE under each panel, the paper's in grey below."""
    run, cells = data.run, _cells("figure6", data.run)
    titles = [f"{run.models.PosENet},\npadding {padding}" for padding in PADDINGS]
    titles += [f"{run.models.VGG},\nzero padding", f"{run.models.VGG},\nno padding"]
    figure, axes = plt.subplots(1, 2 + len(cells), figsize=(WHOLE, 1.75))
    picture_in(axes[0], _shown(data, "natural"))
    axes[0].set_title("picture\n")
    _map(axes[1], _truth("G", run), scale_of("G", run))
    axes[1].set_title("truth, G\n")
    for panel, cell, title, told in zip(axes[2:], cells, titles, data.captions.to_dict("records"), strict=True):
        _map(panel, data.map_of(cell, _place("natural")), scale_of("G", run))
        panel.set_title(title)
        _below(panel, data.score_of(cell, _place("natural")))
        paper = f"paper {short(told['spc'])}, {short(told['mae'])}"
        panel.annotate(paper, (0.5, -0.36), xycoords="axes fraction", ha="center", va="top", fontsize=6, color="0.45")
    _key(axes[1])
    bar(figure, MAP, *scale_of("G", run), list(axes), ticks=[0, 0.5, 1])
    return figure


def error_map(maps: dict[str, NDArray[np.float64]], truths: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """(|H - H^| + |V - V^| + |G - G^|) / 3 per pixel, float64 [side, side]."""
    return np.asarray(sum(np.abs(truths[pattern] - maps[pattern]) for pattern in ("H", "V", "G")) / 3)


def figure7(data: FigureData) -> Figure:
    """Error heat maps of three models on five pictures, on one scale; the mean error under each."""
    run = data.run
    cells = {(cell.model, cell.pattern): cell for cell in _cells("figure7", run)}
    truths = {pattern: _truth(pattern, run) for pattern in ("H", "V", "G")}
    pictures = data.pictures[run.images.natural]
    models = list(run.models.of_table1)
    errors = {
        model: [
            error_map({pattern: data.map_of(cells[model, pattern], place) for pattern in truths}, truths)
            for place in range(len(pictures))
        ]
        for model in models
    }
    top = float(max(error.max() for row in errors.values() for error in row))
    figure, grid = plt.subplots(1 + len(models), len(pictures), figsize=(4.6, 3.95))
    tight(figure)
    for axes, picture in zip(grid[0], pictures, strict=True):
        picture_in(axes, picture)
    grid[0, 0].set_ylabel("picture")
    for axes_row, (model, row) in zip(grid[1:], errors.items(), strict=True):
        for axes, error in zip(axes_row, row, strict=True):
            _map(axes, error, (0, top), ERROR)
            axes.set_xlabel(f"mean {short(error.mean())}", fontsize=7, labelpad=2)
        axes_row[0].set_ylabel(_name(model, run))
    label = "(|H − Ĥ| + |V − V̂| + |G − Ĝ|) / 3"
    bar(figure, ERROR, 0, top, list(grid[1:].ravel()), label=label, shrink=0.9)
    return figure


def tight(figure: Figure) -> None:
    """Panels close to each other, as maps are compared side by side."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)  # type: ignore[call-arg]


def _cells(figure: str, run: "RunConfig") -> list[Cell]:
    chosen = FIGURES[figure].maps
    return chosen(run) if chosen else []


def _name(model: str, run: "RunConfig") -> str:
    return str(getattr(run.models, model))


def _truth(pattern: str, run: "RunConfig") -> NDArray[np.float64]:
    return ground_truth(pattern, IMAGE_SIDE, run.patterns)


def _place(role: str) -> int:
    return ONE if role == "natural" else 0


def _shown(data: FigureData, role: str) -> NDArray[np.uint8]:
    return np.asarray(data.pictures[getattr(data.run.images, role)][_place(role)])


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"


def _row(axes: Axes) -> int:
    spec = axes.get_subplotspec()
    return spec.rowspan.start if spec else -1


def picture_in(axes: Axes, picture: NDArray[np.uint8]) -> None:
    """A picture, uint8 [side, side, 3], with a thin edge."""
    axes.imshow(picture)
    bare(axes)
    for spine in axes.spines.values():  # a white picture needs an edge
        spine.set(visible=True, color="0.6", linewidth=0.5)


def _map(axes: Axes, values: NDArray[np.float64], scale: tuple[float, float], colours: str = MAP) -> None:
    axes.imshow(values, cmap=colours, vmin=scale[0], vmax=scale[1], interpolation="nearest")
    bare(axes)


def _below(axes: Axes, score: tuple[float, float]) -> None:
    text = f"{short(score[0])}\n{short(score[1])}"
    axes.annotate(text, (0.5, -0.06), xycoords="axes fraction", ha="center", va="top", fontsize=7)


def _key(axes: Axes) -> None:
    """What `_below` writes under the other panels."""
    axes.annotate("SPC\nMAE", (0.5, -0.06), xycoords="axes fraction", ha="center", va="top", fontsize=7, color="0.45")


def bar(figure: Any, colours: str, low: float, high: float, axes: Axes | Sequence[Axes], **options: Any) -> None:
    """A colour bar beside those panels."""
    drawn = figure.colorbar(ScalarMappable(Normalize(low, high), colours), ax=axes, **{"aspect": 18, **options})
    drawn.outline.set_visible(False)
    drawn.ax.tick_params(labelsize=6, length=2)
