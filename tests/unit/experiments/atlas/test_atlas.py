"""The atlas: which encoders stand in it, its table, its figure, its stored maps."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from posinfo.experiments.atlas.drawn import draw, read_drawn, rings, write_drawn
from posinfo.experiments.atlas.figure import write_figure
from posinfo.experiments.atlas.inputs import OfAtlas
from posinfo.experiments.atlas.table import printed, tidy, write_table
from posinfo.features.stored import read_features
from posinfo.protocol.patterns import ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.training import make_stack
from posinfo.readouts.upsampling import upsample
from posinfo.registry.entries import RandomWeights
from posinfo.run.config import RunConfig, load_config
from posinfo.run.families import families
from posinfo.run.inputs import Inputs
from posinfo.scores.measures import predict
from posinfo.store.errors import InputError
from synthetic_atlas import ENCODERS, NAMES, PATTERNS, RUN, drawn, scores, spc_of, structures
from synthetic_features import heads_of, small_features


def test_each_network_stands_beside_itself_with_random_weights() -> None:
    assert ENCODERS == ["pixels", "squeezenet", "squeezenet-random-0", "squeezenet-random-1"]
    drawn_entry, entry = (RUN.registry.encoders[name] for name in ("squeezenet-random-1", "squeezenet"))
    assert drawn_entry.weights == RandomWeights(random=1)
    assert (drawn_entry.architecture, drawn_entry.taps, drawn_entry.input) == (
        entry.architecture,
        entry.taps,
        entry.input,
    )
    without = load_config({"atlas": {"encoders": ["squeezenet"], "untrained": ["squeezenet"], "draws": 1}})
    assert [member.encoder for member in without.atlas.members(without.registry)] == ["squeezenet-random-0"]


def test_the_default_run_has_no_atlas() -> None:
    assert all(family.name != "atlas" for family in families(RunConfig()))
    with pytest.raises(InputError, match=r"atlas: the configuration names no encoders.*configs/atlas\.yaml"):
        OfAtlas(Inputs(RunConfig())).scores()


def test_what_the_atlas_alone_shows_of_an_encoder_is_one_job() -> None:
    jobs = {family.name: family for family in families(RUN) if family.encoder == "squeezenet-random-1"}
    assert set(jobs) == {"atlas"}
    assert {readout.stages for readout in jobs["atlas"].patterns} == {*RUN.stages("squeezenet"), "all"}


def test_what_cells_see_is_measured_once_a_network() -> None:
    of_atlas = OfAtlas(Inputs(RUN))
    assert of_atlas.structures() == {"pixels": "pixels"} | dict.fromkeys(ENCODERS[1:], "squeezenet")
    with pytest.raises(InputError, match="unknown encoder of the atlas 'vgg16'"):
        of_atlas.readouts("vgg16")


@pytest.mark.parametrize(
    ("atlas", "words"),
    [
        ({"encoders": ["squeezenett"]}, "did you mean 'squeezenet'"),
        ({"encoders": ["vgg16-cropped"]}, "name vgg16"),
        ({"encoders": ["vgg16", "vgg16"]}, "stands there twice"),
        ({"encoders": ["vgg16"], "untrained": ["vgg61"]}, "did you mean 'vgg16'"),
        ({"encoders": ["vgg16"], "untrained": ["vgg16"], "draws": 0}, "no weights at all"),
    ],
)
def test_mistakes_in_the_atlas_are_named(atlas: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_config({"atlas": atlas})


def test_the_table_means_over_draws_seeds_and_pictures() -> None:
    frame = tidy(scores(), RUN, structures())
    assert list(frame["network"].unique()) == ["pixels", "squeezenet"]
    assert list(frame["pattern"].unique()) == PATTERNS
    assert set(zip(frame["network"], frame["weights"], strict=True)) == {
        ("pixels", "none"),
        ("squeezenet", "trained"),
        ("squeezenet", "random"),
    }
    row = frame.query("network == 'squeezenet' and weights == 'random' and stage == 'f2' and pattern == 'G'").iloc[0]
    means = [
        np.mean([spc_of(encoder, "f2", "G", image, seed) for image in NAMES])
        for encoder in ENCODERS[2:]
        for seed in RUN.seeds
    ]
    assert row["spc"] == pytest.approx(np.mean(means))
    assert row["spc_sd"] == pytest.approx(np.std(means, ddof=1))
    assert (row["draws"], row["n_seeds"], row["n_images"]) == (2, 2, 3)
    assert (row["field"], row["side"], row["border"], row["channels"]) == (20, 28, 0.5, 8)
    whole = frame.query("network == 'squeezenet' and weights == 'trained' and stage == 'all' and pattern == 'H'").iloc[
        0
    ]
    stages = len(RUN.stages("squeezenet"))
    assert (whole["field"], whole["channels"]) == (10 * stages, 4 * sum(range(1, stages + 1)))


def test_the_files_of_the_table_and_the_figure(tmp_path: Path) -> None:
    frame = tidy(scores(), RUN, structures())
    write_table(frame, tmp_path / "tables/atlas")
    stored = pd.read_csv(tmp_path / "tables/atlas.csv")
    assert len(stored) == len(frame)
    shown = printed(frame)
    assert len(shown) == len(frame) / len(PATTERNS)
    assert f"| {shown['H SPC'].iloc[-1]} |" in (tmp_path / "tables/atlas.md").read_text()
    write_figure(frame, tmp_path / "figures/atlas")
    assert (tmp_path / "figures/atlas.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "figures/atlas.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_drawn_is_what_the_readouts_draw(tmp_path: Path) -> None:
    stages, device = read_features(small_features(tmp_path)), torch.device("cpu")
    stack = make_stack(Readout(), heads_of(Readout()), stages, stages[0].alignment, Training())
    patterns, maps, errors = draw(stack, stages, [5, 2], 1, "paper", device)
    assert patterns == ["H", "G"]
    small = predict(stack, stages, device)
    row = [head.pattern == "G" and head.seed == 1 for head in stack.heads].index(True)
    np.testing.assert_allclose(maps[1], small[row, [5, 2]], atol=1e-3)
    truth = ground_truth("G", 224, "paper")
    ours = [row for row, head in enumerate(stack.heads) if head.pattern == "G"]
    error = np.abs(upsample(small[ours], False).double().numpy() - truth).mean((0, 1))
    assert errors[1, 0] == pytest.approx(error[rings() == 0].mean(), abs=1e-4)
    assert errors[1, 13] == pytest.approx(error[104:120, 104:120].mean(), abs=1e-4)
    assert errors.shape == (2, 14)


def test_stored_maps_are_vouched_for(tmp_path: Path) -> None:
    made = drawn()["squeezenet"]
    write_drawn(made, tmp_path / "one.npz", seed=0)
    read = read_drawn(tmp_path / "one.npz")
    assert (read.readouts, read.patterns, read.names) == (made.readouts, made.patterns, made.names)
    np.testing.assert_array_equal(read.maps, made.maps)
    (tmp_path / "one.npz").write_bytes((tmp_path / "one.npz").read_bytes() + b" ")
    with pytest.raises(InputError, match="stale or damaged"):
        read_drawn(tmp_path / "one.npz")
