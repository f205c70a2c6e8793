"""Are a run's tables those of the default run? Cell by cell against committed values, within stated tolerances."""

from pathlib import Path

import pandas as pd

from posinfo.store.errors import InputError

SPC_TOLERANCE = 0.01  # other machines sum in another order; training carries that into the third decimal
MAE_TOLERANCE = 0.005
TOLERANCES = {"spc": SPC_TOLERANCE, "mae": MAE_TOLERANCE}
NUMBERS = {"spc", "spc_sd", "mae", "mae_sd", "n_constant", "seconds"}


def cells_outside(made: Path, expected: Path) -> pd.DataFrame:
    """The cells of a table that differ from the expected table by more than the tolerances.

    Returns:
        Columns table, cell, what, expected, found, difference; empty when all agree.

    Raises:
        InputError: when the tables do not have the same cells.
    """
    ours = pd.read_csv(made)
    theirs = pd.read_csv(expected)
    keys = [name for name in theirs.columns if name not in NUMBERS and not name.startswith("published_")]
    if list(ours.columns) != list(theirs.columns) or not ours[keys].equals(theirs[keys]):
        raise InputError(
            f"{made} and {expected} do not have the same cells: was the run made with another configuration?"
        )
    rows = []
    for (_, one), (_, other) in zip(ours.iterrows(), theirs.iterrows(), strict=True):
        for what, tolerance in TOLERANCES.items():
            if not abs(one[what] - other[what]) <= tolerance:
                cell = " ".join(str(other[key]) for key in keys)
                numbers = {"expected": other[what], "found": one[what], "difference": one[what] - other[what]}
                rows.append({"table": made.stem, "cell": cell, "what": what, **numbers})
    return pd.DataFrame(rows, columns=["table", "cell", "what", "expected", "found", "difference"])
