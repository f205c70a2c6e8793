"""The config of an atlas of one network, from the network's name."""

from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from posinfo.experiments.atlas import overlay
from posinfo.experiments.atlas.inputs import members
from posinfo.experiments.atlas.overlay import write_overlay
from posinfo.run.config import load_config
from posinfo.store.errors import InputError


def test_a_name_becomes_an_atlas_of_one_network(tmp_path: Path) -> None:
    path = tmp_path / "resnet18/config.yaml"
    write_overlay("torchvision/resnet18", [], path, tmp_path / "resources", random=True)
    written = yaml.safe_load(path.read_text())
    assert written["results"] == str(tmp_path / "resnet18")
    assert written["experiments"] == ["atlas"]
    run = load_config({**written, "results": "r", "resources": "s"})
    encoders = members(run)
    assert [(one.encoder, one.weights) for one in encoders] == [
        (f"resnet18-random-{draw}", "random") for draw in range(3)
    ]
    assert list(run.registry.encoders["resnet18-random-0"].taps) == ["f1", "f2", "f3", "f4", "f5"]


def test_missing_weights_name_the_remedies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object) -> None:
        raise InputError("no connection")

    monkeypatch.setattr(overlay, "fetch_file", offline)
    path = tmp_path / "one/config.yaml"
    with pytest.raises(
        InputError, match=r"the weights of torchvision/resnet18 cannot be fetched: no connection\n.*RANDOM=1"
    ):
        write_overlay("torchvision/resnet18", [], path, tmp_path)
    assert not (tmp_path / "one").exists()
    with pytest.raises(InputError, match=r"no zoo has weights for timm/mixer_s16_224\..*RANDOM=1"):
        write_overlay("timm/mixer_s16_224", [], path, tmp_path)
    with pytest.raises(InputError, match=r"did you mean 'squeezenet'"):
        write_overlay("squezenet", [], path, tmp_path)


def test_an_own_encoder_is_probed_with_its_weights(tmp_path: Path) -> None:
    own = ROOT / "workflow/configs/own.yaml"
    write_overlay("my-resnet", [own], tmp_path / "one/config.yaml", tmp_path)
    written = yaml.safe_load((tmp_path / "one/config.yaml").read_text())
    assert written["atlas"] == {"encoders": ["my-resnet"], "untrained": [], "draws": 0}
    assert written["images"]["train"] == "my-photographs"
    assert written["own"]["sources"] == {"my-resnet": {"path": "my/resnet18.pth"}}
