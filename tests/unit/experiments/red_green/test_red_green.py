"""Red and green squares, and what the padding of a network can and cannot tell of them."""

import numpy as np
import pytest
import torch
from posinfo.experiments.red_green.training import network, squares, told_apart
from posinfo.protocol.origins import REDGREEN


def drawn(count: int = 200) -> dict[str, np.ndarray]:
    return {place: part.pictures.numpy() for place, part in squares(count, np.random.default_rng(0)).items()}


def test_classes_differ_by_the_colour_at_the_left_and_stand_in_halves_that_are_swapped_where_unseen() -> None:
    for places, pictures in drawn().items():
        for index, picture in enumerate(pictures):
            label = index % 2
            found = [np.argwhere(picture[colour]) for colour in (0, 1)]
            assert [len(cells) for cells in found] == [16, 16]
            assert found[label][:, 1].max() < found[1 - label][:, 1].min()
            lower = label == (1 if places == "seen" else 0)
            tops = [cells[:, 0].min() for cells in found]
            assert all((19 <= top <= 26) if lower else (3 <= top <= 10) for top in tops)
        assert not pictures[:, 2].any()


def test_unseen_places_are_the_same_pictures_moved_by_half_their_height() -> None:
    both = drawn(20)
    for seen, unseen in zip(both["seen"], both["unseen"], strict=True):
        assert np.array_equal(np.roll(seen, 16, axis=1), unseen)


@pytest.mark.parametrize(
    ("kind", "moves"), [("full", False), ("same, circular", False), ("same", True), ("valid", True)]
)
def test_only_full_and_circular_networks_answer_the_same_wherever_the_squares_stand(kind: str, moves: bool) -> None:
    both = {places: torch.from_numpy(pictures) for places, pictures in drawn(40).items()}
    model = network(kind, 0).eval()
    with torch.inference_mode():
        far = float((model(both["seen"]) - model(both["unseen"])).abs().max())
    assert far > 1e-3 if moves else far < 1e-5


def test_weights_come_from_the_seed_alone() -> None:
    state = torch.get_rng_state()
    first, again, other = (network("same", seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)
    assert all(values.abs().max() <= 1 / 27**0.5 for name, values in first.items() if name.startswith("0."))


def test_a_short_training_gives_a_row_for_each_picture_place_and_start() -> None:
    rows = told_apart("valid", [0, 3], 60, 1, torch.device("cpu"))
    assert list(rows.columns) == ["padding", "places", "image", "seed", "accuracy"]
    assert rows.groupby(["places", "seed"]).size().tolist() == [30] * 4
    assert set(rows["accuracy"]) <= {0.0, 1.0}
    assert set(REDGREEN.values()) == {"valid", "same", "same, circular", "full"}
    again = told_apart("valid", [3], 60, 1, torch.device("cpu"))
    assert again["accuracy"].tolist() == rows[rows["seed"] == 3]["accuracy"].tolist()
