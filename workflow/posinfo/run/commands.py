"""Print the configuration and what can be asked for, and run the workflow."""

import os
import sys
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig

Kind = Literal["encoders", "images", "tables", "figures", "readouts", "experiments"]
_CORES_SAID = ("-c", "--cores", "-j", "--jobs", "-e", "--executor", "--profile")  # options that say where jobs run


def run(*arguments: str) -> None:
    """Make targets in this folder, as its config.yaml says if it has one; takes what the command snakemake takes.

    Args:
        arguments: TARGET... [OPTIONS OF snakemake]
    """
    from posinfo.registry.overlays import merged
    from posinfo.store.files import ROOT

    options = ArgumentParser(prog="posinfo run", usage=SUPPRESS, add_help=False, allow_abbrev=False)
    options.add_argument("--configfile", "--configfiles", nargs="+", type=Path, default=[])
    options.add_argument("--directory", "-d", type=Path, default=Path())
    given, _ = options.parse_known_args(arguments)
    files = [*given.directory.glob("config.yaml"), *given.configfile]
    merged(path for path in files if not path.is_fifo())  # a pipe can be read only once
    settings = ["--snakefile", str(ROOT / "Snakefile")]
    if not any(argument.startswith(_CORES_SAID) for argument in arguments):
        settings += ["--cores", "all"]
    os.execv(sys.executable, [sys.executable, "-P", "-m", "snakemake", *settings, *arguments])


def config(name: str = "", *, output: Path | None = None) -> None:
    """Print config.yaml with its defaults and comments, or a shipped overlay of it.

    Args:
        name: of the overlay, such as own, atlas, smoke or thousand
        output: the file to write instead
    """
    from posinfo.registry.catalogue import look_up
    from posinfo.run.config import render_config
    from posinfo.store.files import ROOT, write_text

    overlays = {path.stem: path for path in (ROOT / "workflow/configs").glob("*.yaml")}
    text = look_up("overlay", name, overlays).read_text(encoding="utf-8") if name else render_config()
    if output:
        write_text(output, text)
    else:
        print(text, end="")


def list_(kind: Kind | None = None, *, configfile: Sequence[Path] = ()) -> None:
    """List what can be asked for, and what each is.

    Args:
        kind: by default all kinds
    """
    from posinfo.registry.overlays import merged
    from posinfo.run.config import load_config

    run = load_config(merged(configfile))
    for shown in [kind] if kind else get_args(Kind):
        if not kind:
            print(f"{shown}:")
        found = _names(run, shown)
        width = max(len(name) for name in found)
        for name, about in found.items():
            print(f"{'' if kind else '  '}{name:{width}}  {about}".rstrip())


def _names(run: "RunConfig", kind: Kind) -> dict[str, str]:
    """Name to what it is."""
    from posinfo.run import shown
    from posinfo.run.experiments import NAMES, experiment
    from posinfo.run.groups import GROUPS, LEAST_SQUARES, members

    if kind == "encoders":
        return {name: entry.title for name, entry in run.registry.encoders.items()}
    if kind == "images":
        return {name: type(entry).__name__ for name, entry in run.registry.images.items()}
    if kind == "tables":
        known = shown.tables(run).items()
        return {name: f"{table.about}{f' (also: {table.alias})' if table.alias else ''}" for name, table in known}
    if kind == "figures":
        return {name: figure.title for name, figure in shown.figures(run).items()}
    if kind == "experiments":
        off = {name: "" if name in run.switched_on else " (off)" for name in NAMES}
        return {name: f"{experiment(name).title}{off[name]}" for name in NAMES}
    stages = run.stages(run.models.VGG)
    found = {group: ", ".join(readout.name for readout in members(group, stages)) for group in GROUPS}
    found[LEAST_SQUARES] = "solved instead of trained, such as lstsq-k3-p0-all"
    return found | {"L1-k5-p0-all": "any readout by its name: L<layers>-k<kernel>-p<padding>-<all or a stage>"}


FOR_USERS = (run, config, list_)
