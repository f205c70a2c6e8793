"""A flipped bit or a cut end in a stored file stops the run that would use it; deleting the named file mends it."""

import shutil
import zipfile
from pathlib import Path

import pytest
from conftest import RESOURCES, Ledger, Workflow
from injection import TABLE, tables_of

# The damaged file, what is removed so that somebody must read it, and what is deleted to mend it.
CASES = {
    "wheel": ("resources/packages/foolbox-3.3.4.whl", "results/images", ""),
    "weights": ("resources/encoders/vgg16.safetensors", "results/features/vgg16", ""),
    "images": ("results/images/synthetic.npy", "results/features/pixels/synthetic", ""),
    "list of images": ("results/images/photos-test-small.csv", "results/scores/vgg16", ""),
    "features": (
        "results/features/vgg16/photos-train-small/f3.npy",
        "results/readouts/vgg16",
        "results/features/vgg16/photos-train-small",
    ),
    "readout": (
        "results/readouts/vgg16/base/L1-k3-p0-all.safetensors",
        "results/scores/vgg16",
        "results/readouts/vgg16/base",
    ),
    "scores": ("results/scores/resnet50-thin/base/synthetic.csv", "results/tables", ""),
}


def _place(path: Path, size: int) -> int:
    """Where to damage: inside a photograph, for a wheel also holds what nobody reads."""
    if path.suffix != ".whl":
        return size // 3
    with zipfile.ZipFile(path) as wheel:
        return wheel.getinfo("foolbox/data/imagenet_00_243.jpg").header_offset + 5000


@pytest.mark.faults
@pytest.mark.parametrize("damage", ["flipped", "cut"])
@pytest.mark.parametrize("kind", list(CASES))
def test_damage_is_named_and_mended(finished: Workflow, kind: str, damage: str, ledger: Ledger) -> None:
    name, removed, folder = CASES[kind]
    ledger.what = f"{kind}: one bit flipped" if damage == "flipped" else f"{kind}: cut to half"
    packages = finished.place / "resources/packages"
    if packages.is_symlink():
        packages.unlink()
        shutil.copytree(RESOURCES / "packages", packages)
    before = tables_of(finished.place)
    path = finished.place / name
    data = bytearray(path.read_bytes())
    data[_place(path, len(data))] ^= 4
    path.write_bytes(bytes(data) if damage == "flipped" else bytes(data[: len(data) // 2]))
    shutil.rmtree(finished.place / removed)
    shutil.rmtree(finished.place / "results/tables", ignore_errors=True)
    ledger.count += 1
    # A digest decides, whatever time the damaged file bears.
    done = finished.run(TABLE, "--rerun-triggers", "params", check=False)
    words = done.stdout + done.stderr
    assert done.returncode != 0, "damage was used"
    assert path.name in words
    assert "delete" in words
    if kind == "wheel":
        shutil.copy2(RESOURCES / "packages" / path.name, path)  # as fetching it again would
    elif folder:
        shutil.rmtree(finished.place / folder)
    else:
        path.unlink()
    finished.run(TABLE)
    assert tables_of(finished.place) == before


@pytest.mark.faults
def test_an_old_cache_is_refused_where_snakemake_has_no_record(finished: Workflow, ledger: Ledger) -> None:
    ledger.what = "features of other code, Snakemake's records lost"
    ledger.count = 1
    module = finished.source / "workflow/posinfo/features/extraction.py"
    module.write_text(module.read_text() + "ANOTHER_VERSION = 1\n")
    shutil.rmtree(finished.place / ".snakemake")
    for removed in ("readouts/vgg16", "scores/vgg16", "tables"):
        shutil.rmtree(finished.place / "results" / removed)
    done = finished.run(TABLE, check=False)
    assert done.returncode != 0
    assert "code of extraction.py" in done.stdout + done.stderr
