"""MLflow's interface in a browser: the charts of a sweep show all of its runs without a click."""

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.conftest import Said, answering, background, free_port, wait_until

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
# No network requests besides those of the page.
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update"
)

expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def server(sweep: Said) -> Iterator[str]:
    """`mlflow ui` in the folder where the sweep ran, with a free port and a single worker."""
    port = free_port()
    with background("ui", "--port", str(port), "--workers", "1", folder=sweep.folder):
        yield answering(port, "/health")


@pytest.fixture(scope="module")
def charts(server: str, sweep: Said) -> Iterator[Page]:
    """The chart view at the address that the sweep printed last."""
    (address,) = re.findall(r"Browse: .* (http\S+)", sweep.out)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        page = browser.new_page(viewport={"width": 2400, "height": 5000})
        page.goto(address.replace("http://127.0.0.1:5000", server))
        yield page
        browser.close()


def card(page: Page, title: str) -> Locator:
    """The chart with this title."""
    cards = page.locator("[data-testid='experiment-view-compare-runs-card']")
    return cards.filter(has=page.get_by_text(title, exact=True))


def test_the_charts_show_the_runs_of_the_sweep_and_no_others(charts: Page) -> None:
    for name in ("none", "gaussian σ=0.1", "gaussian σ=0.5"):
        expect(charts.get_by_role("link", name=name, exact=True)).to_be_visible()
    expect(charts.get_by_text("3 matching runs")).to_be_visible()


@pytest.mark.parametrize("metric", ["train/loss", "test/loss", "test/clean_mse"])
def test_losses_are_drawn_as_one_curve_per_run(charts: Page, metric: str) -> None:
    lines = card(charts, metric).locator(".scatterlayer path.js-line")
    wait_until(lambda: lines.count() >= 3)


@pytest.mark.parametrize("metric", ["test/psnr", "test/ssim"])
def test_final_metrics_are_drawn_as_one_bar_per_run(charts: Page, metric: str) -> None:
    expect(card(charts, metric).locator(".barlayer .point")).to_have_count(3)


@pytest.mark.parametrize(("key", "steps"), [("reconstructions", 3), ("tsne", 1), ("noise", 2)])
def test_pictures_of_all_runs_are_shown_side_by_side(charts: Page, key: str, steps: int) -> None:
    """Of the last epoch, the first epoch and the untrained model."""
    rows = charts.get_by_role("row").filter(has=charts.get_by_text(key, exact=True))
    expect(rows).to_have_count(steps)
    for row in rows.all():
        pictures = row.locator("img")
        expect(pictures).to_have_count(3)
        for picture in pictures.all():
            wait_until(lambda one=picture: one.evaluate("image => image.naturalWidth") > 100)
        boxes = [picture.bounding_box() for picture in pictures.all()]
        assert len({box["y"] for box in boxes}) == 1
        assert len({box["x"] for box in boxes}) == 3
