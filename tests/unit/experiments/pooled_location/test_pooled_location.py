"""Location from pooled features, on networks whose answer is known."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from posinfo.__main__ import main
from posinfo.experiments.pooled_location import ACCURACY, EXPERIMENT, build
from posinfo.experiments.pooled_location.measurement import classify_cells, draw_placements, place_image, pool_features
from posinfo.features.extraction import Preprocessing
from posinfo.run.config import load_config
from posinfo.store.errors import InputError
from posinfo.store.frames import write_rows
from posinfo.tables.claims import read_claims
from posinfo.tables.measurements import published_numbers, read_rows
from synthetic_measurements import accuracies, write_noise
from torch import nn

NAMES = [f"photo{number}-{view}" for number in range(6) for view in range(2)]


def test_a_patch_is_in_the_middle_of_its_cell_on_black() -> None:
    white = np.full((224, 224, 3), 255, np.uint8)
    canvas = place_image(white, 30, 5, 7)  # row 1, column 2; cells of 44 pixels
    rows, columns = np.nonzero(canvas[..., 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (51, 80, 95, 124)
    assert set(np.unique(canvas)) == {0, 255}


def test_a_patch_larger_than_its_cell_is_refused() -> None:
    with pytest.raises(
        InputError,
        match=r"patch of 33 pixels is larger than its cell: 7 x 7 cells .* have 32 pixels; take a patch of at most 32",
    ):
        load_config({"pooled_location": {"patch": 33}})
    load_config({"pooled_location": {"patch": 44, "grids": [3, 5]}})


def test_a_grid_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match=r"pooled_location.grids.*duplicate entry"):
        load_config({"pooled_location": {"grids": [3, 3]}})


def test_each_cell_has_different_photographs() -> None:
    placements = draw_placements(NAMES, [2, 3], 4, seed=0)
    assert len(placements) == 4 * (4 + 9)
    assert placements["image"].nunique() == len(placements)
    for cell in range(9):
        in_cell = placements[(placements["grid"] == 3) & (placements["cell"] == cell)]
        assert (in_cell["number"] // 2).nunique() == 4
        for image, number in zip(in_cell["image"], in_cell["number"], strict=True):
            assert image.rsplit("-", 1)[0] == NAMES[number].rsplit("-", 1)[0]
    assert draw_placements(NAMES, [2, 3], 4, seed=0).equals(placements)
    assert not draw_placements(NAMES, [2, 3], 4, seed=1).equals(placements)


def test_more_images_per_cell_than_photographs_are_refused() -> None:
    with pytest.raises(InputError, match="7 images per cell need 7 photographs, the set has 6"):
        draw_placements(NAMES, [2], 7, seed=0)


class Ramps(nn.Module):
    """The image times its column and times its row: their means tell the position of a patch."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        ramp = torch.linspace(0, 1, images.shape[-1])
        grey = images.mean(1, keepdim=True)
        return {"f1": images, "f2": torch.cat([grey * ramp, grey * ramp[:, None], grey], 1)}


def test_means_name_the_cell_and_shuffled_ones_do_not() -> None:
    images = np.full((len(NAMES), 16, 16, 3), 200, np.uint8)
    parts = []
    for seed in (0, 1):
        placements = draw_placements(NAMES, [3], 5, seed)
        means = pool_features(Ramps(), Preprocessing("RGB", 1), images, placements, 60, torch.device("cpu"))
        assert means.shape == (45, 3)
        parts.append((np.tile(means, 20), placements))  # as if sixty channels said it
    rows = classify_cells(parts[0], parts[1], [0, 1])
    assert list(rows.columns) == ["grid", "channels", "image", "seed", "accuracy"]
    correct = rows.groupby("channels")["accuracy"].mean()
    assert correct["in order"] == 1
    assert correct["shuffled"] < 0.5
    assert (rows.groupby(["channels", "seed"]).size() == 45).all()


def test_a_readout_of_noise_is_at_chance() -> None:
    rng = np.random.default_rng(0)
    placements = pd.DataFrame([{"image": f"p{index}-0", "grid": 2, "cell": index % 4} for index in range(400)])
    noise = rng.normal(size=(2, 400, 3)).astype(np.float32)
    rows = classify_cells((noise[0], placements), (noise[1], placements), [0])
    assert 0.15 < rows["accuracy"].mean() < 0.35


def test_the_command_measures_an_encoder(tmp_path: Path) -> None:
    for name in ("train", "test"):
        write_noise(tmp_path / f"{name}.npy", 3)
    entry = {"architecture": "pixels", "input": {"order": "RGB", "range": 1}, "taps": {"f1": "image"}}
    section = {"grids": [2], "training_images": 3, "test_images": 2}
    status = main(
        [
            *("pooled-location", "pixels", "--entry", json.dumps(entry), "--weights"),
            *("--train", str(tmp_path / "train.npy"), "--test", str(tmp_path / "test.npy")),
            *(
                "--run",
                json.dumps({"pooled_location": section, "seeds": [4]}),
                "--output",
                str(tmp_path / "pixels.csv"),
            ),
        ]
    )
    assert status == 0
    rows = read_rows(load_config({}), ACCURACY, [tmp_path / "pixels.csv"])
    assert rows["encoder"].unique().tolist() == ["pixels"]
    assert rows["seed"].unique().tolist() == [4]
    assert rows.groupby("channels", sort=False).size().to_dict() == {"in order": 8, "shuffled": 8}


def test_the_table_is_of_the_runs_own_encoders(tmp_path: Path) -> None:
    """An encoder of the config's own may stand for a model of the paper."""
    own = {"encoders": {"my-vgg": {"variant_of": "vgg16", "padding": "reflect", "title": "mine"}}}
    run = load_config({"models": {"VGG": "my-vgg"}, "own": own, "results": "out"})
    assert EXPERIMENT.tables["pooled_location"].inputs(run) == [
        f"out/pooled_location/{encoder}.csv" for encoder in ("vgg16-nopad", "my-vgg", "resnet50-thin")
    ]
    shares = {("my-vgg", 3, "in order"): 0.5, ("resnet50-thin", 3, "in order"): 1, ("resnet50-thin", 5, "in order"): 1}
    write_rows(accuracies(ACCURACY.keys, shares), tmp_path / "rows.csv")
    table = build(run, "pooled_location", [tmp_path / "rows.csv"])
    assert table.tidy["chance"].tolist() == pytest.approx([1 / 9, 1 / 9, 1 / 25])
    assert table.tidy["published"].tolist()[1] == 1
    assert pd.isna(table.tidy["published"][0])
    assert table.layout["grid 3", ""].tolist()[1] == "1.000 [1.000, 1.000] (1.000)"
    assert table.titles["my-vgg"] == "mine"
    assert "n = 60 images, 2 seeds" in table.caption


def test_claims_name_the_keys_of_the_measurement() -> None:
    claims = read_claims(EXPERIMENT.folder / "claims.yaml")
    assert [claim.name for claim in claims] == ["pooled-order", "pooled-padding"]
    for claim in claims:
        assert claim.measured in EXPERIMENT.measurements
        assert all(set(claim.each) | set(condition) == set(ACCURACY.keys) for condition in claim.rises)
    assert published_numbers(load_config({}), ACCURACY)["encoder"].tolist() == ["resnet50-thin"]
