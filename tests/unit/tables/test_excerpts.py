"""The tables on the pages are those of the committed values."""

import pytest
from conftest import ROOT
from posinfo.tables.excerpts import excerpts_of

PAGES = {"default": "docs/default-run.md", "thousand": "docs/results.md", "paper": "docs/paper.md"}
TABLES = {"table1", "table2a", "table2b", "table3", "table4", "controls", "border", "least_squares"}
MADE = {"default": TABLES, "thousand": TABLES, "paper": {"table1", "table2a", "table2b", "table3", "table4"}}


def test_every_folder_of_committed_values_has_a_page() -> None:
    assert {path.name for path in (ROOT / "workflow/expected").iterdir()} == set(PAGES)


@pytest.mark.parametrize(("folder", "page"), PAGES.items())
def test_a_pages_tables_are_the_committed_ones(folder: str, page: str) -> None:
    text = (ROOT / page).read_text()
    shown = dict(excerpts_of(ROOT / "workflow/expected" / folder))
    assert MADE[folder] == shown.keys()
    assert [name for name, table in shown.items() if table not in text] == []
