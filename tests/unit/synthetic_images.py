"""A repository of ten images as hosts pack it, for tests of archives whose members are verified."""

import hashlib
from pathlib import Path

from posinfo.images.decoded import write_images
from posinfo.images.sets import images_of
from posinfo.registry.catalogue import Registry
from posinfo.registry.entries import ArchiveImages, ImageSet, Members, RemoteFile
from synthetic_features import committed, jpeg

COMMIT = "c0" * 20
IMAGES = {f"data/{'train' if number <= 5 else 'val'}/{number}.jpg": jpeg(number * 20) for number in range(1, 11)}
REST = {"README.md": b"ten images", "data/test/11.jpg": jpeg(5), "data/train/Thumbs.db": b"no image"}
PATHS = ("data/train/*.jpg", "data/val/*.jpg")
DIGEST = hashlib.sha256(
    "".join(f"{hashlib.sha256(IMAGES[name]).hexdigest()}  {name}\n" for name in sorted(IMAGES)).encode()
).hexdigest()
TEN = Members(paths=PATHS, count=10, sha256=DIGEST)
URL = f"https://host.invalid/owner/photographs/archive/{COMMIT}.tar.gz"


def registry(entry: ImageSet | None = None, members: Members = TEN) -> Registry:
    source = RemoteFile(file="photographs.tar.gz", urls=(URL,), members=members)
    return Registry(
        sources={"photographs": source},
        images={"ten": entry or ArchiveImages(archive="photographs", images=PATHS, count=10)},
    )


def placed(folder: Path, members: dict[str, bytes], commit: str = COMMIT, top: str | None = None) -> Path:
    """An archive that somebody placed by hand."""
    (folder / "archives").mkdir(exist_ok=True)
    return committed(folder / "archives/photographs.tar.gz", members, commit, top)


def decoded(folder: Path, known: Registry | None = None) -> list[str]:
    images, count = images_of("ten", known or registry(), folder)
    write_images(images, count, folder / "ten.npy")
    return [image.name for image in images_of("ten", known or registry(), folder)[0]]


def without(name: str) -> dict[str, bytes]:
    return {other: data for other, data in (IMAGES | REST).items() if other != name}
