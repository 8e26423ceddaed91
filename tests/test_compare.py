"""Runs beside each other, from a real store, and the page in a real browser."""

import csv
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from denoise import command, compare, data, evaluate, study
from denoise.compare import Comparison
from denoise.comparison import verdicts
from denoise.comparison.verdicts import Question, Setting
from denoise.config import identity
from denoise.config.settings import Tracking
from denoise.noise import Gaussian, Identity, Noise, RandomErasing
from denoise.tracking import search, session
from tests.conftest import wait_until
from tests.test_study import STUDY
from tests.test_ui import CHROMIUM, FLAGS

pytestmark = pytest.mark.usefixtures("fresh_folder")
STORE = Tracking(None, "denoise")
LOADED = "image => image.complete && image.naturalWidth > 0"
NOISES: dict[str, tuple[str, dict[str, Any]]] = {
    "none": ("Identity", {}),
    "gaussian": ("Gaussian", {"sigma": 0.25, "mean": 0.0}),
    "masking": ("Masking", {"fraction": 0.25, "value": 0.0}),
}


def cheap_run(
    noise: str = "none",
    seed: int = 0,
    *,
    files: Path | None = None,
    sweep: str = "cheap",
    model: str = "anello",
    strength: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
    more: dict[str, Any] | None = None,
    **metrics: float,
) -> str:
    """A finished run with nothing behind it; `clean=0.1` is its test/clean_mse, and so on."""
    kind, settings = NOISES[noise]
    params = {
        "seed": seed,
        "noise": {"_target_": f"denoise.noise.{kind}", **settings, **(strength or {})},
        "model": {"_target_": f"denoise.model.{model.title()}", "latent_dim": 4},
        "protocol": {"name": "fair", "score": "val/loss"},
        "evaluation": {"perplexity": 30, "map_seed": seed},
        **(more or {}),
    }
    keys = {"clean": "test/clean_mse", "held_out": "val/clean_mse", "robust": "robust/mean_mse"}
    keys |= {"blur": "robust/blur_mse", "knn": "latent/knn_accuracy"}
    all_tags = {"noise": noise, "model": model, "protocol": "fair", "sweep": sweep, **(tags or {})}
    folder = files or Path()
    with session.run(STORE, folder, name=noise, tags=all_tags, params=params) as run:
        run.metrics({"train/loss": 0.3, "test/loss": 0.4}, 1)
        run.metrics({"train/loss": 0.2, "test/loss": 0.3}, 2)
        run.final({keys[name]: value for name, value in metrics.items()})
        for path in filter(Path.is_dir, files.iterdir() if files else ()):
            run.file(path)
    return run.id


def found() -> list[Setting]:
    return verdicts.group(search.search(STORE, ""))


def written() -> Comparison:
    return compare.write(STORE, search.search(STORE, ""), Path("comparison"))


def asked(title: str) -> Question:
    (question,) = [one for one in verdicts.questions(found()) if one.title.startswith(title)]
    return question


def test_runs_that_differ_in_the_seed_alone_are_one_setting() -> None:
    for seed in range(3):
        cheap_run("none", seed, clean=0.1)
        cheap_run("gaussian", seed, clean=0.1)
        cheap_run("gaussian", seed, strength={"sigma": 0.5}, clean=0.1)
    cheap_run("gaussian", 0, model="conv", clean=0.1)
    cheap_run("gaussian", 0, more={"evaluation": {"perplexity": 5}}, clean=0.1)
    assert {one.label: sorted(one.runs) for one in found()} == {
        "none anello perplexity=30": ["0", "1", "2"],
        "gaussian σ=0.25 anello perplexity=5": ["0"],
        "gaussian σ=0.25 anello perplexity=30": ["0", "1", "2"],
        "gaussian σ=0.5 anello perplexity=30": ["0", "1", "2"],
        "gaussian σ=0.25 conv perplexity=30": ["0"],
    }


def test_of_two_runs_of_one_config_the_newest_counts() -> None:
    cheap_run("none", 0, clean=0.9)
    newest = cheap_run("none", 0, clean=0.1)
    (setting,) = found()
    assert setting.runs["0"].id == newest
    assert setting.values("test/clean_mse") == {"0": 0.1}


def test_seeds_that_move_together_tell_a_small_difference() -> None:
    """Without pairing, a spread of 0.1 between seeds would hide a difference of 0.01."""
    for seed, level in enumerate((0.1, 0.2, 0.3, 0.4)):
        cheap_run("none", seed, clean=level)
        cheap_run("gaussian", seed, clean=level - 0.01 - 0.0001 * seed)
    question = asked("Does noise help")
    assert question.answer == "Yes: noise improves reconstruction (up to 4.1%: gaussian σ=0.25)."
    (verdict,) = question.verdicts
    assert re.fullmatch(
        r"Reconstruction: better than no noise: gaussian σ=0.25 by 0.01015 ± 0.000\d\d MSE "
        r"\(4.1%\) \(four seeds\)\.",
        str(verdict),
    )


def test_a_higher_accuracy_is_better_and_a_higher_error_worse() -> None:
    for seed in range(3):
        cheap_run("none", seed, clean=0.1 + 0.001 * seed, knn=0.7 + 0.001 * seed)
        cheap_run("gaussian", seed, clean=0.2 + 0.0012 * seed, knn=0.8 + 0.0012 * seed)
    question = asked("Does noise help")
    assert question.answer.startswith("It depends on what is asked: noise improves the code's kNN")
    assert "worsens reconstruction" in question.answer


def test_equal_runs_show_no_difference() -> None:
    for seed in range(5):
        for noise in NOISES:
            cheap_run(noise, seed, clean=0.1 + 0.01 * seed)
    question = asked("Does noise help")
    assert question.answer == (
        "These seeds cannot tell: "
        "noise makes no difference that five seeds can show to reconstruction."
    )
    assert "gaussian σ=0.25 and masking fraction=0.25" in str(question.verdicts[0])


def test_what_one_setting_shows_alone_is_not_enough_for_the_best_of_five() -> None:
    """p = 0.03 for one setting; among five, chance alone makes such a one too often."""
    gains = (0.010, 0.012, 0.0065)
    for seed in range(3):
        cheap_run("none", seed, clean=0.1)
        cheap_run("masking", seed, clean=0.1 - gains[seed])
    assert asked("Does noise help").answer.startswith("Yes")
    for sigma in (0.1, 0.2, 0.3, 0.4):
        for seed in range(3):
            cheap_run("gaussian", seed, strength={"sigma": sigma}, clean=0.1)
    assert asked("Does noise help").answer.startswith(
        "These seeds cannot tell: noise makes no difference"
    )


def test_one_seed_says_why_there_is_no_verdict() -> None:
    cheap_run("none", clean=0.1)
    cheap_run("gaussian", clean=0.9)
    question = asked("Does noise help")
    assert question.answer.startswith("One seed cannot tell")
    assert "gaussian σ=0.25 +0.80000 MSE; no verdict" in str(question.verdicts[0])


def test_a_setting_with_one_seed_keeps_no_other_from_its_verdict() -> None:
    for seed in range(3):
        cheap_run("none", seed, clean=0.2)
        cheap_run("gaussian", seed, clean=0.1)
    cheap_run("masking", 0, clean=0.3)
    answer = asked("Does noise help").answer
    assert answer.startswith("Yes: noise improves reconstruction (up to 50%: gaussian σ=0.25).")
    assert answer.endswith("for want of shared seeds and figures: masking fraction=0.25.")


def test_without_a_run_without_noise_that_is_said_instead() -> None:
    cheap_run("gaussian", clean=0.1)
    question = asked("Does noise help")
    assert not question.verdicts
    assert "no run without noise to compare any of these settings with" in question.answer


def test_no_noise_may_be_a_gaussian_of_strength_0() -> None:
    for seed in range(2):
        cheap_run("gaussian", seed, strength={"sigma": 0.0}, clean=0.2)
        cheap_run("gaussian", seed, clean=0.1)
    assert asked("Does noise help").answer.startswith("Yes: noise improves reconstruction")


def test_the_run_without_noise_is_found_in_another_sweep() -> None:
    cheap_run("none", clean=0.1, sweep="earlier", tags={"config_hash": "clean"})
    noisy = cheap_run("gaussian", clean=0.2, tags={"baseline_hash": "clean"})
    only = search.search(STORE, f"attributes.run_id = '{noisy}'")
    (question,) = compare.write(STORE, only, Path("comparison")).questions
    assert "against no noise, on one seed" in str(question.verdicts[0])


def test_each_model_is_compared_with_itself_and_models_with_the_first() -> None:
    for seed in range(3):
        for model, level in (("anello", 0.3), ("conv", 0.1)):
            cheap_run("none", seed, model=model, clean=level)
            cheap_run("gaussian", seed, model=model, clean=level - 0.05)
    noise, model = asked("Does noise help"), asked("Does another model")
    assert "gaussian σ=0.25 conv by 0.05000 ± 0.00000 MSE (50%)" in str(noise.verdicts[0])
    assert "none conv by 0.20000 ± 0.00000 MSE (67%)" in str(model.verdicts[0])


def test_the_best_amount_is_chosen_on_held_out_images_and_told_with_its_equals() -> None:
    """On the test images 0.5 is a little lower; on held-out images 0.25 is."""
    wobble = (0.0, 0.001, -0.002)
    for seed in range(3):
        cheap_run("none", seed, clean=0.5 + 0.01 * seed, held_out=0.5)
        cheap_run("gaussian", seed, clean=0.2 + 0.01 * seed, held_out=0.20)
        level = 0.2 + 0.01 * seed - 0.0001 + wobble[seed]
        cheap_run("gaussian", seed, strength={"sigma": 0.5}, clean=level, held_out=0.21)
    question = asked("How much noise")
    assert "σ=0.25 (or σ=0.5: three seeds cannot tell) for reconstruction" in question.answer
    assert "chosen on held-out images; told apart from none by three seeds" in str(
        question.verdicts[0]
    )


def test_one_seed_names_the_best_amount_and_claims_nothing() -> None:
    for sigma in (0.1, 0.2):
        cheap_run("gaussian", strength={"sigma": sigma}, clean=sigma)
    question = asked("How much noise")
    assert "one seed cannot tell, and was best at: σ=0.1 for reconstruction" in question.answer
    assert "chosen on the test set; on one seed; no verdict" in str(question.verdicts[0])


def test_the_table_has_a_line_for_each_setting() -> None:
    for seed, clean in enumerate((0.1, 0.2, 0.3)):
        cheap_run("none", seed, clean=clean, blur=0.4)
    paths = written()
    with paths.table.open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["setting"], row["seeds"]) == ("none", "3")
    assert float(row["test/clean_mse mean"]) == pytest.approx(0.2)
    assert float(row["test/clean_mse std"]) == pytest.approx(0.1)
    assert float(row["test/clean_mse low"]) == pytest.approx(0.2 - 4.3027 * 0.1 / 3**0.5, abs=1e-4)
    assert float(row["robust/blur_mse mean"]) == pytest.approx(0.4)
    assert "| none | 3 | 0.20000 ± 0.24841 |" in paths.markdown.read_text()


SIGMOID = {
    "no noise": Identity(),
    "gaussian 0.1": Gaussian(0.1, 0.0),
    "gaussian 1": Gaussian(1.0, 0.0),
}
ERASING = RandomErasing(0.5, [0.02, 0.33], [0.3, 3.3], 0.0)


def corrupted(images: data.Data, noise: Noise) -> tuple[torch.Tensor, torch.Tensor]:
    pairs = evaluate.corrupted(images.test, images, noise)
    clean, target = (torch.cat(batches) for batches in zip(*pairs, strict=True))
    return clean, target


@pytest.mark.parametrize("name", SIGMOID)
def test_the_decomposition_adds_up_to_the_loss(images: data.Data, name: str) -> None:
    """Floor, noise, and what an output misses of the clean images, which is measured apart."""
    clean, target = corrupted(images, SIGMOID[name])
    output = 0.8 * clean.clamp(0, 1) + 0.1
    loss = float((output - target).square().double().mean())
    parts = study.decompose(images.test.images, target, images, loss)
    missed = float((output - clean).square().double().mean()) - parts.floor
    assert parts.floor + parts.noise + missed == pytest.approx(loss, rel=0.01)
    assert parts.noise == pytest.approx(getattr(SIGMOID[name], "sigma", 0) ** 2, abs=0.002)


def test_the_floor_is_the_published_one_and_erased_boxes_lower_it(images: data.Data) -> None:
    train, test = images.train.images, images.test.images
    floor = study.decompose(train, images.scale(train), images, 0.6).floor
    assert floor == pytest.approx(0.5692, abs=5e-5)
    clean, target = corrupted(images, ERASING)
    best = float((clean.clamp(0, 1) - target).square().double().mean())
    parts = study.decompose(test, target, images, best)
    assert parts.floor < study.decompose(test, clean, images, 0.6).floor - 0.03
    assert parts.noise > 0
    assert parts.missed == pytest.approx(0, abs=1e-6)


def test_the_study_s_rows_stand_beside_the_published_ones(settings: data.Settings) -> None:
    params = STUDY | {
        "noise": {"_target_": "denoise.noise.Gaussian", "sigma": "1.0", "mean": "0.0"},
        "data": STUDY["data"] | {"root": settings.root},
    }
    tags = {"protocol": "study", "model": "anello", "noise": "gaussian", "sweep": "study"}
    with session.run(STORE, Path(), name="gaussian", tags=tags, params=params) as run:
        run.metrics({"train/loss": 1.860, "test/loss": 1.689}, 1)
        run.metrics({"train/loss": 1.599, "test/loss": 1.596}, 20)
    (row,) = [line for line in written().markdown.read_text().splitlines() if "σ = 1 " in line]
    assert "| 1.600 / 1.598 | 1.599 / 1.596 | -0.001 / -0.002 |" in row
    assert "| 0.5667 + 1.0001 + 0.0291 |" in row


def test_a_comparison_fetches_no_images(tmp_path: Path) -> None:
    params = STUDY | {"noise": {}, "data": STUDY["data"] | {"root": str(tmp_path / "away")}}
    tags = {"protocol": "study", "model": "anello", "noise": "none", "sweep": "study"}
    with session.run(STORE, Path(), name="none", tags=tags, params=params) as run:
        run.metrics({"train/loss": 0.6, "test/loss": 0.6}, 1)
    (row,) = [line for line in written().markdown.read_text().splitlines() if "Normal" in line]
    assert row.endswith("| – |")
    assert not (tmp_path / "away").exists()


def test_a_key_that_older_runs_lack_makes_no_other_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap_run(seed=0, clean=0.1)
    cheap_run(seed=1, clean=0.1, more={"trainer": {"warmup": 0}})
    assert len(found()) == 2
    monkeypatch.setattr(identity, "ADDED", {"trainer.warmup": 0})
    cheap_run(seed=2, clean=0.1, more={"trainer": {"warmup": 3}})
    assert [len(setting.runs) for setting in found()] == [2, 1]


@pytest.fixture
def compared(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """The command in this process."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["compare", *arguments])
        return command.run(compare.main, "denoise.compare"), *capfd.readouterr()

    return run


def test_the_command_compares_what_it_is_asked_to(
    compared: Callable[..., tuple[int, str, str]],
) -> None:
    first = cheap_run("none", clean=0.1, sweep="one")
    second = cheap_run("gaussian", clean=0.2, sweep="two")
    cheap_run("masking", clean=0.3, sweep="three")

    def settings(*arguments: str) -> list[str]:
        status, _, err = compared(*arguments, "--to", "here")
        assert status == 0, err
        with Path("here/comparison.csv").open(encoding="utf-8") as file:
            return [row["setting"].partition(" ")[0] for row in csv.DictReader(file)]

    assert settings() == ["masking"]
    assert settings("--sweep", "one", "--sweep", "latest") == ["none", "masking"]
    assert settings("--run", first, "--run", second) == ["none", "gaussian"]
    assert settings("--sweep", "all") == ["none", "gaussian", "masking"]
    assert settings("--sweep", "all", "--where", "tags.noise != 'none'") == ["gaussian", "masking"]


MISTAKES = {
    (): "there is no finished run in the store; python -m denoise makes one",
    ("--sweep", "lost"): "there is no finished run that \"tags.sweep = 'lost'\" finds",
    ("--run", "lost"): "there is no finished run that \"attributes.run_id = 'lost'\" finds",
    ("--where", "sigma is small"): "the filter 'sigma is small' does not parse",
    ("--tracking-uri", "nonsense://here"): "tracking.uri=nonsense://here cannot be used",
    ("--to", "a_file"): "Directory 'a_file' is a file",
}


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_a_mistake_is_told_in_a_sentence(
    compared: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...]
) -> None:
    Path("a_file").touch()
    status, _, err = compared(*arguments)
    assert status == 1
    assert MISTAKES[arguments] in err
    assert "Traceback" not in err


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What a run leaves for the page: its ten images three times, and the map of its codes."""
    generator, folder = np.random.default_rng(0), tmp_path / "files"
    for name in ("figures", "tables"):
        (folder / name).mkdir(parents=True)
    strip = generator.integers(256, size=(84, 280), dtype=np.uint8)
    Image.fromarray(strip).save(folder / "figures" / "examples.png")
    with (folder / "tables" / "codes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["code_0", "tsne_x", "tsne_y", "label"])
        writer.writerows([0, *generator.uniform(-1, 1, 2), i % 10] for i in range(3000))
    return folder


@pytest.fixture
def page(files: Path) -> Iterator[Page]:
    """The page of three settings, opened from disk; it must say nothing on the console."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    levels = {"none": 0.3, "gaussian": 0.1, "masking": 0.2}
    for seed in range(2):
        for noise, level in levels.items():
            values = {"clean": level + 0.01 * seed, "robust": level, "blur": 0.12345, "knn": level}
            cheap_run(noise, seed, files=files if seed == 0 else None, **values)
    address = written().page.absolute().as_uri()
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        page = browser.new_page(viewport={"width": 400, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.extend(_from_elsewhere(request.url, address)))
        page.goto(address)
        yield page
        browser.close()
    assert not complaints


def _from_elsewhere(url: str, page: str) -> list[str]:
    return [] if url == page or url.startswith("data:") else [url]


def test_the_page_sorts_loads_all_its_pictures_and_fits_a_telephone(page: Page) -> None:
    def column(number: int) -> list[str]:
        return page.locator(f"table.sortable tbody tr > :nth-child({number})").all_inner_texts()

    header = page.locator("table.sortable th").nth(2)
    assert column(1) == ["none", "gaussian σ=0.25", "masking fraction=0.25"]
    assert header.get_attribute("aria-sort") == "none"
    header.get_by_role("button", name="reconstruction").click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert column(1) == ["gaussian σ=0.25", "masking fraction=0.25", "none"]
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    assert column(1) == ["none", "masking fraction=0.25", "gaussian σ=0.25"]

    pictures = page.locator("img").all()
    assert len(pictures) == 2 + 1 + 3 + 3 + 3  # losses, clean, outputs, noises, maps
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        for picture in pictures:
            wait_until(lambda shown=picture: shown.evaluate(LOADED), seconds=20)
            assert picture.get_attribute("alt")

    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.locator("table.heat td").nth(0).get_attribute("data-value") == "0.12345"
    assert page.locator("table.heat td").nth(0).inner_text() == "0.1235"
    assert page.locator(".answer").first.inner_text().startswith("It depends on what is asked")
