"""Rows of experiments on where position comes from: written, read, summed up, judged. The rows are made up."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from posinfo.protocol.origins import EXPERIMENTS
from posinfo.run.config import RunConfig
from posinfo.store.errors import InputError
from posinfo.tables import layouts
from posinfo.tables.claims import read_claims
from posinfo.tables.measured import Measured, read_printed, read_rows, summary, write_rows

PUBLISHED = ROOT / "workflow/published"
MODELS = RunConfig().models.model_dump()


def redgreen(right: dict[tuple[str, str], float], pictures: int = 60) -> pd.DataFrame:
    """Rows in which that share of the pictures is told right."""
    frames = []
    for (padding, where), share in right.items():
        for seed in (0, 1):
            told = (np.arange(pictures) < share * pictures).astype(float)
            named = {"padding": padding, "places": where, "image": [f"{n}-0" for n in range(pictures)], "seed": seed}
            frames.append(pd.DataFrame({**named, "accuracy": told}))
    return pd.concat(frames, ignore_index=True)


def test_rows_come_back_as_they_were_written_and_altered_ones_are_refused(tmp_path: Path) -> None:
    rows = redgreen({("valid", "seen"): 0.5})
    write_rows("redgreen", rows, tmp_path / "valid.csv")
    read = read_rows([tmp_path / "valid.csv"])
    pd.testing.assert_frame_equal(read["redgreen"], rows[EXPERIMENTS["redgreen"].columns], check_dtype=False)
    (tmp_path / "valid.csv").write_text(
        (tmp_path / "valid.csv").read_text().replace("valid,seen,0-0,0,1", "valid,seen,0-0,0,0")
    )
    with pytest.raises(InputError, match="stale or damaged"):
        read_rows([tmp_path / "valid.csv"])
    write_rows("redgreen", rows, tmp_path / "valid.csv")
    metadata = (tmp_path / "valid.json").read_text()
    (tmp_path / "valid.json").write_text(metadata.replace('"redgreen"', '"pooled"'))
    with pytest.raises(InputError, match=r"expected .*'encoder', 'grid'"):
        read_rows([tmp_path / "valid.csv"])


def test_the_summary_stands_beside_what_is_published() -> None:
    made = summary(
        "redgreen", redgreen({("valid", "seen"): 1, ("same", "unseen"): 0.25}), read_printed(PUBLISHED, MODELS)
    )
    assert made["accuracy"].tolist() == [1, 0.25]
    assert made["published"].tolist() == [1.0, 0.084]
    assert made["low"][1] < 0.25 < made["high"][1]
    assert made["n_seeds"].tolist() == [2, 2]


def test_claims_compare_what_was_measured_and_nothing_else() -> None:
    shares = {("valid", "seen"): 1, ("valid", "unseen"): 0.1, ("same", "unseen"): 0.2, ("full", "unseen"): 0.9}
    measured = Measured({"redgreen": redgreen(shares)}, read_printed(PUBLISHED, MODELS), MODELS)
    claims = {claim.name: claim for claim in read_claims(PUBLISHED / "claims.yaml") if claim.measured}
    found = {
        name: [
            (words, estimate.outcome(0), told)
            for words, _, estimate, told in measured.compare(claim.measured, claim.each, claim.rises)
        ]
        for name, claim in claims.items()
    }
    assert found["pooled-order"] == []  # nothing of that was run
    ((words, outcome, told),) = found["redgreen-location"]
    assert (words, outcome) == ("seen > unseen (padding valid)", "holds")
    assert told == pytest.approx(0.998)
    full = found["redgreen-full"]
    assert [words for words, _, _ in full] == ["same > valid (places unseen)", "full > same (places unseen)"]
    assert full[1][1] == "holds"
    assert full[1][2] == pytest.approx(0.897 - 0.084)


def test_a_claim_that_names_no_experiment_or_not_its_keys_is_refused() -> None:
    measured = Measured({"redgreen": redgreen({("valid", "seen"): 1})}, {}, MODELS)
    with pytest.raises(InputError, match="redgren is no experiment; known: pooled, redgreen"):
        list(measured.compare("redgren", {}, [{"padding": "valid"}, {"padding": "same"}]))
    with pytest.raises(InputError, match="is named by padding, places"):
        list(measured.compare("redgreen", {}, [{"padding": "valid"}, {"padding": "same"}]))


def test_a_table_without_encoders_lists_none(tmp_path: Path) -> None:
    printed = pd.DataFrame([["valid", "1.000"]], columns=pd.MultiIndex.from_tuples([("padding", ""), ("seen", "")]))
    for encoders, lists in (({}, False), ({"vgg16": "VGG16"}, True)):
        layouts.write_layout(printed, "A caption.", encoders, "redgreen", tmp_path / "t.md", tmp_path / "t.tex")
        assert ("what it is" in (tmp_path / "t.md").read_text()) == lists
        assert (r"\footnotesize" in (tmp_path / "t.tex").read_text()) == lists
