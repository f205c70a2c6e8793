"""The command line, read off functions: a command's options are its function's parameters.

A positional parameter is an argument, a keyword-only one an option. Types, defaults and the docstring give the rest:
`Path`, `str`, `int` and `Literal` are one value each, `Sequence[Path]` takes any number, `Sequence[Sequence[Path]]` may
be given again, `bool` is a flag. A rule may leave out the value of `Path | None`, where an input is missing.
`*arguments` are the words of another program, which Args gives as the usage shows them.
--help shows the docstring's first line and Args.
"""

import argparse
import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

ABOUT = """Where does a network encode the position of objects?

Build a table or a figure by its path: posinfo run results/tables/table1.csv
(in a clone also: snakemake --cores 8 results/tables/table1.csv).
The commands below show what can be built, and what it takes."""
COMMON = {  # options that mean the same in every command
    "device": "where torch computes",
    "threads": "CPU threads of torch",
    "run": "JSON of the sections of the configuration that the command reads",
    "entry": "JSON of an entry of the registry, if it is not in workflow/registry",
    "fit": "JSON of how the stages' maps are cut or resized, if they are",
    "resources": "folder of fetched files",
    "configfile": "overlays of config.yaml",
    "weights": "safetensors file of the encoder, if it has weights",
    "output": "what to write",
}


class Commands:
    """The commands of `posinfo`; --help describes those for users, and lists those for the workflow's rules below."""

    def __init__(self) -> None:
        self.parser = argparse.ArgumentParser(
            prog="posinfo", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self.parser.add_argument("--log", type=Path, help="file that also receives errors, with their traceback")
        self.parser.set_defaults(_takes_rest=False, _rest=[])
        self._parsers = self.parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
        self._of_rules: list[str] = []

    def add(self, module: ModuleType) -> None:
        """Add a module's functions `FOR_USERS` and `OF_RULES` as commands, named like them, with dashes."""
        for function in getattr(module, "FOR_USERS", ()):
            self._add(function, of_rules=False)
        for function in getattr(module, "OF_RULES", ()):
            self._add(function, of_rules=True)

    def _add(self, function: Callable[..., None], *, of_rules: bool) -> None:
        name = function.__name__.strip("_").replace("_", "-")
        about, described = _documented(function)
        shown: dict[str, Any] = {} if of_rules else {"help": about}  # argparse does not list a command without help
        added = self._parsers.add_parser(name, description=about, **shown)
        names = []
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                added.set_defaults(_takes_rest=True)
                added.usage = f"%(prog)s {described[parameter.name]}"
            else:
                names.append(parameter.name)
                text = described.get(parameter.name, COMMON.get(parameter.name, ""))
                _add_parameter(added, parameter, text, of_rules=of_rules)
        added.set_defaults(_command=name, _function=function, _parameters=names)
        if of_rules:
            self._of_rules.append(name)
            listed = textwrap.fill(", ".join(self._of_rules), 100, initial_indent="  ", subsequent_indent="  ")
            self.parser.epilog = f"called by the workflow's rules (each answers --help):\n{listed}"

    def parse(self, arguments: list[str] | None) -> argparse.Namespace:
        """The parsed command line; a word that its command does not take ends the program with a line of error."""
        args, rest = self.parser.parse_known_args(arguments)
        if rest and not args._takes_rest:
            self.parser.error(f"unrecognized arguments: {' '.join(rest)}")
        args._rest = rest
        return args


def call(args: argparse.Namespace) -> None:
    """Call the command's function with its parsed arguments."""
    args._function(*args._rest, **{name: getattr(args, name) for name in args._parameters})


def _documented(function: Callable[..., None]) -> tuple[str, dict[str, str]]:
    """The first line of a docstring, and what its Args say of each parameter."""
    text = inspect.getdoc(function) or ""
    section = text.partition("Args:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", section, re.MULTILINE)
    return text.split("\n")[0], {name: " ".join(about.split()) for name, about in found}


def _add_parameter(added: argparse.ArgumentParser, parameter: inspect.Parameter, about: str, *, of_rules: bool) -> None:
    kind = parameter.annotation
    options: dict[str, Any] = {"help": about or None}
    if get_origin(kind) in (Union, UnionType):  # of Literal and None it is the former
        kind = get_args(kind)[0]
        if of_rules:
            options["nargs"] = "?"
    if get_origin(kind) is Sequence:
        (kind,) = get_args(kind)
        options["nargs"] = "*"
        if get_origin(kind) is Sequence:
            (kind,) = get_args(kind)
            options |= {"nargs": "+", "action": "append"}
    if get_origin(kind) is Literal:
        options["choices"] = get_args(kind)
        kind = str
    if parameter.default is not inspect.Parameter.empty:
        options["default"] = parameter.default
    if kind is bool:
        options |= {"action": "store_true"}
    else:
        options["type"] = kind
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        options["required"] = "default" not in options
        added.add_argument(f"--{parameter.name.replace('_', '-')}", **options)
    else:
        if "default" in options:
            options.setdefault("nargs", "?")
        added.add_argument(parameter.name, **options)
