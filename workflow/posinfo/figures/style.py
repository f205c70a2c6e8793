"""What all figures share: sizes, colours, colour maps and names, and how they are written."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posinfo.run.config import RunConfig
from posinfo.store.files import atomic_write

STYLE = Path(__file__).parent / "posinfo.mplstyle"
COLUMN = 3.4  # inches, the width of a column in a two-column paper
WHOLE = 7.0
MAP = "viridis"  # perceptually uniform, for maps
ERROR = "magma"  # the same for errors, so that nobody takes one for the other
_PALETTE = sns.color_palette("colorblind").as_hex()
MODEL_COLOURS = {
    "PosENet": "#6b6b6b",
    "VGG": _PALETTE[0],
    "ResNet": _PALETTE[3],
    "VGG_without_padding": _PALETTE[1],
    "VGG_as_released": _PALETTE[4],
}
PAPER = {"marker": "D", "mfc": "white", "mec": "black", "ls": "none", "ms": 4}  # how a published point looks


def colours_of(count: int) -> list[str]:
    """Colours of lines that stand for no model of the paper."""
    return [str(colour) for colour in sns.color_palette("husl", count).as_hex()]


def colour_of(encoder: str, run: RunConfig) -> str:
    """An encoder's colour, the same in every figure; other encoders share one."""
    for model, colour in MODEL_COLOURS.items():
        if getattr(run.models, model) == encoder:
            return str(colour)
    return str(_PALETTE[9])


def scale_of(pattern: str, run: RunConfig) -> tuple[float, float]:
    """The range of a pattern's ground truth, on which all its maps are shown."""
    return (-1.0, 1.0) if pattern in ("HS", "VS") and run.patterns == "paper" else (0.0, 1.0)


def short(value: float) -> str:
    """Two decimals with a true minus: `0.47`, `−0.12`."""
    return f"{value:.2f}".replace("-", "−")


def bare(axes: Axes) -> None:
    """No ticks, no frame, no grid: for images and maps."""
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def counts_of(shown: pd.DataFrame) -> str:
    """`n = 30 natural images, 3 seeds`, for a title."""
    return f"n = {shown['n'].max()} natural images, {shown['seeds'].max()} seeds"


def write_figure(draw: Callable[[], Figure], output: Path) -> None:
    """Draw off screen in the project's style; write `output` as vector .pdf and as .png, without dates inside."""
    mpl.use("Agg")
    with plt.style.context(STYLE):
        figure = draw()
        for kind, undated in (("pdf", "CreationDate"), ("png", "Software")):
            with atomic_write(output.with_suffix(f".{kind}")) as partial:
                figure.savefig(partial, format=kind, metadata={undated: None})
        plt.close(figure)
