"""A repository's archive is fetched from hosts or made from a clone, and read in one pass."""

import gzip
import hashlib
import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from posinfo.images.sets import images_of
from posinfo.registry.catalogue import shipped, with_own
from posinfo.registry.entries import ArchiveImages, Members, RemoteFile
from posinfo.sources.repositories import fetch_repository
from posinfo.store.errors import InputError
from synthetic_images import DIGEST, IMAGES, REST, TEN, decoded, placed, registry, without
from unreliable import Served, serving

pytestmark = pytest.mark.usefixtures("short_waits")


@pytest.mark.parametrize("faults", [[], ["drop"], ["503", "stall"], ["/b"]], ids=" ".join)
@pytest.mark.parametrize("packed_anew", [False, True])
def test_an_archive_is_fetched_whole(tmp_path: Path, faults: list[str], packed_anew: bool) -> None:
    chunks = {"noise": np.random.default_rng(0).bytes(2**20)}
    data = placed(tmp_path, IMAGES | REST | chunks).read_bytes()
    served = Served(data, faults.copy(), packed_anew=packed_anew)
    path = tmp_path / "fetched/photographs.tar.gz"
    with serving({"/a": served, "/b": Served(data)}) as host:
        fetch_repository([f"{host}/a"], TEN, path)
    assert path.read_bytes() == data
    assert list(path.parent.iterdir()) == [path]
    resumed = [asked for asked in served.asked if asked]
    assert bool(resumed) == (not packed_anew and not {"drop", "stall"}.isdisjoint(faults))


def test_a_mirror_with_other_members_is_passed_over(tmp_path: Path) -> None:
    wrong = placed(tmp_path, without("data/val/7.jpg")).read_bytes()
    right = placed(tmp_path, IMAGES).read_bytes()
    path = tmp_path / "archive.tar.gz"
    broken = Served(right, ["drop"] * 9, packed_anew=True)
    with serving({"/a": Served(wrong), "/b": Served(right), "/c": broken}) as host:
        fetch_repository([f"{host}/a", f"{host}/b"], TEN, path)
        assert path.read_bytes() == right
        with pytest.raises(InputError, match=rf"{host}/a: has 9 members .* expects 10 with") as caught:
            fetch_repository([f"{host}/a"], TEN, path)
        with pytest.raises(InputError, match=r"broke off after [0-9]+ of an unknown number of bytes"):
            fetch_repository([f"{host}/c"], TEN, path)
    assert f"put it at {path}" in str(caught.value)
    assert path.read_bytes() == right


@pytest.mark.skipif(not shutil.which("git"), reason="makes the archive as the message says")
def test_the_error_has_a_git_archive_command_that_works(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    for name, data in (IMAGES | REST).items():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes(data)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.autocrlf=false", "-C", str(clone)]
    for arguments in (["init", "-q"], ["add", "--force", "."], ["commit", "-q", "-m", "images"]):
        subprocess.run([*git, *arguments], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    path = tmp_path / "archives/photographs.tar.gz"
    with serving({}) as host:
        url = f"{host}/owner/photographs/archive/{commit}.tar.gz"
    with pytest.raises(
        InputError, match=r"no connection; the host may be down.*put it at .*photographs.tar.gz"
    ) as caught:
        fetch_repository([url], TEN, path)
    command = str(caught.value).split(f"in a clone of {host}/owner/photographs: ")[1].split(" > FILE)")[0]
    path.write_bytes(subprocess.run(command.split(), check=True, capture_output=True, cwd=clone).stdout)
    assert len(decoded(tmp_path)) == 10


def test_a_compressed_tar_is_read_from_front_to_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once to verify it and once to decode it: it never goes back for an image."""
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
    members = Members(paths="*/*.png", count=120, sha256=hashlib.sha256(sums.encode()).hexdigest())
    entry = ArchiveImages(
        archive="photographs", images="frames/*.png", masks="masks/*.png", masks_show="classes", count=60
    )
    placed(tmp_path, files)
    known = registry(entry, members)
    assert len(list(images_of("ten", known, tmp_path)[0])) == 60
    assert len(rewinds) <= 2  # tarfile looks at the start to tell the kind of archive


def test_shipped_archives_are_at_one_commit() -> None:
    known = shipped()
    repositories = [source for source in known.sources.values() if isinstance(source, RemoteFile) and source.members]
    assert len(repositories) == 6
    for source in repositories:
        name, commit = source.file.removesuffix(".tar.gz").rsplit("-", 1)
        github, codeload = source.urls
        assert github.endswith(f"/{name}/archive/{commit}.tar.gz")
        assert codeload.endswith(f"/{name}/tar.gz/{commit}")
    counts = {name: entry.count for name, entry in known.images.items() if isinstance(entry, ArchiveImages)}
    assert [counts[name] for name in ("imagenet-samples", "bsds300")] == [1000, 300]
    assert [counts[f"camvid-{part}"] for part in ("train", "val", "test")] == [367, 101, 233]


def test_a_set_is_read_from_whichever_archive_is_at_hand(tmp_path: Path) -> None:
    known = shipped()
    names = ("duts-tr", "pascal-s", "ecssd")
    archives = {"DUTS-TR.zip", known.sources["pascal-s"].place.removeprefix("archives/"), "salObj.zip"}
    (tmp_path / "archives").mkdir()
    for name in archives:
        (tmp_path / "archives" / name).touch()
    found = known.at_hand(tmp_path)
    read = {name: found.image_dependencies(name).images[name].archive for name in names}  # type: ignore[union-attr]
    # Only the author's is there; both are; neither is.
    assert read == {"duts-tr": "duts-tr-original", "pascal-s": "pascal-s", "ecssd": "ecssd"}
    assert list(found.image_dependencies("duts-tr").sources) == ["duts-tr-original"]


def test_a_file_has_a_checksum_or_members() -> None:
    both = {"file": "a.tar.gz", "checksum": f"sha256:{DIGEST}", "members": TEN.model_dump()}
    with pytest.raises(InputError, match="by `checksum` or by `members`; remove one"):
        with_own({"sources": {"mine": both}})
