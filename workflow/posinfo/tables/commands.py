"""Collect scores into tables, judge the claims, and compare with committed values."""

import argparse
import json
from pathlib import Path

from posinfo.command_line import Commands
from posinfo.store.errors import InputError

PUBLISHED = Path(__file__).parents[2] / "published"


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    table = commands.add(_table, "table", "collect scores into a table of the paper")
    table.add_argument("name", help="such as table1")
    table.add_argument("--scores", type=Path, nargs="+", required=True)
    table.add_argument("--run", required=True, help="JSON of the config's models, images and patterns")
    table.add_argument("--benchmarks", type=Path, required=True, help="folder of the run's benchmarks, for seconds")
    table.add_argument("--output", type=Path, required=True, help="path without suffix; .csv, .md and .tex are written")

    task_table = commands.add(
        _task_table, "task-table", "how well trained encoders do their task, as a table of the paper"
    )
    task_table.add_argument("name", help="table5a, table5b or classes")
    task_table.add_argument("--metrics", type=Path, nargs="+", required=True, help="metrics.csv of each row's encoder")
    task_table.add_argument("--run", required=True, help="JSON of the config's tasks and images")
    task_table.add_argument("--output", type=Path, required=True, help="without suffix; .csv, .md and .tex are written")

    claims = commands.add(_claims, "claims", "judge the paper's claims on the scores of a run")
    claims.add_argument("--scores", type=Path, nargs="+", required=True)
    claims.add_argument("--pictures", type=Path, required=True, help="folder of the trained encoders' pictures.csv")
    claims.add_argument(
        "--measured", type=Path, nargs="*", default=[], help="rows of experiments on where it comes from"
    )
    claims.add_argument("--run", required=True, help="JSON of the configuration")
    claims.add_argument("--output", type=Path, required=True, help="path without suffix; .csv and .md are written")

    excerpts = commands.add(_excerpts, "excerpts", "the tables of docs, from committed values", of_rules=False)
    excerpts.add_argument("folder", type=Path, help="such as workflow/expected/thousand")

    verify = commands.add(_verify, "verify", "compare tables with committed values")
    verify.add_argument("--tables", type=Path, nargs="+", required=True)
    verify.add_argument("--expected", type=Path, required=True, help="folder of the committed values")
    verify.add_argument("--output", type=Path, required=True)


def _table(args: argparse.Namespace) -> None:
    import pandas as pd

    from posinfo.run.config import load_config
    from posinfo.run.families import families
    from posinfo.run.tables import TABLES
    from posinfo.tables import layouts, summaries

    run, table = load_config(json.loads(args.run)), TABLES[args.name]
    summary = summaries.summarise(summaries.read_scores(args.scores), table.cells(run))
    if not table.published:
        patterns = list(summary["pattern"].unique())
        summary = pd.concat([summary, summaries.constant_rows(patterns, run.patterns)], ignore_index=True)
    if table.timed:
        summary = summaries.with_seconds(summary, families(run), args.benchmarks)
    joined = summaries.beside_published(summary, table, PUBLISHED)
    settings: dict[str, object] = {"ground truth": run.patterns, "scale": run.training.scale}
    if "layers" in table.keys:
        settings["hidden channels"] = run.training.hidden
    text = layouts.caption(joined, table, run.images.tests, settings)
    summaries.write_csv(summaries.tidy(joined, table), args.output.with_suffix(".csv"))
    files = (args.output.with_suffix(".md"), args.output.with_suffix(".tex"))
    shown = [name for name in joined["encoder"].unique() if name in run.registry.encoders]
    layouts.write_layout(layouts.layout(joined, table), text, run.titles(shown), f"tab:{args.name}", *files)


def _task_table(args: argparse.Namespace) -> None:
    from posinfo.run.config import load_config
    from posinfo.run.tasks import TASK_TABLES
    from posinfo.tables import layouts, summaries, tasks

    run, table = load_config(json.loads(args.run)), TASK_TABLES[args.name]
    metrics = dict(zip(table.models, args.metrics, strict=True))
    made = tasks.class_rows(metrics) if table.by_class else tasks.rows(table, metrics, PUBLISHED)
    entry = run.registry.encoders[run.tasks.encoders[table.task]]
    text = tasks.caption(made, table, run.tasks.recipe_of(entry))
    summaries.write_csv(made, args.output.with_suffix(".csv"))
    files = (args.output.with_suffix(".md"), args.output.with_suffix(".tex"))
    titles = run.titles(name for name in made["encoder"].dropna().unique() if name)
    layouts.write_layout(tasks.layout(made, table), text, titles, f"tab:{args.name}", *files)


def _claims(args: argparse.Namespace) -> None:
    from posinfo.run.config import load_config
    from posinfo.tables import claims, summaries
    from posinfo.tables.measured import Measured, read_printed, read_rows
    from posinfo.tables.tasks import read_task_scores

    run = load_config(json.loads(args.run))
    groups = summaries.by_cell(summaries.read_scores(args.scores))
    printed = claims.printed_values(run, PUBLISHED)
    done = read_task_scores(run.tasks.encoders, args.pictures, PUBLISHED)
    models = run.models.model_dump()
    measured = Measured(read_rows(args.measured), read_printed(PUBLISHED, models), models)
    judged = claims.judge(claims.read_claims(PUBLISHED / "claims.yaml"), groups, run, printed, done, measured)
    claims.write_claims(judged, args.output.with_suffix(".csv"), args.output.with_suffix(".md"))


def _excerpts(args: argparse.Namespace) -> None:
    from posinfo.tables.excerpts import excerpts

    if not args.folder.is_dir():
        raise InputError(f"{args.folder} is no folder; name one of workflow/expected")
    print("\n\n".join(f"**{table}**\n\n{text}" for table, text in excerpts(args.folder)))


def _verify(args: argparse.Namespace) -> None:
    import pandas as pd

    from posinfo.store.files import write_text
    from posinfo.tables.verify import MAE_TOLERANCE, SPC_TOLERANCE, cells_outside

    outside = pd.concat([cells_outside(made, args.expected / made.name) for made in args.tables])
    bounds = f"within {SPC_TOLERANCE} SPC and {MAE_TOLERANCE} MAE of the committed values"
    if len(outside):
        cells = outside.to_markdown(index=False, floatfmt=".4f")
        raise InputError(f"{len(outside)} values are not {bounds} ({args.expected}):\n{cells}")
    text = f"Every cell of {', '.join(made.stem for made in args.tables)} is {bounds}."
    write_text(args.output, f"{text}\n")
    print(text)
