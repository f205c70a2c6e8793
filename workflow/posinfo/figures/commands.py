"""Draw figures."""

from collections.abc import Sequence
from pathlib import Path


def figure(name: str, *, inputs: Sequence[Path] = (), benchmarks: Path, run: str, output: Path) -> None:
    """Draw a figure, of the core or of an experiment, from the results that it shows.

    Args:
        name: such as figure4 or stages
        inputs: results, by their paths
        benchmarks: folder of the run's benchmarks
        output: path without suffix; .pdf and .png are written
    """
    from posinfo.figures.data import FigureData
    from posinfo.figures.style import write_figure
    from posinfo.run.config import load_passed
    from posinfo.run.experiments import load
    from posinfo.run.shown import figure_of

    passed = load_passed(run)
    draw = load(figure_of(passed, name).draw)
    write_figure(lambda: draw(FigureData(passed, tuple(inputs), benchmarks)), output)


OF_RULES = (figure,)
