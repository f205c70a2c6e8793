"""Own photographs and an own network, and mistakes in their entries."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
import yaml
from conftest import ROOT, Workflow, copy_of_the_workflow
from posinfo.registry.overlays import merged
from posinfo.store.errors import InputError
from posinfo.store.tensors import read_tensors
from synthetic_archives import SMALL, overlay, photographs


def test_own_photographs_and_an_own_network(resources: Path, tmp_path: Path) -> None:
    """Folders and the file of weights bear names that a shell takes for commands, and Snakemake for wildcards."""
    source, odd = (
        copy_of_the_workflow(tmp_path / "clone {of} mine"),
        "my/-test $(touch harm) {x} 'photo\"graphs'; touch harm",
    )
    for folder, part in zip(("my/photographs", odd), photographs(resources), strict=True):
        (tmp_path / folder).mkdir(parents=True)
        for name, data in list(part.items())[:8]:
            (tmp_path / folder / name).write_bytes(data)
    weights = "my/res net$(touch harm){18}.pth"
    torch.manual_seed(0)
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), tmp_path / weights)
    own = {**yaml.safe_load((ROOT / "workflow/configs/own.yaml").read_text())["own"]}
    own["sources"] = {"my-resnet": {"path": weights}}
    own["images"]["my.test"] = {"folder": odd}
    own["encoders"]["my-resnet"]["title"] = "my ResNet_{18}"
    roles = {"train": "my-photographs", "natural": "my.test"}
    drawn = {"encoders": ["my-resnet"], "draws": 1}
    config = overlay(tmp_path, base="own", own=own, images=roles, results="./results//own/", atlas=drawn, **SMALL)
    workflow = Workflow(tmp_path, source, configfile=config)
    scores = "results/own/scores/my-resnet/base/my.test.csv"
    workflow.run()
    made = {path.name for folder in ("tables", "figures") for path in (tmp_path / "results/own" / folder).iterdir()}
    assert made == {f"atlas.{suffix}" for suffix in ("csv", "md", "tex", "pdf", "png")}
    table = pd.read_csv(tmp_path / "results/own/tables/atlas.csv")
    assert len(table) == 6 * 3 * 2  # stages and all x patterns x weights
    assert set(table["weights"]) == {"trained", "random"}
    assert (table["spc_low"] <= table["spc"]).all()
    assert (table["spc"] <= table["spc_high"]).all()
    assert "152" not in (tmp_path / "results/own/tables/atlas.md").read_text()
    assert "my ResNet_{18}" in (tmp_path / "results/own/index.html").read_text()
    images = pd.read_csv(tmp_path / "results/own/images/my-photographs.csv")
    assert len(images) == 8 * 8
    assert workflow.planned("verify") == {"verify"}
    # Another photograph redoes what was made from the folder; the weights stay.
    shutil.copy(next((tmp_path / "my/photographs").iterdir()), tmp_path / odd / "another.png")
    planned = workflow.planned(scores)
    assert {"images", "features", "scores"} == planned
    # So do other weights.
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), tmp_path / weights)
    assert {"own_encoder", "readouts"} <= workflow.planned(scores)
    assert not list(tmp_path.rglob("harm"))


def test_features_from_elsewhere_score_as_their_encoder(smoke: Workflow, tmp_path: Path) -> None:
    """The encoder is the one of the photographs' own values, which numpy divides as torch does."""
    for images in ("photos-train-small", "photos-test-small"):
        folder = smoke.place / "my/features" / images
        folder.mkdir(parents=True)
        pixels = np.load(smoke.place / f"results/images/{images}.npy")
        np.save(folder / "rgb.npy", pixels.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))
    own = {"encoders": {"mine": {"features": "my/features", "taps": {"rgb": "image"}}}}
    workflow = Workflow(smoke.place, smoke.source, configfile=overlay(tmp_path, base="smoke", own=own))
    scores = "results/scores/mine/base/photos-test-small.csv"
    workflow.run(scores)
    ours, encoders = (smoke.place / path for path in (scores, scores.replace("mine", "pixels")))
    pd.testing.assert_frame_equal(pd.read_csv(ours), pd.read_csv(encoders), rtol=0, atol=1e-3)
    # Other maps redo what was made from them.
    np.save(folder / "rgb.npy", np.zeros((10, 3, 28, 28), np.float16))
    assert workflow.planned(scores) == {"features", "scores"}
    (folder / "rgb.npy").unlink()
    done = workflow.run(scores, "--dry-run", check=False)
    assert "my/features/photos-test-small/rgb.npy is missing" in done.stdout


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


def test_weight_files_of_one_name_are_both_read(tmp_path: Path) -> None:
    """While they are missing, the last line says so."""
    own = yaml.safe_load((ROOT / "workflow/configs/own.yaml").read_text())["own"]
    own["sources"] = {"a": {"path": "a/weights.pth"}, "b": {"path": "b/weights.pth"}}
    base = own["encoders"].pop("my-resnet") | {
        "architecture": "torchvision/shufflenet_v2_x0_5",
        "taps": {"f1": "conv1"},
    }
    for name in own["sources"]:
        own["encoders"][name] = {**base, "weights": {"source": name, "layout": "state-dict"}}
    config = overlay(tmp_path, base="own", own=own, atlas={"encoders": ["a"]})
    workflow = Workflow(tmp_path, copy_of_the_workflow(tmp_path / "clone"), configfile=config)
    written = [f"results/own/weights/{name}.safetensors" for name in own["sources"]]
    done = workflow.run(*written, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"[ab]/weights\.pth is no file; .*", (done.stdout + done.stderr).splitlines()[-1])
    stored = {}
    for seed, name in enumerate(own["sources"]):
        torch.manual_seed(seed)
        stored[name] = torchvision.models.shufflenet_v2_x0_5(weights=None).state_dict()
        (tmp_path / name).mkdir()
        torch.save({"state_dict": stored[name]}, tmp_path / name / "weights.pth")
    assert "the weights are those below 'state_dict'" in workflow.run(*written).stdout
    for name, path in zip(own["sources"], written, strict=True):
        weight = read_tensors(tmp_path / path)[0]["conv1.0.weight"]
        np.testing.assert_array_equal(weight, stored[name]["conv1.0.weight"].numpy())


def test_entries_pasted_one_after_the_other_are_refused(tmp_path: Path) -> None:
    """As `posinfo entry` prints them, each below its own `own:`, of which YAML takes the last."""
    config = tmp_path / "both.yaml"
    config.write_text("own:\n  encoders:\n    a: {variant_of: vgg16}\nown:\n  encoders:\n    b: {variant_of: vgg16}\n")
    words = f"{config}, line 4: own is there twice in one section"
    done = Workflow(tmp_path, copy_of_the_workflow(tmp_path / "clone"), configfile=config).run("--dry-run", check=False)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    with pytest.raises(InputError, match=words):
        merged([config])


def test_folders_over_one_resources_read_their_own_weights(tmp_path: Path) -> None:
    """The files have one name, size and age, and the entries are the same."""
    source = copy_of_the_workflow(tmp_path / "clone")
    own = yaml.safe_load((ROOT / "workflow/configs/own.yaml").read_text())["own"]
    own["sources"] = {"my-resnet": {"path": "weights.pth"}}
    own["encoders"]["my-resnet"] |= {"architecture": "torchvision/shufflenet_v2_x0_5", "taps": {"f1": "conv1"}}
    written = "results/own/weights/my-resnet.safetensors"
    config = overlay(tmp_path, base="own", own=own)
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "resources").symlink_to(source / "resources")
        torch.manual_seed(seed)
        network = torchvision.models.shufflenet_v2_x0_5(weights=None)
        torch.save(network.state_dict(), folder / "weights.pth")
        os.utime(folder / "weights.pth", (0, 0))
        workflow = Workflow(folder, source, configfile=config)
        workflow.run(written)
        weight = read_tensors(folder / written)[0]["conv1.0.weight"]
        np.testing.assert_array_equal(weight, network.state_dict()["conv1.0.weight"].numpy())
    # An older file in its place is another file.
    os.utime(folder / "weights.pth", (1, 1))
    assert workflow.planned(written) == {"own_encoder"}


def test_an_own_encoder_can_play_every_role(tmp_path: Path) -> None:
    """The smoke configuration plans and its tables of experiments find the entry."""
    own = {"encoders": {"my-vgg": {"variant_of": "vgg16", "title": "mine"}}}
    roles = {"models": {"VGG": "my-vgg"}, "controls": []}
    config = overlay(tmp_path, base="smoke", own=own, **roles)
    workflow = Workflow(tmp_path, copy_of_the_workflow(tmp_path / "clone"), configfile=config)
    assert {"table", "figure", "claims"} <= workflow.planned()
    workflow.run("results/tables/foveation.csv")
    assert "mine" in (tmp_path / "results/tables/foveation.md").read_text()
