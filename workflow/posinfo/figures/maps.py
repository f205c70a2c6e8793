"""Figures 3 to 7 of the paper, and 3 and 4 in one: images, ground truth, predicted maps and their errors."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from posinfo.figures.data import FigureData
from posinfo.figures.style import ERROR, MAP, WHOLE, bare, name_of, scale_of, short
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.protocol.patterns import PATTERNS, ground_truth
from posinfo.protocol.readout import Readout
from posinfo.run.cells import MOST_PATTERNS, Cell
from posinfo.run.config import RunConfig
from posinfo.run.figures import FIGURES, KERNELS, LAYERS, PADDINGS
from posinfo.run.roles import SYNTHETIC
from posinfo.run.tables import PUBLISHED

KEY = "SPC\nMAE"  # what stands below the maps


def question(data: FigureData) -> Figure:
    """A photograph and the five maps to draw; below, what the readout of each encoder draws, and its SPC."""
    run = data.run
    cells = _cells("question", run)
    titles = run.titles(cell.encoder for cell in cells)
    figure, grid = plt.subplots(1 + len(titles), 1 + len(PATTERNS), figsize=(WHOLE, 1.54 + 1.24 * len(titles)))
    tight(figure)
    image_in(grid[0, 0], data.images("natural")[-1])
    grid[0, 0].set_title("photograph")
    for axes, pattern in zip(grid[0, 1:], PATTERNS, strict=True):
        _map(axes, _truth(pattern, run), scale_of(pattern, run))
        axes.set_title(name_of(pattern), fontsize=7)
    for axes, title in zip(grid[1:, 0], titles.values(), strict=True):
        bare(axes)
        axes.patch.set_visible(False)
        axes.text(
            0.5, 0.5, "read from:\n" + textwrap.fill(title, 17), ha="center", va="center", transform=axes.transAxes
        )
    for axes, cell in zip(grid[1:, 1:].ravel(), cells, strict=True):
        _map(axes, data.map_of(cell), scale_of(cell.pattern, run))
        _below(axes, f"SPC {short(data.score_of(cell)[0])}")
    for panels, pattern in ((grid[:, 1:4], "H"), (grid[:, 4:], "HS")):
        low, high = scale_of(pattern, run)
        look = {"orientation": "horizontal", "aspect": 17 * panels.shape[1], "pad": 0.01, "shrink": 0.94}
        bar(figure, MAP, low, high, list(panels.ravel()), ticks=[low, high], **look)
    return figure


def figure3(data: FigureData) -> Figure:
    """Sample images above, the five ground-truth maps below."""
    run = data.run
    natural = data.images("natural")
    others = {role: data.images(role)[0] for role in SYNTHETIC}
    figure = plt.figure(figsize=(WHOLE, 3.0))
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=(1, 1.45)))
    titles = [f"natural {place + 1}" for place in range(len(natural))] + list(others)
    for axes, image, title in zip(above.subplots(1, len(titles)), [*natural, *others.values()], titles, strict=True):
        image_in(axes, image)
        axes.set_title(title)
    for axes, pattern in zip(below.subplots(1, len(PATTERNS)), PATTERNS, strict=True):
        _map(axes, _truth(pattern, run), scale_of(pattern, run))
        axes.set_title(name_of(pattern), fontsize=7)
        low, high = scale_of(pattern, run)
        bar(below, MAP, low, high, axes, orientation="horizontal", ticks=[low, (low + high) / 2, high])
    return figure


def figure4(data: FigureData) -> Figure:
    """Predicted maps: rows are patterns; columns are models, in a group for each kind of image."""
    run = data.run
    cells = {(cell.pattern, cell.role, cell.model): cell for cell in _cells("figure4", run)}
    models = list(run.models.of_table1)
    roles = list(run.images.tests)
    widths = [1.0] + [width for _ in roles for width in (0.18, *[1.0] * len(models))]
    figure = plt.figure(figsize=(WHOLE, 2.5))
    tight(figure)
    grid = figure.add_gridspec(1 + len(MOST_PATTERNS), len(widths), width_ratios=widths)
    drawn: dict[str, list[Axes]] = {pattern: [] for pattern in MOST_PATTERNS}
    for group, role in enumerate(roles):
        start = 2 + group * (len(models) + 1)
        axes = figure.add_subplot(grid[0, start : start + len(models)])
        image_in(axes, data.images(role)[-1])
        axes.set_ylabel(role, rotation=0, ha="right", va="center")
        for row, pattern in enumerate(MOST_PATTERNS):
            for column, model in enumerate(models):
                axes = figure.add_subplot(grid[1 + row, start + column])
                _map(axes, data.map_of(cells[pattern, role, model]), scale_of(pattern, run))
                if row == 0:
                    axes.set_title(_name(model, run).replace("-", "-\n"), fontsize=6)
                drawn[pattern].append(axes)
    for row, pattern in enumerate(MOST_PATTERNS):
        axes = figure.add_subplot(grid[1 + row, 0])
        _map(axes, _truth(pattern, run), scale_of(pattern, run))
        axes.set_ylabel(pattern, rotation=0, ha="right", va="center")
        if row == 0:
            axes.set_title("truth", fontsize=6)
        low, high = scale_of(pattern, run)
        bar(figure, MAP, low, high, [*drawn[pattern], axes], ticks=[low, high])
    return figure


def figure5(data: FigureData) -> Figure:
    """Pattern G: more layers above, larger kernels below."""
    run = data.run
    cells = _cells("figure5", run)
    by_readout = {(cell.model, cell.readout): cell for cell in cells}
    figure = plt.figure(figsize=(WHOLE, 2.8))
    tight(figure)
    grid = figure.add_gridspec(2, 9, width_ratios=(1, 0.12, 1, 1, 1, 0.12, 1, 1, 1))
    rows = (
        ("natural", [(Readout(layers=layers), f"{layers} layer{'s' if layers > 1 else ''}") for layers in LAYERS]),
        ("truth", [(Readout(kernel=kernel), f"{kernel}×{kernel}") for kernel in KERNELS]),
    )
    drawn = []
    for row, (left, readouts) in enumerate(rows):
        axes = figure.add_subplot(grid[row, 0])
        if left == "natural":
            image_in(axes, data.images("natural")[-1])
            axes.set_title("image")
        else:
            _map(axes, _truth("G", run), scale_of("G", run))
            axes.set_title("truth, G")
            _below(axes, KEY, color="0.45")
        for column, model in enumerate(("PosENet", "VGG")):
            for place, (readout, title) in enumerate(readouts):
                axes = figure.add_subplot(grid[row, 2 + 4 * column + place])
                cell = by_readout[model, readout]
                _map(axes, data.map_of(cell), scale_of("G", run))
                _scores(axes, data, cell)
                axes.set_title(f"{_name(model, run)}, {title}" if place == 0 else title)
                drawn.append(axes)
    bar(figure, MAP, *scale_of("G", run), drawn, ticks=[0, 0.5, 1])
    return figure


def figure6(data: FigureData) -> Figure:
    """Zero padding and pattern G on one image, SPC and MAE under each panel, the paper's in grey below."""
    run = data.run
    cells = _cells("figure6", run)
    captions = pd.read_csv(PUBLISHED / "figure6_captions.csv").to_dict("records")
    titles = [f"{run.models.PosENet},\npadding {padding}" for padding in PADDINGS]
    titles += [f"{run.models.VGG},\nzero padding", f"{run.models.VGG},\nno padding"]
    figure, axes = plt.subplots(1, 2 + len(cells), figsize=(WHOLE, 1.75))
    image_in(axes[0], data.images("natural")[-1])
    axes[0].set_title("image\n")
    _map(axes[1], _truth("G", run), scale_of("G", run))
    axes[1].set_title("truth, G\n")
    for panel, cell, title, printed in zip(axes[2:], cells, titles, captions, strict=True):
        _map(panel, data.map_of(cell), scale_of("G", run))
        panel.set_title(title)
        _scores(panel, data, cell)
        paper = f"paper {short(printed['spc'])}, {short(printed['mae'])}"
        _below(panel, paper, -0.36, fontsize=6, color="0.45")
    _below(axes[1], KEY, color="0.45")
    bar(figure, MAP, *scale_of("G", run), list(axes), ticks=[0, 0.5, 1])
    return figure


def error_map(maps: dict[str, NDArray[np.float64]], truths: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """(|H - H^| + |V - V^| + |G - G^|) / 3 per pixel, float64 [side, side]."""
    return np.asarray(sum(np.abs(truths[pattern] - maps[pattern]) for pattern in ("H", "V", "G")) / 3)


def figure7(data: FigureData) -> Figure:
    """Error heat maps of three models on five images, on one scale; the mean error under each."""
    run = data.run
    cells = {(cell.model, cell.pattern): cell for cell in _cells("figure7", run)}
    truths = {pattern: _truth(pattern, run) for pattern in ("H", "V", "G")}
    images = data.images("natural")
    models = list(run.models.of_table1)
    errors = {
        model: [
            error_map({pattern: data.map_of(cells[model, pattern], place) for pattern in truths}, truths)
            for place in range(len(images))
        ]
        for model in models
    }
    top = float(max(error.max() for row in errors.values() for error in row))
    figure, grid = plt.subplots(1 + len(models), len(images), figsize=(4.6, 3.95))
    tight(figure)
    for axes, image in zip(grid[0], images, strict=True):
        image_in(axes, image)
    grid[0, 0].set_ylabel("image")
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


def _cells(figure: str, run: RunConfig) -> list[Cell]:
    chosen = FIGURES[figure].maps
    return chosen(run) if chosen else []


def _name(model: str, run: RunConfig) -> str:
    return str(run.models.model_dump()[model])


def _truth(pattern: str, run: RunConfig) -> NDArray[np.float64]:
    return ground_truth(pattern, IMAGE_SIDE, run.patterns)


def image_in(axes: Axes, image: NDArray[np.uint8]) -> None:
    """An image, uint8 [side, side, 3 or, with opacity, 4]."""
    axes.imshow(image)
    bare(axes, edge=True)  # a white image needs one


def _map(axes: Axes, values: NDArray[np.float64], scale: tuple[float, float], colours: str = MAP) -> None:
    axes.imshow(values, cmap=colours, vmin=scale[0], vmax=scale[1], interpolation="nearest")
    bare(axes)


def _below(axes: Axes, text: str, height: float = -0.06, **look: Any) -> None:
    axes.annotate(text, (0.5, height), xycoords="axes fraction", ha="center", va="top", **{"fontsize": 7, **look})


def _scores(axes: Axes, data: FigureData, cell: Cell) -> None:
    """SPC and MAE below a map."""
    spc, mae = data.score_of(cell)
    _below(axes, f"{short(spc)}\n{short(mae)}")


def bar(figure: Any, colours: str, low: float, high: float, axes: Axes | Sequence[Axes], **options: Any) -> None:
    """A colour bar beside those panels."""
    drawn = figure.colorbar(ScalarMappable(Normalize(low, high), colours), ax=axes, **{"aspect": 18, **options})
    drawn.outline.set_visible(False)
    drawn.ax.tick_params(labelsize=6, length=2)
