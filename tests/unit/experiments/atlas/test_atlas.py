"""The atlas: its encoders, cells, inputs, table and figure."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from posinfo.experiments.atlas import EXPERIMENT, figure, inputs, table
from posinfo.experiments.atlas.inputs import STRUCTURE, Atlas
from posinfo.figures.data import FigureData
from posinfo.figures.style import name_of
from posinfo.protocol.readout import Readout
from posinfo.registry.catalogue import shipped
from posinfo.registry.entries import RandomWeights
from posinfo.run.config import RunConfig, load_config
from posinfo.store.errors import InputError
from posinfo.store.sidecars import write_sidecar
from posinfo.tables.layouts import with_interval, with_sd
from synthetic_atlas import ENCODERS, NAMES, PATTERNS, RUN, scores, spc_of, structures
from typeset import typeset


def of_atlas(section: dict[str, Any]) -> RunConfig:
    """A run whose config switches the atlas on."""
    return load_config({"experiments": ["atlas"], "atlas": section})


def written(folder: Path) -> list[Path]:
    """The files that the table and the figure are made from."""
    paths = []
    frame = scores().assign(constant=0)
    columns = ["readout", "pattern", "seed", "image", "spc", "mae", "constant"]
    for encoder in ENCODERS:
        of_encoder = frame[frame["encoder"] == encoder]
        base = of_encoder["readout"] == Readout().name
        for group, rows in (("base", of_encoder[base]), ("stages", of_encoder[~base])):
            path = folder / "scores" / encoder / group / f"{RUN.images.natural}.csv"
            path.parent.mkdir(parents=True)
            rows[columns].to_csv(path, index=False, float_format="%.9g")
            write_sidecar(path)
            paths.append(path)
    for encoder in ("pixels", "squeezenet"):
        path = folder / "atlas" / f"{encoder}{STRUCTURE}"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(structures()[encoder]))
        paths.append(path)
    return paths


def test_each_network_stands_beside_itself_with_random_weights() -> None:
    assert ENCODERS == ["pixels", "squeezenet", "squeezenet-random-0", "squeezenet-random-1"]
    drawn, entry = (RUN.registry.encoders[name] for name in ("squeezenet-random-1", "squeezenet"))
    assert drawn.weights == RandomWeights(random=1)
    assert (drawn.architecture, drawn.taps, drawn.input) == (entry.architecture, entry.taps, entry.input)
    without = of_atlas({"encoders": ["squeezenet"], "untrained": ["squeezenet"], "draws": 1})
    assert inputs.encoders(without) == ["squeezenet-random-0"]


def test_the_experiment_adds_entries_of_random_draws() -> None:
    assert EXPERIMENT.entries is not None
    section = RUN.section(Atlas)
    added = EXPERIMENT.entries(section, shipped())
    assert list(added) == ["squeezenet-random-0", "squeezenet-random-1"]
    assert added["squeezenet-random-1"]["weights"] == {"random": 1}
    assert EXPERIMENT.entries(section, RUN.registry) == {}


def test_without_encoders_there_is_no_atlas() -> None:
    empty = of_atlas({})
    atlas = EXPERIMENT.tables["atlas"]
    assert atlas.cells is not None
    assert atlas.cells(empty) == []
    assert EXPERIMENT.targets(empty) == []
    for made_from in (atlas.inputs, EXPERIMENT.figures["atlas"].inputs, inputs.maps, inputs.scores, inputs.structures):
        with pytest.raises(InputError, match=r"atlas: the configuration names no encoders.*configs/atlas\.yaml"):
            made_from(empty)


def test_cells_read_each_stage_alone_and_all() -> None:
    of_encoder = [cell for cell in inputs.cells(RUN) if cell.encoder == "squeezenet-random-1"]
    assert {cell.model for cell in of_encoder} == {"squeezenet"}
    read = {(cell.readout.name, cell.pattern) for cell in of_encoder}
    stages = [*RUN.stages("squeezenet"), "all"]
    assert read == {(Readout(stages=stage).name, pattern) for stage in stages for pattern in PATTERNS}
    assert len(of_encoder) == len(read)


def test_inputs_are_scores_and_one_structure_a_network() -> None:
    paths = EXPERIMENT.tables["atlas"].inputs(RUN)
    assert paths == EXPERIMENT.figures["atlas"].inputs(RUN)
    ends = [path.removeprefix(RUN.results) for path in paths]
    images = RUN.images.natural
    groups = ("base", "stages")
    assert set(ends) == {
        *(f"/scores/{encoder}/{group}/{images}.csv" for encoder in ENCODERS for group in groups),
        "/atlas/pixels.structure.json",
        "/atlas/squeezenet.structure.json",
    }
    assert len(ends) == len(set(ends))
    assert EXPERIMENT.targets(RUN) == [f"{RUN.results}/atlas.html"]
    assert inputs.maps(RUN) == [f"{RUN.results}/atlas/{encoder}.npz" for encoder in ENCODERS]


def test_receptive_fields_are_measured_once_a_network() -> None:
    same = inputs.same_network(RUN)
    assert same == {"pixels": "pixels"} | dict.fromkeys(ENCODERS[1:], "squeezenet")


def test_encoders_outside_the_atlas_are_refused() -> None:
    assert inputs.features(RUN, "pixels") == f"{RUN.results}/features/pixels/{RUN.images.natural}"
    assert inputs.entry(RUN, "pixels") == RUN.registry.encoders["pixels"]
    for ask in (inputs.features, inputs.entry):
        with pytest.raises(InputError, match="unknown encoder of the atlas 'vgg16'"):
            ask(RUN, "vgg16")


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"encoders": ["squeezenett"]}, "did you mean 'squeezenet'"),
        ({"encoders": ["vgg16-cropped"]}, "name vgg16"),
        ({"encoders": ["vgg16", "vgg16"]}, "vgg16 is a duplicate entry"),
        ({"encoders": ["vgg16"], "untrained": ["vgg61"]}, "did you mean 'vgg16'"),
        ({"encoders": ["vgg16"], "untrained": ["vgg16"], "draws": 0}, "no weights at all"),
    ],
)
def test_mistakes_in_the_section_are_named(section: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        of_atlas(section)


def test_the_table_means_over_draws_seeds_and_images() -> None:
    frame = table.tidy(scores(), RUN, structures())
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
    assert row["mae"] == pytest.approx(1 - np.mean(means))
    assert row["spc_low"] < row["spc"] < row["spc_high"]
    assert (row["draws"], row["n_seeds"], row["n_images"]) == (2, 2, 3)
    assert (row["field"], row["side"], row["border"], row["channels"]) == (20, 28, 0.5, 8)
    chosen = "network == 'squeezenet' and weights == 'trained' and stage == 'all' and pattern == 'H'"
    whole = frame.query(chosen).iloc[0]
    stages = len(RUN.stages("squeezenet"))
    assert (whole["field"], whole["channels"]) == (10 * stages, 4 * sum(range(1, stages + 1)))


def test_more_seeds_of_one_draw_narrow_no_interval() -> None:
    few = scores().query("seed == 0")
    many = pd.concat([few.assign(seed=seed) for seed in range(5)])
    bounds = ["spc_low", "spc_high"]
    once, often = (table.tidy(rows, RUN, structures()).query("weights == 'random'")[bounds] for rows in (few, many))
    np.testing.assert_allclose(often, once, atol=1e-12)
    assert (once["spc_high"] - once["spc_low"] > 0.1).all()  # two draws, .2 apart


def test_the_built_table_has_numbers_layout_and_caption(tmp_path: Path) -> None:
    built = table.build(RUN, "atlas", written(tmp_path))
    expected = table.tidy(scores(), RUN, structures())
    pd.testing.assert_frame_equal(built.tidy, expected, rtol=1e-7)
    assert len(built.layout) == len(expected) / len(PATTERNS)
    assert set(built.layout.columns.get_level_values(1)) == {"", "SPC", "MAE"}
    assert list(built.layout["network", ""]).count("squeezenet") == 1  # said once, not in each row
    assert all(side.isdigit() for side in built.layout["side", ""])
    last = expected[expected["pattern"] == "H"].iloc[-1]
    shown = with_interval(last["spc"], last["spc_sd"], last["spc_low"], last["spc_high"])
    assert built.layout["H", "SPC"].iloc[-1] == shown
    assert built.layout["H", "MAE"].iloc[-1] == with_sd(last["mae"], last["mae_sd"])
    assert "over 2 seeds; for random weights, over 2 draws of 2 seeds each" in built.caption
    assert f"{RUN.images.natural} (n=3)" in built.caption
    assert built.titles == RUN.titles(["pixels", "squeezenet"])
    typeset(built, tmp_path)


def test_the_figure_shows_every_number_of_the_table(tmp_path: Path) -> None:
    data = cast(FigureData, SimpleNamespace(run=RUN, paths=written(tmp_path)))
    drawn = figure.draw(data)
    frame = table.tidy(scores(), RUN, structures())
    titles = [axes.get_title() for axes in drawn.axes]
    assert titles[: len(PATTERNS)] == [name_of(pattern) for pattern in PATTERNS]
    shown = np.concatenate([np.asarray(line.get_ydata()) for axes in drawn.axes for line in axes.lines])
    for value in frame["spc"]:
        assert np.isclose(shown, value, atol=1e-6).any()
    (legend,) = drawn.legends
    assert {text.get_text() for text in legend.get_texts()} == {
        "trained weights",
        "random weights",
        "no weights",
    }
    drawn.savefig(tmp_path / "atlas.pdf")
    drawn.savefig(tmp_path / "atlas.png")
    assert (tmp_path / "atlas.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "atlas.png").read_bytes().startswith(b"\x89PNG")
