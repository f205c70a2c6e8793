"""Which pictures a named set of images holds: the registry's entry turned into pictures."""

from collections.abc import Iterator
from pathlib import Path

from posinfo.errors import InputError
from posinfo.images import Picture, crops, grey, noise, split
from posinfo.registry import Grey, Noise, Wheel, image_sets, look_up, photographs, sources
from posinfo.sources import read_member


def pictures_of(name: str, resources: Path) -> tuple[Iterator[Picture], int]:
    """The pictures of a set in order, and how many they will be.

    Args:
        name: a set in registry/images.yaml.
        resources: the folder with the fetched sources.

    Raises:
        InputError: for an unknown set, or a photograph that is damaged or unreadable.
    """
    entry = look_up("set of images", name, image_sets())
    if isinstance(entry, Grey):
        return iter([grey(entry.grey)]), 1
    if isinstance(entry, Noise):
        return (noise(entry.mean, entry.sd, seed) for seed in range(entry.draws)), entry.draws
    collection = look_up("collection of photographs", entry.photographs, photographs())
    places = _members(collection.sources, resources)
    train, test = split(list(places), collection.held_out, collection.seed)
    chosen = train if entry.part == "train" else test
    pictures = (
        picture
        for photograph in chosen
        for picture in crops(photograph, read_member(*places[photograph]), entry.views, entry.seed)
    )
    return pictures, len(chosen) * entry.views


def _members(names: list[str], resources: Path) -> dict[str, tuple[Path, str, str]]:
    """Photograph -> (archive, member, sha256)."""
    places: dict[str, tuple[Path, str, str]] = {}
    for name in names:
        source = look_up("source", name, sources())
        if not isinstance(source, Wheel):
            raise InputError(f"source {name} is no wheel; collections of photographs are read from wheels")
        places |= {member: (resources / source.place, member, digest) for member, digest in source.members.items()}
    return places
