"""Folders of photographs of this machine. Light, since a plan lists them."""

import json
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path, PurePosixPath

from posinfo.store.errors import InputError

PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")


def photographs_in(folder: Path, count: int | None = None) -> list[str]:
    """The photographs in a folder and below it, as sorted paths relative to it; hidden files are passed over.

    Raises:
        InputError: when there is no such folder, there are none or not `count`, or two have the same name.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; a set of images names it")
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in PHOTOGRAPHS]
    names = sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))
    if not names or (count is not None and len(names) != count):
        wanted = "at least one" if count is None else str(count)
        raise InputError(f"{folder} holds {len(names)} photographs ({', '.join(PHOTOGRAPHS)}), expected {wanted}")
    refuse_twins(names, folder)
    return names


def refuse_twins(names: Iterable[str], where: Path) -> None:
    """Scores name pictures by their stems, and views of one stem count as one photograph."""
    twins = [stem for stem, times in Counter(PurePosixPath(name).stem for name in names).items() if times > 1]
    if twins:
        raise InputError(f"{where}: {twins[0]!r} is the name of more than one photograph; rename all but one")


def state_of(folder: Path) -> str:
    """16 hex digits that change when a photograph of a folder is added, removed or written.

    From names, sizes and times, since a plan cannot wait for the bytes of ten thousand files; the csv of the decoded
    set holds each one's sha256.
    """
    stats = [(name, (folder / name).stat()) for name in photographs_in(folder)]
    listing = json.dumps([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])
    return sha256(listing.encode()).hexdigest()[:16]
