"""Folders of photographs and of feature maps, of this machine. Light, since planning a run lists them."""

import json
import os
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path, PurePosixPath

from posinfo.registry.entries import Encoder
from posinfo.sources.globs import is_system_file
from posinfo.store.errors import InputError

PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")


def photographs_in(folder: Path, count: int | None = None) -> list[str]:
    """The photographs in a folder and below it, as sorted paths relative to it, without hidden files.

    Raises:
        InputError: when there is no such folder, it holds no photographs or not `count`, two have the same name, a
            photograph is a link to nothing, or a folder in it cannot be listed.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; a set of images names it")
    files = [path for path in _visible(folder) if path.suffix.lower() in PHOTOGRAPHS and not path.is_dir()]
    for path in files:
        if not path.exists():
            raise InputError(f"{path} is a link to a file that is not there; remove it")
    names = sorted(path.relative_to(folder).as_posix() for path in files)
    if not names or (count is not None and len(names) != count):
        wanted = "at least one" if count is None else str(count)
        raise InputError(f"{folder} holds {len(names)} photographs ({', '.join(PHOTOGRAPHS)}), expected {wanted}")
    refuse_unusable_names(names, folder)
    return names


def passed_over(folder: Path) -> str:
    """What a set of images leaves out of its folder, in words; empty when it reads every visible file."""
    kinds = Counter(
        "behind a link to a folder" if path.is_dir() else ascii(path.suffix.lower())[1:-1] or "without a suffix"
        for path in _visible(folder)
        if path.is_dir() or path.suffix.lower() not in PHOTOGRAPHS
    )
    listed = ", ".join(f"{times} {kind}" for kind, times in kinds.most_common())
    return f"{folder}: not read: {listed}; read are {', '.join(PHOTOGRAPHS)}" if kinds else ""


def _visible(folder: Path) -> list[Path]:
    """The files in a folder and below it, and links to folders, which are not followed; none hidden or a system's."""
    found = []
    for place, folders, files in os.walk(folder, onerror=_refuse):
        found += [Path(place, name) for name in files]
        found += [path for name in folders if (path := Path(place, name)).is_symlink()]
    return [path for path in found if not is_system_file(path.relative_to(folder).as_posix())]


def _refuse(error: OSError) -> None:
    raise InputError(f"{error.filename} cannot be listed ({error.strerror}); make it readable, or move it elsewhere")


def refuse_unusable_names(names: Iterable[str], where: Path) -> None:
    """Refuse names that results cannot be told apart by: of the same stem, which names an image, or no text at all.

    Raises:
        InputError: for the first such name.
    """
    known: dict[str, str] = {}
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise InputError(f"{where} holds {name!a}, whose name is no text in UTF-8; rename it") from None
        stem = PurePosixPath(name).stem
        if stem in known:
            raise InputError(f"{where} holds {known[stem]} and {name}: images are told apart by {stem!r}; rename one")
        known[stem] = name


def folder_digest(folder: Path) -> str:
    """16 hex digits that change when a photograph of a folder is added, removed or written.

    The csv of the decoded set holds the sha256 of each photograph.
    """
    return files_digest(folder / name for name in photographs_in(folder))


def files_digest(paths: Iterable[Path]) -> str:
    """16 hex digits that change with the names, sizes and times of files; a plan cannot wait for their bytes."""
    stats = [(path.as_posix(), path.stat()) for path in paths]
    listing = json.dumps([(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats])
    return sha256(listing.encode()).hexdigest()[:16]


def stage_files(entry: Encoder, images: str) -> dict[str, Path]:
    """Stage to the file with its maps of a set of images, for an encoder of `features`.

    Raises:
        InputError: when one is missing.
    """
    files = {stage: Path(str(entry.features), images, f"{stage}.npy") for stage in entry.stages}
    for path in files.values():
        if not path.is_file():
            raise InputError(f"{path} is missing; `features` names a folder with a .npy for each set of images and tap")
    return files
