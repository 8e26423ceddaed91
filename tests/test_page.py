"""The comparison page in a browser: its pictures, at both widths and in both colour schemes."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from denoise import metrics
from denoise.comparison import effects, tables, write
from denoise.tracking import files as store_files
from denoise.tracking import search
from denoise.tracking.search import Found
from tests.conftest import SWEPT, Said, wait_until
from tests.test_compare import CORRUPTIONS, KEYS, STORE, cheap_run, page_written
from tests.test_ui import CHROMIUM, FLAGS

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
    pytest.mark.usefixtures("fresh_folder"),
]
LOADED = "image => image.complete && image.naturalWidth > 0"
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Open a page; the console must stay empty, and nothing may be fetched from elsewhere."""
    complaints: list[str] = []

    def open_page(path: Path, **options: Any) -> Page:
        address = path.absolute().as_uri()
        page = browser.new_page(**options)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.extend(_from_elsewhere(request.url, address)))
        page.goto(address)
        return page

    yield open_page
    for context in browser.contexts:
        context.close()
    assert not complaints


def _from_elsewhere(url: str, page: str) -> list[str]:
    return [] if url == page or url.startswith("data:") else [url]


def made_up(
    models: Sequence[str],
    latents: Sequence[int],
    amounts: Sequence[float],
    kinds: Sequence[str] = ("gaussian", "masking"),
) -> list[Found]:
    """Runs of these kinds of noise and none with these other settings, three seeds each."""
    generator, runs = np.random.default_rng(0), []
    noises = [("none", 0.0), *itertools.product(kinds, amounts)]
    for model, latent, (kind, amount), seed in itertools.product(models, latents, noises, range(3)):
        target, key = ("Masking", "fraction") if kind == "masking" else ("Gaussian", "sigma")
        params = {"seed": str(seed), "model.latent_dim": str(latent), "data.root": "nowhere"}
        if amount:
            params |= {"noise._target_": f"denoise.noise.{target}", f"noise.{key}": str(amount)}
        level = 0.02 * (1 + 0.1 * amount) + 0.001 * seed
        keys = [metric.key for metric in effects.JUDGED]
        keys += [metrics.robust(name).key for name in CORRUPTIONS]
        values = {key: level + float(generator.normal(0, 1e-4)) for key in keys}
        tags = {"noise": kind, "model": model, "protocol": "fair", "sweep": "made up"}
        runs.append(Found(str(len(runs)), kind, "", -len(runs), values, params, tags))
    return runs


SIZES = {  # settings: models, latent_dims, amounts
    1: (("anello",), (4,), ()),
    13: (("anello",), (4, 16), (0.1, 0.2, 0.5)),
    99: (("anello",), (4, 16, 64), [i / 20 for i in range(1, 17)]),
    1025: (("anello", "conv", "shallow"), range(4, 15), [i / 20 for i in range(1, 16)]),
}


LARGEST = max(SIZES)


@pytest.mark.parametrize(
    "count", [*sorted(SIZES.keys() - {LARGEST}), pytest.param(LARGEST, marks=pytest.mark.faults)]
)
def test_the_page_is_readable_whatever_the_number_of_settings(
    opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, count: int
) -> None:
    """At 400 and 1,600 pixels, light and dark; it says what is summed up or left out."""
    monkeypatch.setattr(search, "curve", lambda *_: [0.3, 0.2])
    monkeypatch.setattr(store_files, "files", lambda _: [])
    write.write(STORE, made_up(*SIZES[count]), tmp_path)
    page = tmp_path / "comparison.html"
    for width, scheme in itertools.product((400, 1600), ("light", "dark")):
        shown = opened(page, viewport={"width": width, "height": 900}, color_scheme=scheme)
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        for picture in shown.locator(".picture").all():
            (svg,) = [one for one in picture.locator("svg").all() if one.is_visible()]
            smallest = svg.evaluate(SMALLEST_TEXT)
            assert smallest >= 8.5
            assert picture.get_attribute("aria-label")
        colours = shown.locator(".picture text:visible").evaluate_all(CONTRASTS)
        assert not colours or min(colours) >= 4.5
    assert bool(shown.get_by_text("sums up several of the").count()) == (count > 40)


def test_the_page_says_how_many_kinds_of_noise_a_picture_leaves_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(search, "curve", lambda *_: [0.3, 0.2])
    monkeypatch.setattr(store_files, "files", lambda _: [])
    runs = made_up(["anello"], (4, 16), (0.1, 0.5), [f"kind {number}" for number in range(8)])
    write.write(STORE, runs, tmp_path)
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert "2 more kinds of noise are left out" in page


# The height of the smallest text as it appears on the screen, in pixels.
SMALLEST_TEXT = """svg => Math.min(100, ...[...svg.querySelectorAll('text')].map(text => {
  const {a, b} = text.getScreenCTM();  // may be turned
  return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
}))"""
# The contrast of each text with the page (WCAG 2.2).
CONTRASTS = """texts => {
  const light = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const page = light(getComputedStyle(document.body).backgroundColor);
  return texts.map(text => light(getComputedStyle(text).fill))
    .map(ink => (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05));
}"""


def test_names_are_text_and_never_markup(opened: Open) -> None:
    evil = "$x^2$<img src=x onerror=alert(1)>\"'&{{7*7}}</svg><script>alert(2)</script>"
    for seed in range(2):
        cheap_run("none", seed, clean=0.2)
        for scale in (0.1, 0.2):
            noise = {"_target_": "my.Noise", "scale": scale}
            cheap_run(
                "none", seed, clean=scale, blur=0.1, tags={"noise": evil}, more={"noise": noise}
            )
    shown = opened(page_written())
    assert shown.locator("img[src=x], script").count() == 1  # the page's own script
    assert "<img src=x" in shown.locator(".wide svg text").filter(
        has_text="<img"
    ).first.inner_html().replace("&lt;", "<")
    assert evil in shown.locator("table.sortable").inner_text()


def printed_page(sweep: Said) -> str:
    (path,) = re.findall(r"Page: +(\S+)", sweep.out)
    return path


def test_the_pictures_are_images_of_the_sweep_and_can_be_saved(sweep: Said, opened: Open) -> None:
    shown = opened(sweep.folder / printed_page(sweep))
    saved = {link.get_attribute("download") for link in shown.get_by_text("Save as SVG").all()}
    assert {"does_noise_help.svg", "how_much.svg", "robustness.svg"} <= saved
    name = Path(printed_page(sweep)).parent.name
    (summary,) = sweep.runs(f"tags.summary = 'true' and tags.sweep = '{name}'")
    client = MlflowClient(f"sqlite:///{sweep.folder / 'mlflow.db'}")
    images = [entry.path for entry in client.list_artifacts(summary.info.run_id, "images")]
    assert {name.removesuffix(".svg") for name in saved if name} == {
        re.split(r"[/+]", name)[1] for name in images
    }
    with shown.expect_download() as download:
        shown.get_by_text("Save as SVG").first.click()
    text = download.value.path().read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    assert "var(--" not in text


def test_a_number_of_each_picture_matches_mlflow_s_own_client(sweep: Said, opened: Open) -> None:
    """Computed by hand from the runs as MLflow's client finds them."""
    shown = opened(sweep.folder / printed_page(sweep))
    runs = {
        float(run.data.params.get("noise.sigma", 0)): run.data.metrics for run in sweep.runs(SWEPT)
    }

    def told(title: str) -> str:
        return shown.get_by_role("img", name=title).get_attribute("aria-label") or ""

    gain = 100 * (1 - runs[0.5]["test/clean_mse"] / runs[0.0]["test/clean_mse"])
    assert f"gaussian σ=0.5 {gain:+.1f}%".replace("-", "−") in told("Does noise help?")
    for title, number, key in (
        ("How much", r"reconstruction: .*?σ=0\.5 (\d\.\d+)", "test/clean_mse"),
        ("Which noise", r"gaussian σ=0\.5: .*?blur (\d\.\d+)", "robust/blur_mse"),
        ("Were they", r"train loss at the end: .*?σ=0\.5 (\d\.\d+)", "train/loss"),
    ):
        found = re.search(number, told(title))
        assert found
        half_a_digit = 0.51 * 10.0 ** (2 - len(found[1]))
        assert float(found[1]) == pytest.approx(runs[0.5][key], abs=half_a_digit)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files of a run that the page reads: the example images, and the map of its latents."""
    generator, folder = np.random.default_rng(0), tmp_path / "files"
    (folder / "figures").mkdir(parents=True)
    strip = generator.integers(256, size=(84, 280), dtype=np.uint8)
    Image.fromarray(strip).save(folder / "figures" / "examples.png")
    tsne = generator.integers(256, size=(700, 600), dtype=np.uint8)
    Image.fromarray(tsne).save(folder / "figures" / "tsne.png")
    return folder


@pytest.fixture
def page(files: Path, opened: Open) -> Page:
    """The page of three settings with every column, on a phone."""
    levels = {"none": 0.3, "gaussian": 0.1, "masking": 0.2}
    for seed in range(2):
        for noise, level in levels.items():
            values = {metric.key: level for metric in tables.SHOWN}
            values |= {metrics.robust(name).key: 0.2 for name in CORRUPTIONS}
            values |= {KEYS["clean"]: level + 0.01 * seed, KEYS["blur"]: 0.12345}
            cheap_run(noise, seed, files=files if seed == 0 else None, **values)
    return opened(page_written(), viewport={"width": 400, "height": 900})


def test_a_page_of_two_data_sets_shows_the_images_of_both(files: Path) -> None:
    for name in ("MNIST", "FashionMNIST"):
        cheap_run("gaussian", files=files, more={"data": {"name": name}}, clean=0.1)
    text = page_written().read_text(encoding="utf-8")
    for label in ("clean", "gaussian σ=0.25"):
        for name in ("MNIST", "FashionMNIST"):
            assert f"<div>{label} {name}</div>" in text
    assert "Sneaker" not in text


def test_a_page_of_two_protocols_names_them_beside_their_corrupted_images(files: Path) -> None:
    for protocol in ("fair", "study"):
        cheap_run("gaussian", files=files, tags={"protocol": protocol}, clean=0.1)
    text = page_written().read_text(encoding="utf-8")
    assert "<div>gaussian σ=0.25 fair</div>" in text
    assert "<div>gaussian σ=0.25 study</div>" in text


def test_the_page_sorts_its_table_loads_all_pictures_and_fits_a_phone(page: Page) -> None:
    def column(number: int) -> list[str]:
        return page.locator(f"table.sortable tbody tr > :nth-child({number})").all_inner_texts()

    header = page.locator("table.sortable th").nth(2)
    assert column(1) == ["none", "gaussian σ=0.25", "masking fraction=0.25"]
    assert header.get_attribute("aria-sort") == "none"
    header.get_by_role("button", name=metrics.CLEAN_MSE.name).click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert column(1) == ["gaussian σ=0.25", "masking fraction=0.25", "none"]
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    assert column(1) == ["none", "masking fraction=0.25", "gaussian σ=0.25"]

    pictures = page.locator("img").all()
    assert len(pictures) == 1 + 3 + 3 + 3  # clean, outputs, noises, maps
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        for picture in pictures:
            wait_until(lambda shown=picture: shown.evaluate(LOADED))
            assert picture.get_attribute("alt")

    assert page.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize("width", [1280, 1920])
def test_the_tables_fit_a_computer_s_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for table in page.locator(".scroll").all():
        assert table.evaluate("box => box.scrollWidth - box.clientWidth") <= 0


def test_the_last_column_can_be_scrolled_to_on_a_phone(page: Page) -> None:
    for table in page.locator(".scroll").all():
        cell = table.locator("tbody tr:first-child td:last-child")

        def right_end(cell: Locator = cell) -> float:
            return cell.evaluate("cell => cell.getBoundingClientRect().right")

        def scrolled_to_the_end(right_end: Callable[[], float] = right_end) -> bool:
            page.mouse.wheel(5000, 0)  # a busy browser loses some
            return right_end() <= 400

        assert right_end() > 400
        table.hover()
        wait_until(scrolled_to_the_end)
