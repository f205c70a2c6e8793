"""Figure 2 of the paper: the encoder's stages and the readout, as configured and as measured in the sidecars."""

import math

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from posinfo.figures.data import FigureData
from posinfo.figures.style import MAP, WHOLE, colour_of
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.protocol.patterns import ground_truth
from posinfo.run.cells import BASE


def figure2(data: FigureData) -> Figure:
    """Boxes as high as the map's side and as wide as the channels, both on a logarithmic scale."""
    run = data.run
    readout = BASE
    stages = data.stages()
    encoder = run.models.VGG
    side = run.alignment.side
    colour = colour_of(encoder, run)
    final = side + 2 * readout.padding - readout.kernel + 1
    figure, axes = plt.subplots(figsize=(WHOLE, 2.55))
    axes.set(xlim=(0, 100), ylim=(-14.5, 24), xticks=[], yticks=[])
    axes.axis("off")
    _box(axes, 4, 3, IMAGE_SIDE, "0.75")
    _words(axes, 4, IMAGE_SIDE, f"image\n3 × {IMAGE_SIDE}²")
    place = 4.0
    level = -11.0
    for stage, metadata in stages.items():
        channels = metadata["shape"][1]
        following = place + 9.5
        _arrow(axes, (place + _half(3 if place == 4 else channels), 8), (following - _half(channels), 8))
        place = following
        _box(axes, place, channels, metadata["native_side"], colour)
        _words(axes, place, metadata["native_side"], f"{stage}\n{channels} × {metadata['native_side']}²")
        axes.plot([place, place], [8 - _height(metadata["native_side"]) / 2, level], color="0.35", lw=0.8)
    total = sum(metadata["shape"][1] for metadata in stages.values())
    _arrow(axes, (13.5, level), (64, level))
    axes.text(38, level - 1, f"each stage resized to {side} × {side} (bilinear)", ha="center", va="top", fontsize=7)
    axes.text(place / 2 + 7, 23.5, f"{encoder}: frozen", ha="center", va="top", color=colour, weight="bold")
    axes.add_patch(Rectangle((64, level - 3), 7, 6, fc="white", ec=colour))
    axes.text(67.5, level, f"concat\n{total}", ha="center", va="center", fontsize=6.5)
    steps = [
        f"convolution {readout.kernel} × {readout.kernel}, padding {readout.padding}\n{total} → 1, {final} × {final}",
        "batch norm",
        run.training.output,
        f"bilinear to {IMAGE_SIDE} × {IMAGE_SIDE}",
    ]
    axes.text(85, 23.5, "readout: trained", ha="center", va="top", weight="bold")
    heights = [-4.6, 1.2, 5.2, 9.2]
    _arrow(axes, (71, level), (85, level), head=False)
    _arrow(axes, (85, level), (85, heights[0] - 2.6))
    for step, height in zip(steps, heights, strict=True):
        half = 2.4 if "\n" in step else 1.4
        axes.add_patch(Rectangle((74, height - half), 22, 2 * half, fc="0.95", ec="0.4", lw=0.8))
        axes.text(85, height, step, ha="center", va="center", fontsize=7)
    for below, above in ((-2.2, -0.2), (2.6, 3.8), (6.6, 7.8), (10.6, 12)):
        _arrow(axes, (85, below), (85, above))
    inset = axes.inset_axes((81, 12.2, 8, 8.6), transform=axes.transData)
    inset.imshow(ground_truth("G", IMAGE_SIDE, run.patterns), cmap=MAP, vmin=0, vmax=1)
    inset.axis("off")
    axes.text(90.2, 16.4, "map to draw\n(here G)", fontsize=7, va="center")
    return figure


def _height(side: int) -> float:
    return 2.2 * (math.log2(side) - 1.5)


def _half(channels: int) -> float:
    return 0.3 * math.log2(max(channels, 2))


def _box(axes: Axes, place: float, channels: int, side: int, colour: str) -> None:
    width = 2 * _half(channels)
    height = _height(side)
    axes.add_patch(Rectangle((place - width / 2, 8 - height / 2), width, height, fc=colour, ec="white", alpha=0.9))


def _words(axes: Axes, place: float, side: int, text: str) -> None:
    axes.text(place, 8 + _height(side) / 2 + 0.6, text, ha="center", va="bottom", fontsize=7)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], head: bool = True) -> None:
    style = "-|>" if head else "-"
    patch = FancyArrowPatch(start, end, arrowstyle=style, mutation_scale=7, lw=0.8, color="0.35", shrinkA=0, shrinkB=0)
    axes.add_patch(patch)
