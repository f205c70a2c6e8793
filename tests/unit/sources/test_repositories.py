"""A repository's archive: its members decide, whoever packed it; what is another one is named, and kept."""

import gzip
import hashlib
import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from posinfo.images.masks import masks_of
from posinfo.images.pictures import read_pictures, write_images
from posinfo.images.sets import pictures_of
from posinfo.registry.catalogue import Registry, shipped, with_own
from posinfo.registry.entries import Archived, ImageSet, Members, RemoteFile
from posinfo.sources.archives import LARGEST_HEADER, LARGEST_PICTURE
from posinfo.sources.fetching import read_source
from posinfo.sources.repositories import fetch_repository
from posinfo.store.errors import InputError
from synthetic import committed, jpeg, packed
from unreliable import Served, serving

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
        images={"ten": entry or Archived(archive="photographs", pictures=PATHS, count=10)},
    )


def placed(folder: Path, members: dict[str, bytes], commit: str = COMMIT, top: str | None = None) -> Path:
    """An archive put at its place by hand."""
    (folder / "archives").mkdir(exist_ok=True)
    return committed(folder / "archives/photographs.tar.gz", members, commit, top)


def decoded(folder: Path, known: Registry | None = None) -> list[str]:
    pictures, count = pictures_of("ten", known or registry(), folder)
    write_images(pictures, count, folder / "ten.npy")
    return [picture.name for picture in pictures_of("ten", known or registry(), folder)[0]]


def test_ten_pictures_whatever_the_top_folder_is_called(tmp_path: Path) -> None:
    for top in (None, f"owner-photographs-{COMMIT[:7]}"):
        path = placed(tmp_path, PICTURES | REST, top=top)
        with tarfile.open(path) as archive:
            assert archive.pax_headers == {"comment": COMMIT}
        order = [1, 2, 3, 4, 5, 10, 6, 7, 8, 9]
        assert decoded(tmp_path) == [f"{number}-0" for number in order]
        greys = read_pictures(tmp_path / "ten.npy")[:, 0, 0, 0].astype(int)
        assert np.abs(greys - 20 * np.array(order)).max() < 4
    half = registry(Archived(archive="photographs", pictures=PATHS[0], count=5))
    assert decoded(tmp_path, half) == [f"{number}-0" for number in range(1, 6)]


def without(name: str) -> dict[str, bytes]:
    return {other: data for other, data in (PICTURES | REST).items() if other != name}


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
        Archived(archive="photographs", pictures="data/test/*.jpg", count=1),
        Archived(archive="photographs", pictures=PATHS, count=10, listed="README.md"),
    ):
        with pytest.raises(InputError, match=r"has 0 pictures data/test|has no text 'README.md'"):
            decoded(tmp_path, registry(entry))


@pytest.mark.parametrize("faults", [[], ["drop"], ["503", "stall"], ["/b"]], ids=" ".join)
@pytest.mark.parametrize("packed_anew", [False, True])
def test_it_is_fetched_whole(tmp_path: Path, faults: list[str], packed_anew: bool) -> None:
    chunks = {"noise": np.random.default_rng(0).bytes(2**20)}
    data = placed(tmp_path, PICTURES | REST | chunks).read_bytes()
    served = Served(data, faults.copy(), packed_anew=packed_anew)
    path = tmp_path / "fetched/photographs.tar.gz"
    with serving({"/a": served, "/b": Served(data)}) as host:
        fetch_repository([f"{host}/a"], TEN, path, timeout=0.5, pause=0.01)
    assert path.read_bytes() == data
    assert list(path.parent.iterdir()) == [path]
    resumed = [asked for asked in served.asked if asked]
    assert bool(resumed) == (not packed_anew and not {"drop", "stall"}.isdisjoint(faults))


def test_a_mirror_with_other_members_is_passed_over_and_told(tmp_path: Path) -> None:
    wrong = placed(tmp_path, without("data/val/7.jpg")).read_bytes()
    right = placed(tmp_path, PICTURES).read_bytes()
    path = tmp_path / "archive.tar.gz"
    broken = Served(right, ["drop"] * 9, packed_anew=True)
    with serving({"/a": Served(wrong), "/b": Served(right), "/c": broken}) as host:
        fetch_repository([f"{host}/a", f"{host}/b"], TEN, path, timeout=0.5, pause=0.01)
        assert path.read_bytes() == right
        with pytest.raises(InputError, match=rf"{host}/a: has 9 members .*missing: 7;") as caught:
            fetch_repository([f"{host}/a"], TEN, path, timeout=0.5, pause=0.01)
        with pytest.raises(InputError, match=r"broke off after [0-9]+ of an unknown number of bytes"):
            fetch_repository([f"{host}/c"], TEN, path, timeout=0.5, pause=0.01)
    assert f"put it at {path}" in str(caught.value)
    assert path.read_bytes() == right


@pytest.mark.skipif(not shutil.which("git"), reason="makes the archive as the message says")
def test_the_error_says_how_to_make_the_archive_from_a_clone(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    for name, data in (PICTURES | REST).items():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes(data)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.autocrlf=false", "-C", str(clone)]
    for arguments in (["init", "-q"], ["add", "--force", "."], ["commit", "-q", "-m", "pictures"]):
        subprocess.run([*git, *arguments], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    path = tmp_path / "archives/photographs.tar.gz"
    with serving({}) as host:
        url = f"{host}/owner/photographs/archive/{commit}.tar.gz"
    with pytest.raises(
        InputError, match=r"no connection; the host may be down.*put it at .*photographs.tar.gz"
    ) as caught:
        fetch_repository([url], TEN, path, timeout=0.5, pause=0.01)
    command = str(caught.value).split(f"in a clone of {host}/owner/photographs: ")[1].split(" > FILE)")[0]
    path.write_bytes(subprocess.run(command.split(), check=True, capture_output=True, cwd=clone).stdout)
    assert len(decoded(tmp_path)) == 10


def test_a_compressed_tar_is_read_from_front_to_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once to verify it and once to decode it: never back for a picture or a mask."""
    rewinds: list[int] = []
    rewind = gzip._GzipReader._rewind  # type: ignore[attr-defined]

    def counted(reader: gzip.GzipFile) -> None:
        rewinds.append(1)
        rewind(reader)

    monkeypatch.setattr(gzip._GzipReader, "_rewind", counted)
    noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    files: dict[str, bytes] = {}
    for number, pixels in enumerate(noise):
        for folder, image in (("frames", Image.fromarray(pixels)), ("masks", Image.fromarray(pixels[..., 0] % 12))):
            file = io.BytesIO()
            image.save(file, "PNG")
            files[f"{folder}/{number}.png"] = file.getvalue()
    sums = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    members = Members(paths="*/*.png", count=120, listing=hashlib.sha256(sums.encode()).hexdigest())
    entry = Archived(
        archive="photographs",
        pictures="frames/*.png",
        masks="masks/*.png",
        masks_show="classes",
        masks_unknown=11,
        count=60,
    )
    placed(tmp_path, files)
    known = registry(entry, members)
    assert len(list(pictures_of("ten", known, tmp_path)[0])) == 60
    assert len(rewinds) <= 2  # tarfile looks at the start to tell the kind of archive
    rewinds.clear()
    masks = list(masks_of("ten", known, tmp_path))
    assert {int(value) for mask in masks for value in np.unique(mask)} == {*range(11), 255}
    assert len(rewinds) <= 2


def test_a_mask_beyond_the_classes_is_named(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((9, 12), 12, np.uint8)).save(file, "PNG")
    (tmp_path / "archives").mkdir()
    packed(tmp_path / "archives/frames.zip", {"a/1.jpg": jpeg(9), "b/1.png": file.getvalue()})
    entry = {"archive": "frames", "pictures": "a/*.jpg", "masks": "b/*.png", "masks_show": "classes", "count": 1}
    sources = {"frames": RemoteFile(file="frames.zip")}
    for unknown, words in ((11, "b/1.png has the value 12, beyond 11 for unknown"), (12, ""), (255, "")):
        known = Registry(sources=sources, images={"one": Archived.model_validate(entry | {"masks_unknown": unknown})})
        if words:
            with pytest.raises(InputError, match=words):
                list(masks_of("one", known, tmp_path))
        else:
            (mask,) = masks_of("one", known, tmp_path)
            assert np.unique(mask).tolist() == [255 if unknown == 12 else 12]


def test_what_ships_is_consistent_and_a_file_has_one_check() -> None:
    known = shipped()
    repositories = [source for source in known.sources.values() if isinstance(source, RemoteFile) and source.members]
    assert len(repositories) == 3
    for source in repositories:
        name, commit = source.file.removesuffix(".tar.gz").rsplit("-", 1)
        github, codeload = source.urls
        assert github.endswith(f"/{name}/archive/{commit}.tar.gz")
        assert codeload.endswith(f"/{name}/tar.gz/{commit}")
    counts = {name: entry.count for name, entry in known.images.items() if isinstance(entry, Archived)}
    assert [counts[name] for name in ("imagenet-samples", "bsds300")] == [1000, 300]
    assert [counts[f"camvid-{part}"] for part in ("train", "val", "test")] == [367, 101, 233]
    both = {"file": "a.tar.gz", "checksum": f"sha256:{LISTING}", "members": TEN.model_dump()}
    with pytest.raises(InputError, match="by its checksum or by its members, not by both"):
        with_own({"sources": {"mine": both}})
