"""Comparing the runs of a store, and the page in a browser."""

import csv
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from denoise import command, compare, data, evaluate, metrics
from denoise.comparison import groups, published, tables, verdicts, write
from denoise.comparison.groups import Setting
from denoise.comparison.verdicts import Question
from denoise.comparison.write import Comparison
from denoise.config import identity
from denoise.config.settings import Tracking
from denoise.noise import Gaussian, Identity, Noise, RandomErasing
from denoise.tracking import search, store
from tests.conftest import tracked, wait_until
from tests.test_pull import reference_run
from tests.test_study import STUDY
from tests.test_ui import CHROMIUM, FLAGS

pytestmark = pytest.mark.usefixtures("fresh_folder")
STORE = Tracking(None, "denoise")
# The suite of conf/evaluation: eight corruptions and the clean images.
CORRUPTIONS = ("clean", "blur", "gaussian_0.1", "gaussian_0.25", "gaussian_0.5", "masking")
CORRUPTIONS += ("random_erasing", "salt_and_pepper", "speckle", "mean")
LOADED = "image => image.complete && image.naturalWidth > 0"
NOISES: dict[str, tuple[str, dict[str, Any]]] = {
    "none": ("Identity", {}),
    "gaussian": ("Gaussian", {"sigma": 0.25, "mean": 0.0}),
    "masking": ("Masking", {"fraction": 0.25, "value": 0.0}),
}


KEYS = {
    "clean": metrics.CLEAN_MSE.key,
    "held_out": metrics.CLEAN_MSE.held_out,
    "robust": metrics.ROBUSTNESS.key,
    "blur": metrics.robust("blur").key,
    "knn": metrics.KNN_ACCURACY.key,
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
    **values: float,
) -> str:
    """Log a finished run that was not trained; its id. `clean=0.1` is its test/clean_mse."""
    kind, settings = NOISES[noise]
    params = {
        "seed": seed,
        "noise": {"_target_": f"denoise.noise.{kind}", **settings, **(strength or {})},
        "model": {"_target_": f"denoise.model.{model.title()}", "latent_dim": 4},
        "protocol": {"name": "fair", "score": "val/loss"},
        "evaluation": {"perplexity": 30, "map_seed": seed},
        **(more or {}),
    }
    all_tags = {"noise": noise, "model": model, "protocol": "fair", "sweep": sweep, **(tags or {})}
    losses = {1: (0.3, 0.4), 2: (0.2, 0.3)}
    final = {KEYS.get(name, name): value for name, value in values.items()}
    return logged(noise, all_tags, params, losses, final, files)


def study_run(name: str, losses: dict[int, tuple[float, float]], **changed: Any) -> str:
    """Log a finished run of the study's protocol with these train and test losses; its id."""
    tags = {"protocol": "study", "model": "anello", "noise": name, "sweep": "study"}
    return logged(name, tags, STUDY | changed, losses)


def logged(
    name: str,
    tags: dict[str, str],
    params: dict[str, Any],
    losses: dict[int, tuple[float, float]],
    final: dict[str, float] | None = None,
    files: Path | None = None,
) -> str:
    """Log a finished run with the train and test loss of some epochs; its id."""
    folder = Path(tempfile.mkdtemp(dir="."))
    with tracked(STORE, folder, name=name, tags=tags, params=params) as run:
        for epoch, (train, test) in losses.items():
            run.log({"train/loss": train, "test/loss": test}, epoch)
        run.log(final or {}, 0)
        for path in filter(Path.is_file, files.rglob("*") if files else ()):
            file = path.relative_to(files).as_posix()
            shutil.copy(path, run.path(file))
            run.add(file)
    return run.run_id


def found() -> list[Setting]:
    return groups.group(search.search(STORE, ""))


def written() -> Comparison:
    return write.write(STORE, search.search(STORE, ""), Path("comparison"))


def asked(title: str) -> Question:
    (question,) = [one for one in verdicts.questions(found()) if one.title.startswith(title)]
    return question


def test_runs_that_differ_only_in_the_seed_are_one_setting() -> None:
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


def test_the_newest_of_two_runs_with_the_same_config_counts() -> None:
    cheap_run("none", 0, clean=0.9)
    newest = cheap_run("none", 0, clean=0.1)
    (setting,) = found()
    assert setting.runs["0"].id == newest
    assert setting.values("test/clean_mse") == {"0": 0.1}


def test_a_small_difference_is_significant_if_all_seeds_share_it() -> None:
    """Without pairing, a spread of 0.1 between seeds would hide a difference of 0.01."""
    for seed, level in enumerate((0.1, 0.2, 0.3, 0.4)):
        cheap_run("none", seed, clean=level)
        cheap_run("gaussian", seed, clean=level - 0.01 - 0.0001 * seed)
    question = asked("Does noise help")
    assert question.answer == (
        "Yes: noise improves reconstruction (gaussian σ=0.25 4.1% better) (4 seeds)."
    )
    (verdict,) = question.verdicts
    assert re.fullmatch(
        r"Reconstruction: significantly better than no noise \(4 seeds\): "
        r"gaussian σ=0.25 by 0.01015 ± 0.000\d\d MSE \(4.1%\)\.",
        str(verdict),
    )


def test_higher_accuracies_are_better_and_higher_errors_are_worse() -> None:
    for seed in range(3):
        cheap_run("none", seed, clean=0.1 + 0.001 * seed, knn=0.7 + 0.001 * seed)
        cheap_run("gaussian", seed, clean=0.2 + 0.0012 * seed, knn=0.8 + 0.0012 * seed)
    question = asked("Does noise help")
    assert question.answer.startswith("It depends on the metric: noise improves latent kNN")
    assert "worsens reconstruction" in question.answer


def test_equal_runs_do_not_differ_significantly() -> None:
    for seed in range(5):
        for noise in NOISES:
            cheap_run(noise, seed, clean=0.1 + 0.01 * seed)
    question = asked("Does noise help")
    assert question.answer == (
        "Not significantly: noise has no significant effect on reconstruction (5 seeds)."
    )
    assert str(question.verdicts[0]) == (
        "Reconstruction: not significant (5 seeds): "
        "gaussian σ=0.25 equal, masking fraction=0.25 equal."
    )


def test_effects_that_are_not_significant_are_reported_with_their_size() -> None:
    """The largest effect is named also if seeds vary too much for it to be significant."""
    varied = (0.3, 0.1, 0.2, 0.05, 0.11)
    for seed in range(5):
        cheap_run("none", seed, clean=0.1)
        cheap_run("masking", seed, clean=varied[seed])
        cheap_run("gaussian", seed, clean=0.11 + 0.0001 * seed)
        cheap_run("gaussian", seed, strength={"sigma": 0.5}, clean=0.12 + 0.0001 * seed)
    question = asked("Does noise help")
    assert question.answer == (
        "No: noise worsens reconstruction (up to 20% among the significant: gaussian σ=0.5; "
        "masking fraction=0.25 52% worse, not significant) (5 seeds)."
    )
    assert "not significant (5 seeds): masking fraction=0.25 52% worse." in str(
        question.verdicts[0]
    )


def test_the_significance_of_one_setting_is_corrected_for_the_others() -> None:
    """p = 0.03 for one setting alone; among five settings, chance alone gives this too often."""
    gains = (0.010, 0.012, 0.0065)
    for seed in range(3):
        cheap_run("none", seed, clean=0.1)
        cheap_run("masking", seed, clean=0.1 - gains[seed])
    assert asked("Does noise help").answer.startswith("Yes")
    for sigma in (0.1, 0.2, 0.3, 0.4):
        for seed in range(3):
            cheap_run("gaussian", seed, strength={"sigma": sigma}, clean=0.1)
    assert asked("Does noise help").answer.startswith("Not significantly: noise has no significant")


def test_one_seed_is_not_enough_for_a_verdict() -> None:
    cheap_run("none", clean=0.1)
    cheap_run("gaussian", clean=0.9)
    question = asked("Does noise help")
    assert question.answer == ("One seed is not enough for a verdict; rerun with seed=0,1,2,3,4.")
    assert str(question.verdicts[0]) == (
        "Reconstruction: compared with no noise, one seed, no verdict: gaussian σ=0.25 800% worse."
    )


def test_settings_with_several_seeds_get_a_verdict_beside_one_with_a_single_seed() -> None:
    for seed in range(3):
        cheap_run("none", seed, clean=0.2)
        cheap_run("gaussian", seed, clean=0.1)
    cheap_run("masking", 0, clean=0.3)
    answer = asked("Does noise help").answer
    assert answer.startswith("Yes: noise improves reconstruction (gaussian σ=0.25 50% better)")
    assert answer.endswith("too few seeds or metrics with no noise: masking fraction=0.25.")


def test_a_missing_run_without_noise_is_reported() -> None:
    cheap_run("gaussian", clean=0.1)
    question = asked("Does noise help")
    assert not question.verdicts
    assert "no run without noise to compare these settings with" in question.answer


def test_gaussian_noise_of_strength_0_is_a_baseline() -> None:
    for seed in range(2):
        cheap_run("gaussian", seed, strength={"sigma": 0.0}, clean=0.2)
        cheap_run("gaussian", seed, clean=0.1)
    question = asked("Does noise help")
    assert question.answer.startswith("Yes: noise improves reconstruction")
    assert "better than no noise (gaussian σ=0)" in str(question.verdicts[0])


def test_the_run_without_noise_may_belong_to_another_sweep() -> None:
    cheap_run("none", clean=0.1, sweep="earlier", tags={"config_hash": "clean"})
    noisy = cheap_run("gaussian", clean=0.2, tags={"baseline_hash": "clean"})
    only = search.search(STORE, f"attributes.run_id = '{noisy}'")
    (question,) = write.write(STORE, only, Path("comparison")).questions
    assert "compared with no noise, one seed" in str(question.verdicts[0])


def test_runs_that_were_not_trained_are_not_compared() -> None:
    trained = cheap_run("none", clean=0.2)
    reference_run(STORE, {"test/clean_mse": 0.1})
    (setting,) = found()
    assert [run.id for run in setting.runs.values()] == [trained]


def test_noise_is_compared_within_a_model_and_models_with_the_first_one() -> None:
    for seed in range(3):
        for model, level in (("anello", 0.3), ("conv", 0.1)):
            cheap_run("none", seed, model=model, clean=level)
            cheap_run("gaussian", seed, model=model, clean=level - 0.05)
    noise, model = asked("Does noise help"), asked("Does another model")
    assert "gaussian σ=0.25 conv by 0.05000 ± 0.00000 MSE (50%)" in str(noise.verdicts[0])
    assert "none conv by 0.20000 ± 0.00000 MSE (67%)" in str(model.verdicts[0])


def test_the_best_strength_is_chosen_on_held_out_images_and_named_with_its_equals() -> None:
    """On the test images 0.5 is a little lower; on held-out images 0.25 is."""
    wobble = (0.0, 0.001, -0.002)
    for seed in range(3):
        cheap_run("none", seed, clean=0.5 + 0.01 * seed, held_out=0.5)
        cheap_run("gaussian", seed, clean=0.2 + 0.01 * seed, held_out=0.20)
        level = 0.2 + 0.01 * seed - 0.0001 + wobble[seed]
        cheap_run("gaussian", seed, strength={"sigma": 0.5}, clean=level, held_out=0.21)
    question = asked("How much noise")
    assert question.answer == (
        "With gaussian, the same for all metrics: σ=0.25 for reconstruction "
        "(chosen on held-out images; not significantly different: σ=0.5)."
    )
    assert str(question.verdicts[0]).endswith(
        "chosen on held-out images; significantly better than none (3 seeds); "
        "not significantly different from σ=0.5."
    )


def test_the_best_strength_of_one_seed_is_named_without_a_verdict() -> None:
    for sigma in (0.1, 0.2):
        cheap_run("gaussian", strength={"sigma": sigma}, clean=sigma)
    question = asked("How much noise")
    assert question.answer == (
        "With gaussian, best with this one seed: σ=0.1 for reconstruction "
        "(chosen on the test set). "
        "One seed is not enough for a verdict; rerun with seed=0,1,2,3,4."
    )
    assert "chosen on the test set; one seed, no verdict" in str(question.verdicts[0])


def test_strengths_that_do_not_differ_significantly_have_no_best() -> None:
    for seed in range(3):
        for sigma in (0.1, 0.2):
            cheap_run("gaussian", seed, strength={"sigma": sigma}, clean=0.1)
    assert asked("How much noise").answer == (
        "With gaussian, the same for all metrics: no significant difference for reconstruction."
    )


def test_the_strengths_of_a_noise_from_another_module_are_compared() -> None:
    for scale in (0.1, 0.2):
        noise = {"_target_": "my_noises.Laplace", "scale": scale}
        cheap_run(more={"noise": noise}, tags={"noise": "laplace"}, clean=scale)
    assert [one.label for one in found()] == ["laplace scale=0.1", "laplace scale=0.2"]
    assert "With laplace, best with this one seed: scale=0.1" in asked("How much").answer


def test_the_tables_have_a_line_for_each_setting() -> None:
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
def test_the_parts_of_a_loss_add_up_to_it(images: data.Data, name: str) -> None:
    """The error against the clean images is measured separately."""
    clean, target = corrupted(images, SIGMOID[name])
    output = 0.8 * clean.clamp(0, 1) + 0.1
    loss = float((output - target).square().double().mean())
    parts = published.decompose(images.test.images, target, images, loss)
    missed = float((output - clean).square().double().mean()) - parts.floor
    assert parts.floor + parts.noise + missed == pytest.approx(loss, rel=0.01)
    assert parts.noise == pytest.approx(getattr(SIGMOID[name], "sigma", 0) ** 2, abs=0.002)


def test_the_floor_matches_the_published_one_and_erased_boxes_lower_it(images: data.Data) -> None:
    train, test = images.train.images, images.test.images
    floor = published.decompose(train, images.scale(train), images, 0.6).floor
    assert floor == pytest.approx(0.5692, abs=5e-5)
    clean, target = corrupted(images, ERASING)
    best = float((clean.clamp(0, 1) - target).square().double().mean())
    parts = published.decompose(test, target, images, best)
    assert parts.floor < published.decompose(test, clean, images, 0.6).floor - 0.03
    assert parts.noise > 0
    assert parts.missed == pytest.approx(0, abs=1e-6)


def test_the_published_losses_are_shown_beside_those_reached(settings: data.Settings) -> None:
    study_run(
        "gaussian",
        {1: (1.860, 1.689), 20: (1.599, 1.596)},
        noise={"_target_": "denoise.noise.Gaussian", "sigma": "1.0", "mean": "0.0"},
        data=STUDY["data"] | {"root": settings.root},
    )
    (row,) = [line for line in written().markdown.read_text().splitlines() if "σ = 1 " in line]
    assert "| 1.600 / 1.598 | 1.599 / 1.596 | -0.001 / -0.002 |" in row
    assert "| 0.5667 + 1.0001 + 0.0291 |" in row


def test_a_comparison_downloads_no_data_set(tmp_path: Path) -> None:
    away = STUDY["data"] | {"root": str(tmp_path / "away")}
    study_run("none", {1: (0.6, 0.6)}, noise={}, data=away)
    (row,) = [line for line in written().markdown.read_text().splitlines() if "Normal" in line]
    assert row.endswith("| – |")
    assert not (tmp_path / "away").exists()


def test_runs_without_a_later_key_group_with_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
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
    """Run the command in this process; its exit status, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["compare", *arguments])
        return command.run(compare.main, "denoise.compare"), *capfd.readouterr()

    return run


def test_the_command_compares_the_runs_that_its_options_choose(
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
    assert settings("--sweep", "all", "--where", "params.noise.sigma = 0.25") == ["gaussian"]
    assert settings("--sweep", "all", "--where", "metrics.test/clean_mse > 0.25") == ["masking"]


MISTAKES = {
    (): "there is no finished run in the store; python -m denoise makes one",
    ("--sweep", "lost"): "there is no finished run that \"tags.sweep = 'lost'\" finds",
    ("--run", "lost"): "there is no finished run that \"attributes.run_id = 'lost'\" finds",
    ("--where", "sigma is small"): "the filter 'sigma is small' does not parse",
    ("--tracking-uri", "nonsense://here"): "tracking.uri=nonsense://here cannot be used",
    ("--to", "a_file"): "Directory 'a_file' is a file",
}


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_mistakes_are_reported_in_one_sentence(
    compared: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...]
) -> None:
    Path("a_file").touch()
    store.prepare(Tracking(None, "denoise"))  # a filter is parsed where there is an experiment
    status, _, err = compared(*arguments)
    assert status == 1
    assert MISTAKES[arguments] in err
    assert "Traceback" not in err


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files of a run that the page reads: the example images, and the map of its codes."""
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
    """The page of three settings with every column; the browser's console must stay empty."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    levels = {"none": 0.3, "gaussian": 0.1, "masking": 0.2}
    for seed in range(2):
        for noise, level in levels.items():
            values = {metric.key: level for metric in tables.SHOWN}
            values |= {metrics.robust(name).key: 0.2 for name in CORRUPTIONS}
            values |= {KEYS["clean"]: level + 0.01 * seed, KEYS["blur"]: 0.12345}
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
    assert len(pictures) == 2 + 1 + 3 + 3 + 3  # losses, clean, outputs, noises, maps
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        for picture in pictures:
            wait_until(lambda shown=picture: shown.evaluate(LOADED), seconds=20)
            assert picture.get_attribute("alt")

    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    blur = page.locator("table.heat td").nth(1)
    assert blur.get_attribute("data-value") == "0.12345"
    assert blur.inner_text() == "0.1235"
    assert page.locator(".answer").first.inner_text().startswith("It depends on the metric")


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

        assert right_end() > 400
        table.hover()
        page.mouse.wheel(5000, 0)
        wait_until(lambda: right_end() <= 400, seconds=5)
