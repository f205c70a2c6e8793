"""A table that is finished but not yet written: numbers for programs, and a layout for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class BuiltTable:
    """What `build` of a `run.experiments.Table` returns.

    Attributes:
        tidy: the rows of the csv.
        layout: strings as they are printed; columns are pairs (name, metric), the metric empty for what names a row.
        caption: what the table shows, in one paragraph.
        titles: encoder to what it is, for the list below the table.
    """

    tidy: pd.DataFrame
    layout: pd.DataFrame
    caption: str
    titles: Mapping[str, str] = field(default_factory=dict)
