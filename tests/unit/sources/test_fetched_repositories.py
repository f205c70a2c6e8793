"""A repository's archive fetched from hosts, made from a clone, and read in one pass; masks beyond the classes."""

import gzip
import hashlib
import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from posinfo.images.masks import masks_of
from posinfo.images.sets import pictures_of
from posinfo.registry.catalogue import Registry, shipped, with_own
from posinfo.registry.entries import ArchiveImages, Members, RemoteFile
from posinfo.sources.repositories import fetch_repository
from posinfo.store.errors import InputError
from synthetic_features import jpeg, packed
from synthetic_images import LISTING, PICTURES, REST, TEN, decoded, placed, registry, without
from unreliable import Served, serving


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
    entry = ArchiveImages(
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
        known = Registry(
            sources=sources, images={"one": ArchiveImages.model_validate(entry | {"masks_unknown": unknown})}
        )
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
    counts = {name: entry.count for name, entry in known.images.items() if isinstance(entry, ArchiveImages)}
    assert [counts[name] for name in ("imagenet-samples", "bsds300")] == [1000, 300]
    assert [counts[f"camvid-{part}"] for part in ("train", "val", "test")] == [367, 101, 233]
    both = {"file": "a.tar.gz", "checksum": f"sha256:{LISTING}", "members": TEN.model_dump()}
    with pytest.raises(InputError, match="by its checksum or by its members, not by both"):
        with_own({"sources": {"mine": both}})
