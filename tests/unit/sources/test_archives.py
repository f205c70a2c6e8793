"""Images are read from archives in place; hostile, damaged and incomplete archives are named."""

import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from posinfo.images.sets import images_of
from posinfo.registry.catalogue import Registry
from posinfo.registry.entries import ArchiveImages, Folder, RemoteFile
from posinfo.sources.archives import LARGEST_IMAGE, images_in, opened
from posinfo.sources.folders import folder_digest
from posinfo.store.errors import InputError
from synthetic_features import jpeg, packed

PASCAL = "datasets/imgs/pascal/*.jpg"
MASKS = "datasets/masks/pascal/*.png"
OTHERS = ["datasets/imgs/pascal/imgList.mat", "datasets/imgs/pascal/Thumbs.db", "datasets/imgs/pascal/.hidden.jpg"]
OTHERS += ["__MACOSX/datasets/imgs/pascal/._1.jpg", "datasets/imgs/ft/1.jpg"]


def numbered(count: int) -> dict[str, bytes]:
    images = {f"datasets/imgs/pascal/{number}.jpg": jpeg(number * 20) for number in range(1, count + 1)}
    masks = {f"datasets/masks/pascal/{number}.png": b"mask" for number in range(1, count + 1)}
    return images | masks | dict.fromkeys(OTHERS, b"no image")


def found(path: Path, count: int, masks: str | None = None) -> list[str]:
    with opened(path) as archive:
        return images_in(archive, path, PASCAL, count, masks)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_images_are_found_among_other_files_and_decoded(tmp_path: Path, name: str) -> None:
    (tmp_path / "archives").mkdir()
    path = packed(tmp_path / "archives" / name, numbered(5))
    assert [Path(member).stem for member in found(path, 5)] == ["1", "2", "3", "4", "5"]
    registry = Registry(
        sources={"salobj": RemoteFile(file=name)},
        images={"pascal": ArchiveImages(archive="salobj", images=PASCAL, count=5)},
    )
    images, count = images_of("pascal", registry, tmp_path)
    decoded = list(images)
    assert count == len(decoded) == 5
    assert [image.name for image in decoded] == [f"{number}-0" for number in range(1, 6)]
    assert all(abs(int(image.pixels[0, 0, 0]) - 20 * number) < 4 for number, image in enumerate(decoded, 1))
    assert (decoded[0].right, decoded[0].bottom, decoded[0].flipped) == (12, 9, False)


@pytest.mark.parametrize("kind", ["a.zip", "a.tar", "a.tar.gz"])
def test_members_that_begin_with_a_dot_are_found(tmp_path: Path, kind: str) -> None:
    path = packed(tmp_path / kind, {f"./{name}": data for name, data in numbered(3).items()})
    with opened(path) as archive:
        assert archive.read(PASCAL.replace("*", "2")) == jpeg(40)
    assert found(path, 3, MASKS) == [PASCAL.replace("*", str(number)) for number in (1, 2, 3)]


def test_missing_images_are_named_by_masks_or_by_numbers(tmp_path: Path) -> None:
    members = numbered(40)
    for number in (7, 33):
        del members[f"datasets/imgs/pascal/{number}.jpg"]
    path = packed(tmp_path / "a.zip", members)
    with pytest.raises(InputError, match=r"has 38 images .* expects 40; masks without their image: 33, 7;"):
        found(path, 40, MASKS)
    with pytest.raises(InputError, match="missing: 7, 33;"):
        found(path, 40)
    with pytest.raises(InputError, match=r"has 0 images .* found: none"), opened(path) as archive:
        images_in(archive, path, "DUTS-TR/DUTS-TR-Image/*.jpg", 10553)
    with pytest.raises(InputError, match="missing: 7, 33, 41, 42, 43, 44, 45, 46, 47, 48 and 53 more"):
        found(path, 101)


@pytest.mark.parametrize("name", ["/etc/passwd", "../../out.jpg", "datasets/../../x.jpg", "..\\out.jpg"])
@pytest.mark.parametrize("kind", ["a.zip", "a.tar"])
def test_paths_that_reach_outside_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    with pytest.raises(InputError, match="reaches outside the archive"):
        found(packed(tmp_path / kind, {**numbered(2), name: b"x"}), 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [kind]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_no_images(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("datasets/imgs/pascal/1.jpg")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(InputError, match="a link or a device"):
        found(path, 1)


def test_a_link_in_a_zip_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("datasets/imgs/pascal/1.jpg")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(InputError, match="a link or a device"):
        found(path, 1)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    name = "datasets/imgs/pascal/1.jpg"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as member:
        for _ in range(LARGEST_IMAGE // 2**20 + 1):
            member.write(bytes(2**20))
    assert path.stat().st_size < 2**20
    with pytest.raises(InputError, match="more than any photograph"):
        found(path, 1)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_a_truncated_archive_is_called_damaged(tmp_path: Path, name: str) -> None:
    path = packed(tmp_path / name, numbered(20))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 5])
    with pytest.raises(InputError, match=r"damaged|expects 20"):
        found(path, 20)


def test_a_web_page_instead_of_an_archive_is_named(tmp_path: Path) -> None:
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
    images, count = images_of("mine", registry, tmp_path)
    assert [image.name for image in images] == ["b-0", "b-1", "b-2", "a-0", "a-1", "a-2"]
    assert count == 6
    before = folder_digest(folder)
    (folder / "c.png").write_bytes(jpeg(10))
    assert folder_digest(folder) != before
    (folder / "deep" / "b.png").write_bytes(jpeg(10))
    with pytest.raises(InputError, match=r"holds b\.jpg and deep/b\.png: images are told apart by 'b'"):
        folder_digest(folder)
    with pytest.raises(InputError, match="is no folder"):
        images_of("mine", Registry(images={"mine": Folder(folder=str(tmp_path / "none"))}), tmp_path)
    with pytest.raises(InputError, match=r"holds 4 photographs .* expected 9"):
        images_of("mine", Registry(images={"mine": Folder(folder=str(folder), count=9)}), tmp_path)
