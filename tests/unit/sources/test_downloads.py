"""From hosts that drop, redirect, refuse and stall, a file arrives whole or not at all; the error says what to do."""

import hashlib
import re
from pathlib import Path

import pytest
from posinfo.sources.fetching import fetch_file, verify
from posinfo.store.errors import InputError
from unreliable import Served, serving

pytestmark = pytest.mark.usefixtures("short_waits")
DATA = bytes(range(256)) * 8192  # 2 MiB, several chunks
SHA256 = hashlib.sha256(DATA).hexdigest()
CHECKSUMS = [f"sha256:{SHA256}", f"sha256:{SHA256[:8]}", f"md5:{hashlib.md5(DATA).hexdigest()}"]


def fetch(files: dict[str, Served], path: Path, checksum: str | None = CHECKSUMS[0], mirrors: int = 1) -> None:
    with serving(files) as host:
        fetch_file([f"{host}/{name}" for name in ("a", "b")[:mirrors]], checksum, path)


@pytest.mark.parametrize("checksum", CHECKSUMS)
@pytest.mark.parametrize(
    "faults", [[], ["503"], ["drop"], ["stall"], ["/b"], ["429", "drop", "stall", "503"]], ids=" ".join
)
def test_the_file_arrives_whole(tmp_path: Path, checksum: str, faults: list[str]) -> None:
    path = tmp_path / "archives" / "file.zip"
    fetch({"/a": Served(DATA, faults.copy()), "/b": Served(DATA)}, path, checksum)
    assert path.read_bytes() == DATA
    assert list(path.parent.iterdir()) == [path]


def test_a_dropped_connection_is_resumed(tmp_path: Path) -> None:
    served = Served(DATA, ["drop", "drop"])
    fetch({"/a": served}, tmp_path / "file")
    starts = [int(asked.removeprefix("bytes=").removesuffix("-") or 0) for asked in served.asked]
    assert starts == [0, len(DATA) // 2, len(DATA) * 3 // 4]


def test_a_download_without_a_version_starts_again(tmp_path: Path) -> None:
    served = Served(DATA, ["drop"], etag="")
    fetch({"/a": served}, tmp_path / "file")
    assert served.asked == ["", ""]


def test_a_file_that_changed_on_the_server_starts_again(tmp_path: Path) -> None:
    served = Served(DATA, ["drop"])

    class Changing(list[str]):
        def append(self, asked: str) -> None:
            super().append(asked)
            served.etag = '"one"' if len(self) == 1 else '"two"'

    served.asked = Changing()
    fetch({"/a": served}, tmp_path / "file")
    assert len(served.asked) == 2
    assert (tmp_path / "file").read_bytes() == DATA


@pytest.mark.parametrize("faults", [["404"], ["403"], ["wrong"], ["503"] * 9, ["stall"] * 9], ids=lambda f: f[0])
def test_the_next_mirror_is_tried(tmp_path: Path, faults: list[str]) -> None:
    fetch({"/a": Served(DATA, faults, etag=""), "/b": Served(DATA)}, tmp_path / "file", mirrors=2)
    assert (tmp_path / "file").read_bytes() == DATA


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (["404"], "404"),
        (["503"] * 9, r"503 .*5 attempts"),
        (["wrong"], f"has sha256 [0-9a-f]{{64}}, the registry expects {SHA256}"),
        (["stall"] * 9, r"0\.5 s|broke off after"),
        (["drop"] * 9, f"broke off after [0-9]+ of {len(DATA)} bytes"),
    ],
    ids=["404", "503", "wrong", "stall", "drop"],
)
def test_a_failed_download_keeps_the_old_file(tmp_path: Path, faults: list[str], words: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(InputError, match=words) as caught:
        fetch({"/a": Served(DATA, faults, etag="")}, path)
    assert f"put it at {path}" in str(caught.value)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_host_that_is_down_is_named(tmp_path: Path) -> None:
    with serving({}) as host:
        pass
    with pytest.raises(InputError, match=r"the host may be down.*To place it by hand"):
        fetch_file([f"{host}/a"], None, tmp_path / "file")


def test_the_first_sum_is_recorded_and_required(tmp_path: Path) -> None:
    path, record = tmp_path / "file", tmp_path / "file.sha256"
    fetch({"/a": Served(DATA)}, path, None)
    assert re.fullmatch(rf"# http://.*/a\n{SHA256}  file\n", record.read_text())
    record.write_text(record.read_text().splitlines(keepends=True)[1])  # each server here has another address
    fetch({"/a": Served(DATA)}, path, None)
    with pytest.raises(InputError, match="first download had"):
        fetch({"/a": Served(b"other")}, path, None)
    assert path.read_bytes() == DATA
    path.write_bytes(b"other")
    with pytest.raises(InputError, match=rf"first download had \({record}"):
        verify(path, None)
    record.unlink()
    verify(path, None)


def test_a_file_of_the_same_name_from_elsewhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    fetch({"/a": Served(DATA)}, path, None)
    verify(path, None, [path.with_name("file.sha256").read_text().split()[1], "https://mirror.example/file"])
    with pytest.raises(InputError, match=r"was fetched from http://.*/a, not from https://other.example/file"):
        verify(path, None, ["https://other.example/file"])
    verify(path, CHECKSUMS[0], ["https://other.example/file"])


def test_a_file_placed_by_hand_is_verified_when_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(InputError, match="place it by hand"):
        verify(path, CHECKSUMS[0])
    path.write_bytes(DATA)
    for checksum in CHECKSUMS:
        verify(path, checksum)
    path.write_bytes(DATA[:-1])
    for checksum in CHECKSUMS:
        with pytest.raises(InputError, match="the registry expects"):
            verify(path, checksum)
