"""The members of a repository's archive are verified, whoever packed it; a wrong archive is named and kept."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from posinfo.images.decoded import read_images
from posinfo.images.sets import images_of
from posinfo.registry.entries import ArchiveImages
from posinfo.sources.archives import LARGEST_HEADER, LARGEST_IMAGE
from posinfo.sources.fetching import read_source
from posinfo.sources.repositories import fetch_repository
from posinfo.store.errors import InputError
from synthetic_features import jpeg
from synthetic_images import COMMIT, DIGEST, IMAGES, PATHS, REST, TEN, decoded, placed, registry, without
from unreliable import Served, serving

pytestmark = pytest.mark.usefixtures("short_waits")


def test_the_name_of_the_top_folder_does_not_matter(tmp_path: Path) -> None:
    for top in (None, f"owner-photographs-{COMMIT[:7]}"):
        path = placed(tmp_path, IMAGES | REST, top=top)
        with tarfile.open(path) as archive:
            assert archive.pax_headers == {"comment": COMMIT}
        order = [1, 2, 3, 4, 5, 10, 6, 7, 8, 9]
        assert decoded(tmp_path) == [f"{number}-0" for number in order]
        greys = read_images(tmp_path / "ten.npy")[:, 0, 0, 0].astype(int)
        assert np.abs(greys - 20 * np.array(order)).max() < 4
    half = registry(ArchiveImages(archive="photographs", images=PATHS[0], count=5))
    assert decoded(tmp_path, half) == [f"{number}-0" for number in range(1, 6)]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (without("data/val/7.jpg"), r"has 9 members data/train/\*\.jpg, data/val/\*\.jpg with .* expects 10 with"),
        (IMAGES | REST | {"data/val/cat.jpg": b""}, "has 11 members .* expects 10 with"),
        (IMAGES | REST | {"data/val/11.jpg": b"", "data/val/cat.jpg": b""}, "has 12 members .* expects 10 with"),
        (
            without("data/val/7.jpg") | {"data/val/77.jpg": IMAGES["data/val/7.jpg"]},
            "has 10 members .* expects 10 with",
        ),
        (
            IMAGES | {"data/val/7.jpg": jpeg(0)},
            f"with the digest [0-9a-f]{{64}}, the registry expects 10 with {DIGEST}; members were added, removed or",
        ),
        (REST, "has 0 members .* expects 10 with"),
        ({}, "has 0 members|is no zip or tar"),
    ],
)
def test_an_archive_of_other_members_is_named_and_kept(tmp_path: Path, members: dict[str, bytes], words: str) -> None:
    path = placed(tmp_path, members)
    before = path.read_bytes()
    with pytest.raises(InputError, match=words) as caught:
        decoded(tmp_path)
    assert str(caught.value).startswith(f"{path} ")
    assert f"git archive --format=tar.gz --prefix=photographs-{COMMIT}/ {COMMIT} data/train data/val" in str(
        caught.value
    )
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("ten*"))


def rewritten(path: Path, change: Callable[[tarfile.TarInfo], tarfile.TarInfo], *more: tarfile.TarInfo) -> None:
    """The archive again with changed headers, and more members at its end."""
    with tarfile.open(path) as old:
        members = [(change(info), old.extractfile(info) if info.isreg() else None) for info in old]
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w:gz") as new:
            for info, data in members:
                new.addfile(info, data)
            for info in more:
                new.addfile(info, io.BytesIO(bytes(info.size)) if info.size > 0 else None)
    path.write_bytes(file.getvalue())


def named(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"photographs-{COMMIT}/{name}" if not name.startswith(("/", "..", "other")) else name)
    info.type, info.linkname, info.size = kind, "README.md", size
    return info


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (named("data/val/link.jpg", tarfile.SYMTYPE), "holds 'data/val/link.jpg', a link or a device"),
        (named("data/val/link.jpg", tarfile.LNKTYPE), "holds 'data/val/link.jpg', a link or a device"),
        (named("data/val", tarfile.SYMTYPE), "holds 'data/val', a link or a device where a folder"),
        (named("data/val/6.jpg"), "holds 'data/val/6.jpg' twice"),
        (named("other/data/val/6.jpg"), f"holds 'other/data/val/6.jpg' beside 'photographs-{COMMIT}'"),
        (named("other"), f"holds 'other' beside 'photographs-{COMMIT}'"),
        (named("../out.jpg"), r"holds '\.\./out.jpg', which reaches outside"),
        (named("/etc/out.jpg"), r"holds '/etc/out.jpg', which reaches outside"),
        (named("data/../../out.jpg"), r"out.jpg', which reaches outside"),
        (named("data/val/huge.jpg", size=LARGEST_IMAGE + 1), "'data/val/huge.jpg', which unpacks to"),
        (named("data/val/cat.jpg"), "has 11 members"),
        (named("x", tarfile.XHDTYPE, LARGEST_HEADER + 1), "damaged one .a header of"),
        (named("x", size=-1024), "damaged one .*x of -1024 bytes"),
    ],
    ids=lambda value: value.name.split("/", 1)[-1] if isinstance(value, tarfile.TarInfo) else "",
)
def test_a_hostile_member_is_named_before_decoding(tmp_path: Path, more: tarfile.TarInfo, words: str) -> None:
    path = placed(tmp_path, IMAGES | REST)
    rewritten(path, lambda info: info, more)
    with pytest.raises(InputError, match=words):
        next(images_of("ten", registry(), tmp_path)[0])
    assert path.exists()


def test_a_link_outside_the_globs_is_ignored(tmp_path: Path) -> None:
    path = placed(tmp_path, IMAGES | REST)
    rewritten(path, lambda info: info, named("LICENSE", tarfile.SYMTYPE))
    assert len(decoded(tmp_path)) == 10


def test_an_archive_of_another_commit_is_named(tmp_path: Path) -> None:
    placed(tmp_path, IMAGES | {"data/train/3.jpg": jpeg(0)}, commit="d1" * 20)
    with pytest.raises(InputError, match=f"it was made from commit {'d1' * 20}, not {COMMIT};"):
        decoded(tmp_path)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[: len(data) // 2], "is no zip or tar, or a damaged one"),
        (lambda data: data[:400] + b"\0" + data[401:], r"is no zip or tar, or a damaged one|has \d+ members"),
        (lambda _: b"<!DOCTYPE html><html>moved</html>", r"damaged one \(it is a web page\)"),
        (lambda _: gzip.compress(b"<html>moved</html>"), "is no zip or tar"),
        (lambda _: b"", "is no zip or tar"),
    ],
)
def test_a_damaged_archive_is_named(tmp_path: Path, damage: Callable[[bytes], bytes], words: str) -> None:
    path = placed(tmp_path, IMAGES)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=words):
        decoded(tmp_path)
    with serving({"/a": Served(path.read_bytes())}) as host, pytest.raises(InputError, match=words):
        fetch_repository([f"{host}/a"], TEN, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def test_a_missing_archive_and_one_that_is_not_for_weights(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"photographs\.tar\.gz is missing: run snakemake download, or place it by hand"
    ):
        decoded(tmp_path)
    placed(tmp_path, IMAGES)
    with pytest.raises(InputError, match="is a repository's archive, which holds images"):
        read_source(registry().sources["photographs"], None, tmp_path)


def test_only_verified_members_are_read(tmp_path: Path) -> None:
    placed(tmp_path, IMAGES | REST)
    for entry in (
        ArchiveImages(archive="photographs", images="data/test/*.jpg", count=1),
        ArchiveImages(archive="photographs", images=PATHS, count=10, listed="README.md"),
    ):
        with pytest.raises(InputError, match=r"has 0 images data/test|has no text 'README.md'"):
            decoded(tmp_path, registry(entry))
