"""The full run but for its size: archives of the same inner layout from a host with faults.

The photographs are the packages', the VGG16 the Oxford one; ResNet-152 has random weights, which belong to this test.
"""

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import torchvision
from conftest import Workflow, copy_of_the_workflow
from posinfo.registry import catalogue, entries
from safetensors.torch import load_file
from synthetic_archives import SMALL, mask, overlay, photographs, saved, sets_with_masks, zipped
from unreliable import Served, serving


def served_at(host: str, known: catalogue.Registry, files: dict[str, bytes]) -> dict[str, Any]:
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
    known = catalogue.shipped()
    counts = dict.fromkeys(("duts-tr-original", "msra10k", "voc2012-train"), len(train))
    counts |= dict.fromkeys(("pascal-s-original", "ecssd-original", "dut-omron", "voc2012-val"), len(test))
    source = copy_of_the_workflow(tmp_path / "clone")
    with serving(files) as host:
        own = {
            "sources": {
                "duts-tr-original": {"file": "DUTS-TR.zip", "urls": [f"{host}/DUTS-TR.zip"]},
                "pascal-s-original": {
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
            # Under the sets' own names: they lie on their authors' hosts here.
            "images": {
                name.removesuffix("-original"): {**known.images[name].model_dump(), "count": count}
                for name, count in counts.items()
            },
            # The encoders that are trained are as deep as the paper's, and an eighth as wide.
            "encoders": {
                name: {**encoder.model_dump(mode="json", exclude_defaults=True), "architecture": "vgg16-eighth"}
                for name, encoder in known.encoders.items()
                if name.startswith("vgg16-scratch-")
            },
        }
        tasks = {"recipe": {"epochs": 1, "images": 4, "batch": 2}}
        config = overlay(tmp_path, base="paper paper-torchvision", own=own, tasks=tasks, **SMALL)
        workflow = Workflow(tmp_path, source, configfile=config)
        workflow.run("download")
    archives = tmp_path / "resources/archives"
    assert (archives / "DUTS-TR.zip.sha256").read_text().split()[-2:] == [sums["/DUTS-TR.zip"], "DUTS-TR.zip"]
    assert not list(archives.glob("salObj.zip.sha256"))
    # The host is gone: whatever asked for it would fail now.
    results = "results/paper-torchvision"
    table, tables_of_tasks = f"{results}/tables/table1.csv", ["table5a", "table5b"]
    assert "source" not in workflow.planned(table)
    workflow.run(table, *(f"{results}/tables/{name}.csv" for name in tables_of_tasks))
    made = pd.read_csv(tmp_path / table)
    both = {"vgg16-torchvision", "vgg16-torchvision-unnormalised"}
    assert set(made["encoder"]) == {"pixels", "resnet152-torchvision"} | both
    of_vgg = [made[made["encoder"] == encoder].reset_index() for encoder in sorted(both)]
    assert (of_vgg[0]["spc"] != of_vgg[1]["spc"]).any()
    assert of_vgg[0]["published_spc"].equals(of_vgg[1]["published_spc"])  # the paper prints one number for both
    assert made.groupby("images")["n_images"].first().to_dict() == {"natural": 10, "black": 1, "white": 1, "noise": 10}
    assert made[["spc", "mae"]].notna().all(axis=None)
    for name, sets in zip(tables_of_tasks, ({"ecssd", "pascal-s", "dut-omron"}, {"voc2012-val"}), strict=True):
        made = pd.read_csv(tmp_path / f"{results}/tables/{name}.csv")
        ours = made[made["from"] == "ours"]
        assert set(ours["images"]) == sets
        assert len(ours) == 2 * len(sets)
        assert ours.notna().all(axis=None)
    assert not list((tmp_path / "results").glob("tables"))
    # A damaged archive stops where it is read.
    data = bytearray((archives / "salObj.zip").read_bytes())
    data[1000] ^= 1
    (archives / "salObj.zip").write_bytes(bytes(data))
    (tmp_path / f"{results}/images/pascal-s.npy").unlink()
    done = workflow.run(f"{results}/images/pascal-s.npy", check=False)
    assert done.returncode != 0
    assert "the registry expects" in done.stdout + done.stderr


@pytest.mark.parametrize("base", ["paper", "paper paper-torchvision"])
def test_the_papers_runs_plan_without_a_network(tmp_path: Path, base: str) -> None:
    source = copy_of_the_workflow(tmp_path / "clone")
    workflow = Workflow(tmp_path, source, configfile=overlay(tmp_path, base=base))
    planned = workflow.planned()
    assert {"features", "readouts", "scores", "train_encoder", "index"} <= planned
    assert workflow.planned("download") == {"source", "download"}
