"""The page of a run: all that the run shows and nothing else, with links to files, and no HTML of anybody else."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from posinfo.report.page import page_content, write_page
from posinfo.run import shown
from posinfo.run.config import RunConfig, load_config
from posinfo.store.tensors import write_tensors

HOSTILE = "<script>alert(1)</script> & 'mine'"
OWN = {"encoders": {"my-vgg": {"variant_of": "vgg16", "title": HOSTILE}}}
CLAIMS = {"one holds": "holds", "another <b>fails</b>": "fails", "a third": "undecided"}


class Page(HTMLParser):
    """The elements of a page as (tag, attributes), and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, attribute: str) -> list[str]:
        return [attributes[attribute] or "" for found, attributes in self.elements if found == tag]


def made(results: Path, **config: Any) -> tuple[RunConfig, Page]:
    """The page of a run whose files hold little."""
    run = load_config({"results": str(results), "own": OWN, "models": {"VGG": "my-vgg"}, **config})
    for folder, names, suffixes in (
        ("tables", shown.tables(run), ("csv", "md", "tex")),
        ("figures", shown.figures(run), ("pdf", "png")),
    ):
        (results / folder).mkdir()
        for name in names:
            for suffix in suffixes:
                (results / folder / f"{name}.{suffix}").write_text(f"| {name} |\n|---|\n| {HOSTILE} |")
    (results / "logs").mkdir()
    rows: list[dict[str, Any]] = [
        {"says": says, "by": "paper", "outcome": outcome, "comparison": "a > b", "comparison_outcome": outcome}
        | {"metric": "spc", "estimate": 0.1, "low": low, "high": high, "printed": None}
        for (says, outcome), (low, high) in zip(CLAIMS.items(), [(0.05, 0.2), (0.05, 0.2), (None, None)], strict=True)
    ]
    pd.DataFrame(rows).to_csv(results / "claims.csv", index=False)
    (results / "claims.md").touch()
    trained = results / "readouts/my-vgg/base"
    metadata = {"encoder": "my-vgg", "weights_sha256": "ab" * 32, "features_code": "cd" * 8, "code": "ef" * 8}
    write_tensors({"bias": np.zeros(1, np.float32)}, metadata, trained / "readout.safetensors")
    write_page(page_content(run, '{"seeds": [0, 1, 2]}', results, [trained], [], []), results / "index.html")
    return run, Page(results / "index.html")


@pytest.mark.parametrize(("paper", "experiments"), [(True, []), (True, ["red_green"]), (False, ["least_squares"])])
def test_it_shows_what_the_run_made_and_links_to_it(tmp_path: Path, paper: bool, experiments: list[str]) -> None:
    run, page = made(tmp_path, paper=paper, experiments=experiments)
    links = {link for link in page.all("a", "href") if not link.startswith("#")}
    assert all((tmp_path / link).exists() for link in links)
    files = [path for folder in ("tables", "figures") for path in (tmp_path / folder).iterdir()]
    assert {str(path.relative_to(tmp_path)) for path in files} <= links
    assert len(page.all("img", "src")) == len(shown.figures(run))
    anchors = {link[1:] for link in page.all("a", "href") if link.startswith("#")}
    assert anchors <= {attributes.get("id") for _, attributes in page.elements}
    assert ("claims.csv" in links) == paper


def test_table_1_comes_before_claims_figures_and_other_tables(tmp_path: Path) -> None:
    _, page = made(tmp_path, experiments=[])
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    order = [ids.index(name) for name in ("run", "table-table1", "claims", "figures", "tables", "table-table3", "made")]
    assert order == sorted(order)


def test_claims_are_counted_by_outcome(tmp_path: Path) -> None:
    _, page = made(tmp_path, experiments=[])
    assert all(f"{outcome}: 1" in page.text for outcome in ("holds", "fails", "undecided"))
    assert all(says in page.text for says in CLAIMS)
    assert page.text.count("+0.050 to +0.200") == 2
    assert "+nan" not in page.text


def test_tags_in_titles_names_and_tables_are_text(tmp_path: Path) -> None:
    run, page = made(tmp_path, experiments=[])
    assert not [tag for tag, _ in page.elements if tag in ("script", "b")]
    assert page.text.count(HOSTILE) >= len(shown.tables(run))
