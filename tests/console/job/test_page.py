"""The page of a job: whole, harmless, alone."""

import re
import shutil
from xml.etree import ElementTree as ET

import pytest
from console.job.hall import EVIL

from coldplate.console.failure import BAD_INPUT
from coldplate.console.job.bands import Bands, Point
from coldplate.console.job.charts import bands_svg
from coldplate.console.stack.atomic import write_atomically

BYTES_MAX = 1_000_000


@pytest.fixture
def page(rack, tmp_path):
    path = tmp_path / "job.html"
    assert f"{path}: " in rack.ok(EVIL, "--report", path)
    return path.read_text("utf-8")


@pytest.mark.e2e
def test_names_of_others_are_words_and_nothing_else(page):
    """Of the job, its user and an incident's cause; and the page may run nothing at all."""
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 3
    assert "default-src 'none'" in page


@pytest.mark.e2e
def test_a_page_needs_nothing_but_itself(page):
    """No address in it, and less than a megabyte."""
    assert [] == re.findall(r"https?://|src=|href=|url\(|@import", page)
    assert len(page.encode()) < BYTES_MAX


@pytest.mark.e2e
def test_pictures_are_whole_and_marked(page):
    """Well-formed SVG: a median a picture, and the pump's stop in each."""
    pictures = [ET.fromstring(p) for p in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]
    assert 4 == len(pictures)
    for picture in pictures:
        kinds = [e.get("class") for e in picture.iter()]
        assert (1, 1, 1) == tuple(kinds.count(k) for k in ("median", "most", "mark critical"))


@pytest.mark.e2e
def test_a_page_replaces_an_older_one_and_no_folder(rack, tmp_path):
    """And is refused before anything is asked, where it cannot be written."""
    path = tmp_path / "job.html"
    write_atomically(path, "old")
    found = rack.told("train", "--report", path)
    assert str(path) == found["report"]
    assert "Job train" in path.read_text("utf-8")
    assert [path] == list(tmp_path.iterdir())
    (folder := tmp_path / "folder.html").mkdir()
    for target, why in (
        (folder, "is a folder"),
        (tmp_path / "no" / "a.html", "make it first"),
        (tmp_path / "a.pdf", "ends in .html"),
    ):
        ran = rack.run("train", "--report", target)
        assert (BAD_INPUT, True) == (ran.exception.exit_code, why in str(ran.exception))


@pytest.mark.e2e
def test_a_page_of_nothing_says_so(rack, tmp_path):
    """Instead of empty pictures."""
    rack.spans("nothing", ["rack-0099/node-1/gpu-0"], 0, 100)
    rack.ok("nothing", "--report", tmp_path / "n.html")
    page = (tmp_path / "n.html").read_text("utf-8")
    assert "<svg" not in page
    assert "not in the inventory" in page


@pytest.mark.e2e
def test_a_running_job_says_until_when(rack, tmp_path):
    """Above all figures."""
    rack.ok("train", "--at", rack.at(330), "--report", tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text("utf-8")
    assert ">running<" in page
    assert "all figures are until " in page


def test_a_hole_in_the_samples_is_a_hole_in_the_picture():
    """Nobody draws a line through what was not measured; and a value that is never there is no picture."""
    point = Point(1.0, 2.0, 3.0, 0.0, 4.0)
    none = Point(None, None, None, None, None)
    bands = Bands(
        0, 1000, [0, 1, 2, 7, 8], {"power_w": [point] * 5, "hbm_c": [none] * 5}, "gpu_10s", 1, 1
    )
    drawn = bands_svg(bands, "power_w", "power", begin_ms=0, end_ms=9000)
    assert 2 == drawn.count('class="median"')
    assert "nothing is kept" in bands_svg(bands, "hbm_c", "HBM", begin_ms=0, end_ms=9000)


@pytest.mark.e2e
@pytest.mark.browser
def test_a_browser_shows_it_without_a_complaint(rack, tmp_path):
    """Every picture has a size, at the width of a telephone too."""
    if shutil.which("chromium") is None:
        pytest.skip("no Chromium")
    from playwright.sync_api import sync_playwright

    rack.ok(EVIL, "--report", tmp_path / "b.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        shown = browser.new_page(viewport={"width": 390, "height": 800})
        said = []
        shown.on("console", lambda message: said.append(message.text))
        shown.on("dialog", lambda dialog: said.append(dialog.message))
        shown.goto((tmp_path / "b.html").as_uri())
        wide = shown.evaluate("document.documentElement.scrollWidth")
        sizes = [svg.bounding_box()["height"] for svg in shown.query_selector_all("svg")]
        browser.close()
    assert [] == said
    assert wide <= 390
    assert 4 == len(sizes)
    assert min(sizes) > 50
