"""Left and right: a network that treats them alike shows no difference, one that does not shows it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from posinfo.experiments.uneven_padding.sides import Solution, asymmetry, compared_sides, places, read_maps, write_maps
from posinfo.features.extraction import Preprocessing
from torch import nn


class Striding(nn.Module):
    """A stride of two over ones, padded by one: uneven on an even side."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        nn.init.ones_(self.convolution.weight)
        nn.init.zeros_(self.convolution.bias)  # type: ignore[arg-type]

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"f1": self.convolution(pictures)}


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(50, 200, (count, 16, 16, 3), dtype=np.uint8)


def test_only_an_even_side_makes_left_and_right_differ(tmp_path: Path) -> None:
    names = [f"p{number}-0" for number in range(3)]
    preprocessing, cpu = Preprocessing("RGB", 1), torch.device("cpu")
    found = compared_sides(Striding(), preprocessing, pictures(8), pictures(3), names, [16, 17], cpu)
    by_side = found.rows.groupby("side")["asymmetry"].mean()
    assert by_side[17] < 1e-5
    assert by_side[16] > 0.2
    assert found.rows["image"].tolist() == names * 2
    assert found.rows[["left", "right", "top", "bottom"]].notna().all(axis=None)
    assert found.maps[16, "f1"].shape == (8, 8)
    assert found.maps[17, "f1"].mean() == pytest.approx(1)
    write_maps(found.maps, tmp_path / "maps.npz")
    again = read_maps(tmp_path / "maps.npz")
    assert again.keys() == found.maps.keys()
    assert all(np.array_equal(again[key], found.maps[key]) for key in again)


def test_asymmetry_is_the_difference_of_the_outer_columns_over_the_mean() -> None:
    assert asymmetry(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])) == pytest.approx(1)
    assert asymmetry(np.array([[2.0, 5.0, 2.0]])) == 0


def test_a_readout_of_maps_that_hold_the_place_has_no_error_and_one_of_constants_the_distance_to_the_middle() -> None:
    held = places(6).T.reshape(1, 2, 6, 6).float()
    for maps, outer in ((held, 0.0), (torch.ones(1, 2, 6, 6), 5 / 12)):
        readout = Solution()
        readout.add(maps.repeat(3, 1, 1, 1))
        readout.solve()
        column, row = readout.error(maps)[0]
        assert column[:, 0].mean() == pytest.approx(outer, abs=0.01)
        assert row[-1].mean() == pytest.approx(outer, abs=0.01)
