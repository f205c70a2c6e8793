"""The default target of a small run: every figure, and the report as a person opens it, in a browser."""

import re
from pathlib import Path

import pandas as pd
import pytest
from conftest import Workflow
from posinfo.figures import data as materials
from posinfo.figures.commands import PUBLISHED
from posinfo.figures.drawings import write_figure
from posinfo.protocol import origins
from posinfo.run import figures, tables, tasks
from posinfo.run.inputs import Inputs
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

TABLES = [*tables.TABLES, *tasks.TASK_TABLES, *origins.TABLES]
FIGURES = [*figures.FIGURES, *origins.DRAWN]
PAGES = {"Tables": TABLES, "Figures": FIGURES, "Claims": ["claims"], "Run": ["run"]}


@pytest.fixture(scope="module")
def whole(smoke: Workflow) -> Workflow:
    """The smoke run with everything that `snakemake` without a target builds."""
    smoke.run()
    return smoke


def test_the_default_target_builds_tables_figures_claims_and_report(whole: Workflow) -> None:
    results = whole.place / "results"
    for figure in FIGURES:
        assert (results / f"figures/{figure}.pdf").read_bytes().startswith(b"%PDF")
        assert (results / f"figures/{figure}.png").read_bytes().startswith(b"\x89PNG")
    for table in TABLES:
        assert len(pd.read_csv(results / f"tables/{table}.csv"))
    assert len(pd.read_csv(results / "claims.csv"))
    for benchmark in (results / "benchmarks").rglob("*.tsv"):
        log = results / "logs" / benchmark.relative_to(results / "benchmarks").with_suffix(".log")
        assert re.search(r" s of CPU, [\d.]+ GB of memory at most$", log.read_text().rstrip())
    assert whole.planned() == set()


@pytest.mark.parametrize("name", list(figures.FIGURES))
def test_every_figure_drawn_again_is_the_same_file(
    whole: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(whole.place)
    run = whole.settings()
    shown = [Path(path) for path in Inputs(run).of_figure(name)]

    def drawn(output: Path) -> list[bytes]:
        data = materials.collect(run, shown, PUBLISHED, Path(run.results) / "benchmarks")
        files = [output.with_suffix(suffix) for suffix in (".pdf", ".png")]
        write_figure(name, data, *files)
        return [file.read_bytes() for file in files]

    # What jobs cost is shown as of its own time, and more of them are over by now.
    of_now = figures.FIGURES[name].costs
    made = [(Path(run.results) / f"figures/{name}{suffix}").read_bytes() for suffix in (".pdf", ".png")]
    assert drawn(tmp_path / "again") == (drawn(tmp_path / "and_again") if of_now else made)


def test_predictions_are_stored_only_for_the_pictures_of_figures(whole: Workflow) -> None:
    folder = whole.place / "results/predictions"
    run = whole.settings()
    wanted = [
        f"{encoder}/{readout}/{images}.npz"
        for encoder, readouts in figures.maps_wanted(run).items()
        for readout, sets in readouts.items()
        for images in sets
    ]
    wanted.append(f"{run.tasks.saliency}/{figures.CROPS}.npz")
    of_pixels = (run.tasks.segmentation, run.tasks.segmentation_without_padding)
    wanted += [f"{encoder}/{figures.SEGMENTATIONS}.npz" for encoder in of_pixels]
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {*wanted, *(name.replace(".npz", ".json") for name in wanted)}
    assert sum((folder / name).stat().st_size for name in files) < 20e6


def test_a_caption_is_edited_and_only_the_report_is_made_again(whole: Workflow) -> None:
    caption = whole.source / "workflow/report/figure4.rst"
    text = caption.read_text()
    try:
        caption.write_text(f"{text}\nAn edit.\n")
        assert whole.planned() == {"report"}
    finally:
        caption.write_text(text)


def wait(browser: webdriver.Chrome, xpath: str) -> list[WebElement]:
    """The elements at a place, once there are some."""
    return WebDriverWait(browser, 20, 0.05).until(lambda page: page.find_elements(By.XPATH, xpath))


def open_category(browser: webdriver.Chrome, report: Path, category: str) -> None:
    """Show what a category lists; from the report's own first page, where it is open: it takes long to load."""
    browser.switch_to.default_content()
    if browser.current_url.partition("#")[0] == report.as_uri():
        wait(browser, "(//nav//ol//a)[1]")[0].click()
    else:
        browser.get(report.as_uri())
    (link,) = wait(browser, f"//a/span[text()='{category}']")
    link.click()


@pytest.mark.parametrize("category", list(PAGES))
def test_the_report_lists_everything(whole: Workflow, browser: webdriver.Chrome, category: str) -> None:
    open_category(browser, whole.place / "results/report.html", category)
    assert {cell.text for cell in wait(browser, "//tbody/tr/td[1]")} == set(PAGES[category])


@pytest.mark.parametrize(
    ("category", "name"), [(category, name) for category, names in PAGES.items() for name in names]
)
def test_the_report_shows_it_with_its_caption(
    whole: Workflow, browser: webdriver.Chrome, category: str, name: str
) -> None:
    open_category(browser, whole.place / "results/report.html", category)
    (row,) = wait(browser, f"//tbody/tr[td[1][normalize-space()='{name}']]")
    look, explain = row.find_elements(By.TAG_NAME, "a")
    look.click()
    if category == "Figures":
        image = wait(browser, "//img[contains(@src, 'image/png')]")[0]
        WebDriverWait(browser, 20, 0.05).until(lambda _: int(image.get_property("naturalWidth")) > 400)  # type: ignore[arg-type]
    else:
        browser.switch_to.frame(wait(browser, "//iframe")[0])
        written = (whole.place / f"results/pages/{name}.html").read_text().count("<td>")
        assert len(wait(browser, "//td")) == written > 10
        browser.switch_to.default_content()
    explain.click()
    caption = wait(browser, "//li[text()='Description']/following-sibling::li")[0].text
    source = (whole.source / f"workflow/report/{name}.rst").read_text()
    assert caption.startswith(re.findall(r"\*\*(.+?)\*\*", source)[0])
    settings = whole.settings()
    for key, value in (("natural", settings.images.natural), ("VGG", settings.models.VGG)):
        assert (value in caption) == (f'["{key}"]' in source)
