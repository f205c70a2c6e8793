"""Say what a run takes before it starts, and make the report's pages."""

import argparse
import json
import sys
from pathlib import Path

from posinfo.command_line import Commands


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    plan = commands.add(_plan, "plan", "what a run takes: disk, multiply-adds and hours of every step", of_rules=False)
    plan.add_argument("--configfile", type=Path, nargs="+", default=[], help="overlays of config.yaml")
    plan.add_argument("--gmacs", type=float, default=100, help="10^9 multiply-adds a second of the device")
    plan.add_argument("--read", type=float, default=1, help="GB a second at which features are read")

    space = commands.add(
        _space, "space", "the disk that files named on the standard input take; stop if it is not there"
    )
    space.add_argument("--run", required=True, help="JSON of the configuration")

    pages = commands.add(_pages, "pages", "pages of the report: tables, claims, versions and digests")
    pages.add_argument("--markdown", type=Path, nargs="+", required=True, help="tables and claims")
    pages.add_argument("--sidecars", type=Path, nargs="+", required=True, help="one of each encoder's features")
    pages.add_argument("--titles", required=True, help="JSON of encoder to title")
    pages.add_argument("--output", type=Path, required=True, help="folder")


def _plan(args: argparse.Namespace) -> None:
    from posinfo.registry.overlays import merged
    from posinfo.report import plan
    from posinfo.report.steps import steps
    from posinfo.run.config import load_config

    print(plan.table(steps(load_config(merged(args.configfile))), args.gmacs, args.read))


def _space(args: argparse.Namespace) -> None:
    from posinfo.report import plan
    from posinfo.report.steps import steps
    from posinfo.run.config import load_config

    print(plan.room_for(steps(load_config(json.loads(args.run))), sys.stdin.read().splitlines()))


def _pages(args: argparse.Namespace) -> None:
    from posinfo.protocol import origins
    from posinfo.report import pages
    from posinfo.run import tables, tasks

    about = {name: table.about for name, table in tables.TABLES.items()}
    about |= {name: table.about for name, table in tasks.TASK_TABLES.items()}
    about |= {name: table.about for name, table in origins.TABLES.items()}
    for path in args.markdown:
        title = f"{path.stem}: {about[path.stem]}" if path.stem in about else path.stem
        pages.write_page(args.output / f"{path.stem}.html", title, path.read_text(encoding="utf-8"))
    made_from = pages.made_from(args.sidecars, json.loads(args.titles))
    pages.write_page(args.output / "run.html", "what the run was made from", made_from)
