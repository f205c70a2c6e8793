"""The atlas's page as a person opens it: in a browser, from the disk."""

from pathlib import Path

import numpy as np
import pytest
from posinfo.experiments.atlas import page
from posinfo.experiments.atlas.page import content, write_page
from posinfo.protocol.patterns import ground_truth
from posinfo.readouts.upsampling import upsample
from posinfo.store.errors import InputError
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from synthetic_atlas import ENCODERS, NAMES, PATTERNS, RUN, predicted, scores, spc_of
from torch import from_numpy

LISTS = ("network", "weights", "stage", "pattern", "image")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    images = {name: rng.integers(0, 256, (224, 224, 3), dtype=np.uint8) for name in NAMES}
    path = tmp_path_factory.mktemp("page") / "atlas.html"
    write_page(content(RUN, scores(), predicted(), images), path)
    return path


def summary(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.ID, "summary").text


def pixels(browser: webdriver.Chrome, canvas: str) -> list[int]:
    """The colours of a canvas, RGBA, row by row."""
    script = (
        "const it = document.getElementById(arguments[0]);"
        "return Array.from(it.getContext('2d').getImageData(0, 0, it.width, it.height).data)"
    )
    found: list[int] = browser.execute_script(script, canvas)
    return found


def shown_on(browser: webdriver.Chrome) -> dict[str, str]:
    """What each canvas shows, as an image in text."""
    script = "return document.getElementById(arguments[0]).toDataURL()"
    return {name: str(browser.execute_script(script, name)) for name in ("truth", "prediction", "error")}


def test_every_list_changes_what_it_names(written: Path, browser: webdriver.Chrome) -> None:
    browser.get(written.as_uri())
    assert "pixels" in Select(browser.find_element(By.ID, "network")).first_selected_option.text
    for name in LISTS:
        before = shown_on(browser), summary(browser)
        image = browser.find_element(By.ID, "shown").get_attribute("src")
        options = Select(browser.find_element(By.ID, name))
        options.select_by_index(len(options.options) - 1)
        after = shown_on(browser), summary(browser)
        assert before[1] != after[1] or name == "stage"  # `all` is chosen from the beginning
        assert (before[0]["truth"] != after[0]["truth"]) == (name == "pattern")
        assert (image != browser.find_element(By.ID, "shown").get_attribute("src")) == (name == "image")
    encoder = ENCODERS[-1]
    pattern = PATTERNS[-1]
    spc = spc_of(encoder, "all", pattern, NAMES[-1], RUN.seeds[0])
    mean = np.mean([spc_of(encoder, "all", pattern, name, seed) for name in NAMES for seed in RUN.seeds])
    assert f"stage all, pattern {pattern}: SPC of this prediction {spc:.3f}" in summary(browser)
    assert f"over all images and seeds SPC {mean:.3f}" in summary(browser)
    # MAE is that of the stored map, upsampled as the readout does.
    large = upsample(from_numpy(predicted()[encoder]["maps"][-1, -1, -1].astype(np.float32)), False).numpy()
    error = np.abs(large - ground_truth(pattern, 224, RUN.patterns)).mean()
    assert abs(float(summary(browser).split("MAE ")[1].split(";")[0]) - error) < 0.006
    shown = np.array(pixels(browser, "prediction")).reshape(224, 224, 4)
    assert shown[..., 3].min() == 255
    assert len(np.unique(shown[..., :3].reshape(-1, 3), axis=0)) > 20


def test_a_sent_address_shows_the_same_view(written: Path, browser: webdriver.Chrome) -> None:
    browser.get(written.as_uri())
    for name in LISTS:
        options = Select(browser.find_element(By.ID, name))
        options.select_by_index(min(1, len(options.options) - 1))
    address, view = browser.current_url, (shown_on(browser), summary(browser))
    assert address.endswith("#network=squeezenet&weights=random+0&stage=f2&pattern=G&image=second-0")
    assert "random weights (seed 0) in the architecture of SqueezeNet" in summary(browser)
    assert "G: Gaussian" in browser.find_element(By.CSS_SELECTOR, "label select#pattern").text
    browser.get("about:blank")
    browser.get(address)
    assert (shown_on(browser), summary(browser)) == view
    browser.get(written.as_uri() + "#network=squeezenet&stage=all&pattern=none")  # only what the page knows changes
    assert "SqueezeNet" in summary(browser)
    assert "stage all, pattern G" in summary(browser)


def test_grid_shows_all_stages_and_obeys_the_keyboard(written: Path, browser: webdriver.Chrome) -> None:
    browser.get(written.as_uri())
    network = browser.find_element(By.ID, "network")
    network.send_keys(Keys.ARROW_DOWN)
    buttons = browser.find_elements(By.CSS_SELECTOR, "#grid button")
    assert len(buttons) == 3 * (len(RUN.stages("squeezenet")) + 1)
    network.send_keys(Keys.TAB * 5)  # past the other lists
    active = browser.switch_to.active_element
    assert active.get_attribute("aria-label") == buttons[0].get_attribute("aria-label")
    active.send_keys(Keys.ENTER)
    assert Select(browser.find_element(By.ID, "stage")).first_selected_option.text == RUN.stages("squeezenet")[0]
    assert browser.switch_to.active_element.get_attribute("aria-pressed") == "true"
    lines = browser.find_elements(By.CSS_SELECTOR, "#chart polyline")
    assert len(lines) == len(RUN.stages("squeezenet")) + 1


def test_narrow_window_scrolls_only_downwards(written: Path, browser: webdriver.Chrome) -> None:
    size = browser.get_window_size()
    try:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": True}
        )
        browser.get(written.as_uri())
        width = browser.execute_script("return document.documentElement.scrollWidth")
        assert width <= 360
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.set_window_size(size["width"], size["height"])


def test_page_needs_no_network_and_has_a_largest_size(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = written.read_text()
    assert "http" not in text.split('id="content"')[0] + text.split("</script>")[1]
    monkeypatch.setattr(page, "LARGEST", 1000)
    with pytest.raises(InputError, match="name fewer encoders or draws"):
        write_page({}, written.with_name("other.html"))
    assert not written.with_name("other.html").exists()
