"""What people look at: tables, claims, figures, pages of the report."""

import argparse
import json
from pathlib import Path

from posinfo.command_line import Commands
from posinfo.errors import InputError

PUBLISHED = Path(__file__).parent.parent / "published"
EXPECTED = Path(__file__).parent.parent / "expected"


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
    task_table.add_argument("name", help="table5a or table5b")
    task_table.add_argument("--metrics", type=Path, nargs="+", required=True, help="metrics.csv of each row's encoder")
    task_table.add_argument("--run", required=True, help="JSON of the config's tasks and images")
    task_table.add_argument("--output", type=Path, required=True, help="without suffix; .csv, .md and .tex are written")

    claims = commands.add(_claims, "claims", "judge the paper's claims on the scores of a run")
    claims.add_argument("--scores", type=Path, nargs="+", required=True)
    claims.add_argument("--pictures", type=Path, required=True, help="folder of the trained encoders' pictures.csv")
    claims.add_argument("--run", required=True, help="JSON of the configuration")
    claims.add_argument("--output", type=Path, required=True, help="path without suffix; .csv and .md are written")

    figure = commands.add(_figure, "figure", "draw a figure of the paper or of our own")
    figure.add_argument("name", help="such as figure4 or stages")
    figure.add_argument("--inputs", type=Path, nargs="*", default=[], help="results that it shows, by their paths")
    figure.add_argument("--benchmarks", type=Path, help="folder of the run's benchmarks")
    figure.add_argument("--run", required=True, help="JSON of the configuration")
    figure.add_argument("--output", type=Path, required=True, help="path without suffix; .pdf and .png are written")

    pages = commands.add(_pages, "pages", "pages of the report: tables, claims, versions and digests")
    pages.add_argument("--markdown", type=Path, nargs="+", required=True, help="tables and claims")
    pages.add_argument("--sidecars", type=Path, nargs="+", required=True, help="one of each encoder's features")
    pages.add_argument("--titles", required=True, help="JSON of encoder to title")
    pages.add_argument("--output", type=Path, required=True, help="folder")

    verify = commands.add(_verify, "verify", "compare tables with the committed values of the default run")
    verify.add_argument("--tables", type=Path, nargs="+", required=True)
    verify.add_argument("--output", type=Path, required=True)


def _table(args: argparse.Namespace) -> None:
    import pandas as pd

    from posinfo import cells, layouts, tables
    from posinfo.config import load_config

    run, table = load_config(json.loads(args.run)), cells.TABLES[args.name]
    summary = tables.summarise(tables.read_scores(args.scores), table.cells(run))
    if not table.published:
        patterns = list(summary["pattern"].unique())
        summary = pd.concat([summary, tables.constant_rows(patterns, run.patterns)], ignore_index=True)
    if table.timed:
        summary = tables.with_seconds(summary, cells.families(run), args.benchmarks)
    joined = tables.beside_published(summary, table, PUBLISHED)
    titles = {name: entry.title or name for name, entry in run.registry.encoders.items()}
    settings: dict[str, object] = {"ground truth": run.patterns, "scale": run.training.scale}
    if "layers" in table.keys:
        settings["hidden channels"] = run.training.hidden
    text = layouts.caption(joined, table, titles, run.images.tests, settings)
    tables.write_csv(tables.tidy(joined, table), args.output.with_suffix(".csv"))
    files = (args.output.with_suffix(".md"), args.output.with_suffix(".tex"))
    layouts.write_layout(layouts.layout(joined, table), text, f"tab:{args.name}", *files)


def _task_table(args: argparse.Namespace) -> None:
    from posinfo import layouts, tables, task_tables, tasks
    from posinfo.config import load_config

    run, table = load_config(json.loads(args.run)), tasks.TASK_TABLES[args.name]
    made = task_tables.rows(table, dict(zip(table.models, args.metrics, strict=True)), PUBLISHED)
    titles = {name: entry.title or name for name, entry in run.registry.encoders.items()}
    text = task_tables.caption(made, table, titles, run.tasks.recipe)
    tables.write_csv(made, args.output.with_suffix(".csv"))
    files = (args.output.with_suffix(".md"), args.output.with_suffix(".tex"))
    layouts.write_layout(task_tables.layout(made, table), text, f"tab:{args.name}", *files)


def _claims(args: argparse.Namespace) -> None:
    from posinfo import claims, tables
    from posinfo.config import load_config
    from posinfo.task_tables import read_task_scores

    run = load_config(json.loads(args.run))
    groups = tables.by_cell(tables.read_scores(args.scores))
    printed = claims.printed_values(run, PUBLISHED)
    done = read_task_scores(run.tasks.encoders, args.pictures, PUBLISHED)
    judged = claims.judge(claims.read_claims(PUBLISHED / "claims.yaml"), groups, run, printed, done)
    claims.write_claims(judged, args.output.with_suffix(".csv"), args.output.with_suffix(".md"))


def _figure(args: argparse.Namespace) -> None:
    from posinfo import figures, materials
    from posinfo.config import load_config

    run = load_config(json.loads(args.run))
    material = materials.collect(run, args.inputs, PUBLISHED, args.benchmarks)
    figures.write_figure(args.name, material, args.output.with_suffix(".pdf"), args.output.with_suffix(".png"))


def _pages(args: argparse.Namespace) -> None:
    from posinfo import cells, pages, tasks

    about = {name: table.about for name, table in cells.TABLES.items()}
    about |= {name: table.about for name, table in tasks.TASK_TABLES.items()}
    for path in args.markdown:
        title = f"{path.stem}: {about[path.stem]}" if path.stem in about else path.stem
        pages.write_page(args.output / f"{path.stem}.html", title, path.read_text(encoding="utf-8"))
    made_from = pages.made_from(args.sidecars, json.loads(args.titles))
    pages.write_page(args.output / "run.html", "what the run was made from", made_from)


def _verify(args: argparse.Namespace) -> None:
    import pandas as pd

    from posinfo.files import write_text
    from posinfo.verify import MAE_TOLERANCE, SPC_TOLERANCE, cells_outside

    outside = pd.concat([cells_outside(made, EXPECTED / made.name) for made in args.tables])
    bounds = f"within {SPC_TOLERANCE} SPC and {MAE_TOLERANCE} MAE of the default run's"
    if len(outside):
        cells = outside.to_markdown(index=False, floatfmt=".4f")
        raise InputError(f"{len(outside)} values are not {bounds} (workflow/expected):\n{cells}")
    text = f"Every cell of {', '.join(made.stem for made in args.tables)} is {bounds} committed values."
    write_text(args.output, f"{text}\n")
    print(text)
