"""Say what disk a run takes before it starts, and make the report's pages."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from posinfo.command_line import Commands


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    commands.add(plan, of_rules=False)
    commands.add(space)
    commands.add(page)


def plan(*, configfile: Sequence[Path] = ()) -> None:
    """Print the disk that a run takes, folder by folder."""
    from posinfo.registry.overlays import merged
    from posinfo.report.disk import needs, table
    from posinfo.run.config import load_config

    print(table(needs(load_config(merged(configfile)))))


def space(*, run: str) -> None:
    """Print the disk that files named on the standard input take; stop if it is not there."""
    from posinfo.report.disk import needs, room_for
    from posinfo.run.config import load_config

    config = load_config(json.loads(run))
    print(room_for(needs(config), sys.stdin.read().splitlines(), keep_features=config.keep.features))


def page(name: str, *, inputs: Sequence[Path], run: str, output: Path) -> None:
    """Write a page of the report: a table, the claims, or what the run was made from.

    Args:
        name: a table, claims or run
        inputs: the Markdown; for run, folders of features, npy files of images, json files of masks
    """
    from posinfo.report.pages import image_sets, provenance, write_page
    from posinfo.run.config import load_passed
    from posinfo.run.shown import known_tables
    from posinfo.store.files import read_json

    passed = load_passed(run)
    if name == "run":
        images = [path for path in inputs if path.suffix == ".npy"]
        masks = [path for path in inputs if path.suffix == ".json"]
        sidecars = [path / "features.json" for path in inputs if path not in (*images, *masks)]
        titles = passed.titles(read_json(path)["encoder"] for path in sidecars)
        made_from = f"{provenance(sidecars, titles)}\n\n{image_sets(images, masks)}"
        write_page(output, "what the run was made from", made_from)
        return
    known = known_tables(passed)
    title = f"{name}: {known[name].about}" if name in known else name
    write_page(output, title, inputs[0].read_text(encoding="utf-8"))
