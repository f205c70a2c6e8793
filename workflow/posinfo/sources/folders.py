"""Folders of photographs of this machine. Light, since planning a run lists them."""

import json
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path, PurePosixPath

from posinfo.store.errors import InputError

PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")


def photographs_in(folder: Path, count: int | None = None) -> list[str]:
    """The photographs in a folder and below it, as sorted paths relative to it, without hidden files.

    Raises:
        InputError: when there is no such folder, it holds no photographs or not `count`, or two have the same name.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; a set of images names it")
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in PHOTOGRAPHS]
    names = sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))
    if not names or (count is not None and len(names) != count):
        wanted = "at least one" if count is None else str(count)
        raise InputError(f"{folder} holds {len(names)} photographs ({', '.join(PHOTOGRAPHS)}), expected {wanted}")
    refuse_duplicate_names(names, folder)
    return names


def refuse_duplicate_names(names: Iterable[str], where: Path) -> None:
    """Refuse photographs of the same stem: scores name images by it, and views of one stem count as one photograph.

    Raises:
        InputError: for the first such stem.
    """
    stems = Counter(PurePosixPath(name).stem for name in names)
    duplicates = [stem for stem, times in stems.items() if times > 1]
    if duplicates:
        raise InputError(f"{where}: {duplicates[0]!r} is the name of more than one photograph; rename all but one")


def folder_digest(folder: Path) -> str:
    """16 hex digits that change when a photograph of a folder is added, removed or written.

    They are of names, sizes and times, since a plan cannot wait for the bytes of ten thousand files. The csv of the
    decoded set holds the sha256 of each photograph.
    """
    stats = [(name, (folder / name).stat()) for name in photographs_in(folder)]
    listing = json.dumps([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])
    return sha256(listing.encode()).hexdigest()[:16]
