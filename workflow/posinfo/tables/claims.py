"""The paper's claims, judged on a run: holds, fails or undecided, each with an estimate and its 95 % interval."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, TypeAdapter, ValidationError

from posinfo.protocol.readout import Readout
from posinfo.registry.files import Entry
from posinfo.run.cells import Cell, printed_model
from posinfo.run.config import RunConfig
from posinfo.run.experiments import Measurement, Table
from posinfo.run.shown import all_cells, roles, tables
from posinfo.store.errors import InputError
from posinfo.store.files import read_yaml
from posinfo.tables.intervals import Estimate, Outcome, difference, overall
from posinfo.tables.summaries import Groups, constant_mae, read_published, scores_of_cell
from posinfo.tables.verdicts import cell_words, condition_words

Metric = Literal["spc", "mae"]
Target = Literal["nothing", "paper"]
COLUMNS = [
    *("claim", "says", "by", "outcome", "comparison", "comparison_outcome"),
    *("metric", "estimate", "low", "high", "printed"),
]


class Selector(Entry):
    """Which cell is meant: a model of the config or an encoder by name, and what differs from the default readout.

    An encoder's name may hold a role in braces: `{VGG}-cropped`.
    """

    model: Literal["PosENet", "VGG", "ResNet", "VGG_without_padding", "VGG_as_released"] | None = None
    encoder: str | None = None
    pattern: str | None = None
    images: str = "natural"
    layers: int = 1
    kernel: int = 3
    padding: int = 0
    stages: str = "all"
    cut: int = 0

    def cell(self, run: RunConfig) -> Cell | None:
        """The cell of this run; None if no encoder of the run stands for the model."""
        if self.pattern is None or (self.model is None) == (self.encoder is None):
            raise InputError(f"claims.yaml: {self!r} must name a pattern, and either a model or an encoder")
        known = roles(run)
        encoder = self.encoder.format(**known) if self.encoder else known.get(str(self.model))
        if encoder is None:
            return None
        readout = Readout(self.layers, self.kernel, self.padding, self.stages, self.cut)
        return Cell(self.model or encoder, encoder, readout, self.pattern, self.images, run.images.tests[self.images])


class Claim(Entry):
    """One claim as data.

    Attributes:
        name: short, for the table.
        says: the claim in words.
        by: who makes it.
        each: values over which the claim is made; every combination is one set of comparisons.
        rises: cells (or conditions of a measurement) in the order in which the metric is claimed to grow; neighbours
            are compared.
        near: cells whose number is claimed to lie within `margin` of what `to` says.
        to: nothing (SPC 0, or the MAE of the best constant prediction), or paper (the printed number; cells without one
            are skipped).
        measured: the measurement whose conditions `rises` names; cells, if there is none.
    """

    name: str
    says: str
    by: str
    metric: Metric = "spc"
    each: dict[str, list[str | int]] = Field({})
    rises: list[dict[str, str | int]] = Field([])
    near: list[dict[str, str | int]] = Field([])
    to: Target = "nothing"
    measured: str = ""
    margin: Annotated[float, Field(gt=0)] | None = None

    def parts(self) -> Iterator[list[dict[str, str | int]]]:
        """The cells or conditions that are compared, for every combination of `each`."""
        for values in product(*self.each.values()):
            common = dict(zip(self.each, values, strict=True))
            yield [common | part for part in self.rises or self.near]


@dataclass(frozen=True)
class Measured:
    """What was measured of single images under named conditions.

    Attributes:
        about: its keys and metric.
        rows: the keys, image, seed and the metric.
        printed: the keys and `published`; empty where nothing is published.
    """

    about: Measurement
    rows: pd.DataFrame
    printed: pd.DataFrame


def read_claims(path: Path) -> list[Claim]:
    """The claims of a YAML file.

    Raises:
        InputError: when one is malformed.
    """
    try:
        claims = TypeAdapter(list[Claim]).validate_python(read_yaml(path))
        for claim in claims:
            if not claim.measured:
                TypeAdapter(list[list[Selector]]).validate_python(list(claim.parts()))
    except ValidationError as error:
        raise InputError(f"{path}: {error}") from None
    for claim in claims:
        if bool(claim.rises) == bool(claim.near) or bool(claim.near) != (claim.margin is not None):
            raise InputError(f"{path}: claim {claim.name!r} needs either `rises`, or `near` with a `margin`")
    return claims


def printed_values(run: RunConfig, known: Mapping[str, Table]) -> pd.DataFrame:
    """The published cells of those tables that stand for one of ours.

    Columns: encoder, readout, pattern, images, spc, mae.
    """
    frames = []
    for table in known.values():
        if table.published and table.cells:
            ours = pd.DataFrame(
                [{**cell.labels(), "encoder": cell.encoder, "readout": cell.readout.name} for cell in table.cells(run)]
            )
            ours["model"] = ours["model"].map(printed_model)
            frames.append(ours.merge(read_published(table.published), on=list(table.layout.keys)))
    if not frames:
        return pd.DataFrame(columns=["encoder", "readout", "pattern", "images", "spc", "mae"])
    joined = pd.concat(frames).rename(columns={"published_spc": "spc", "published_mae": "mae"})
    return joined.drop_duplicates(["encoder", "readout", "pattern", "images"])


def judge(claims: Sequence[Claim], run: RunConfig, groups: Groups, measured: Mapping[str, Measured]) -> pd.DataFrame:
    """One row per comparison.

    Columns: claim, says, by, outcome (of the claim), comparison, its own outcome, metric, estimate, low, high, and
    `printed`: the same difference between the published numbers, if any. A cell that no table shows is skipped.
    """
    judge_cells = _CellJudge(run, groups)
    found: list[dict[str, Any]] = []
    for claim in claims:
        own = list(_judge_measured(claim, run, measured) if claim.measured else judge_cells(claim))
        verdict = overall([row["comparison_outcome"] for row in own])
        found += [{"claim": claim.name, "says": claim.says, "by": claim.by, "outcome": verdict, **row} for row in own]
    return pd.DataFrame(found, columns=COLUMNS)


class _CellJudge:
    """Judges claims about cells of tables."""

    def __init__(self, run: RunConfig, groups: Groups) -> None:
        self.run = run
        self.groups = groups
        self._shown = {cell.key for cell in all_cells(run)}
        known = printed_values(run, tables(run)).set_index(["encoder", "readout", "pattern", "images"])
        self._printed: dict[str, dict[Any, float]] = {metric: known[metric].to_dict() for metric in ("spc", "mae")}

    def __call__(self, claim: Claim) -> Iterator[dict[str, Any]]:
        for parts in claim.parts():
            chosen = [Selector.model_validate(part).cell(self.run) for part in parts]
            cells = [cell if cell and cell.key in self._shown else None for cell in chosen]
            if claim.rises:
                for lower, higher in pairwise(cells):
                    if lower and higher:
                        yield self._compare(claim, lower, higher)
                continue
            for cell in cells:
                if cell and (claim.to == "nothing" or cell.key in self._printed[claim.metric]):
                    yield self._compare(claim, None, cell)

    def _compare(self, claim: Claim, lower: Cell | None, higher: Cell) -> dict[str, Any]:
        printed = self._printed[claim.metric]
        offset = 0.0
        if claim.to == "paper":
            offset = printed[higher.key]
        elif claim.margin and claim.metric == "mae":
            offset = constant_mae(higher.pattern, self.run.patterns)
        below = scores_of_cell(self.groups, lower) if lower else None
        found = difference(scores_of_cell(self.groups, higher), below, claim.metric, offset)
        outcome = found.outcome(-claim.margin, claim.margin) if claim.margin else found.outcome(0.0)
        published = printed.get(higher.key, np.nan) - (printed.get(lower.key, np.nan) if lower else offset)
        return _row(cell_words(lower, higher), outcome, claim.metric, found, published)


def _judge_measured(claim: Claim, run: RunConfig, measured: Mapping[str, Measured]) -> Iterator[dict[str, Any]]:
    """Neighbouring conditions of a measurement; what the run did not measure makes no comparison."""
    if claim.measured not in measured:
        raise InputError(f"claim {claim.name!r}: unknown measurement {claim.measured!r}; known: {', '.join(measured)}")
    known = measured[claim.measured]
    metric = known.about.metric
    names = roles(run)
    for parts in claim.parts():
        named = [
            {key: value.format(**names) if isinstance(value, str) else value for key, value in part.items()}
            for part in parts
        ]
        for lower, higher in pairwise(named):
            if set(lower) != set(known.about.keys) or set(higher) != set(known.about.keys):
                raise InputError(f"claim {claim.name!r}: a condition is named by {', '.join(known.about.keys)}")
            below = _chosen(known.rows, lower)
            above = _chosen(known.rows, higher)
            if below.empty or above.empty:
                continue
            found = difference(above, below, metric)
            published = _published(known.printed, higher) - _published(known.printed, lower)
            yield _row(condition_words(lower, higher), found.outcome(0.0), metric, found, published)


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


def _chosen(rows: pd.DataFrame, condition: Mapping[str, str | int]) -> pd.DataFrame:
    if rows.empty:
        return rows
    return rows[(rows[list(condition)] == pd.Series(condition)).all(axis=1)]


def _published(printed: pd.DataFrame, condition: Mapping[str, str | int]) -> float:
    found = _chosen(printed, condition)
    return float("nan") if found.empty else float(found["published"].iloc[0])
