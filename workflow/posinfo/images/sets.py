"""The images of a named set, as its entry in the registry says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from posinfo.images.decoded import DecodedImage, constant, crops, noise, split
from posinfo.registry.catalogue import Registry, look_up
from posinfo.registry.entries import ArchiveImages, Folder, RemoteFile, SyntheticImages, Views, Wheel
from posinfo.sources.archives import Archive, images_in, opened, read_stems
from posinfo.sources.fetching import read_member, verified_source
from posinfo.sources.folders import photographs_in, refuse_unusable_names
from posinfo.sources.repositories import opened_repository
from posinfo.store.errors import InputError

Readers = dict[str, Callable[[], bytes]]  # photograph to a function that reads its bytes


def images_of(name: str, registry: Registry, resources: Path) -> tuple[Iterator[DecodedImage], int]:
    """The images of a set, in order, and their number.

    Args:
        name: a set of the registry.
        registry: holds at least the entries behind the set.
        resources: the folder with the fetched sources.

    Raises:
        InputError: for an unknown set, or photographs that are missing, damaged or unreadable.
    """
    entry = look_up("set of images", name, registry.images)
    if isinstance(entry, SyntheticImages):
        return _synthetic(entry), entry.count
    if isinstance(entry, ArchiveImages):
        return _in_archive(entry, registry, resources), entry.count
    if isinstance(entry, Folder):
        folder = Path(entry.folder)
        readers: Readers = {name: (folder / name).read_bytes for name in photographs_in(folder, entry.count)}
    else:
        readers = _in_wheels(entry, registry, resources)
    views = (view for name, read in readers.items() for view in crops(name, read(), entry.views, entry.seed))
    return views, len(readers) * entry.views


@contextmanager
def fetched_archive(name: str, registry: Registry, resources: Path) -> Iterator[tuple[Archive, Path]]:
    """Open the archive of a source once its checksum or its members are verified; yields it and its path.

    Raises:
        InputError: when it is missing, damaged, another one, or a wheel.
    """
    source = look_up("source", name, registry.sources)
    if isinstance(source, Wheel):
        raise InputError(f"source {name} is a wheel; `archive` names a zip or tar behind a URL or a path")
    if isinstance(source, RemoteFile) and source.members:
        with opened_repository(source, resources) as archive:
            yield archive, source.at(resources)
        return
    path = verified_source(source, resources)
    with opened(path) as archive:
        yield archive, path


def _synthetic(entry: SyntheticImages) -> Iterator[DecodedImage]:
    for name, value in entry.constant.items():
        yield constant(name, value)
    for seed in range(entry.noise.draws):
        yield noise(entry.noise.mean, entry.noise.sd, seed)


def _in_archive(entry: ArchiveImages, registry: Registry, resources: Path) -> Iterator[DecodedImage]:
    with fetched_archive(entry.archive, registry, resources) as (archive, path):
        only = read_stems(archive, path, entry.listed) if entry.listed else None
        masks = None if entry.masks_archive else entry.masks
        names = images_in(archive, path, entry.images, entry.count, masks, only)
        refuse_unusable_names(names, path)
        for name in names:  # in the archive's order: a compressed tar is read from front to back
            yield from crops(name, archive.read(name), count=1, seed=0)


def _in_wheels(entry: Views, registry: Registry, resources: Path) -> Readers:
    """Readers of the photographs of a collection's training or test part."""
    collection = look_up("collection of photographs", entry.photographs, registry.photographs)
    readers: Readers = {}
    for name in collection.sources:
        source = look_up("source", name, registry.sources)
        if not isinstance(source, Wheel):
            raise InputError(f"source {name} is no wheel; collections of photographs are read from wheels")
        wheel = source.at(resources)
        readers |= {member: partial(read_member, wheel, member, digest) for member, digest in source.members.items()}
    train, test = split(list(readers), collection.held_out, collection.seed)
    return {photograph: readers[photograph] for photograph in (train if entry.part == "train" else test)}
