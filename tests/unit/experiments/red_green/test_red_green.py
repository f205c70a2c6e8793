"""Red and green squares, and what the padding of a network can and cannot tell of them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from posinfo.experiments.red_green import ACCURACY, EXPERIMENT, build
from posinfo.experiments.red_green.commands import red_green
from posinfo.experiments.red_green.measurement import build_network, draw_squares, measure_accuracy
from posinfo.experiments.red_green.settings import PADDINGS
from posinfo.run.config import load_config
from posinfo.store.errors import InputError
from posinfo.store.frames import write_rows
from posinfo.tables.claims import Measured, judge, read_claims
from posinfo.tables.measurements import published_numbers, read_rows
from synthetic_measurements import accuracies

CPU = torch.device("cpu")


def drawn(count: int = 200) -> dict[str, np.ndarray]:
    parts = draw_squares(count, np.random.default_rng(0), CPU)
    return {positions: part.images.numpy() for positions, part in parts.items()}


def test_classes_are_in_halves_that_are_swapped_where_unseen() -> None:
    """The colour at the left is the class."""
    for positions, images in drawn().items():
        for index, image in enumerate(images):
            label = index % 2
            found = [np.argwhere(image[colour]) for colour in (0, 1)]
            assert [len(pixels) for pixels in found] == [16, 16]
            assert found[label][:, 1].max() < found[1 - label][:, 1].min()
            lower = label == (1 if positions == "seen" else 0)
            tops = [pixels[:, 0].min() for pixels in found]
            assert all((19 <= top <= 26) if lower else (3 <= top <= 10) for top in tops)
        assert not images[:, 2].any()


def test_unseen_images_are_moved_by_half_their_height() -> None:
    both = drawn(20)
    for seen, unseen in zip(both["seen"], both["unseen"], strict=True):
        assert np.array_equal(np.roll(seen, 16, axis=1), unseen)


@pytest.mark.parametrize(
    ("padding", "differs"), [("full", False), ("same, circular", False), ("same", True), ("valid", True)]
)
def test_full_and_circular_networks_ignore_position(padding: str, differs: bool) -> None:
    both = {positions: torch.from_numpy(images) for positions, images in drawn(40).items()}
    network = build_network(padding, 0).eval()
    with torch.inference_mode():
        difference = float((network(both["seen"]) - network(both["unseen"])).abs().max())
    assert difference > 1e-3 if differs else difference < 1e-5


def test_weights_come_from_the_seed_alone() -> None:
    state = torch.get_rng_state()
    first, again, other = (build_network("same", seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)
    assert all(values.abs().max() <= 1 / 27**0.5 for name, values in first.items() if name.startswith("0."))


def test_a_training_gives_a_row_per_image_position_and_seed() -> None:
    rows = measure_accuracy("valid", [0, 3], 60, 1, CPU)
    assert list(rows.columns) == ["padding", "positions", "image", "seed", "accuracy"]
    assert rows.groupby(["positions", "seed"]).size().tolist() == [30] * 4
    assert set(rows["accuracy"]) <= {0.0, 1.0}
    again = measure_accuracy("valid", [3], 60, 1, CPU)
    assert again["accuracy"].tolist() == rows[rows["seed"] == 3]["accuracy"].tolist()


def test_the_command_measures_one_padding(tmp_path: Path) -> None:
    run = json.dumps({"red_green": {"seeds": [1], "examples": 20, "epochs": 1}})
    red_green("circular", run=run, device="cpu", output=tmp_path / "circular.csv")
    rows = read_rows(load_config({}), ACCURACY, [tmp_path / "circular.csv"])
    assert rows["padding"].unique().tolist() == ["same, circular"]
    assert len(rows) == 20
    with pytest.raises(InputError, match=r"unknown padding 'circlar'.*did you mean 'circular'"):
        red_green("circlar", run=run, output=tmp_path / "circlar.csv")


def test_a_seed_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match=r"red_green.seeds.*duplicate entry"):
        load_config({"red_green": {"seeds": [1, 1]}})


def test_the_table_is_beside_the_published_accuracies(tmp_path: Path) -> None:
    run = load_config({"results": "out"})
    assert set(PADDINGS.values()) == {"valid", "same", "same, circular", "full"}
    assert EXPERIMENT.tables["red_green"].inputs(run) == [f"out/red_green/{padding}.csv" for padding in PADDINGS]
    shares = {("valid", "seen"): 1, ("valid", "unseen"): 0.1, ("same, circular", "unseen"): 0.5}
    write_rows(accuracies(ACCURACY.keys, shares), tmp_path / "rows.csv")
    table = build(run, "red_green", [tmp_path / "rows.csv"])
    assert table.tidy["published"].tolist() == [1.0, 0.002, 0.737]
    assert table.layout["positions seen", ""][0] == "1.000 [1.000, 1.000] (1.000)"
    assert table.layout["padding", ""].tolist() == ["valid", "same, circular"]
    assert not table.titles


def judged(shares: dict[tuple[str, str], float]) -> pd.DataFrame:
    """The experiment's claims, on synthetic accuracies."""
    run = load_config({})
    measured = Measured(ACCURACY, accuracies(ACCURACY.keys, shares), published_numbers(run, ACCURACY))
    return judge(read_claims(EXPERIMENT.folder / "claims.yaml"), run, {}, {"red_green": measured})


def test_claims_compare_what_was_measured() -> None:
    shares = {("valid", "seen"): 1, ("valid", "unseen"): 0.1, ("same", "unseen"): 0.2, ("full", "unseen"): 0.9}
    rows = judged(shares)
    (location,) = rows[rows["claim"] == "redgreen-location"].to_dict("records")
    assert (location["comparison"], location["comparison_outcome"]) == ("seen > unseen (padding valid)", "holds")
    assert location["printed"] == pytest.approx(0.998)
    full = rows[rows["claim"] == "redgreen-full"]
    assert full["comparison"].tolist() == ["same > valid (positions unseen)", "full > same (positions unseen)"]
    assert full["comparison_outcome"].tolist()[1] == "holds"
    assert full["printed"].tolist()[1] == pytest.approx(0.897 - 0.084)
