"""Print the configuration."""

import argparse

from posinfo.command_line import Commands


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    commands.add(_config, "config", "print config.yaml with its defaults and comments", of_rules=False)


def _config(_: argparse.Namespace) -> None:
    from posinfo.run.config import render_config

    print(render_config(), end="")
