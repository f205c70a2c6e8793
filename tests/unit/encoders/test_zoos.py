"""Networks of torchvision and timm by name: their taps, their entries, and weights from a local file."""

import sys
from pathlib import Path

import pytest
import torch
import torchvision
import yaml
from posinfo.__main__ import main
from posinfo.encoders.architectures import empty_architecture, with_weights
from posinfo.encoders.initial import initialise
from posinfo.encoders.model_zoos import in_zoos
from posinfo.encoders.reading.tapped import tapped
from posinfo.encoders.taps import stages, taps, zoo_entry
from posinfo.encoders.weights import convert
from posinfo.registry import catalogue, entries
from posinfo.run.config import load_config
from posinfo.store.errors import InputError
from posinfo.store.tensors import read_tensors
from safetensors.torch import load_file, save


def test_taps_of_the_papers_encoders_match_the_paper() -> None:
    vgg = catalogue.shipped().encoders["vgg16-torchvision"]
    assert stages(taps(empty_architecture("vgg16"))) == vgg.taps
    found = {tap.name: (tap.channels, tap.side) for tap in taps(empty_architecture("torchvision/resnet152"))}
    resnet = catalogue.shipped().encoders["resnet152-torchvision"]
    assert [found[tap] for tap in resnet.taps.values()] == [(256, 56), (512, 28), (1024, 14), (2048, 7)]
    without = {tap.name: tap.side for tap in taps(empty_architecture("vgg16"), "none")}
    assert [without[tap] for tap in vgg.taps.values()] == [220, 106, 47, 17, 2]


@pytest.mark.parametrize("name", ["torchvision/resnet18", "torchvision/convnext_tiny", "timm/resnet18.a1_in1k"])
def test_the_printed_entry_is_a_config_that_loads(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["entry", name]) == 0
    written = yaml.safe_load(capsys.readouterr().out)
    (encoder,) = written["own"]["encoders"]
    run = load_config({**written, "controls": [encoder]})
    entry = run.registry.encoders[encoder]
    assert run.registry.weight_dependencies(encoder).source is not None
    assert len(entry.taps) >= 4
    maps = random_encoder(entry.architecture, entry.taps, tmp_path)(torch.zeros(1, 3, 224, 224))
    assert all(stage.ndim == 4 for stage in maps.values())


def opened(architecture: str, path: Path, wanted: dict[str, str]) -> torch.nn.Module:
    """An encoder with the weights of a file."""
    weights = {name: torch.from_numpy(array) for name, array in read_tensors(path)[0].items()}
    return tapped(with_weights(architecture, weights, path.name), wanted)


def random_encoder(architecture: str, wanted: dict[str, str], folder: Path) -> torch.nn.Module:
    """An encoder with random weights."""
    path = folder / "random.safetensors"
    initialise(architecture, 0, path)
    return opened(architecture, path, wanted)


def test_torchvision_checksums_are_those_in_the_file_names() -> None:
    written = zoo_entry("torchvision/resnet152", "IMAGENET1K_V1")["sources"]["resnet152"]
    ours = catalogue.shipped().sources["resnet152-torchvision"]
    assert isinstance(ours, entries.RemoteFile)
    assert (written["urls"], written["checksum"]) == (list(ours.urls), ours.checksum)


@pytest.mark.parametrize("kind", ["torch", "safetensors", "checkpoint"])
def test_a_state_dict_computes_what_the_network_does(tmp_path: Path, kind: str) -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(weights=None).eval()
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after training: not the identity
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    path = tmp_path / "weights"
    if kind == "safetensors":
        path.write_bytes(save(theirs.state_dict()))
    else:
        torch.save(
            {"state_dict": theirs.state_dict(), "epoch": 3} if kind == "checkpoint" else theirs.state_dict(), path
        )
    convert("state-dict", path.read_bytes(), "torchvision/resnet18", tmp_path / "ours.safetensors")
    model = opened("torchvision/resnet18", tmp_path / "ours.safetensors", {"f1": "layer1", "f4": "layer4"})
    image = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        maps = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(image))))
        first = theirs.layer1(maps)
        last = theirs.layer4(theirs.layer3(theirs.layer2(first)))
        ours = model(image)
    torch.testing.assert_close(ours["f1"], first)
    torch.testing.assert_close(ours["f4"], last)


def test_files_without_weights_of_the_network_are_refused(tmp_path: Path) -> None:
    smaller = save(torchvision.models.resnet18(weights=None).state_dict())
    with pytest.raises(InputError, match=r"do not fit the architecture torchvision/resnet50: .*layer1\.0"):
        convert("state-dict", smaller, "torchvision/resnet50", tmp_path / "out")
    larger = save(torchvision.models.resnet34(weights=None).state_dict())
    with pytest.raises(InputError, match=r"96 unexpected: layer1\.2"):
        convert("state-dict", larger, "torchvision/resnet18", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_random_weights_reach_the_end_of_a_network(tmp_path: Path) -> None:
    model = random_encoder("torchvision/resnet18", {"f4": "layer4"}, tmp_path)
    with torch.inference_mode():
        maps = model(torch.rand(1, 3, 224, 224))["f4"]
    assert float(maps.std()) > 1e-3
    weights = load_file(tmp_path / "random.safetensors")
    assert float(weights["bn1.running_var"].min()) == 1
    with_weights("torchvision/resnet18", weights, "random weights")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("torchvision/resnet512", "the nearest are .*resnet152"),
        ("timm/resnet1", "the nearest are"),
        ("keras/vgg16", "neither torchvision/NAME nor timm/NAME; did you mean torchvision/vgg16 or timm/vgg16"),
        ("vgg61", r"did you mean 'vgg16'\?; a network of a zoo is torchvision/NAME or timm/NAME"),
        ("resnet18", "unknown architecture 'resnet18'; the network of a zoo is torchvision/resnet18 or timm/resnet18$"),
    ],
)
def test_unknown_networks_get_the_nearest_name(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        empty_architecture(name)


def test_a_network_without_square_maps_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown tap 'layer9'"):
        random_encoder("torchvision/resnet18", {"f1": "layer9"}, tmp_path)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("taps resnet18", "unknown encoder 'resnet18'; the network of a zoo is torchvision/resnet18 or timm/resnet18"),
        ("probe resnet26d", "unknown encoder 'resnet26d'; the network of a zoo is timm/resnet26d"),
        ("taps resnet19", "did you mean 'resnet50-thin'?; a network of a zoo is torchvision/NAME or timm/NAME"),
        (
            "entry resnet18",
            "neither torchvision/NAME nor timm/NAME; did you mean torchvision/resnet18 or timm/resnet18?",
        ),
        ("entry resnet19", "architecture 'resnet19' is neither torchvision/NAME nor timm/NAME"),
    ],
)
def test_a_name_without_its_zoo_gets_the_zoos_that_have_it(
    command: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command.split()) == 1
    said = capsys.readouterr().err
    assert said.endswith(f"{words}\n")
    assert said.count("\n") == 1


def test_without_timm_the_other_zoo_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    assert in_zoos("resnet18") == ["torchvision/resnet18"]
