"""A repository of ten pictures as hosts pack it, for tests of archives whose members decide."""

import hashlib
from pathlib import Path

from posinfo.images.pictures import write_images
from posinfo.images.sets import pictures_of
from posinfo.registry.catalogue import Registry
from posinfo.registry.entries import ArchiveImages, ImageSet, Members, RemoteFile
from synthetic_features import committed, jpeg

COMMIT = "c0" * 20
PICTURES = {f"data/{'train' if number <= 5 else 'val'}/{number}.jpg": jpeg(number * 20) for number in range(1, 11)}
REST = {"README.md": b"ten pictures", "data/test/11.jpg": jpeg(5), "data/train/Thumbs.db": b"litter"}
PATHS = ("data/train/*.jpg", "data/val/*.jpg")
LISTING = hashlib.sha256(
    "".join(f"{hashlib.sha256(PICTURES[name]).hexdigest()}  {name}\n" for name in sorted(PICTURES)).encode()
).hexdigest()
TEN = Members(paths=PATHS, count=10, listing=LISTING)
URL = f"https://host.invalid/owner/photographs/archive/{COMMIT}.tar.gz"


def registry(entry: ImageSet | None = None, members: Members = TEN) -> Registry:
    source = RemoteFile(file="photographs.tar.gz", urls=(URL,), members=members)
    return Registry(
        sources={"photographs": source},
        images={"ten": entry or ArchiveImages(archive="photographs", pictures=PATHS, count=10)},
    )


def placed(folder: Path, members: dict[str, bytes], commit: str = COMMIT, top: str | None = None) -> Path:
    """An archive put at its place by hand."""
    (folder / "archives").mkdir(exist_ok=True)
    return committed(folder / "archives/photographs.tar.gz", members, commit, top)


def decoded(folder: Path, known: Registry | None = None) -> list[str]:
    pictures, count = pictures_of("ten", known or registry(), folder)
    write_images(pictures, count, folder / "ten.npy")
    return [picture.name for picture in pictures_of("ten", known or registry(), folder)[0]]


def without(name: str) -> dict[str, bytes]:
    return {other: data for other, data in (PICTURES | REST).items() if other != name}
