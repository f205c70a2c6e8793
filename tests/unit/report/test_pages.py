"""Pages of the report: Markdown as HTML, and no HTML of anybody else."""

from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
from posinfo.report.pages import write_page


def parsed(path: Path) -> ElementTree.Element:
    text = path.read_text().removeprefix("<!DOCTYPE html>").replace('<meta charset="utf-8">', "")
    return ElementTree.fromstring(text)


def test_every_cell_of_a_table_is_in_the_page(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": ["one", "<two>"], "b": ["& three", "'four'"]})
    markdown = frame.to_markdown(index=False, disable_numparse=True)
    write_page(tmp_path / "page.html", "a table", f"{markdown}\n\nA caption.")
    cells = ["".join(cell.itertext()) for cell in parsed(tmp_path / "page.html").iter("td")]
    assert cells == ["one", "& three", "<two>", "'four'"]


def test_tags_in_titles_and_text_are_text(tmp_path: Path) -> None:
    text = "| claim |\n|---|\n| **holds** |\n\n*slanted* & <script>x</script>"
    write_page(tmp_path / "page.html", "a <b> title", text)
    root = parsed(tmp_path / "page.html")
    assert root.findtext(".//h1") == "a <b> title"
    assert root.findtext(".//td/strong") == "holds"
    assert root.findtext(".//p/em") == "slanted"
    assert root.find(".//script") is None
