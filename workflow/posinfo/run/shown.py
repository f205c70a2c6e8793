"""All that a run shows: the core's tables, figures and claims, and those of the experiments that it switches on."""

from collections.abc import Iterable
from pathlib import Path

from posinfo.run import experiments
from posinfo.run.cells import Cell
from posinfo.run.config import RunConfig
from posinfo.run.experiments import NAMES, Figure, Measurement, Table
from posinfo.run.figures import FIGURES
from posinfo.run.tables import PUBLISHED, TABLES
from posinfo.store.errors import InputError, unknown
from posinfo.store.files import ROOT, read_yaml

CAPTIONS = ROOT / "workflow/report/captions.yaml"


def known_tables(run: RunConfig) -> dict[str, Table]:
    """Every table that the run may be asked for, by name; reads the settings of no experiment."""
    found = {**TABLES} if run.paper else {}
    for experiment in run.switched_on.values():
        found |= experiment.tables
    return found


def tables(run: RunConfig) -> dict[str, Table]:
    """Every table of the run by name, but those of cells without any."""
    return {name: table for name, table in known_tables(run).items() if table.cells is None or table.cells(run)}


def figures(run: RunConfig) -> dict[str, Figure]:
    """Every figure of the run by name, but that of a table (they share a name) without any cells."""
    found = {**FIGURES} if run.paper else {}
    for experiment in run.switched_on.values():
        found |= experiment.figures
    left_out = known_tables(run).keys() - tables(run).keys()
    return {name: figure for name, figure in found.items() if name not in left_out}


def measurements(run: RunConfig) -> dict[str, Measurement]:
    """What claims may compare beside cells, by name."""
    found: dict[str, Measurement] = {}
    for experiment in run.switched_on.values():
        found |= experiment.measurements
    return found


def table_of(run: RunConfig, name: str) -> tuple[str, Table]:
    """A table by its name or alias, and its name.

    Raises:
        InputError: names the nearest known one.
    """
    known = known_tables(run)
    aliases = {table.alias: found for found, table in known.items() if table.alias}
    found = aliases.get(name, name)
    if found not in known:
        raise _unknown("table", name, [*known, *aliases])
    return found, known[found]


def figure_of(run: RunConfig, name: str) -> Figure:
    """A figure by its name.

    Raises:
        InputError: names the nearest known one.
    """
    known = figures(run)
    if name not in known:
        raise _unknown("figure", name, known)
    return known[name]


def _unknown(what: str, name: str, known: Iterable[str]) -> InputError:
    """The error for an unknown table or figure; says which experiment shows it, if one that is off does."""
    for off in NAMES:
        described = experiments.experiment(off)
        if name in (described.tables if what == "table" else described.figures):
            return InputError(f"{name} is a {what} of {off}, which is off; add {off} to `experiments` in the config")
    return InputError(unknown(what, name, known))


def all_cells(run: RunConfig) -> list[Cell]:
    """Every cell of every table."""
    return [cell for table in tables(run).values() if table.cells for cell in table.cells(run)]


def all_maps(run: RunConfig) -> list[Cell]:
    """Every cell whose predicted maps some figure shows, each once."""
    return list(dict.fromkeys(cell for figure in figures(run).values() if figure.maps for cell in figure.maps(run)))


def roles(run: RunConfig) -> dict[str, str]:
    """What may stand in braces in a claim, such as `{VGG}`, to the run's encoder."""
    found: dict[str, str] = run.models.model_dump(exclude_none=True)
    for experiment in run.switched_on.values():
        found |= experiment.encoders(run)
    return found


def claim_files(run: RunConfig) -> list[Path]:
    """The files of claims: the core's, then those of experiments."""
    folders = [
        *([PUBLISHED] if run.paper else []),
        *(experiment.folder for experiment in run.switched_on.values()),
    ]
    return [file for folder in folders if (file := folder / "claims.yaml").exists()]


def published_files(run: RunConfig) -> list[Path]:
    """The files of published numbers: the core's, then those of experiments."""
    folders = [PUBLISHED, *(experiment.folder / "published" for experiment in run.switched_on.values())]
    return [file for folder in folders for file in sorted(folder.glob("*.csv"))]


def targets(run: RunConfig) -> list[str]:
    """Further files that experiments make when no target is named."""
    return [path for experiment in run.switched_on.values() for path in experiment.targets(run)]


def caption_files(run: RunConfig) -> list[Path]:
    """The files of captions: the core's, then those of experiments."""
    folders = [CAPTIONS.parent, *(experiment.folder for experiment in run.switched_on.values())]
    return [file for folder in folders if (file := folder / CAPTIONS.name).exists()]


def counted(number: int, noun: str) -> str:
    """`1 seed`, or `3 seeds`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def captions(run: RunConfig) -> dict[str, str]:
    """The caption of every table, figure and page, with the run's names filled in."""
    names = {
        **roles(run),
        **run.images.model_dump(),
        "seeds": counted(len(run.seeds), "seed"),
        "first_seed": run.seeds[0],
        "patterns": run.patterns,
        "side": run.alignment.side,
    }
    found: dict[str, str] = {}
    for file in caption_files(run):
        found |= read_yaml(file) or {}
    return {name: text.format(**names) for name, text in found.items()}
