"""One network in one call: a module or a name, its photographs, its control, and what is refused in a line."""

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from PIL import Image
from posinfo.__main__ import main
from posinfo.features.extraction import Preprocessing
from posinfo.probing import images as probed_images
from posinfo.probing.figure import plot
from posinfo.probing.probe import probe
from posinfo.probing.table import caption
from posinfo.probing.transforms import preprocessing_of
from posinfo.protocol.readout import Training
from posinfo.store.errors import InputError
from safetensors.torch import save_file
from timm.data.transforms_factory import create_transform
from torch import nn
from torchvision import transforms
from torchvision.models import ResNet18_Weights, squeezenet1_1
from torchvision.transforms import v2

SHORT = Training(epochs=1)
PLAIN = Preprocessing("RGB", 1)
KNOWN: dict[str, Any] = {
    "taps": {"f1": "first", "f2": "second"},
    "transform": PLAIN,
    "patterns": ["H"],
    "seeds": [0],
    "training": SHORT,
    "device": "cpu",
}


@pytest.fixture(autouse=True)
def few_views(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each photograph is shown whole, and no more often."""
    monkeypatch.setattr(probed_images, "IMAGES", {"train": 1, "test": 1})


class Small(nn.Module):
    """Two convolutions without a place in any zoo."""

    def __init__(self, channels: int = 6) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 4, 3, 8, padding=1), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(4, channels, 3, 2, padding=1), nn.ReLU())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.second(self.first(images)).mean((2, 3))
        return maps


def random_images(count: int = 8) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, 40, 50, 3), dtype=np.uint8)


def read(module: nn.Module, **options: Any) -> tuple[pd.DataFrame, Any]:
    """Scores and maps after one epoch, of eight random images."""
    return probe(module, random_images(), **(KNOWN | options))


def test_a_network_stands_beside_random_weights() -> None:
    module = Small().train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    scores, maps = read(module, patterns=["H", "G"], seeds=[0, 3])
    assert set(zip(scores["weights"], scores["draws"], scores["n_seeds"], strict=True)) == {
        ("given", 1, 2),
        ("random", 3, 1),
    }
    cells = ["weights", "stage", "pattern"]
    assert len(scores) == len(scores.drop_duplicates(cells)) == 2 * 3 * 2
    assert scores["spc"].between(scores["spc_low"] - 1e-9, scores["spc_high"] + 1e-9).all()
    assert (scores[["spc_sd", "mae_sd"]] > 0).all(axis=None)
    fields = scores.drop_duplicates("stage").set_index("stage")["field"]
    assert fields.to_dict() == {"f1": 3, "f2": 19, "all": 19}
    assert set(maps) == {"f1", "f2", "all"}
    assert all(part["G"].shape == (2, 224, 224) for part in maps.values())  # a quarter of eight is tested
    assert module.training
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


def test_the_scores_say_what_was_read() -> None:
    said = read(Small())[0].attrs
    assert (said["network"], said["control"]) == ("Small", "3 draws of random weights")
    assert (said["protocol"]["seeds"], said["protocol"]["patterns"]) == ([0], ["H"])
    assert said["images"] == "2 views of 2 photographs, trained on 6 views of 6 others"
    assert said["input"]["order"] == "RGB"
    assert said["versions"]["torch"] == torch.__version__
    assert json.loads(json.dumps(said))["protocol"]["training"]["epochs"] == 1


def test_the_threads_of_torch_are_the_callers_again() -> None:
    before = torch.get_num_threads()
    read(Small(), threads=before + 1, random=0)
    assert torch.get_num_threads() == before


class Unexplained(Small):
    """With a parameter that no layer draws."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images + self.offset)


def test_a_missing_control_is_said_and_may_be_given() -> None:
    network = Unexplained()
    with pytest.warns(UserWarning, match="offset belongs to no layer with reset_parameters; give random="):
        alone, _ = read(network)
    assert set(alone["weights"]) == {"given"}
    assert "offset" in alone.attrs["control"]
    beside, _ = read(network, random=[Unexplained(), Unexplained()])
    assert beside.drop_duplicates("weights")["draws"].tolist() == [1, 2]
    sequence = nn.Sequential(nn.Conv2d(3, 4, 3, 8, padding=1), nn.ReLU())
    one, _ = read(sequence, taps={"f1": "0"}, random=sequence)
    assert one.attrs["control"] == "1 draw of random weights"
    pd.testing.assert_frame_equal(beside[beside["weights"] == "given"], alone)


class ColumnsFirst(Small):
    """Its second maps have their columns first."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.second(self.first(images)).transpose(2, 3)
        return maps


def test_a_stage_that_may_be_misread_is_said() -> None:
    with pytest.warns(UserWarning, match="ColumnsFirst: f2 does not change most where an image changes") as lines:
        read(ColumnsFirst(), taps={"f1": "first", "f2": "transpose"}, random=0)
    assert len(lines) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(Small(), random=0)


class Careful(Small):
    """Refuses images that are no numbers."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if images.isnan().any():
            raise ValueError("an image has NaN")
        return super().forward(images)


def test_a_network_that_refuses_nan_has_no_fields() -> None:
    scores, _ = read(Careful(), random=0)
    assert scores["field"].isna().all()
    assert scores.drop_duplicates("stage")["side"].tolist() == [28, 14, 28]


def test_a_file_of_weights_is_the_network_that_saved_it(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = squeezenet1_1()
    torch.save({"model": network.state_dict()}, tmp_path / "my.pth")
    options: dict[str, Any] = {"patterns": ["H"], "seeds": [0], "training": SHORT, "random": 0, "device": "cpu"}
    taps = {"f1": "features.1", "f2": "features.12"}
    named, _ = probe("torchvision/squeezenet1_1", random_images(), taps, weights=tmp_path / "my.pth", **options)
    transform = ResNet18_Weights.DEFAULT.transforms()
    held, _ = probe(network, random_images(), taps, transform=transform, **options)
    numbers = ["stage", "pattern", "spc", "mae", "channels", "side", "field", "border"]
    pd.testing.assert_frame_equal(named[numbers], held[numbers], rtol=1e-5)
    assert "those below 'model' in the file" in named.attrs["weights"]
    assert "images as for the weights of torchvision/squeezenet1_1: RGB, white is 1" in named.attrs["weights"]


def test_random_weights_are_read_alone() -> None:
    options: dict[str, Any] = {"patterns": ["H"], "training": SHORT, "device": "cpu"}
    scores, maps = probe("squeezenet", random_images(), {"f1": "features.4"}, weights="random", random=2, **options)
    assert set(zip(scores["weights"], scores["draws"], strict=True)) == {("random", 2)}
    assert set(maps) == {"f1", "all"}
    with pytest.raises(InputError, match="nothing of squeezenet is read"):
        probe("squeezenet", random_images(), weights="random", random=0, **options)


@pytest.mark.parametrize(
    ("network", "weights", "words"),
    [
        ("torchvision/resnet18", None, r"torchvision/resnet18 cannot be fetched: .*\n.*--weights random"),
        ("timm/mixer_s16_224", None, "no zoo has weights for timm/mixer_s16_224; .*--weights FILE"),
        ("torchvision/resnet18", "my.pth", "my.pth is no file; give a state dict"),
        ("torchvision/resnet18", "small.safetensors", r"small\.safetensors: .* do not fit the architecture"),
        ("resnet18", None, "torchvision/resnet18 or timm/resnet18"),
        ("torchvision/resnet512", None, "the nearest are"),
        ("squezenet", None, "did you mean 'squeezenet'"),
        ("vgg16-cropped", None, "fitted maps; .* name vgg16"),
        (Small(), "my.pth", "load it into the module"),
        (Small(), None, "transform: say how the network expects its images"),
    ],
)
@pytest.mark.usefixtures("short_waits")
def test_networks_that_cannot_be_read_are_named(
    network: Any, weights: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # a port that nothing answers
    save_file({"first.0.weight": torch.zeros(1)}, "small.safetensors")
    with pytest.raises(InputError, match=re.compile(words, re.DOTALL)):
        probe(network, random_images(), weights=weights)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"patterns": ["H", "X"]}, "patterns: unknown pattern 'X'"),
        ({"patterns": ()}, "patterns: .* at least 1"),
        ({"patterns": "HS"}, "patterns: .* valid list"),
        ({"seeds": ()}, "seeds: .* at least 1"),
        ({"seeds": 0}, "seeds: .* valid list"),
        ({"seeds": [0, -1]}, r"seeds\.1: .* greater than or equal to 0 .got -1"),
        ({"held_out": 0}, "held_out: .* greater than 0"),
        ({"held_out": 0.01}, "8 images, 0 of them held out: .* held_out, now 0.01"),
        ({"definition": "papr"}, "definition: .*; did you mean 'paper'"),
        ({"training": {"epoch": 1}}, r"training\.epoch: .*; did you mean 'epochs'"),
        ({"alignment": {"side": 1}}, r"alignment\.side: .* greater than or equal to 8"),
        ({"device": "gpu", "threads": -1}, "device: unknown value 'gpu'.*\nthreads: .* greater than or equal to 1"),
        ({"threads": 0}, "threads: "),
        ({"random": -1}, "random: -1 is no number of draws"),
        ({"random": [squeezenet1_1()]}, "random: unknown tap .* networks of the architecture of Small"),
        ({"random": [Small(), Small(channels=7)]}, "random: Small has other maps than Small"),
        ({"taps": {}}, "taps: {} names no stages"),
        ({"taps": {"f1": 0}}, "taps: f1 is 0; give the name of a layer"),
        ({"taps": {"all": "first"}}, "name a stage by small letters and digits, such as f1, and not 'all'"),
        ({"taps": {"a/b": "first"}}, "and not 'a/b'"),
        ({"taps": ["first", "second"]}, r"taps: \['first', 'second'\] names no stages; give them with their layers"),
        ({"key": "state_dict_ema"}, "name the file as weights, or leave key out"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        probe(Small(), random_images(), transform=PLAIN, **options)


def test_a_section_of_the_config_may_be_a_dictionary() -> None:
    network = Small()
    expected, _ = read(network, random=0)
    scores, _ = read(network, random=0, training={"epochs": 1}, alignment={"side": 28})
    pd.testing.assert_frame_equal(scores, expected)


def test_few_photographs_are_cut_into_more_views(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probed_images, "IMAGES", {"train": 13, "test": 5})
    scores, maps = read(Small(), random=0)
    assert scores.attrs["images"] == "6 views of 2 photographs, trained on 18 views of 6 others"
    assert set(scores["n_images"]) == {6}
    assert maps["all"]["H"].shape == (6, 224, 224)


def test_the_plot_shows_every_number_with_its_interval(tmp_path: Path) -> None:
    scores, _ = read(Small(), patterns=["H", "G"], seeds=[0, 1])
    figure = plot(scores)
    assert [axes.get_title() for axes in figure.axes] == ["H: horizontal ramp", "G: Gaussian"]
    for axes, pattern in zip(figure.axes, ("H", "G"), strict=True):
        shown = np.concatenate([np.asarray(line.get_ydata()) for line in axes.lines])
        for value in scores.loc[scores["pattern"] == pattern, "spc"]:
            assert np.isclose(shown, value).any()
        (band,) = [part for part in axes.collections if np.size(part.get_facecolor())]
        random = scores.query(f"pattern == '{pattern}' and weights == 'random' and stage != 'all'")
        edges = np.asarray(band.get_paths()[0].vertices)[:, 1]
        assert np.isclose(edges[:, None], random[["spc_low", "spc_high"]].to_numpy().ravel()).any(0).all()
    (legend,) = figure.legends
    assert {text.get_text() for text in legend.get_texts()} == {"given weights", "random weights"}
    figure.savefig(tmp_path / "probe.pdf")


@pytest.mark.parametrize("given", [{"all": {}}, ({}, {}), pd.DataFrame({"spc": [0.1]})])
def test_a_plot_of_no_scores_says_what_to_give(given: Any) -> None:
    with pytest.raises(InputError, match=r"without .*weights; give the scores of `scores, maps = "):
        plot(given)


def test_the_caption_explains_the_patterns_that_are_shown() -> None:
    scores, _ = read(Small(), random=0, patterns=["HS", "G"])
    assert caption(scores, "some").endswith(" Maps: HS has horizontal stripes, G is a Gaussian in the middle.")


@pytest.mark.parametrize(
    ("given", "transform", "words"),
    [
        (random_images().astype(float), Preprocessing("RGB", 1), r"float64 \[40, 50, 3\], not uint8 RGB"),
        (torch.rand(8, 3, 40, 50), Preprocessing("RGB", 1), "images: Tensor, not uint8 RGB"),
        (["a.png", "b.png"], Preprocessing("RGB", 1), "images: str, not uint8 RGB"),
        (
            [*random_images(4), np.zeros((40, 50), np.uint8)],
            Preprocessing("RGB", 1),
            r"uint8 \[40, 50\], not uint8 RGB",
        ),
        (random_images(3), Preprocessing("RGB", 1), "3 images, 1 of them held out: give .* at least 4 images"),
        (random_images()[0], Preprocessing("RGB", 1), "1 image, 0 of them held out: give a folder or a list"),
        (random_images(), transforms.Compose([transforms.ToTensor()]), "Compose has no normalisation"),
        ("nowhere", Preprocessing("RGB", 1), "nowhere is no folder"),
    ],
)
def test_what_cannot_be_probed_is_named(given: Any, transform: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        probe(Small(), given, {"f1": "first"}, transform=transform, training=SHORT, device="cpu")


@pytest.mark.parametrize("given", ["folder", "array"])
def test_a_photograph_under_two_names_is_not_probed(tmp_path: Path, given: str) -> None:
    images = random_images()
    images[6] = images[1]  # number 1 is trained on, number 6 is tested on
    for number, pixels in enumerate(images):
        Image.fromarray(pixels).save(tmp_path / f"{number}.{'bmp' if number == 6 else 'png'}")
    pictures = tmp_path if given == "folder" else images
    with pytest.raises(InputError, match=r"6(\.bmp)? is the same photograph as (image )?1(\.png)? of train"):
        probe(Small(), pictures, {"f1": "first"}, transform=Preprocessing("RGB", 1), training=SHORT, device="cpu")


def test_the_files_of_a_probe_have_the_networks_whole_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what follows a dot in a name of timm: which of its weights."""
    monkeypatch.setattr("posinfo.probing.probe.Training", lambda: SHORT)
    monkeypatch.setattr("posinfo.probing.probe.DRAWS", 1)
    monkeypatch.chdir(tmp_path)
    Path("photographs").mkdir()
    for number, pixels in enumerate(random_images()):
        Image.fromarray(pixels).save(f"photographs/{number}.png")
    assert main(["probe", "timm/test_resnet.r160_in1k", "--weights", "random", "--images", "photographs"]) == 0
    made = {path.name.removeprefix("test_resnet.r160_in1k") for path in Path("results/probe").iterdir()}
    assert made == {".csv", ".md", ".tex", ".pdf", ".png"}


@pytest.mark.parametrize("output", ["file/name", "file/folder/name", "/proc/self/name"])
def test_an_output_that_cannot_be_written_is_refused_first(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert main(["probe", "squeezenet", "--weights", "none.pth", "--output", output]) == 1
    assert str(Path(output).parent) in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--weights", "--key", "--images", "--threads", "--output"])
def test_an_option_without_its_value_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["probe", "squeezenet", option])
    assert f"argument {option}: expected one argument" in capsys.readouterr().err


def test_files_that_are_no_photographs_are_said(tmp_path: Path) -> None:
    (tmp_path / "photo.heic").touch()
    Image.fromarray(random_images(1)[0]).save(tmp_path / "one.png")
    with pytest.warns(UserWarning, match=r"not read: 1 \.heic;"), pytest.raises(InputError, match="at least 4"):
        probe(Small(), tmp_path, {"f1": "first"}, transform=Preprocessing("RGB", 1), device="cpu")


def test_transforms_of_both_zoos_are_read() -> None:
    expected = Preprocessing("RGB", 1, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert preprocessing_of(ResNet18_Weights.DEFAULT.transforms()) == expected
    read = preprocessing_of(create_transform(224))
    assert read.mean == pytest.approx(expected.mean)
    assert read.std == pytest.approx(expected.std)


NORMALISED = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
OTHER_TRANSFORMS = {
    "BGR": transforms.Compose([transforms.ToTensor(), lambda values: values.flip(0), NORMALISED]),
    "to 255": transforms.Compose(
        [transforms.PILToTensor(), lambda values: values.float(), transforms.Normalize((124, 116, 104), (58, 57, 57))]
    ),
    "of arrays to 255": transforms.Compose([np.asarray, transforms.Normalize((124, 116, 104), (58, 57, 57))]),
    "not scaled": transforms.Compose([v2.ToImage(), v2.ToDtype(torch.float32), NORMALISED]),
    "not scaled, of tensors": transforms.Compose([v2.ToDtype(torch.float32), NORMALISED]),
    "normalised twice": transforms.Compose([transforms.ToTensor(), NORMALISED, NORMALISED]),
    "to a dictionary": transforms.Compose([transforms.ToTensor(), NORMALISED, lambda values: {"image": values}]),
    "to five images": transforms.Compose([NORMALISED, lambda values: values.expand(5, *values.shape)]),
    "channels last": transforms.Compose([transforms.ToTensor(), NORMALISED, lambda values: values.permute(1, 2, 0)]),
    "of a batch, BGR": transforms.Compose([transforms.ToTensor(), lambda values: values.flip(0)[None], NORMALISED]),
    "order in small letters": Preprocessing("bgr", 255),
    "mean of 1 and range 255": Preprocessing("RGB", 255, (0.485, 0.456, 0.406)),
    "mean of 255 and range 1": Preprocessing("RGB", 1, (124, 116, 104)),
    "sd of 1 and range 255": Preprocessing("RGB", 255, (124, 116, 104), (0.229, 0.224, 0.225)),
    "sd of 255 and range 1": Preprocessing("RGB", 1, (0.485, 0.456, 0.406), (58, 57, 57)),
    "sd of 0": Preprocessing("RGB", 1, std=(1, 0, 1)),
    "one mean": Preprocessing("RGB", 1, mean=0.5),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", OTHER_TRANSFORMS)
def test_a_transform_that_does_more_than_normalise_is_refused(what: str) -> None:
    with pytest.raises(InputError, match="transform: ") as refused:
        preprocessing_of(OTHER_TRANSFORMS[what])
    assert "no normalisation" not in str(refused.value)


@pytest.mark.parametrize("first", [transforms.ToTensor(), v2.ToDtype(torch.float32, scale=True), nn.Identity()])
def test_a_transform_of_tensors_is_tried_on_tensors(first: Any) -> None:
    steps = [first, transforms.Resize(9), NORMALISED]
    assert preprocessing_of(transforms.Compose(steps)).mean == NORMALISED.mean
    assert preprocessing_of(transforms.Compose([*steps, lambda values: values[None]])).mean == NORMALISED.mean


def test_the_lines_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small network and few passes: what a reader would bring."""
    (lines,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/your-own.md").read_text(), re.DOTALL)
    (tmp_path / "my/photographs").mkdir(parents=True)
    for number, pixels in enumerate(random_images(5)):
        Image.fromarray(pixels).save(tmp_path / f"my/photographs/{number}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torchvision.models.resnet18", lambda **_: Small())
    monkeypatch.setattr("posinfo.probing.probe.Training", lambda: SHORT)
    found: dict[str, Any] = {}
    exec(lines, found)
    assert isinstance(found["scores"], pd.DataFrame)
    assert set(found["scores"]["stage"]) == {"f1", "f2", "all"}
    assert found["maps"]["all"]["H"].shape == (1, 224, 224)
