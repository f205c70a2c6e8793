"""What all figures share: sizes, colours, colour maps and names, and how they are written."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posinfo.store.files import atomic_write

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig

STYLE = Path(__file__).parent / "posinfo.mplstyle"
COLUMN = 3.4  # inches, the width of a column in a two-column paper
WHOLE = 7.0
MAP = "viridis"  # perceptually uniform, for maps
ERROR = "magma"  # the same for errors, so that nobody takes one for the other
_PALETTE = sns.color_palette("colorblind").as_hex()
MODEL_COLOURS = {"PosENet": "#6b6b6b", "VGG": _PALETTE[0], "ResNet": _PALETTE[3], "VGG_without_padding": _PALETTE[1]}
PAPER = {"marker": "D", "mfc": "white", "mec": "black", "ls": "none", "ms": 4}  # how a published point looks
STRIPES = ("HS", "VS")


def colours_of(count: int) -> list[str]:
    """Colours of lines that stand for no model of the paper."""
    return [str(colour) for colour in sns.color_palette("husl", count).as_hex()]


def colours_of_classes(classes: Sequence[str]) -> list[str]:
    """Colours of what a pixel may be: the strong ones first, a background in light grey."""
    ground = ["#e6e6e6"] if classes[0] == "background" else []
    tab, count = sns.color_palette("tab20").as_hex(), len(classes) - len(ground)
    return ground + ((tab[::2] + tab[1::2])[:count] if count <= len(tab) else colours_of(count))


def colour_of(encoder: str, run: "RunConfig") -> str:
    """An encoder's colour, the same in every figure; other encoders share one."""
    for model, colour in MODEL_COLOURS.items():
        if getattr(run.models, model) == encoder:
            return str(colour)
    return str(_PALETTE[9])


def scale_of(pattern: str, run: "RunConfig") -> tuple[float, float]:
    """The range of a pattern's ground truth, on which all its maps are shown."""
    return (-1.0, 1.0) if pattern in STRIPES and run.patterns == "paper" else (0.0, 1.0)


def short(value: float) -> str:
    """Two decimals with a true minus: `0.47`, `−0.12`."""
    return f"{value:.2f}".replace("-", "−")


def bare(axes: Axes) -> None:
    """No ticks, no frame, no grid: for pictures and maps."""
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def counts_of(shown: pd.DataFrame) -> str:
    """`n = 30 natural images, 3 seeds`, for a title."""
    return f"n = {shown['n'].max()} natural images, {shown['seeds'].max()} seeds"


def write_drawn(draw: Callable[[], Figure], pdf: Path, png: Path) -> None:
    """Draw off screen in the project's style and write it as vector pdf and as png, without dates inside."""
    mpl.use("Agg")
    with plt.style.context(STYLE):
        figure = draw()
        with atomic_write(pdf) as partial:
            figure.savefig(partial, format="pdf", metadata={"CreationDate": None})
        with atomic_write(png) as partial:
            figure.savefig(partial, format="png", metadata={"Software": None})
        plt.close(figure)
