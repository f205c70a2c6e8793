"""What a run can show: tables, figures and measurements, of the core and of the experiments that plug into it.

An experiment is a folder `experiments/NAME/` whose package holds `EXPERIMENT`. `NAMES` is the one list of them; the
config's `experiments` switches them on. Functions that build are named as text, `module:function` below posinfo, so
that parsing a workflow imports neither torch nor matplotlib, and the code behind them has a digest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from posinfo.registry.files import Entry
from posinfo.run.cells import Cell
from posinfo.store.errors import InputError, unknown

if TYPE_CHECKING:
    from posinfo.registry.catalogue import Registry
    from posinfo.run.config import RunConfig

NAMES = ("tasks", "least_squares", "pooled_location", "red_green", "uneven_padding", "atlas")

Paths = Callable[["RunConfig"], list[str]]
Cells = Callable[["RunConfig"], list[Cell]]
Value = TypeVar("Value")


class Section(Entry):
    """A section of the config: unknown keys are mistakes, and values never change."""


def each_once(values: list[Value]) -> list[Value]:
    """The values; a check for lists of the config.

    Raises:
        ValueError: when a value is named twice.
    """
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value} is a duplicate entry; name each once")
    return values


@dataclass(frozen=True)
class CellLayout:
    """How a table of cells is printed.

    Attributes:
        keys: the labels that name a row of the published file, in its order.
        down: the labels that name a row of the printed table.
        across: the label that names a column.
        note: what a reader must know, for the caption.
    """

    keys: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    across: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        about: what it shows, for the caption.
        inputs: the results that it is made from, as paths; csv and npz files come with their sidecars.
        build: `module:function`, called with (run, name, paths); returns a `tables.built.BuiltTable`.
        alias: a name that a person would guess.
        published: the file of published numbers beside ours, if there is one.
        cells: what it shows, for a table of cells: which readouts are trained for it, and what claims may compare.
        layout: how those cells are printed.
    """

    about: str
    inputs: Paths
    build: str
    alias: str = ""
    published: Path | None = None
    cells: Cells | None = None
    layout: CellLayout = CellLayout()


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        title: what it shows, in a few words, for the report.
        inputs: the results that it is drawn from, as paths; csv and npz files come with their sidecars.
        draw: `module:function`, called with a `figures.data.FigureData`; returns a matplotlib Figure.
        maps: the predicted maps that it shows, a cell each.
    """

    title: str
    inputs: Paths
    draw: str
    maps: Cells | None = None


@dataclass(frozen=True)
class Measurement:
    """Numbers of single images under named conditions, which claims compare; and how their table is printed.

    Attributes:
        keys: the columns that name a condition.
        metric: the column that holds the number.
        inputs: the csv files with the numbers.
        beside: further columns of numbers, shown as means.
        published: the file of published numbers, if there is one: the keys (or `model`, for `encoder`) and the metric.
        about: what is measured, for the caption of its table.
        across: the key whose values are the columns of its table.
        note: what differs from the paper, for the caption of its table.
        rows: `module:function`, called with (run, measurement, paths); returns a frame with the keys, image, seed and
            the metric.
        printed: `module:function`, called with (run, measurement); returns the published numbers: the keys and
            `published`.
    """

    keys: tuple[str, ...]
    metric: str
    inputs: Paths
    beside: tuple[str, ...] = ()
    published: Path | None = None
    about: str = ""
    across: str = ""
    note: str = ""
    rows: str = "tables.measurements:read_rows"
    printed: str = "tables.measurements:published_numbers"

    def table(self, build: str, alias: str = "") -> Table:
        """Its table; `build` calls `tables.measurements.build_table`."""
        return Table(about=self.about, inputs=self.inputs, build=build, alias=alias, published=self.published)


def _no_names(_: "RunConfig") -> dict[str, str]:
    return {}


def _no_paths(_: "RunConfig") -> list[str]:
    return []


@dataclass(frozen=True)
class Experiment:
    """What one experiment adds to a run.

    Attributes:
        title: what is asked, in a few words.
        folder: where its rules.smk, captions.yaml, claims.yaml and published numbers lie.
        settings: its section of the config, under the experiment's name; None for one without settings.
        tables, figures, measurements: by name.
        encoders: roles that claims may name in braces, to the run's encoders.
        entries: encoders that the experiment adds to the registry, as the registry writes them.
        image_sets: names of sets of images with masks that it reads beside the run's own.
        targets: further files that `snakemake` alone makes.
    """

    title: str
    folder: Path
    settings: type[Section] | None = None
    tables: Mapping[str, Table] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    encoders: Callable[["RunConfig"], dict[str, str]] = _no_names
    entries: "Callable[[Section, Registry], dict[str, dict[str, Any]]] | None" = None
    image_sets: Paths = _no_paths
    targets: Paths = _no_paths


@cache
def experiment(name: str) -> Experiment:
    """The experiment of that name.

    Raises:
        InputError: names the nearest known one.
    """
    if name not in NAMES:
        raise InputError(unknown("experiment", name, NAMES))
    if not find_spec(f"posinfo.experiments.{name}"):
        raise InputError(f"NAMES of run/experiments.py has {name!r}, but there is no folder experiments/{name}")
    found = import_module(f"posinfo.experiments.{name}").EXPERIMENT
    assert isinstance(found, Experiment)
    return found


def load(function: str) -> Callable[..., Any]:
    """The function named `module:function` below posinfo."""
    module, _, name = function.partition(":")
    loaded: Callable[..., Any] = getattr(import_module(f"posinfo.{module}"), name)
    return loaded
