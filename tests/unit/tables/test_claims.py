"""The judge on constructed cases: each outcome, paired images, clustered views. Scores here are synthetic."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from posinfo.run.config import load_config
from posinfo.run.experiments import Measurement
from posinfo.store.errors import InputError
from posinfo.tables.claims import Claim, Measured, judge, read_claims
from posinfo.tables.intervals import Estimate, difference, overall
from posinfo.tables.summaries import by_cell, read_scores
from posinfo.tables.verdicts import write_claims
from synthetic_scores import noisy, scores, synthetic_groups

PUBLISHED = ROOT / "workflow/published"


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


def test_pairing_sees_small_differences_under_large_variation() -> None:
    base = noisy(0.5, 0.2, 0)
    base[:] = base[0]  # the seeds agree, the images vary
    close = scores(base + 0.02)
    assert difference(close, scores(base), "spc").outcome(0) == "holds"
    elsewhere = scores(base, [f"other{index}-0" for index in range(20)])
    assert difference(close, elsewhere, "spc").outcome(0) == "undecided"


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
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


def test_one_photograph_has_no_interval_and_decides_nothing(tmp_path: Path) -> None:
    alone = difference(scores(noisy(0.9, 0.1, 0, images=1)), None, "spc")
    assert alone.outcome(0) == "undecided"
    row = {"claim": "c", "says": "s", "by": "b", "comparison": "a > b", "metric": "spc", "printed": 0.1}
    row |= {"outcome": "undecided", "comparison_outcome": "undecided", "estimate": alone.value}
    write_claims(pd.DataFrame([row | {"low": alone.low, "high": alone.high}]), tmp_path / "c.csv", tmp_path / "c.md")
    assert "| none | undecided | +0.100 |" in (tmp_path / "c.md").read_text()


def measured() -> dict[str, Measured]:
    """Twenty images under two conditions, the second better by .3."""
    frames = []
    for number, (padding, mean) in enumerate((("without", 0.5), ("with", 0.8))):
        names = [f"set/{index}-0" for index in range(20)]
        drawn = np.random.default_rng(number).normal(mean, 0.05, 20)
        frames.append(pd.DataFrame({"padding": padding, "image": names, "seed": 0, "score": drawn}))
    about = Measurement(keys=("padding",), metric="score", inputs=lambda _: [])
    printed = pd.DataFrame({"padding": ["without", "with"], "published": [0.1, 0.48]})
    return {"trial": Measured(about, pd.concat(frames), printed)}


def test_claims_on_cells_hold_fail_or_stay_undecided(tmp_path: Path) -> None:
    run = load_config({})
    base = "L1-k3-p0-all"
    spc = {("pixels", base, pattern): 0.0 for pattern in ("H", "V", "G", "HS", "VS")}
    spc |= {("vgg16-nopad", base, pattern): 0.7 for pattern in ("H", "G", "HS")}
    judged = judge(read_claims(PUBLISHED / "claims.yaml"), run, synthetic_groups(run, spc), {})
    outcome = judged.groupby("claim")["outcome"].first()
    assert outcome["vgg-over-posenet"] == "holds"
    assert outcome["encoder-padding-matters"] == "fails"
    assert outcome["posenet-alone-spc"] == "holds"
    assert outcome["resnet-over-vgg"] in ("undecided", "fails")  # equal by construction
    row = judged[judged["comparison"] == "vgg16 > pixels (H)"].iloc[0]
    assert row["printed"] == pytest.approx(0.742 - 0.012)
    assert row["low"] < row["estimate"] < row["high"]
    assert judged[["estimate", "low", "high"]].notna().all(axis=None)
    write_claims(judged, tmp_path / "claims.csv", tmp_path / "claims.md")
    text = (tmp_path / "claims.md").read_text()
    assert "| removing the padding of VGG's convolutions costs position | **fails** | 0 of 3 |" in text
    assert len(pd.read_csv(tmp_path / "claims.csv")) == len(judged)


def test_a_cell_is_claimed_to_be_as_printed() -> None:
    run = load_config({"models": {"VGG_as_released": "vgg16-unnormalised"}})
    spc = {("vgg16", "L1-k3-p0-all", "H"): 0.75, ("vgg16-unnormalised", "L1-k3-p0-f4", "H"): 0.7}
    claims = [claim for claim in read_claims(PUBLISHED / "claims.yaml") if claim.to == "paper"]
    judged = judge(claims, run, synthetic_groups(run, spc), {}).set_index("comparison")
    near = judged.loc["vgg16 (H)"]
    assert near["comparison_outcome"] == "holds"
    assert near["estimate"] == pytest.approx(0.75 - 0.742, abs=0.01)
    assert near["printed"] == 0
    far = judged.loc["vgg16-unnormalised L1-k3-p0-f4 (H)"]
    assert far["comparison_outcome"] == "fails"
    assert far["estimate"] == pytest.approx(0.7 - 0.61, abs=0.01)
    assert "vgg16 L1-k3-p0-f4 (V)" not in judged.index  # no table shows it
    alone = judge(claims, load_config({}), synthetic_groups(load_config({}), spc), {})
    assert set(alone["claim"]) == {"vgg-as-printed"}


def test_claims_on_measurements_compare_conditions() -> None:
    run = load_config({})
    claim = Claim(name="a", says="b", by="c", measured="trial", rises=[{"padding": "without"}, {"padding": "with"}])
    judged = judge([claim], run, synthetic_groups(run, {}), measured())
    assert judged["outcome"].tolist() == ["holds"]
    assert judged["estimate"].iloc[0] == pytest.approx(0.3, abs=0.05)
    assert judged["printed"].iloc[0] == pytest.approx(0.38)
    assert judged["comparison"].iloc[0] == "with > without ()"
    absent = claim.model_copy(update={"rises": [{"padding": "without"}, {"padding": "none"}]})
    assert judge([absent], run, synthetic_groups(run, {}), measured()).empty
    wrong = claim.model_copy(update={"rises": [{"pading": "without"}, {"padding": "with"}]})
    with pytest.raises(InputError, match="a condition is named by padding"):
        judge([wrong], run, synthetic_groups(run, {}), measured())


def test_a_control_that_is_left_out_is_not_compared() -> None:
    run = load_config({"controls": ["vgg16-random-1"]})
    about = ("padding-not-map-size", "training-adds")
    claims = [claim for claim in read_claims(PUBLISHED / "claims.yaml") if claim.name in about]
    groups = synthetic_groups(run, {})
    assert len(claims) == 2
    judged = judge(claims, run, groups, {})
    assert "padding-not-map-size" not in set(judged["claim"])
    assert (judged["claim"] == "training-adds").sum() == 3
    del groups["vgg16-random-1", "L1-k3-p0-all", "H", "photos-test"]
    with pytest.raises(InputError, match="no scores for vgg16-random-1"):
        judge(claims, run, groups, {})


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


def test_a_run_without_the_papers_tables_judges_nothing(tmp_path: Path) -> None:
    run = load_config({"paper": False, "experiments": []})
    judged = judge(read_claims(PUBLISHED / "claims.yaml"), run, by_cell(read_scores([])), {})
    write_claims(judged, tmp_path / "claims.csv", tmp_path / "claims.md")
    assert pd.read_csv(tmp_path / "claims.csv").empty
