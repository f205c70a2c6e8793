"""The paper's claims, judged on a run: holds, fails or undecided, each with an estimate and its 95 % interval."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from posinfo.protocol.patterns import Definition
from posinfo.protocol.readout import Readout
from posinfo.registry.entries import Task
from posinfo.run.cells import Cell
from posinfo.run.tables import TABLES
from posinfo.store.errors import InputError
from posinfo.store.files import atomic_write, write_text
from posinfo.tables.intervals import Estimate, Outcome, difference, overall
from posinfo.tables.measured import Measured
from posinfo.tables.summaries import Groups, constant_rows, read_published, scores_of_cell
from posinfo.tables.tasks import TaskScores

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig

Metric = Literal["spc", "mae"]


class Selector(BaseModel):
    """Which cell is meant: a model of the config or an encoder by name, and what differs from the default readout.

    An encoder's name may hold that of a model or of one trained for a task: `{VGG}-cropped`, `{saliency}`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    model: Literal["PosENet", "VGG", "ResNet", "VGG_without_padding"] | None = None
    encoder: str | None = None
    pattern: str | None = None
    images: str = "natural"
    layers: int = 1
    kernel: int = 3
    padding: int = 0
    stages: str = "all"
    cut: int = 0

    def cell(self, run: "RunConfig") -> Cell:
        """The cell of this run."""
        if self.pattern is None or (self.model is None) == (self.encoder is None):
            raise InputError(f"claims.yaml: {self!r} must name a pattern, and either a model or an encoder")
        models = run.models.model_dump()
        encoder = self.encoder.format(**models, **run.tasks.encoders) if self.encoder else str(models[str(self.model)])
        readout = Readout(self.layers, self.kernel, self.padding, self.stages, self.cut)
        images = run.images.tests[self.images]
        return Cell(self.model or encoder, encoder, readout, self.pattern, self.images, images)


class Claim(BaseModel):
    """One claim as data.

    Attributes:
        name: short, for the table.
        says: the claim in words.
        by: who makes it.
        each: values over which the claim is made; every combination is one set of comparisons.
        rises: cells in the order in which the metric is claimed to grow; neighbours are compared.
        tasks: what is claimed to be done better with padding than without: `metric` is that of each task.
        measured: an experiment on where position comes from, whose conditions `rises` names instead of cells.
        near: cells whose SPC is claimed to be 0, or whose MAE that of the best constant prediction, within `margin`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    says: str
    by: str
    metric: Metric = "spc"
    each: dict[str, list[str | int]] = {}
    rises: list[dict[str, str | int]] = []
    near: list[dict[str, str | int]] = []
    tasks: list[Task] = []
    measured: str = ""
    margin: Annotated[float, Field(gt=0)] | None = None

    def selectors(self) -> Iterator[list[Selector]]:
        """The cells that are compared, for every combination of `each`."""
        for values in product(*self.each.values()) if not self.measured else ():
            common = dict(zip(self.each, values, strict=True))
            yield [Selector.model_validate(common | part) for part in self.rises or self.near]

    def comparisons(self, run: "RunConfig") -> Iterator[tuple[Cell | None, Cell]]:
        """Pairs (lower, higher); for `near` the lower is None. What the run does not train is left out."""
        trained = {*run.models.model_dump().values(), *run.controls, *run.tasks.encoders.values(), *run.tasks.beside}
        for selectors in self.selectors():
            chosen = [selector.cell(run) for selector in selectors]
            if all(cell.encoder in trained for cell in chosen):
                yield from pairwise(chosen) if self.rises else ((None, cell) for cell in chosen)


def read_claims(path: Path) -> list[Claim]:
    """The claims of a YAML file.

    Raises:
        InputError: when one is malformed.
    """
    try:
        claims = TypeAdapter(list[Claim]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
        for claim in claims:
            list(claim.selectors())
    except ValidationError as error:
        raise InputError(f"{path}: {error}") from None
    for claim in claims:
        kinds = [bool(part) for part in (claim.rises, claim.near, claim.tasks)]
        if kinds.count(True) != 1 or bool(claim.near) != (claim.margin is not None):
            raise InputError(f"{path}: claim {claim.name!r} needs `rises`, `tasks`, or `near` with a `margin`")
    return claims


def printed_values(run: "RunConfig", folder: Path) -> pd.DataFrame:
    """Every published cell that stands for one of ours: columns encoder, readout, pattern, images, spc, mae."""
    frames = []
    for table in TABLES.values():
        if table.published:
            ours = [
                {**cell.labels(), "encoder": cell.encoder, "readout": cell.readout.name} for cell in table.cells(run)
            ]
            frames.append(pd.DataFrame(ours).merge(read_published(folder / table.published), on=list(table.keys)))
    joined = pd.concat(frames).rename(columns={"published_spc": "spc", "published_mae": "mae"})
    return joined.drop_duplicates(["encoder", "readout", "pattern", "images"])


def judge(
    claims: Sequence[Claim],
    groups: Groups,
    run: "RunConfig",
    printed: pd.DataFrame,
    done: TaskScores,
    measured: Measured,
) -> pd.DataFrame:
    """One row per comparison.

    Args:
        done: how the encoders of Table 5 do their task.
        measured: what the experiments on where position comes from found.

    Columns: claim, says, by, outcome (of the claim), comparison, its own outcome, metric, estimate, low, high, and
    `printed`: the same difference between the numbers that the paper printed (empty where it printed none). A run
    whose tables do not show a cell, such as a control that the config leaves out, makes no comparison with it.
    """
    shown = {_key(cell) for table in TABLES.values() for cell in table.cells(run)}
    known = printed.set_index(["encoder", "readout", "pattern", "images"])
    rows: list[dict[str, Any]] = []
    for claim in claims:
        own: list[dict[str, Any]] = [_task_row(task, done, run) for task in claim.tasks]
        for words, metric, found, told in (
            measured.compare(claim.measured, claim.each, claim.rises) if claim.measured else ()
        ):
            own.append(_row(words, found.outcome(0.0), metric, found, told))
        for lower, higher in claim.comparisons(run):
            if not {_key(cell) for cell in (lower, higher) if cell} <= shown:
                continue
            margin = claim.margin
            offset = _constant_mae(higher.pattern, run.patterns) if margin and claim.metric == "mae" else 0.0
            below = scores_of_cell(groups, lower) if lower else None
            found = difference(scores_of_cell(groups, higher), below, claim.metric, offset)
            outcome = found.outcome(-margin, margin) if margin else found.outcome(0.0)
            told = _printed(known, higher, claim.metric) - (_printed(known, lower, claim.metric) if lower else offset)
            own.append(_row(_words(lower, higher), outcome, claim.metric, found, told))
        verdict = overall([row["comparison_outcome"] for row in own])
        rows += [{"claim": claim.name, "says": claim.says, "by": claim.by, "outcome": verdict, **row} for row in own]
    return pd.DataFrame(rows)


def _row(comparison: str, outcome: Outcome, metric: str, found: Estimate, printed: float) -> dict[str, Any]:
    return {
        "comparison": comparison,
        "comparison_outcome": outcome,
        "metric": metric,
        "estimate": found.value,
        "low": found.low,
        "high": found.high,
        "printed": printed,
    }


def _task_row(task: Task, done: TaskScores, run: "RunConfig") -> dict[str, Any]:
    lower, higher = run.tasks.encoders[f"{task}_without_padding"], run.tasks.encoders[task]
    found = difference(done.pictures[higher], done.pictures[lower], "score")
    return _row(f"{higher} > {lower} ({task})", found.outcome(0.0), done.metric[task], found, done.printed[task])


def _key(cell: Cell) -> tuple[str, Readout, str, str]:
    return cell.encoder, cell.readout, cell.pattern, cell.images


def _constant_mae(pattern: str, definition: Definition) -> float:
    return float(constant_rows([pattern], definition)["mae"].iloc[0])


def _printed(known: pd.DataFrame, cell: Cell, metric: Metric) -> float:
    key = (cell.encoder, cell.readout.name, cell.pattern, cell.role)
    return float(known[metric].to_dict().get(key, np.nan))


def _words(lower: Cell | None, higher: Cell) -> str:
    """`vgg16 > pixels (H)`: only what differs, then what is common."""

    def parts(cell: Cell) -> dict[str, str]:
        return {"encoder": cell.encoder, "readout": cell.readout.name, "pattern": cell.pattern}

    if lower is None:
        return f"{higher.encoder} ({higher.pattern})"
    one, other = parts(lower), parts(higher)
    differing = [name for name in one if one[name] != other[name]]
    common = [value for name, value in other.items() if name not in differing and name != "readout"]
    left, right = (" ".join(side[name] for name in differing) for side in (other, one))
    return f"{left} > {right} ({', '.join(common)})"


def write_claims(judged: pd.DataFrame, csv: Path, markdown: Path) -> None:
    """Write every comparison as csv, and as Markdown one row per claim followed by the comparisons."""
    with atomic_write(csv) as partial:
        judged.to_csv(partial, index=False, float_format="%.6f")
    lines = ["| claim | outcome | comparisons that hold | by |", "|---|---|---|---|"]
    for says, group in judged.groupby("says", sort=False):
        held = int((group["comparison_outcome"] == "holds").sum())
        lines.append(f"| {says} | **{group['outcome'].iloc[0]}** | {held} of {len(group)} | {group['by'].iloc[0]} |")
    lines += ["", "| comparison | metric | ours | 95 % interval | outcome | paper |", "|---|---|---|---|---|---|"]
    for says, group in judged.groupby("says", sort=False):
        lines.append(f"| *{says}* | | | | | |")
        for row in group.to_dict("records"):
            told = "" if pd.isna(row["printed"]) else f"{row['printed']:+.3f}"
            interval = f"{row['low']:+.3f} to {row['high']:+.3f}"
            numbers = (
                f"{row['metric'].upper()} | {row['estimate']:+.3f} | {interval} | {row['comparison_outcome']} | {told}"
            )
            lines.append(f"| {row['comparison']} | {numbers} |")
    lines += [
        "",
        "Intervals: bootstrap over photographs (all views of one together, the same draw on both sides) and seeds. A "
        "claim holds when every comparison's interval lies on the claimed side, fails when one lies on the other side.",
    ]
    write_text(markdown, "\n".join(lines) + "\n")
