"""Location from pooled features, on networks whose answer is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from posinfo.encoders.initial import initialise
from posinfo.experiments.pooled_location.pooled import Placement, located, placed, placements, pooled
from posinfo.experiments.uneven_padding.commands import opened
from posinfo.features.extraction import Preprocessing, open_encoder
from posinfo.registry.entries import Encoder
from posinfo.run.config import load_config
from posinfo.store.errors import InputError
from torch import nn

NAMES = [f"photo{number}-{view}" for number in range(6) for view in range(2)]


def test_a_patch_stands_in_the_middle_of_its_cell_of_a_black_picture() -> None:
    white = np.full((224, 224, 3), 255, np.uint8)
    canvas = placed(white, 30, 5, 7)  # row 1, column 2; cells of 44 pixels
    rows, columns = np.nonzero(canvas[..., 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (51, 80, 95, 124)
    assert set(np.unique(canvas)) == {0, 255}


def test_a_patch_larger_than_its_cell_is_refused_before_the_first_job_and_in_the_library() -> None:
    with pytest.raises(InputError, match=r"patch of 33 pixels is larger than its cell: 7 x 7 cells .* have 32 pixels"):
        load_config({"origins": {"patch": 33}})
    with pytest.raises(InputError, match="take a patch of at most 32"):
        placed(np.zeros((8, 8, 3), np.uint8), 33, 7, 0)
    load_config({"origins": {"patch": 44, "grids": [3, 5]}})


def test_each_cell_has_as_many_different_photographs_as_wanted() -> None:
    places = placements(NAMES, [2, 3], 4, seed=0)
    assert len(places) == 4 * (4 + 9)
    assert len({place.image for place in places}) == len(places)
    for cell in range(9):
        here = [place for place in places if (place.grid, place.cell) == (3, cell)]
        assert len({place.picture // 2 for place in here}) == 4
        assert all(place.image.rsplit("-", 1)[0] == NAMES[place.picture].rsplit("-", 1)[0] for place in here)
    assert placements(NAMES, [2, 3], 4, seed=0) == places
    assert placements(NAMES, [2, 3], 4, seed=1) != places
    with pytest.raises(InputError, match="7 pictures a cell need 7 photographs, the set has 6"):
        placements(NAMES, [2], 7, seed=0)


class Ramps(nn.Module):
    """Two channels, the picture times its column and times its row: their means tell the place of a patch."""

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        ramp = torch.linspace(0, 1, pictures.shape[-1])
        grey = pictures.mean(1, keepdim=True)
        return {"f1": pictures, "f2": torch.cat([grey * ramp, grey * ramp[:, None], grey], 1)}


def test_means_of_the_deepest_stage_name_the_cell_and_shuffled_ones_do_not() -> None:
    pictures = np.full((len(NAMES), 16, 16, 3), 200, np.uint8)
    parts = []
    for seed in (0, 1):
        places = placements(NAMES, [3], 5, seed)
        means = pooled(Ramps(), Preprocessing("RGB", 1), pictures, places, 60, torch.device("cpu"))
        assert means.shape == (45, 3)
        parts.append((np.tile(means, 20), places))  # as if sixty channels said it
    rows = located(parts[0], parts[1], [0, 1])
    assert list(rows.columns) == ["grid", "channels", "image", "seed", "accuracy"]
    right = rows.groupby("channels")["accuracy"].mean()
    assert right["in order"] == 1
    assert right["shuffled"] < 0.5
    assert (rows.groupby(["channels", "seed"]).size() == 45).all()


def test_a_readout_of_noise_is_at_chance() -> None:
    rng = np.random.default_rng(0)
    places = [Placement(0, f"p{index}-0", 2, index % 4) for index in range(400)]
    noise = rng.normal(size=(2, 400, 3)).astype(np.float32)
    rows = located((noise[0], places), (noise[1], places), [0])
    assert 0.15 < rows["accuracy"].mean() < 0.35


def test_an_encoder_is_opened_as_its_entry_describes_it(tmp_path: Path) -> None:
    """Without its position embedding, if the entry says so: it would be asked where a thing is with it."""
    initialise("timm/vit_tiny_patch16_224", 0, tmp_path / "random.safetensors")
    entry: dict[str, Any] = {
        "architecture": "timm/vit_tiny_patch16_224",
        "input": {"order": "BGR", "range": 255},
        "taps": {"f1": "blocks.0"},
    }
    picture, maps = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)), {}
    for position in ("zeroed", None):
        described = Encoder.model_validate({**entry, "position": position})
        model, preprocessing = opened(described, tmp_path / "random.safetensors")
        assert (preprocessing.order, preprocessing.range) == ("BGR", 255)
        expected = open_encoder(
            described.architecture, tmp_path / "random.safetensors", described.taps, position=described.position_change
        )
        with torch.inference_mode():
            maps[position] = model(picture)["f1"]
            torch.testing.assert_close(maps[position], expected(picture)["f1"])
    assert not torch.allclose(maps["zeroed"], maps[None])
