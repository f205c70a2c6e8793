"""Pictures are read out of archives in place; hostile, damaged and incomplete archives are named."""

import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from posinfo.images.sets import pictures_of
from posinfo.registry.catalogue import Registry
from posinfo.registry.entries import ArchiveImages, Folder, LocalFile
from posinfo.sources.archives import LARGEST_PICTURE, opened, pictures_in
from posinfo.sources.folders import state_of
from posinfo.store.errors import InputError
from synthetic_features import jpeg, packed

PASCAL = "datasets/imgs/pascal/*.jpg"
MASKS = "datasets/masks/pascal/*.png"
LITTER = ["datasets/imgs/pascal/imgList.mat", "datasets/imgs/pascal/Thumbs.db", "datasets/imgs/pascal/.hidden.jpg"]
LITTER += ["__MACOSX/datasets/imgs/pascal/._1.jpg", "datasets/imgs/ft/1.jpg"]


def numbered(count: int) -> dict[str, bytes]:
    pictures = {f"datasets/imgs/pascal/{number}.jpg": jpeg(number * 20) for number in range(1, count + 1)}
    masks = {f"datasets/masks/pascal/{number}.png": b"mask" for number in range(1, count + 1)}
    return pictures | masks | dict.fromkeys(LITTER, b"litter")


def found(path: Path, count: int, masks: str | None = None) -> list[str]:
    with opened(path) as archive:
        return pictures_in(archive, path, PASCAL, count, masks)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_pictures_are_found_among_litter_and_decoded(tmp_path: Path, name: str) -> None:
    (tmp_path / "archives").mkdir()
    path = packed(tmp_path / "archives" / name, numbered(5))
    assert [Path(member).stem for member in found(path, 5)] == ["1", "2", "3", "4", "5"]
    registry = Registry(
        sources={"salobj": LocalFile(path=f"/elsewhere/{name}")},
        images={"pascal": ArchiveImages(archive="salobj", pictures=PASCAL, count=5)},
    )
    pictures, count = pictures_of("pascal", registry, tmp_path)
    listed = list(pictures)
    assert count == len(listed) == 5
    assert [picture.name for picture in listed] == [f"{number}-0" for number in range(1, 6)]
    assert all(abs(int(picture.pixels[0, 0, 0]) - 20 * number) < 4 for number, picture in enumerate(listed, 1))
    assert (listed[0].right, listed[0].bottom, listed[0].flipped) == (12, 9, False)


def test_missing_pictures_are_named_by_masks_or_by_numbers(tmp_path: Path) -> None:
    members = numbered(40)
    for number in (7, 33):
        del members[f"datasets/imgs/pascal/{number}.jpg"]
    path = packed(tmp_path / "a.zip", members)
    with pytest.raises(InputError, match=r"has 38 pictures .* expects 40; masks without their picture: 33, 7;"):
        found(path, 40, MASKS)
    with pytest.raises(InputError, match="missing: 7, 33;"):
        found(path, 40)
    with pytest.raises(InputError, match=r"has 0 pictures .* there are none"), opened(path) as archive:
        pictures_in(archive, path, "DUTS-TR/DUTS-TR-Image/*.jpg", 10553)
    with pytest.raises(InputError, match="missing: 7, 33, 41, 42, 43, 44, 45, 46, 47, 48 and 53 more"):
        found(path, 101)


@pytest.mark.parametrize("name", ["/etc/passwd", "../../out.jpg", "datasets/../../x.jpg", "..\\out.jpg"])
@pytest.mark.parametrize("kind", ["a.zip", "a.tar"])
def test_paths_that_reach_outside_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    with pytest.raises(InputError, match="reaches outside the archive"):
        found(packed(tmp_path / kind, {**numbered(2), name: b"x"}), 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [kind]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_no_pictures(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("datasets/imgs/pascal/1.jpg")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(InputError, match="a link or a device"):
        found(path, 1)


def test_a_link_in_a_zip_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("datasets/imgs/pascal/1.jpg")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(InputError, match="a link or a device"):
        found(path, 1)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    name = "datasets/imgs/pascal/1.jpg"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as member:
        for _ in range(LARGEST_PICTURE // 2**20 + 1):
            member.write(bytes(2**20))
    assert path.stat().st_size < 2**20
    with pytest.raises(InputError, match="more than any photograph"):
        found(path, 1)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_a_cut_archive_is_called_damaged(tmp_path: Path, name: str) -> None:
    path = packed(tmp_path / name, numbered(20))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 5])
    with pytest.raises(InputError, match=r"damaged|expects 20"):
        found(path, 20)


def test_a_page_instead_of_an_archive_is_called_that(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_text("<html>moved</html>")
    with pytest.raises(InputError, match="is no zip or tar"):
        found(path, 1)


def test_a_folder_is_a_set(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.jpg").write_bytes(jpeg(40))
    (folder / "deep" / "a.JPG").write_bytes(jpeg(80))
    (folder / "notes.txt").write_text("no photograph")
    (folder / ".hidden.jpg").write_bytes(b"")
    registry = Registry(images={"mine": Folder(folder=str(folder), views=3)})
    pictures, count = pictures_of("mine", registry, tmp_path)
    assert [picture.name for picture in pictures] == ["b-0", "b-1", "b-2", "a-0", "a-1", "a-2"]
    assert count == 6
    before = state_of(folder)
    (folder / "c.png").write_bytes(jpeg(10))
    assert state_of(folder) != before
    (folder / "deep" / "b.png").write_bytes(jpeg(10))
    with pytest.raises(InputError, match="'b' is the name of more than one photograph"):
        state_of(folder)
    with pytest.raises(InputError, match="is no folder"):
        pictures_of("mine", Registry(images={"mine": Folder(folder=str(tmp_path / "none"))}), tmp_path)
    with pytest.raises(InputError, match=r"holds 4 photographs .* expected 9"):
        pictures_of("mine", Registry(images={"mine": Folder(folder=str(folder), count=9)}), tmp_path)
