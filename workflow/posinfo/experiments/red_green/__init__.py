"""Absolute location learned from scratch (after Kayhan and van Gemert, CVPR 2020)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from posinfo.experiments.red_green.settings import PADDINGS, RedGreen
from posinfo.run.experiments import Experiment, Measurement

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig
    from posinfo.tables.built import BuiltTable

FOLDER = Path(__file__).parent


def measured_files(run: "RunConfig") -> list[str]:
    """The measured rows of every padding."""
    return [f"{run.results}/red_green/{padding}.csv" for padding in PADDINGS]


ACCURACY = Measurement(
    keys=("padding", "positions"),
    metric="accuracy",
    inputs=measured_files,
    published=FOLDER / "published" / "red_green.csv",
    about="Absolute location learned from scratch",
    across="positions",
    note="Images are drawn anew by the released definition; in brackets the authors' numbers, ten networks a row.",
)


def build(run: "RunConfig", _: str, paths: Sequence[Path]) -> "BuiltTable":
    """Build the table of accuracies."""
    from posinfo.tables.measurements import build_table

    return build_table(run, ACCURACY, paths)


EXPERIMENT = Experiment(
    title="Absolute location learned from scratch (Kayhan and van Gemert, CVPR 2020)",
    folder=FOLDER,
    settings=RedGreen,
    tables={"red_green": ACCURACY.table("experiments.red_green:build", alias="redgreen")},
    measurements={"red_green": ACCURACY},
)
