"""A repository's archive: its members decide, whoever packed it; what is another one is named, and kept."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from posinfo.images.pictures import read_pictures
from posinfo.images.sets import pictures_of
from posinfo.registry.entries import ArchiveImages
from posinfo.sources.archives import LARGEST_HEADER, LARGEST_PICTURE
from posinfo.sources.fetching import read_source
from posinfo.sources.repositories import fetch_repository
from posinfo.store.errors import InputError
from synthetic_features import jpeg
from synthetic_images import COMMIT, LISTING, PATHS, PICTURES, REST, TEN, decoded, placed, registry, without
from unreliable import Served, serving


def test_ten_pictures_whatever_the_top_folder_is_called(tmp_path: Path) -> None:
    for top in (None, f"owner-photographs-{COMMIT[:7]}"):
        path = placed(tmp_path, PICTURES | REST, top=top)
        with tarfile.open(path) as archive:
            assert archive.pax_headers == {"comment": COMMIT}
        order = [1, 2, 3, 4, 5, 10, 6, 7, 8, 9]
        assert decoded(tmp_path) == [f"{number}-0" for number in order]
        greys = read_pictures(tmp_path / "ten.npy")[:, 0, 0, 0].astype(int)
        assert np.abs(greys - 20 * np.array(order)).max() < 4
    half = registry(ArchiveImages(archive="photographs", pictures=PATHS[0], count=5))
    assert decoded(tmp_path, half) == [f"{number}-0" for number in range(1, 6)]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (without("data/val/7.jpg"), r"has 9 members data/train/\*\.jpg, data/val/\*\.jpg, .* expects 10; missing: 7;"),
        (PICTURES | REST | {"data/val/cat.jpg": b""}, "has 11 members .*'data/val/cat.jpg' was added; the others"),
        (PICTURES | REST | {"data/val/4.jpg": jpeg(0)}, "'data/val/4.jpg' was added; the others"),
        (
            PICTURES | REST | {"data/val/11.jpg": b"", "data/val/cat.jpg": b""},
            r"has 12 members .* not of its numbers 1 to 10: data/val/11\.jpg, data/val/cat\.jpg;",
        ),
        (
            without("data/val/7.jpg") | {"data/val/77.jpg": PICTURES["data/val/7.jpg"]},
            r"has 10 members .*missing: 7; not of its numbers 1 to 10: data/val/77\.jpg; .* expected " + LISTING,
        ),
        (
            PICTURES | {"data/val/7.jpg": jpeg(0)},
            f"expects as many, but one or more with other bytes or names; .*is [0-9a-f]{{64}}, expected {LISTING}",
        ),
        (REST, "has 0 members .*nothing in it tells which are missing; there are none"),
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
        (named("data/val/huge.jpg", size=LARGEST_PICTURE + 1), "'data/val/huge.jpg', which unpacks to"),
        (named("data/val/cat.jpg"), "'data/val/cat.jpg' was added"),
        (named("x", tarfile.XHDTYPE, LARGEST_HEADER + 1), "damaged one .a header of"),
        (named("x", size=-1024), "damaged one .*x of -1024 bytes"),
    ],
    ids=lambda value: value.name.split("/", 1)[-1] if isinstance(value, tarfile.TarInfo) else "",
)
def test_a_hostile_member_is_named_before_anything_is_decoded(
    tmp_path: Path, more: tarfile.TarInfo, words: str
) -> None:
    path = placed(tmp_path, PICTURES | REST)
    rewritten(path, lambda info: info, more)
    with pytest.raises(InputError, match=words):
        next(pictures_of("ten", registry(), tmp_path)[0])
    assert path.exists()


def test_a_link_elsewhere_harms_nobody(tmp_path: Path) -> None:
    path = placed(tmp_path, PICTURES | REST)
    rewritten(path, lambda info: info, named("LICENSE", tarfile.SYMTYPE))
    assert len(decoded(tmp_path)) == 10


def test_what_was_changed_later_or_comes_from_another_commit_is_told(tmp_path: Path) -> None:
    path = placed(tmp_path, PICTURES | {"data/train/3.jpg": jpeg(0)}, commit="d1" * 20)

    def touched(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.mtime += info.name.endswith("/3.jpg")
        return info

    with pytest.raises(InputError, match=f"it was made from commit {'d1' * 20}, not {COMMIT};"):
        decoded(tmp_path)
    rewritten(path, touched)
    with pytest.raises(InputError, match=r"written at another time than most: data/train/3\.jpg;"):
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
def test_a_damaged_archive_is_called_that(tmp_path: Path, damage: Callable[[bytes], bytes], words: str) -> None:
    path = placed(tmp_path, PICTURES)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=words):
        decoded(tmp_path)
    with serving({"/a": Served(path.read_bytes())}) as host, pytest.raises(InputError, match=words):
        fetch_repository([f"{host}/a"], TEN, tmp_path / "fetched", timeout=0.5, pause=0.01)
    assert not (tmp_path / "fetched").exists()


def test_a_missing_archive_and_one_that_is_not_for_weights(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"photographs\.tar\.gz is missing: run snakemake download, or place it by hand"
    ):
        decoded(tmp_path)
    placed(tmp_path, PICTURES)
    with pytest.raises(InputError, match="is a repository's archive, of which pictures are read"):
        read_source(registry().sources["photographs"], None, tmp_path)


def test_only_verified_members_are_read(tmp_path: Path) -> None:
    placed(tmp_path, PICTURES | REST)
    for entry in (
        ArchiveImages(archive="photographs", pictures="data/test/*.jpg", count=1),
        ArchiveImages(archive="photographs", pictures=PATHS, count=10, listed="README.md"),
    ):
        with pytest.raises(InputError, match=r"has 0 pictures data/test|has no text 'README.md'"):
            decoded(tmp_path, registry(entry))
