"""The judge on constructed cases: each outcome, paired images, clustered views. Scores here are made up."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from posinfo.registry.entries import Task
from posinfo.run.config import RunConfig
from posinfo.run.families import families
from posinfo.run.tables import TABLES
from posinfo.store.errors import InputError
from posinfo.tables.claims import judge, printed_values, read_claims, write_claims
from posinfo.tables.intervals import Estimate, difference, overall
from posinfo.tables.measured import Measured
from posinfo.tables.tasks import TaskScores
from synthetic_scores import made_up, noisy, scores

PUBLISHED = ROOT / "workflow/published"
NOTHING = Measured({}, {}, RunConfig().models.model_dump())


def test_outcomes_of_an_interval() -> None:
    assert Estimate(0.3, 0.1, 0.5).outcome(0) == "holds"
    assert Estimate(-0.3, -0.5, -0.1).outcome(0) == "fails"
    assert Estimate(0.1, -0.1, 0.3).outcome(0) == "undecided"
    assert Estimate(0.0, -0.1, 0.1).outcome(-0.15, 0.15) == "holds"
    assert Estimate(0.3, 0.2, 0.4).outcome(-0.15, 0.15) == "fails"
    assert Estimate(0.1, 0.0, 0.2).outcome(-0.15, 0.15) == "undecided"
    assert overall(["holds", "holds"]) == "holds"
    assert overall(["holds", "undecided"]) == "undecided"
    assert overall(["holds", "undecided", "fails"]) == "fails"


def test_pairing_sees_a_small_difference_under_large_variation_between_images() -> None:
    base = noisy(0.5, 0.2, 0)
    base[:] = base[0]  # the seeds agree, the images vary
    close = scores(base + 0.02)
    assert difference(close, scores(base), "spc").outcome(0) == "holds"
    elsewhere = scores(base, [f"other{index}-0" for index in range(20)])
    assert difference(close, elsewhere, "spc").outcome(0) == "undecided"


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for trial in range(60):
        values = np.repeat(noisy(0.3, 0.1, trial, images=30)[:1], 3, axis=0)
        found = difference(scores(values), None, "spc")
        covered += found.low <= 0.3 <= found.high
    assert covered >= 50  # 95 % of 60 is 57


def test_an_interval_is_the_same_whatever_was_compared_before() -> None:
    """The first draw for a set of images is kept."""
    few = scores(noisy(0.3, 0.1, 1, images=5), [f"few{index}-0" for index in range(5)])
    many = scores(noisy(0.4, 0.1, 2, images=30), [f"many{index}-0" for index in range(30)])
    alone = difference(many, few, "spc")
    assert difference(few, None, "spc") != alone
    assert difference(many, None, "spc", offset=0.4).value == pytest.approx(0, abs=0.05)
    assert difference(many, few, "spc") == alone


def test_views_of_one_photograph_do_not_count_as_independent() -> None:
    values = np.repeat(noisy(0.3, 0.1, 1, images=5), 6, axis=1)
    apart = difference(scores(values), None, "spc")
    together = difference(scores(values, [f"photo{index // 6}-{index % 6}" for index in range(30)]), None, "spc")
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def tasks_done(run: RunConfig, gains: dict[Task, float]) -> TaskScores:
    """Scores of twenty pictures of each encoder of Table 5: .5, and with padding that much more."""
    pictures = {}
    for task, gain in gains.items():
        for number, (role, mean) in enumerate(((task, 0.5 + gain), (f"{task}_without_padding", 0.5))):
            drawn = np.random.default_rng(number).normal(mean, 0.05, 20)
            names = [f"set/{index}-0" for index in range(20)]
            pictures[run.tasks.encoders[role]] = pd.DataFrame({"image": names, "seed": 0, "score": drawn})
    return TaskScores(pictures, {"saliency": "f", "segmentation": "iou"}, {"saliency": 0.38, "segmentation": 0.108})


def test_claims_hold_fail_or_stay_undecided_with_the_printed_difference_beside(tmp_path: Path) -> None:
    run = RunConfig()
    base = "L1-k3-p0-all"
    spc = {("pixels", base, pattern): 0.0 for pattern in ("H", "V", "G", "HS", "VS")}
    spc |= {("vgg16-nopad", base, pattern): 0.7 for pattern in ("H", "G", "HS")}
    spc |= {("vgg-slim-segmentation", base, pattern): 0.9 for pattern in ("H", "G", "HS")}
    spc |= {("vgg-slim-classification", base, pattern): 0.1 for pattern in ("H", "G", "HS")}
    claims, printed = read_claims(PUBLISHED / "claims.yaml"), printed_values(run, PUBLISHED)
    done = tasks_done(run, {"saliency": 0.3, "segmentation": -0.3})
    judged = judge(claims, made_up(run, spc), run, printed, done, NOTHING)
    outcome = judged.groupby("claim")["outcome"].first()
    assert outcome["vgg-over-posenet"] == "holds"
    assert outcome["encoder-padding-matters"] == "fails"
    assert outcome["posenet-alone-spc"] == "holds"
    assert outcome["resnet-over-vgg"] in ("undecided", "fails")  # equal by construction
    assert outcome["tasks-in-order"] == "holds"
    by_task = judged[judged["claim"] == "tasks-need-padding"]
    assert by_task["comparison_outcome"].tolist() == ["holds", "fails"]
    assert by_task["metric"].tolist() == ["f", "iou"]
    assert by_task["estimate"].tolist() == pytest.approx([0.3, -0.3], abs=0.05)
    row = judged[judged["comparison"] == "vgg16 > pixels (H)"].iloc[0]
    assert row["printed"] == pytest.approx(0.742 - 0.012)
    assert row["low"] < row["estimate"] < row["high"]
    assert judged[["estimate", "low", "high"]].notna().all(axis=None)
    write_claims(judged, tmp_path / "claims.csv", tmp_path / "claims.md")
    text = (tmp_path / "claims.md").read_text()
    assert "| removing the padding of VGG's convolutions costs position | **fails** | 0 of 3 |" in text
    assert len(pd.read_csv(tmp_path / "claims.csv")) == len(judged)


def test_a_control_that_is_left_out_is_not_compared_and_a_missing_score_is_an_error() -> None:
    run = RunConfig(controls=["vgg16-random-1"])
    about = ("padding-not-map-size", "training-adds")
    claims = [claim for claim in read_claims(PUBLISHED / "claims.yaml") if claim.name in about]
    printed, groups = printed_values(run, PUBLISHED), made_up(run, {})
    done = tasks_done(run, {"saliency": 0.0, "segmentation": 0.0})
    assert len(claims) == 2
    judged = judge(claims, groups, run, printed, done, NOTHING)
    assert "padding-not-map-size" not in set(judged["claim"])
    assert (judged["claim"] == "training-adds").sum() == 3
    del groups["vgg16-random-1", "L1-k3-p0-all", "H", "photos-test"]
    with pytest.raises(InputError, match="no scores for vgg16-random-1"):
        judge(claims, groups, run, printed, done, NOTHING)


@pytest.mark.parametrize(
    "text",
    [
        "- {name: a, says: b, by: c}",
        "- {name: a, says: b, by: c, near: [{model: VGG, pattern: H}]}",
        "- {name: a, says: b, by: c, rises: [{model: VGG}], each: {pattern: [H]}, extra: 1}",
        "- {name: a, says: b, by: c, rises: [{model: VGG}], each: {pattrn: [H]}}",
    ],
)
def test_malformed_claims_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"claims\.yaml"):
        read_claims(path)


def test_families_train_each_readout_once_and_only_what_their_table_adds() -> None:
    run = RunConfig()
    made = families(run)
    pairs = [(family.encoder, readout) for family in made for readout in family.patterns]
    assert len(pairs) == len(set(pairs))
    needed = {(cell.encoder, cell.readout) for table in TABLES.values() for cell in table.cells(run)}
    assert set(pairs) == needed
    kernels = next(family for family in made if (family.encoder, family.name) == ("vgg16", "table2b"))
    assert {readout.kernel for readout in kernels.patterns} == {1, 7}
    assert set(kernels.patterns.values()) == {("H", "G", "HS")}
    base = next(family for family in made if (family.encoder, family.name) == ("vgg16", "base"))
    assert list(base.patterns.values()) == [("H", "V", "G", "HS", "VS")]
