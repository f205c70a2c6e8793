"""Collect results into tables, judge the claims, and compare with committed values."""

from collections.abc import Sequence
from pathlib import Path


def table(name: str, *, inputs: Sequence[Path] = (), run: str, output: Path) -> None:
    """Build a table, of the core or of an experiment, from the results that it shows.

    Args:
        name: such as table1
        inputs: results, by their paths
        output: path without suffix; .csv, .md and .tex are written
    """
    from posinfo.run.config import load_passed
    from posinfo.run.experiments import load
    from posinfo.run.shown import table_of
    from posinfo.tables.layouts import write_table

    passed = load_passed(run)
    name, described = table_of(passed, name)
    write_table(load(described.build)(passed, name, inputs), name, output)


def claims(*, inputs: Sequence[Path], run: str, output: Path) -> None:
    """Judge the claims on the results of a run.

    Args:
        inputs: scores, and what experiments measured
        output: path without suffix; .csv and .md are written
    """
    from posinfo.run.config import load_passed
    from posinfo.run.experiments import load
    from posinfo.run.shown import claim_files, measurements
    from posinfo.tables.claims import Measured, judge, read_claims
    from posinfo.tables.summaries import by_cell, read_scores
    from posinfo.tables.verdicts import write_claims

    passed = load_passed(run)
    waiting = {str(path): path for path in inputs}
    measured = {}
    for name, about in measurements(passed).items():
        rows = load(about.rows)(passed, about, [waiting.pop(path) for path in about.inputs(passed)])
        measured[name] = Measured(about, rows, load(about.printed)(passed, about))
    known = [claim for file in claim_files(passed) for claim in read_claims(file)]
    judged = judge(known, passed, by_cell(read_scores(list(waiting.values()))), measured)
    write_claims(judged, output.with_suffix(".csv"), output.with_suffix(".md"))


def verify(*, tables: Sequence[Path], expected: Path, output: Path | None = None) -> None:
    """Compare tables with committed values, and say so.

    Args:
        expected: folder of the committed values
        output: file that says so too
    """
    import pandas as pd

    from posinfo.store.errors import InputError
    from posinfo.store.files import write_text
    from posinfo.tables.verify import MAE_TOLERANCE, SPC_TOLERANCE, cells_outside

    if not tables:
        raise InputError(f"no table of this run has committed values in {expected}; see `expected` in the config")
    outside = pd.concat([cells_outside(made, expected / made.name) for made in tables])
    bounds = f"within {SPC_TOLERANCE} SPC and {MAE_TOLERANCE} MAE of the committed values"
    if len(outside):
        cells = outside.to_markdown(index=False, floatfmt=".4f")
        raise InputError(f"{len(outside)} values are not {bounds} ({expected}):\n{cells}")
    text = f"As expected: every cell of {', '.join(made.stem for made in tables)} is {bounds}."
    if output:
        write_text(output, f"{text}\n")
    print(text)


def excerpts(folder: Path) -> None:
    """Print the tables of docs, from committed values.

    Args:
        folder: such as workflow/expected/thousand
    """
    from posinfo.store.errors import InputError
    from posinfo.tables.excerpts import excerpts_of

    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name one of workflow/expected")
    print("\n\n".join(f"**{name}**\n\n{text}" for name, text in excerpts_of(folder)))


FOR_USERS = (excerpts,)
OF_RULES = (table, claims, verify)
