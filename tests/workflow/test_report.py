"""The default target of a small run: every figure, and the page and the report as a person opens them, in a browser."""

import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import Workflow
from posinfo.figures.data import FigureData
from posinfo.figures.style import write_figure
from posinfo.run import shown
from posinfo.run.config import load_config
from posinfo.run.experiments import load
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from synthetic_archives import overlay

RUN = load_config({})
TABLES = list(shown.tables(RUN))
FIGURES = list(shown.figures(RUN))

VGG_INPUT = {"order": "RGB", "range": 1}
VGG_TAPS = {"f1": "features.3", "f2": "features.8", "f3": "features.15", "f4": "features.22", "f5": "features.29"}


def small_vgg(title: str, weights: dict[str, Any], padding: str = "zeros") -> dict[str, Any]:
    """An entry of a VGG16 of an eighth of the width: with 1472 channels, least squares alone take two minutes."""
    entry = {"title": title, "architecture": "vgg16-eighth", "weights": weights, "padding": padding}
    return {**entry, "input": VGG_INPUT, "taps": VGG_TAPS}


def trained(task: str, padding: str = "zeros") -> dict[str, Any]:
    """An entry of an encoder that the run trains for a task."""
    return small_vgg(f"my {task}", {"task": task}, padding)


# An own encoder in every role: what reads the registry without the config's own entries fails here.
OWN = {
    "my-pixels": {"variant_of": "pixels", "title": "my pixels"},
    "my-vgg": small_vgg("my VGG", {"random": 0}),
    "my-resnet": {"variant_of": "resnet50-thin", "title": "my ResNet"},
    "my-nopad": {"variant_of": "my-vgg", "title": "my VGG without padding", "padding": "none"},
    "my-classification": trained("classification"),
    "my.saliency": trained("saliency"),
    "my-saliency-nopad": trained("saliency", "none"),
    "my-segmentation": trained("segmentation"),
    "my-segmentation-nopad": trained("segmentation", "none"),
}
MODELS = {"PosENet": "my-pixels", "VGG": "my-vgg", "ResNet": "my-resnet", "VGG_without_padding": "my-nopad"}
TASKS = {
    "classification": "my-classification",
    "saliency": "my.saliency",
    "saliency_without_padding": "my-saliency-nopad",
    "segmentation": "my-segmentation",
    "segmentation_without_padding": "my-segmentation-nopad",
}


@pytest.fixture(scope="module")
def whole(finished_smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A copy of the smoke run, with own encoders, of everything that `snakemake` without a target builds."""
    place = tmp_path_factory.mktemp("whole") / "run"
    shutil.copytree(finished_smoke, place, symlinks=True)
    run = Workflow(
        place, place, configfile=overlay(place, base="smoke", own={"encoders": OWN}, models=MODELS, tasks=TASKS)
    )
    run.run("all", "results/report.html")
    return run


def test_the_default_target_builds_everything(whole: Workflow) -> None:
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


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "cost"])
def test_a_figure_drawn_again_is_the_same_file(
    whole: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(whole.place)
    run = whole.settings()
    figure = shown.figure_of(run, name)
    data = FigureData(run, tuple(map(Path, figure.inputs(run))), Path("results/benchmarks"))
    write_figure(lambda: load(figure.draw)(data), tmp_path / name)
    for suffix in (".pdf", ".png"):
        again = (tmp_path / name).with_suffix(suffix).read_bytes()
        assert again == Path(f"results/figures/{name}{suffix}").read_bytes()


def test_predictions_are_stored_only_for_figures(whole: Workflow) -> None:
    folder = whole.place / "results/predictions"
    encoders = {cell.encoder for cell in shown.all_maps(whole.settings())}
    files = {path.name for path in folder.iterdir() if path.is_file()}
    assert files == {f"{encoder}.{suffix}" for encoder in encoders for suffix in ("npz", "json")}
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 20e6


def test_an_edited_caption_redoes_only_the_page(whole: Workflow) -> None:
    captions = whole.source / "workflow/report/captions.yaml"
    text = captions.read_text()
    try:
        captions.write_text(text.replace("**SPC by stage**", "**SPC, stage by stage**"))
        assert whole.planned() == {"index"}
    finally:
        captions.write_text(text)


@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_shows_everything_at_any_width(whole: Workflow, browser: webdriver.Chrome, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.get((whole.place / "results/index.html").as_uri())
        beyond = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert browser.execute_script(beyond) == 0
        shown = {element.get_attribute("id") for element in browser.find_elements(By.CSS_SELECTOR, "[id]")}
        assert {*(f"table-{name}" for name in TABLES), *(f"figure-{name}" for name in FIGURES), "claims"} <= shown
        widths = "return Array.from(document.images, image => (image.loading = 'eager', image.naturalWidth))"
        WebDriverWait(browser, 20, 0.05).until(lambda page: min(page.execute_script(widths)) > 400)
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def wait(browser: webdriver.Chrome, xpath: str) -> list[WebElement]:
    """The elements at a place, once there are some."""
    return WebDriverWait(browser, 20, 0.05).until(lambda page: page.find_elements(By.XPATH, xpath))


def open_figures(browser: webdriver.Chrome, report: Path) -> None:
    """Show what the report lists as figures; from its own first page, where it is open: it takes long to load."""
    if browser.current_url.partition("#")[0] == report.as_uri():
        wait(browser, "(//nav//ol//a)[1]")[0].click()
    else:
        browser.get(report.as_uri())
    (link,) = wait(browser, "//a/span[text()='Figures']")
    link.click()


def test_the_report_lists_every_figure(whole: Workflow, browser: webdriver.Chrome) -> None:
    open_figures(browser, whole.place / "results/report.html")
    assert {cell.text for cell in wait(browser, "//tbody/tr/td[1]")} == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_the_report_shows_a_figure_with_its_caption(whole: Workflow, browser: webdriver.Chrome, name: str) -> None:
    open_figures(browser, whole.place / "results/report.html")
    (row,) = wait(browser, f"//tbody/tr[td[1][normalize-space()='{name}']]")
    look, explain = row.find_elements(By.TAG_NAME, "a")
    look.click()
    image = wait(browser, "//img[contains(@src, 'image/png')]")[0]
    WebDriverWait(browser, 20, 0.05).until(lambda _: int(image.get_property("naturalWidth")) > 400)  # type: ignore[arg-type]
    explain.click()
    caption = wait(browser, "//li[text()='Description']/following-sibling::li")[0].text
    written = shown.captions(whole.settings())[name]
    assert caption.startswith(re.findall(r"\*\*(.+?)\*\*", written)[0])
    for value in (whole.settings().images.natural, "my-vgg"):
        assert (value in caption) == (value in written)
