"""The command line's grammar: how commands, and the options that many of them share, are added to it."""

import argparse
from collections.abc import Callable
from pathlib import Path


class Commands:
    """The commands of `python -m posinfo`."""

    def __init__(self) -> None:
        about = "Where does a network keep the position of things?"
        self.parser = argparse.ArgumentParser(prog="posinfo", description=about)
        self.parser.add_argument("--log", type=Path, help="file that also receives errors, with their traceback")
        self._parsers = self.parser.add_subparsers(required=True, metavar="COMMAND")

    def add(self, run: Callable[[argparse.Namespace], None], name: str, about: str) -> argparse.ArgumentParser:
        """A command that calls `run` with its parsed arguments."""
        added = self._parsers.add_parser(name, help=about, description=about)
        added.set_defaults(run_command=run, command=name)
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
