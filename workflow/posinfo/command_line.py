"""The command line's grammar: how commands, and the options that many of them share, are added to it."""

import argparse
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

ABOUT = """Where does a network keep the position of things?

Tables and figures are asked for by their paths: snakemake --cores 8 results/tables/table1.csv
These commands say what can be asked for, and what it takes."""


class Commands:
    """The commands of `posinfo`: those of people stand on its first page, those of rules below them in one line."""

    def __init__(self) -> None:
        self.parser = argparse.ArgumentParser(
            prog="posinfo", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self.parser.add_argument("--log", type=Path, help="file that also receives errors, with their traceback")
        self._parsers = self.parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
        self._of_rules: list[str] = []

    def add(
        self, run: Callable[[argparse.Namespace], None], name: str, about: str, *, of_rules: bool = True
    ) -> argparse.ArgumentParser:
        """A command that calls `run` with its parsed arguments.

        Args:
            of_rules: whether the workflow's rules call it, and people seldom do.
        """
        shown: dict[str, Any] = {} if of_rules else {"help": about}  # what has no help is left out of the list
        added: argparse.ArgumentParser = self._parsers.add_parser(name, description=about, **shown)
        added.set_defaults(run_command=run, command=name)
        if of_rules:
            self._of_rules.append(name)
            listed = textwrap.fill(", ".join(self._of_rules), 100, initial_indent="  ", subsequent_indent="  ")
            self.parser.epilog = f"called by the workflow's rules (each answers --help):\n{listed}"
        return added

    @staticmethod
    def on_device(added: argparse.ArgumentParser) -> None:
        """Options of a command that computes with torch."""
        added.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
        added.add_argument("--threads", type=int, default=1, help="CPU threads of torch")

    @staticmethod
    def described(added: argparse.ArgumentParser, what: str) -> None:
        """The option by which a rule hands over an entry of the registry."""
        added.add_argument("--entry", help=f"JSON of {what}, if it is not in workflow/registry")
