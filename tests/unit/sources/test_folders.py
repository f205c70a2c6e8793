"""Folders as people have them: links, odd names and other files are read, said or refused in a line."""

import os
from pathlib import Path

import pytest
from posinfo.__main__ import main
from posinfo.images.sets import images_of
from posinfo.registry.catalogue import Registry, canonical_json
from posinfo.registry.entries import Folder
from posinfo.sources.folders import folder_digest, passed_over, photographs_in
from posinfo.store.errors import InputError
from synthetic_features import jpeg


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One photograph, in a folder whose name looks like a photograph's."""
    (tmp_path / "set/album.jpg").mkdir(parents=True)
    (tmp_path / "set/album.jpg/one.jpg").write_bytes(jpeg(40))
    return tmp_path / "set"


def test_a_folder_named_like_a_photograph_is_a_folder(folder: Path) -> None:
    assert photographs_in(folder) == ["album.jpg/one.jpg"]
    assert len(folder_digest(folder)) == 16
    assert passed_over(folder) == ""


def test_what_is_left_out_is_said_once_by_kind(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.heic", "b.HEIC", "c.avif", "d.jfif", "e.gif", "f.jpe", "g.mpo", "README", ".hidden", "Thumbs.db"):
        (folder / name).write_bytes(jpeg(40))
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "two.jpg").write_bytes(jpeg(50))
    (folder / "more").symlink_to(elsewhere)
    (folder / "linked.jpg").symlink_to(elsewhere / "two.jpg")  # a link to a file is read
    entry = canonical_json(Registry(images={"mine": Folder(folder=str(folder))}))
    output = folder.parent / "mine.npy"
    assert main(["images", "mine", "--entry", entry, "--resources", "", "--trained-on", "--output", str(output)]) == 0
    (said,) = capsys.readouterr().err.splitlines()
    expected = "2 .heic, 1 .avif, 1 .jfif, 1 .gif, 1 .jpe, 1 .mpo, 1 without a suffix, 1 behind a link to a folder"
    assert set(said.partition("not read: ")[2].partition(";")[0].split(", ")) == set(expected.split(", "))
    assert photographs_in(folder) == ["album.jpg/one.jpg", "linked.jpg"]


def test_a_link_to_nothing_is_named(folder: Path) -> None:
    (folder / "gone.png").symlink_to(folder / "never.png")
    with pytest.raises(InputError, match=r"gone\.png is a link to a file that is not there"):
        photographs_in(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root lists every folder")
def test_a_folder_that_cannot_be_listed_is_named(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0)
    with pytest.raises(InputError, match=r"set/closed cannot be listed \(Permission denied\)"):
        photographs_in(folder)


def test_a_name_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.jpg")).write_bytes(jpeg(9))
    with pytest.raises(InputError, match=r"'caf\\udce9\.jpg', whose name is no text in UTF-8") as caught:
        images_of("mine", Registry(images={"mine": Folder(folder=str(folder))}), folder)
    str(caught.value).encode()


def test_photographs_of_one_name_are_both_named(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep/one.png").write_bytes(jpeg(9))
    with pytest.raises(
        InputError, match=r"holds album\.jpg/one\.jpg and deep/one\.png: images are told apart by 'one'"
    ):
        photographs_in(folder)
