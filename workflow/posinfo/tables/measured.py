"""Experiments on where position comes from: their rows, their tables beside published numbers, and claims on them.

A row is one picture under one condition; `protocol/origins.py` says which columns name the condition.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pandas as pd

from posinfo.protocol.origins import EXPERIMENTS
from posinfo.store.errors import InputError
from posinfo.store.files import atomic_write
from posinfo.store.sidecars import verified, write_sidecar
from posinfo.tables.intervals import Estimate, difference


def write_rows(experiment: str, rows: pd.DataFrame, path: Path) -> None:
    """Write an experiment's rows, in its order of columns, and their sidecar."""
    with atomic_write(path) as partial:
        rows[EXPERIMENTS[experiment].columns].to_csv(partial, index=False, float_format="%.8g")
    write_sidecar(path, experiment=experiment)


def read_rows(paths: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """The rows of each experiment, from all its files.

    Raises:
        InputError: when a file is not what its sidecar vouches for, or not of an experiment.
    """
    frames: dict[str, list[pd.DataFrame]] = {}
    for path in paths:
        experiment = str(verified(path).get("experiment"))
        frame = pd.read_csv(path, dtype={"image": str})
        expected = EXPERIMENTS[experiment].columns if experiment in EXPERIMENTS else []
        if list(frame.columns) != expected:
            raise InputError(
                f"{path} has the columns {list(frame.columns)}, expected {expected}; delete it and run again"
            )
        frames.setdefault(experiment, []).append(frame)
    return {experiment: pd.concat(parts, ignore_index=True) for experiment, parts in frames.items()}


def read_printed(folder: Path, models: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """What is published of each experiment, if anything: its keys and `published`; a model is the run's encoder.

    Args:
        folder: of the published tables.
        models: a model of the config to its encoder.
    """
    found = {}
    for name, experiment in EXPERIMENTS.items():
        if experiment.published:
            frame = pd.read_csv(folder / experiment.published)
            if "model" in frame:
                frame["encoder"] = frame["model"].map(models)
            found[name] = frame.rename(columns={experiment.metric: "published"})[[*experiment.keys, "published"]]
    return found


def summary(experiment: str, rows: pd.DataFrame, printed: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A line for each condition.

    Columns: the keys, n_images, n_seeds, the metric's mean with its 95 % interval (low, high), means of what is
    measured beside it, and `published` where something is.
    """
    described, lines = EXPERIMENTS[experiment], []
    keys = list(described.keys)
    for values, group in rows.groupby(keys, sort=False):
        found = difference(group, None, described.metric)
        line: dict[str, Any] = dict(zip(keys, values, strict=True))
        line |= {"n_images": group["image"].nunique(), "n_seeds": group["seed"].nunique()}
        line |= {described.metric: found.value, "low": found.low, "high": found.high}
        lines.append(line | {name: group[name].mean() for name in described.beside})
    frame = pd.DataFrame(lines)
    return frame.merge(printed[experiment], how="left", on=keys) if experiment in printed else frame


@dataclass(frozen=True)
class Measured:
    """What claims on the experiments are judged by.

    Attributes:
        rows: of each experiment, as `read_rows` returns them.
        printed: as `read_printed` returns it.
        encoders: what stands in braces in a claim, such as `{VGG}`, to the run's encoder.
    """

    rows: Mapping[str, pd.DataFrame]
    printed: Mapping[str, pd.DataFrame]
    encoders: Mapping[str, str]

    def compare(
        self, experiment: str, each: Mapping[str, Sequence[str | int]], rises: Sequence[Mapping[str, str | int]]
    ) -> Iterator[tuple[str, str, Estimate, float]]:
        """Neighbours of `rises` for every combination of `each`: words, metric, higher minus lower, the published one.

        What the run did not measure makes no comparison.

        Raises:
            InputError: when there is no such experiment, or a selection does not name exactly its keys.
        """
        if not experiment:  # a claim on cells of tables
            return
        if experiment not in EXPERIMENTS:
            raise InputError(f"claims.yaml: measured: {experiment} is no experiment; known: {', '.join(EXPERIMENTS)}")
        described = EXPERIMENTS[experiment]
        for values in product(*each.values()):
            common = dict(zip(each, values, strict=True))
            for parts in pairwise({**common, **part} for part in rises):
                lower, higher = ({key: self._named(value) for key, value in part.items()} for part in parts)
                if set(lower) != set(described.keys) or set(higher) != set(described.keys):
                    raise InputError(f"claims.yaml: a cell of {experiment} is named by {', '.join(described.keys)}")
                below, above = (_chosen(self.rows.get(experiment), part) for part in (lower, higher))
                if len(below) and len(above):
                    told = self._told(experiment, higher) - self._told(experiment, lower)
                    yield _words(lower, higher), described.metric, difference(above, below, described.metric), told

    def _named(self, value: str | int) -> str | int:
        return value.format(**self.encoders) if isinstance(value, str) else value

    def _told(self, experiment: str, part: Mapping[str, str | int]) -> float:
        found = _chosen(self.printed.get(experiment), part)
        return float(found["published"].iloc[0]) if len(found) else float("nan")


def _chosen(rows: pd.DataFrame | None, part: Mapping[str, str | int]) -> pd.DataFrame:
    if rows is None:
        return pd.DataFrame()
    return rows[(rows[list(part)] == pd.Series(part)).all(axis=1)]


def _words(lower: Mapping[str, str | int], higher: Mapping[str, str | int]) -> str:
    differing = [key for key in higher if higher[key] != lower[key]]
    left, right = (" ".join(str(part[key]) for key in differing) for part in (higher, lower))
    return f"{left} > {right} ({', '.join(f'{key} {value}' for key, value in higher.items() if key not in differing)})"
