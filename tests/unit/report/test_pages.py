"""Pages of the report: a Markdown table becomes an HTML table with every cell, and nothing else gets through."""

from xml.etree import ElementTree

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from posinfo.report.pages import page

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="|*`\\"), min_size=1)


def parsed(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html.removeprefix("<!DOCTYPE html>").replace('<meta charset="utf-8">', ""))


@given(rows=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4))
def test_every_cell_of_a_table_is_in_the_page(rows: list[tuple[str, str]]) -> None:
    markdown = pd.DataFrame(rows, columns=["a", "b"]).astype(str).to_markdown(index=False, disable_numparse=True)
    cells = ["".join(cell.itertext()) for cell in parsed(page("a table", f"{markdown}\n\nA caption.")).iter("td")]
    assert cells == [word for row in rows for word in row]


def test_bold_slanted_and_code_are_marked_and_tags_are_text() -> None:
    root = parsed(page("a <b> title", "| claim |\n|---|\n| **holds** |\n\n*slanted*, `code` & <script>x</script>"))
    assert root.findtext(".//h1") == "a <b> title"
    assert root.findtext(".//td/b") == "holds"
    assert root.findtext(".//p/i") == "slanted"
    assert root.findtext(".//p/code") == "code"
    assert root.find(".//script") is None
