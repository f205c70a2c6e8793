"""The full run but for its size: archives of the same inner layout from a host with faults; own data, own network.

The photographs are the packages', the VGG16 the Oxford one; ResNet-152 has random weights, which belong to this test.
"""

import hashlib
import io
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import torchvision
import yaml
from conftest import ROOT, Workflow, copy_of_the_workflow
from PIL import Image
from posinfo import entries, registry
from posinfo.images import split
from posinfo.sources import read_member
from safetensors.torch import load_file
from unreliable import Served, serving

VOC = "VOCdevkit/VOC2012"
SMALL = {"seeds": [0], "training": {"epochs": 2, "decay_epoch": 1, "hidden": 8}}


def photographs(resources: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The packages' photographs, training and test: file name to bytes."""
    known = registry.shipped()
    collection = known.photographs["packaged"]
    found: dict[str, bytes] = {}
    for name in collection.sources:
        source = known.sources[name]
        assert isinstance(source, entries.Wheel)
        for member, digest in source.members.items():
            found[member] = read_member(resources / source.place, member, digest)
    parts = split(list(found), collection.held_out, collection.seed)
    train, test = ({Path(member).name: found[member] for member in part} for part in parts)
    return train, test


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def saved(weights: dict[str, torch.Tensor]) -> bytes:
    file = io.BytesIO()
    torch.save(weights, file)
    return file.getvalue()


def overlay(place: Path, *, base: str, **values: Any) -> Path:
    """A config: one of the workflow's, with other values."""
    merged = yaml.safe_load((ROOT / f"workflow/configs/{base}.yaml").read_text())
    for key, value in values.items():
        merged[key] = {**merged[key], **value} if isinstance(merged.get(key), dict) else value
    path = place / "overlay.yaml"
    path.write_text(yaml.safe_dump(merged))
    return path


def mask(picture: bytes, kind: int) -> bytes:
    """A picture's mask whose left half shows a kind of thing: not the truth, which nobody drew."""
    drawn = Image.new("P", Image.open(io.BytesIO(picture)).size)
    drawn.putpalette([level for level in range(256) for _ in "RGB"])
    drawn.paste(kind, (0, 0, drawn.width // 2, drawn.height))
    file = io.BytesIO()
    drawn.save(file, "PNG")
    return file.getvalue()


def sets_with_masks(train: list[bytes], test: list[bytes]) -> dict[str, bytes]:
    """The archives behind Table 5 as the paper's lie on their hosts: file name to bytes."""
    pictures = dict(enumerate(test, 1))
    white = {number: mask(data, 255) for number, data in pictures.items()}
    msra = {f"MSRA10K_Imgs_GT/Imgs/{number}.jpg": data for number, data in enumerate(train, 1)}
    msra |= {f"MSRA10K_Imgs_GT/Imgs/{number}.png": mask(data, 255) for number, data in enumerate(train, 1)}
    both = dict(enumerate(train + test, 1))
    voc = {f"{VOC}/JPEGImages/{number}.jpg": data for number, data in both.items()}
    voc |= {f"{VOC}/SegmentationClass/{number}.png": mask(data, 7) for number, data in both.items()}
    for part, numbers in (("train", [*both][: len(train)]), ("val", [*both][len(train) :])):
        listed = "".join(f"{number}\n" for number in numbers)
        voc[f"{VOC}/ImageSets/Segmentation/{part}.txt"] = listed.encode()
    return {
        "MSRA10K_Imgs_GT.zip": zipped(msra),
        "ECSSD-images.zip": zipped({f"images/{number}.jpg": data for number, data in pictures.items()}),
        "ECSSD-ground_truth_mask.zip": zipped({f"ground_truth_mask/{number}.png": white[number] for number in white}),
        "DUT-OMRON-image.zip": zipped({f"DUT-OMRON-image/{number}.jpg": data for number, data in pictures.items()}),
        "DUT-OMRON-gt-pixelwise.zip.zip": zipped({f"pixelwiseGT-new-PNG/{n}.png": white[n] for n in white}),
        "VOCtrainval_11-May-2012.tar": tarred(voc),
    }


def served_at(host: str, known: registry.Registry, files: dict[str, bytes]) -> dict[str, Any]:
    """The registry's entries of those files with another address, and the checksum of other bytes."""
    names = {source.file: name for name, source in known.sources.items() if isinstance(source, entries.RemoteFile)}
    return {
        names[file]: {
            "file": file,
            "urls": [f"{host}/{file}"],
            "checksum": f"sha256:{hashlib.sha256(data).hexdigest()}",
        }
        for file, data in files.items()
    }


def test_the_full_run_from_fetched_bytes_to_tables_1_and_5(resources: Path, tmp_path: Path) -> None:
    train, test = photographs(resources)
    oxford = load_file(resources / "encoders/vgg16.safetensors")
    head = {"classifier.0.weight": torch.zeros(2, 2), "classifier.0.bias": torch.zeros(2)}
    # Residual branches that begin at zero, or 50 random blocks would leave float16.
    resnet = torchvision.models.resnet152(weights=None, zero_init_residual=True).state_dict()
    pascal = {f"datasets/imgs/pascal/{number}.jpg": data for number, data in enumerate(test.values(), 1)}
    pascal |= {f"datasets/masks/pascal/{number}.png": mask(data, 255) for number, data in enumerate(test.values(), 1)}
    duts = {f"DUTS-TR/DUTS-TR-Image/{Path(name).stem}.jpg": data for name, data in train.items()}
    litter = {"datasets/imgs/pascal/imgList.mat": b"", "datasets/imgs/pascal/Thumbs.db": b""}
    files = {
        "/DUTS-TR.zip": Served(zipped(duts | {"DUTS-TR/.DS_Store": b""}), ["drop", "503"]),
        "/old/salObj.zip": Served(b"", ["/salObj.zip"]),
        "/salObj.zip": Served(zipped(pascal | litter)),
        "/vgg16.pth": Served(saved(oxford | head)),
        "/resnet152.pth": Served(saved(resnet)),
    }
    sums = {name: hashlib.sha256(served.data).hexdigest() for name, served in files.items()}
    with_masks = sets_with_masks(list(train.values()), list(test.values()))
    files |= {f"/{name}": Served(data) for name, data in with_masks.items()}
    known = registry.shipped()
    counts = dict.fromkeys(("duts-tr", "msra10k", "voc2012-train"), len(train))
    counts |= dict.fromkeys(("pascal-s", "ecssd", "dut-omron", "voc2012-val"), len(test))
    source = copy_of_the_workflow(tmp_path / "clone")
    with serving(files) as host:
        own = {
            "sources": {
                "duts-tr": {"file": "DUTS-TR.zip", "urls": [f"{host}/DUTS-TR.zip"]},
                "pascal-s": {
                    "file": "salObj.zip",
                    "urls": [f"{host}/gone.zip", f"{host}/old/salObj.zip"],
                    "checksum": f"md5:{hashlib.md5(files['/salObj.zip'].data).hexdigest()}",
                },
                "vgg16-torchvision": {
                    "file": "vgg16-397923af.pth",
                    "urls": [f"{host}/vgg16.pth"],
                    "checksum": f"sha256:{sums['/vgg16.pth'][:8]}",
                },
                "resnet152-torchvision": {
                    "file": "resnet152-394f9c45.pth",
                    "urls": [f"{host}/resnet152.pth"],
                    "checksum": f"sha256:{sums['/resnet152.pth'][:8]}",
                },
                **served_at(host, known, with_masks),
            },
            "images": {name: {**known.images[name].model_dump(), "count": count} for name, count in counts.items()},
        }
        tasks = {"recipe": {"epochs": 1, "pictures": 8, "batch": 4}}
        config = overlay(tmp_path, base="paper", own=own, tasks=tasks, **SMALL)
        workflow = Workflow(tmp_path, source, configfile=config)
        workflow.run("download")
    archives = tmp_path / "resources/archives"
    assert (archives / "DUTS-TR.zip.sha256").read_text().split() == [sums["/DUTS-TR.zip"], "DUTS-TR.zip"]
    assert not list(archives.glob("salObj.zip.sha256"))
    # The host is gone: whatever asked for it would fail now.
    table, tables_of_tasks = "results/paper/tables/table1.csv", ["table5a", "table5b"]
    assert "source" not in workflow.planned(table)
    workflow.run(table, *(f"results/paper/tables/{name}.csv" for name in tables_of_tasks))
    made = pd.read_csv(tmp_path / table)
    assert set(made["encoder"]) == {"pixels", "vgg16-torchvision", "resnet152-torchvision"}
    assert made.groupby("images")["n_images"].first().to_dict() == {"natural": 10, "black": 1, "white": 1, "noise": 10}
    assert made[["spc", "mae"]].notna().all(axis=None)
    for name, sets in zip(tables_of_tasks, ({"ecssd", "pascal-s", "dut-omron"}, {"voc2012-val"}), strict=True):
        made = pd.read_csv(tmp_path / f"results/paper/tables/{name}.csv")
        ours = made[made["from"] == "ours"]
        assert set(ours["images"]) == sets
        assert len(ours) == 2 * len(sets)
        assert ours.notna().all(axis=None)
    assert not list((tmp_path / "results").glob("tables"))
    # A damaged archive stops where it is read.
    data = bytearray((archives / "salObj.zip").read_bytes())
    data[1000] ^= 1
    (archives / "salObj.zip").write_bytes(bytes(data))
    (tmp_path / "results/paper/images/pascal-s.npy").unlink()
    done = workflow.run("results/paper/images/pascal-s.npy", check=False)
    assert done.returncode != 0
    assert "the registry expects" in done.stdout + done.stderr


def test_the_full_run_plans_without_a_network(tmp_path: Path) -> None:
    source = copy_of_the_workflow(tmp_path / "clone")
    workflow = Workflow(tmp_path, source, configfile=source / "workflow/configs/paper.yaml")
    planned = workflow.planned()
    assert {
        "features_vgg16-torchvision",
        "features_resnet152-torchvision",
        "readouts_vgg16-torchvision_table2a",
    } <= planned
    assert workflow.planned("download") == {"source", "download"}


def test_own_photographs_and_an_own_network(resources: Path, tmp_path: Path) -> None:
    """The folder for test and the file of weights bear names that a shell would take for commands."""
    source, odd = copy_of_the_workflow(tmp_path / "clone"), "my/-test $(touch harm) 'photo\"graphs'; touch harm"
    for folder, part in zip(("my/photographs", odd), photographs(resources), strict=True):
        (tmp_path / folder).mkdir(parents=True)
        for name, data in list(part.items())[:8]:
            (tmp_path / folder / name).write_bytes(data)
    weights = "my/res net$(touch harm)18.pth"
    torch.manual_seed(0)
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), tmp_path / weights)
    own = {**yaml.safe_load((ROOT / "workflow/configs/own.yaml").read_text())["own"]}
    own["sources"] = {"my-resnet": {"path": weights}}
    own["images"]["my-test-photographs"] = {"folder": odd}
    config = overlay(tmp_path, base="own", own=own, **SMALL)
    workflow = Workflow(tmp_path, source, configfile=config)
    scores = "results/own/scores/my-resnet/L1-k3-p0-all/my-test-photographs.csv"
    workflow.run(scores)
    assert len(pd.read_csv(tmp_path / scores)) == 5 * 8  # patterns x pictures
    pictures = pd.read_csv(tmp_path / "results/own/images/my-photographs.csv")
    assert len(pictures) == 8 * 8
    # Another photograph redoes what was made from the folder; the weights stay.
    shutil.copy(next((tmp_path / "my/photographs").iterdir()), tmp_path / odd / "another.png")
    planned = workflow.planned(scores)
    assert {"images", "features_my-resnet", "scores_my-resnet_base"} == planned
    # So do other weights.
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), tmp_path / weights)
    assert {"source", "encoder", "readouts_my-resnet_base"} <= workflow.planned(scores)
    assert not list(tmp_path.rglob("harm"))


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"images": {"my-photographs": {"folder": "nowhere"}}}, "nowhere is no folder"),
        ({"images": {"my-photographs": {"folder": "my"}}}, "my holds 0 photographs"),
        ({"encoders": {"my-resnet": {"title": "no taps"}}}, "encoders.my-resnet.taps: Field required"),
    ],
)
def test_mistakes_in_own_entries_stop_before_the_first_job(tmp_path: Path, own: dict[str, Any], words: str) -> None:
    base = yaml.safe_load((ROOT / "workflow/configs/own.yaml").read_text())["own"]
    merged = {part: {**base.get(part, {}), **own.get(part, {})} for part in {**base, **own}}
    config = overlay(tmp_path, base="own", own=merged)
    (tmp_path / "my").mkdir()
    (tmp_path / "my/resnet18.pth").touch()
    done = Workflow(tmp_path, copy_of_the_workflow(tmp_path / "clone"), configfile=config).run("--dry-run", check=False)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
