"""Draw figures."""

import argparse
import json
from pathlib import Path

from posinfo.command_line import Commands

PUBLISHED = Path(__file__).parents[2] / "published"


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    figure = commands.add(_figure, "figure", "draw a figure of the paper or of our own")
    figure.add_argument("name", help="such as figure4 or stages")
    figure.add_argument("--inputs", type=Path, nargs="*", default=[], help="results that it shows, by their paths")
    figure.add_argument("--benchmarks", type=Path, help="folder of the run's benchmarks")
    figure.add_argument("--run", required=True, help="JSON of the configuration")
    figure.add_argument("--output", type=Path, required=True, help="path without suffix; .pdf and .png are written")


def _figure(args: argparse.Namespace) -> None:
    from posinfo.figures import data as materials
    from posinfo.figures import drawings
    from posinfo.run.config import load_config

    run = load_config(json.loads(args.run))
    data = materials.collect(run, args.inputs, PUBLISHED, args.benchmarks)
    drawings.write_figure(args.name, data, args.output.with_suffix(".pdf"), args.output.with_suffix(".png"))
