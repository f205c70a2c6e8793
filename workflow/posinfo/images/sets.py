"""Which pictures a named set of images holds: the registry's entry turned into pictures."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from posinfo.images.pictures import Picture, crops, grey, noise, split
from posinfo.registry.catalogue import Registry, look_up
from posinfo.registry.entries import ArchiveImages, ConstantImage, Folder, Noise, RemoteFile, Wheel
from posinfo.sources.archives import Archive, listed, opened, pictures_in
from posinfo.sources.fetching import read_member, verify
from posinfo.sources.folders import photographs_in, refuse_twins
from posinfo.sources.repositories import opened_repository
from posinfo.store.errors import InputError


def pictures_of(name: str, registry: Registry, resources: Path) -> tuple[Iterator[Picture], int]:
    """The pictures of a set in order, and how many they will be.

    Args:
        name: a set of the registry.
        registry: holds at least the entries behind the set.
        resources: the folder with the fetched sources.

    Raises:
        InputError: for an unknown set, or photographs that are missing, damaged or unreadable.
    """
    entry = look_up("set of images", name, registry.images)
    if isinstance(entry, ConstantImage):
        return iter([grey(entry.grey)]), 1
    if isinstance(entry, Noise):
        return (noise(entry.mean, entry.sd, seed) for seed in range(entry.draws)), entry.draws
    if isinstance(entry, Folder):
        photographs = photographs_in(Path(entry.folder), entry.count)
        return _views_of_files(photographs, Path(entry.folder), entry), len(photographs) * entry.views
    if isinstance(entry, ArchiveImages):
        return _archived(entry, registry, resources), entry.count
    collection = look_up("collection of photographs", entry.photographs, registry.photographs)
    places = _members(collection.sources, registry, resources)
    train, test = split(list(places), collection.held_out, collection.seed)
    chosen = train if entry.part == "train" else test
    pictures = (
        picture
        for photograph in chosen
        for picture in crops(photograph, read_member(*places[photograph]), entry.views, entry.seed)
    )
    return pictures, len(chosen) * entry.views


@contextmanager
def fetched_archive(name: str, registry: Registry, resources: Path) -> Iterator[tuple[Archive, Path]]:
    """The archive of a source and its path, opened once it is what its checksum or its members say.

    Raises:
        InputError: when it is missing, damaged, another one, or a wheel.
    """
    source = look_up("source", name, registry.sources)
    if isinstance(source, Wheel):
        raise InputError(f"source {name} is a wheel; `archive` names a zip or tar behind a URL or a path")
    path = resources / source.place
    if isinstance(source, RemoteFile) and source.members:
        with opened_repository(source, resources) as archive:
            yield archive, path
        return
    verify(path, source.checksum)
    with opened(path) as archive:
        yield archive, path


def _members(names: list[str], registry: Registry, resources: Path) -> dict[str, tuple[Path, str, str]]:
    """Photograph -> (archive, member, sha256)."""
    places: dict[str, tuple[Path, str, str]] = {}
    for name in names:
        source = look_up("source", name, registry.sources)
        if not isinstance(source, Wheel):
            raise InputError(f"source {name} is no wheel; collections of photographs are read from wheels")
        places |= {member: (resources / source.place, member, digest) for member, digest in source.members.items()}
    return places


def _archived(entry: ArchiveImages, registry: Registry, resources: Path) -> Iterator[Picture]:
    with fetched_archive(entry.archive, registry, resources) as (archive, path):
        only = listed(archive, path, entry.listed) if entry.listed else None
        masks = None if entry.masks_archive else entry.masks
        names = pictures_in(archive, path, entry.pictures, entry.count, masks, only)
        refuse_twins(names, path)
        for name in names:  # in the archive's order: a compressed tar is read from front to back
            yield from crops(name, archive.read(name), count=1, seed=0)


def _views_of_files(names: list[str], folder: Path, entry: Folder) -> Iterator[Picture]:
    for name in names:
        yield from crops(name, (folder / name).read_bytes(), entry.views, entry.seed)
