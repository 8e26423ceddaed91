"""Comparing the runs of a store."""

import base64
import csv
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from denoise import command, compare, data, evaluate, metrics
from denoise.comparison import effects, figures, groups, page, published, seeds, tables, write
from denoise.comparison.effects import MARGIN, Effect
from denoise.comparison.groups import Setting
from denoise.comparison.page import View
from denoise.config import identity
from denoise.config.settings import Tracking
from denoise.metrics import Metric
from denoise.noise import Gaussian, Identity, Noise, RandomErasing
from denoise.tracking import search, store
from tests.conftest import tracked
from tests.test_pull import reference_run
from tests.test_study import STUDY

pytestmark = pytest.mark.usefixtures("fresh_folder")
STORE = Tracking(None, "denoise")
# The suite of conf/evaluation: eight corruptions and the clean images.
CORRUPTIONS = ("clean", "blur", "gaussian_0.1", "gaussian_0.25", "gaussian_0.5", "masking")
CORRUPTIONS += ("random_erasing", "salt_and_pepper", "speckle", "mean")
NOISES: dict[str, tuple[str, dict[str, Any]]] = {
    "none": ("Identity", {}),
    "gaussian": ("Gaussian", {"sigma": 0.25, "mean": 0.0}),
    "masking": ("Masking", {"fraction": 0.25, "value": 0.0}),
}


KEYS = {
    "clean": metrics.CLEAN_MSE.key,
    "held_out": metrics.CLEAN_MSE.held_out,
    "best": metrics.of_best_epoch(metrics.CLEAN_MSE.held_out),
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


def written() -> View:
    return write.write(STORE, search.search(STORE, ""), Path("comparison"))


def page_written() -> Path:
    written()
    return Path("comparison/comparison.html")


def markdown_written() -> str:
    written()
    return Path("comparison/comparison.md").read_text(encoding="utf-8")


def compared_with_none(metric: Metric = metrics.CLEAN_MSE) -> dict[str, Effect]:
    """The effects of the settings with noise on a metric, by label."""
    noise, *_ = effects.questions(found(), MARGIN)
    return {one.setting.label: one for one in noise.effects.get(metric, [])}


def answers() -> dict[str, str]:
    return {label: tables.answer(one) for label, one in compared_with_none().items()}


def test_a_test_loss_is_a_curve_only_where_no_images_were_held_out() -> None:
    study_run("gaussian", {1: (0.3, 0.4), 2: (0.2, 0.3)})
    assert page.curves(found()) == {
        "train": {found()[0].label: [0.3, 0.2]},
        "test": {found()[0].label: [0.4, 0.3]},
    }
    cheap_run("masking", **{"val/loss": 0.3})
    label = next(one.label for one in found() if one.noise.startswith("masking"))
    assert label not in page.curves(found())["test"]


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


def test_earlier_runs_with_noise_of_amount_zero_count_as_runs_without_noise() -> None:
    cheap_run("none", 0, clean=0.1)
    cheap_run("gaussian", 1, strength={"sigma": 0.0}, clean=0.2)
    cheap_run("gaussian", 2, strength={"sigma": 0.0, "mean": 0.5}, clean=0.3)
    without, shifted = found()
    assert without.is_clean
    assert without.values("test/clean_mse") == {"0": 0.1, "1": 0.2}
    assert not shifted.is_clean


def test_a_noise_of_ones_own_with_a_value_of_zero_is_not_a_run_without_noise() -> None:
    """Only of a noise of this package it is known that its amount comes first."""
    cheap_run("none", clean=0.1)
    dead = {"_target_": "my_noises.DeadPixels", "value": 0.0}
    cheap_run(more={"noise": dead}, tags={"noise": "dead"}, clean=0.3)
    assert [one.is_clean for one in found()] == [True, False]


def test_settings_differ_however_many_digits_their_numbers_have() -> None:
    for state in (1234567, 1234568):
        cheap_run(more={"evaluation": {"random_state": state}}, clean=0.1)
    assert [one.label for one in found()] == [
        "none random_state=1234567",
        "none random_state=1234568",
    ]


def test_a_small_difference_is_significant_if_all_seeds_share_it() -> None:
    """Without pairing, a spread of 0.1 between seeds would hide a difference of 0.01."""
    for seed, level in enumerate((0.1, 0.2, 0.3, 0.4)):
        cheap_run("none", seed, clean=level)
        cheap_run("gaussian", seed, clean=level - 0.01 - 0.0001 * seed)
    comparison = written()
    assert comparison.sentence == (
        "With 4 seeds against no noise, noise helps reconstruction "
        "(1 of 1 settings, up to 4.06 ± 0.08%: gaussian)."
    )
    gain = "+4.06% gaussian σ=0.25"
    assert tables.summary(comparison.noise.effects) == [
        ["reconstruction", gain, "", "1", "0", "0", "0"]
    ]


def test_higher_accuracies_are_better_and_higher_errors_are_worse() -> None:
    for seed in range(3):
        cheap_run("none", seed, clean=0.1 + 0.001 * seed, knn=0.7 + 0.001 * seed)
        cheap_run("gaussian", seed, clean=0.2 + 0.0012 * seed, knn=0.8 + 0.0012 * seed)
    assert [one.answer for one in compared_with_none().values()] == ["worse"]
    assert [one.answer for one in compared_with_none(metrics.KNN_ACCURACY).values()] == ["better"]
    assert "noise helps kNN accuracy" in written().sentence
    assert written().sentence.endswith(
        "but is not shown to help reconstruction. In some settings, it makes reconstruction worse."
    )


def test_not_significant_and_equivalent_are_two_answers() -> None:
    """Both are 0.5% worse on average; the seeds of masking differ too much to tell."""
    for seed, wobble in enumerate((0.004, -0.004, 0.003, -0.003, 0.0)):
        cheap_run("none", seed, clean=0.1)
        cheap_run("gaussian", seed, clean=0.1005 + wobble / 10)
        cheap_run("masking", seed, clean=0.1005 + wobble)
    assert answers() == {
        "gaussian σ=0.25": "equivalent",
        "masking fraction=0.25": "undecided; 33 seeds would show the margin",
    }


def test_a_significant_difference_within_the_margin_says_so() -> None:
    for seed in range(5):
        cheap_run("none", seed, clean=0.1)
        cheap_run("gaussian", seed, clean=0.101 + 0.0001 * seed)
    assert answers() == {"gaussian σ=0.25": "worse, but within the margin"}


def test_a_gain_within_the_margin_is_named_as_such_in_the_answer() -> None:
    for seed in range(3):
        cheap_run("none", seed, clean=0.1)
        cheap_run("gaussian", seed, clean=0.099 + 0.00001 * seed)
    assert "%: gaussian, within the margin of 2%)" in written().sentence


def test_the_significance_of_one_setting_is_corrected_for_the_others() -> None:
    """p = 0.03 for one setting alone; among five settings, chance alone gives this too often."""
    for seed, gain in enumerate((0.010, 0.012, 0.0065)):
        cheap_run("none", seed, clean=0.1)
        cheap_run("masking", seed, clean=0.1 - gain)
    assert answers()["masking fraction=0.25"] == "better"
    for sigma in (0.1, 0.2, 0.3, 0.4):
        for seed in range(3):
            cheap_run("gaussian", seed, strength={"sigma": sigma}, clean=0.1)
    assert answers()["masking fraction=0.25"].startswith("undecided")
    assert answers()["gaussian σ=0.1"] == "equivalent"


def test_one_seed_gives_numbers_but_no_answer() -> None:
    cheap_run("none", clean=0.1)
    cheap_run("gaussian", clean=0.9)
    comparison = written()
    assert comparison.sentence.startswith("One seed gives numbers but cannot tell")
    loss = "−800.0% gaussian σ=0.25"
    assert tables.summary(comparison.noise.effects) == [
        ["reconstruction", "", loss, "", "", "", ""]
    ]
    assert answers() == {"gaussian σ=0.25": "one seed"}


def test_settings_with_several_seeds_are_compared_beside_one_with_a_single_seed() -> None:
    for seed in range(3):
        cheap_run("none", seed, clean=0.2)
        cheap_run("gaussian", seed, clean=0.1 + seed / 1000)
    cheap_run("masking", 0, clean=0.3)
    assert answers() == {"gaussian σ=0.25": "better"}


def test_a_measure_of_one_seed_answers_nothing_beside_those_of_several() -> None:
    for seed in range(3):
        accuracy = {"knn": 0.7 + seed / 100} if seed == 0 else {}
        cheap_run("none", seed, clean=0.2, **accuracy)
        cheap_run("gaussian", seed, clean=0.1 + seed / 1000, **accuracy)
    assert "kNN accuracy" not in written().sentence


def test_a_missing_run_without_noise_is_reported() -> None:
    cheap_run("gaussian", clean=0.1)
    assert written().sentence.startswith(
        "Whether noise helps is open, because no run without noise has the same seed and settings"
    )


@pytest.mark.parametrize("other", [None, 4, 64])
def test_settings_without_a_counterpart_answer_no_question(other: int | None) -> None:
    """Models are compared if their latents have the same size."""
    cheap_run("none", clean=0.1)
    if other:
        of_other = {"_target_": "denoise.model.Mlp", "latent_dim": other}
        cheap_run("none", model="mlp", more={"model": of_other}, clean=0.1)
    assert written().sentence.startswith("These runs answer no question") == (other != 4)


def test_gaussian_noise_of_strength_0_is_a_baseline() -> None:
    for seed in range(2):
        cheap_run("gaussian", seed, strength={"sigma": 0.0}, clean=0.2)
        cheap_run("gaussian", seed, clean=0.1 + seed / 1000)
    assert answers() == {"gaussian σ=0.25": "better"}


def test_the_run_without_noise_may_belong_to_another_sweep() -> None:
    cheap_run("none", clean=0.1, sweep="earlier", tags={"config_hash": "clean"})
    noisy = cheap_run("gaussian", clean=0.2, tags={"baseline_hash": "clean"})
    only = search.search(STORE, f"attributes.run_id = '{noisy}'")
    (row,) = tables.summary(write.write(STORE, only, Path("comparison")).noise.effects)
    assert row[2] == "−100.0% gaussian σ=0.25"


def test_a_comparison_of_runs_with_different_arithmetic_says_so() -> None:
    cheap_run("gaussian", clean=0.1)
    assert "fused" not in markdown_written()
    cheap_run("none", clean=0.1, tags={"arithmetic": "fused"})
    assert "fused" in markdown_written()


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
    gains = {label: one.gain.mean for label, one in compared_with_none().items()}
    assert gains == pytest.approx({"gaussian σ=0.25 anello": 50 / 3, "gaussian σ=0.25 conv": 50})
    _, model, _ = effects.questions(found(), MARGIN)
    gains = {one.setting.label: one.gain.mean for one in model.effects[metrics.CLEAN_MSE]}
    assert gains == pytest.approx({"none conv": 200 / 3, "gaussian σ=0.25 conv": 80})
    noise_sentence, model_sentence = written().sentences
    assert noise_sentence.startswith("With 3 seeds against no noise, noise ")
    assert model_sentence.startswith("With 3 seeds against anello, another model ")


def test_the_caption_of_the_models_names_the_model_they_are_compared_with() -> None:
    for noise in ("none", "gaussian"):
        for model in ("anello", "conv"):
            cheap_run(noise, model=model, clean=0.1)
    page = page_written().read_text(encoding="utf-8")
    for baseline in ("no noise,", "anello with the same noise and latent size,"):
        assert f"Differences from {baseline}" in page


def test_the_best_amount_is_chosen_on_held_out_images_and_named_with_its_equals() -> None:
    """On the test images 0.5 is a little lower; on held-out images 0.25 is."""
    wobble = (0.0, 0.001, -0.002)
    for seed in range(3):
        cheap_run("none", seed, clean=0.5 + 0.012 * seed, held_out=0.5, best=0.5)
        cheap_run("gaussian", seed, clean=0.2 + 0.01 * seed, held_out=0.22, best=0.2)
        level = 0.2 + 0.01 * seed - 0.0001 + wobble[seed]
        values = {"clean": level, "held_out": 0.21, "best": 0.21}
        cheap_run("gaussian", seed, strength={"sigma": 0.5}, **values)
    ((lines,),) = [list(lines.values()) for lines in groups.amount_series(found()).values()]
    assert [one.amount for one in lines] == ["none", "σ=0.25", "σ=0.5"]
    best = effects.best(lines, metrics.CLEAN_MSE)
    assert best
    assert (best.setting.amount, best.is_distinct) == ("σ=0.25", True)
    assert [one.amount for one in best.alike] == ["σ=0.5"]


def test_the_test_error_in_the_best_epoch_does_not_choose_the_best_amount() -> None:
    """Where no images are held out, the last epoch's weights are evaluated."""
    for seed in range(3):
        for sigma, last, best in ((0.1, 0.2, 0.3), (0.5, 0.25, 0.1)):
            strength = {"sigma": sigma}
            cheap_run("gaussian", seed, strength=strength, clean=last + 0.001 * seed, best=best)
    chosen = effects.best(found(), metrics.CLEAN_MSE)
    assert chosen
    assert chosen.setting.amount == "σ=0.1"


def test_amounts_under_two_protocols_are_two_lines() -> None:
    for protocol, sigmas in (("fair", (0.1, 0.2)), ("study", (0.3, 0.4))):
        for sigma in sigmas:
            cheap_run(tags={"protocol": protocol}, noise="gaussian", strength={"sigma": sigma})
    (lines,) = groups.amount_series(found()).values()
    assert {name: [one.strength for one in line] for name, line in lines.items()} == {
        "fair": [0.1, 0.2],
        "study": [0.3, 0.4],
    }


def test_labels_do_not_name_what_follows_from_the_protocol() -> None:
    for protocol, black in (("fair", 0.0), ("study", -1.0)):
        for fraction in (0.1, 0.25):
            strength = {"fraction": fraction, "value": black}
            cheap_run("masking", strength=strength, tags={"protocol": protocol}, clean=0.1)
    assert [one.label for one in found()] == [
        f"masking fraction={fraction} {protocol}"
        for protocol in ("fair", "study")
        for fraction in (0.1, 0.25)
    ]
    assert "in the units of each protocol" in page_written().read_text(encoding="utf-8")


def test_poisson_noise_is_ordered_from_many_photons_to_few() -> None:
    cheap_run("none", clean=0.1)
    for peak in (3.0, 30.0, 10.0):
        poisson = {"_target_": "denoise.noise.Poisson", "peak": peak, "low": 0.0, "high": 1.0}
        cheap_run(more={"noise": poisson}, tags={"noise": "poisson"}, clean=0.1)
    assert [one.amount for one in found()] == ["none", "peak=30", "peak=10", "peak=3"]
    (panel,) = figures.amounts(groups.amount_series(found()), narrow=False).axes
    assert [text.get_text() for text in panel.get_xticklabels()] == ["none", "30", "10", "3"]


def test_columns_are_named_by_all_numbers_of_a_noise() -> None:
    cheap_run("none", clean=0.1)
    for amount in (0.1, 0.2):
        for share in (0.2, 0.8):
            kind = {"_target_": "denoise.noise.SaltAndPepper", "amount": amount}
            more = {"noise": kind | {"salt_vs_pepper": share, "low": 0.0, "high": 1.0}}
            cheap_run(more=more, tags={"noise": "salt_and_pepper"}, clean=0.1)
    question, *_ = effects.questions(found(), MARGIN)
    (panel,) = figures.gains(question, narrow=False).axes
    names = [text.get_text() for text in panel.get_xticklabels()]
    assert names == ["0.1 0.2", "0.1 0.8", "0.2 0.2", "0.2 0.8"]


def test_only_significant_gains_are_coloured_in_the_picture_of_when_noise_helps() -> None:
    for seed, wobble in enumerate((0.04, -0.04, 0.03)):
        cheap_run("none", seed, clean=0.2)
        cheap_run("gaussian", seed, clean=0.1 + wobble / 100)
        cheap_run("gaussian", seed, strength={"sigma": 0.5}, clean=0.15 + wobble)
    question, *_ = effects.questions(found(), MARGIN)
    (panel,) = figures.gains(question, narrow=False).axes
    coloured = {round(cell.get_x()): cell.get_alpha() > 0 for cell in panel.patches}
    assert coloured == {0: True, 1: False}
    assert [text.get_weight() for text in panel.texts] == ["bold", "normal"]


@pytest.mark.parametrize("count", [1, 3])
def test_amounts_that_do_not_differ_significantly_have_no_best(count: int) -> None:
    """One seed never tells."""
    for seed in range(count):
        for sigma in (0.1, 0.2):
            level = sigma if count == 1 else 0.1
            cheap_run("gaussian", seed, strength={"sigma": sigma}, clean=level)
    best = effects.best(found(), metrics.CLEAN_MSE)
    assert best
    assert not best.is_distinct


def test_a_winner_is_named_only_if_it_is_better_than_every_other() -> None:
    for seed in range(3):
        cheap_run("none", seed, clean=0.2)
        for sigma, level, step in ((0.1, 0.12, 1), (0.2, 0.0999, 2), (0.3, 0.1, -2)):
            strength = {"sigma": sigma}
            cheap_run("gaussian", seed, strength=strength, clean=level + 1e-4 * step * seed)
    assert "3 of 3 settings, up to 50" in written().sentence
    for seed in range(3):
        cheap_run("masking", seed, clean=0.05 + 3e-4 * seed)
    assert "best masking fraction=0.25 by 74.8 ± 0.4%" in written().sentence


def test_settings_with_different_baselines_have_no_winner() -> None:
    """Noise helps the small latent most, but the large one is better even without."""
    for seed in range(3):
        for size, without, noisy in ((4, 0.03, 0.024), (64, 0.01, 0.0099)):
            more = {"model": {"_target_": "denoise.model.Anello", "latent_dim": size}}
            cheap_run("none", seed, more=more, clean=without)
            cheap_run("gaussian", seed, more=more, clean=noisy + 1e-6 * seed)
    assert "2 of 2 settings, up to 19.997" in written().sentence


def test_the_best_setting_is_chosen_on_the_seeds_that_all_settings_have() -> None:
    for seed in range(7):
        cheap_run("gaussian", seed, strength={"sigma": 0.1}, clean=0.2 if seed < 4 else 0.1)
    for seed in range(4):
        cheap_run("gaussian", seed, strength={"sigma": 0.2}, clean=0.18 + seed / 1e4)
    best = effects.best(found(), metrics.CLEAN_MSE)
    assert best
    assert best.setting.amount == "σ=0.2"


def test_a_setting_with_one_seed_does_not_choose_the_best_of_those_with_several() -> None:
    """On seed 0 alone, σ=0.2 would be the best."""
    for seed in range(3):
        cheap_run("gaussian", seed, strength={"sigma": 0.1}, clean=0.2 - 0.02 * seed)
        cheap_run("gaussian", seed, strength={"sigma": 0.2}, clean=0.19 + 0.001 * seed)
    cheap_run("gaussian", 0, strength={"sigma": 0.5}, clean=0.3)
    best = effects.best(found(), metrics.CLEAN_MSE)
    assert best
    assert best.setting.amount == "σ=0.1"


def test_runs_whose_best_epoch_was_chosen_by_another_score_are_another_setting() -> None:
    for score in ("val/loss", "val/clean_mse"):
        cheap_run(more={"protocol": {"name": "fair", "score": score}}, clean=0.1)
    assert [one.label for one in found()] == ["none score=val/clean_mse", "none score=val/loss"]


def test_a_noise_without_an_amount_is_no_line_of_its_own() -> None:
    for share in (0.1, 0.2):
        noise = {"_target_": "denoise.noise.Mixture", "noises": {"masking": {"fraction": share}}}
        cheap_run(more={"noise": noise}, tags={"noise": "mixture"}, clean=0.1)
    assert [(one.noise, one.line) for one in found()] == [
        ("mixture noises.masking.fraction=0.1", ""),
        ("mixture noises.masking.fraction=0.2", ""),
    ]


def test_targets_of_training_are_compared_with_clean_ones_for_the_same_noise() -> None:
    for seed in range(3):
        for noise in ("gaussian", "masking"):
            for target, level in (("clean", 0.2), ("second", 0.3)):
                more = {"trainer": {"target": target}}
                cheap_run(noise, seed, more=more, clean=level + level * seed / 1e3)
    *_, target = effects.questions(found(), MARGIN)
    (of_metric,) = target.effects.values()
    assert [one.setting.facts["trainer.target"] for one in of_metric] == ["second", "second"]
    assert [one.answer for one in of_metric] == ["worse", "worse"]
    page = page_written().read_text(encoding="utf-8")
    assert "another target is not shown to help reconstruction" in page
    assert "Differences from clean targets with the same noise," in page


def test_the_strengths_of_a_noise_from_another_module_are_compared() -> None:
    for scale in (0.1, 0.2):
        noise = {"_target_": "my_noises.Laplace", "scale": scale}
        cheap_run(more={"noise": noise}, tags={"noise": "laplace"}, clean=scale)
    assert [one.label for one in found()] == ["laplace scale=0.1", "laplace scale=0.2"]
    assert list(groups.amount_series(found())) == ["laplace, scale"]


@pytest.mark.parametrize(("low", "level", "learned"), [(0, 0.0866, False), (0, 0.08, True)])
def test_runs_that_do_not_beat_the_mean_image_have_learned_nothing(
    settings: data.Settings, low: int, level: float, *, learned: bool
) -> None:
    """The mean training image has an error of 0.0866 on the test images."""
    given = {"data": {"name": "FashionMNIST", "root": settings.root, "low": low, "high": 1.0}}
    cheap_run("none", clean=level, more=given)
    assert written().sentence.startswith("These runs are too short") != learned


def test_the_mean_image_is_measured_on_the_images_that_the_run_is_tested_on(
    settings: data.Settings,
) -> None:
    """On the first hundred test images, it has an error of 0.0924."""
    given = {"name": "FashionMNIST", "root": settings.root, "low": 0, "high": 1.0}
    cheap_run("none", clean=0.0862, more={"data": given | {"test_size": 100}})
    assert not written().sentence.startswith("These runs are too short")


def test_each_setting_is_measured_against_the_mean_image_of_its_own_protocol(
    settings: data.Settings,
) -> None:
    """Where outputs are grey at the darkest, the mean image has an error of 0.169."""
    for low, level in ((0, 0.1), (-1, 0.17)):
        given = {"data": {"name": "FashionMNIST", "root": settings.root, "low": low, "high": 1.0}}
        cheap_run("none", clean=level, more=given)
    assert written().sentence.startswith("These runs are too short")


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.37078, 0.37080], ["0.370780", "0.370800"]),
        ([0.02, 0.5], ["0.02", "0.50"]),
        ([87125.0, 1334036.0], ["87,125", "1,334,036"]),
        ([0.25, 0.25], ["0.25000", "0.25000"]),
    ],
)
def test_numbers_are_shown_to_the_digits_that_differ(values: list[float], texts: list[str]) -> None:
    cells = [seeds.estimate([value]) for value in values]
    shown = tables.Column(metrics.CLEAN_MSE, list(cells)).texts()
    assert [text for text, _ in shown] == texts


@pytest.mark.parametrize("differ", [True, False])
def test_references_of_several_data_sets_are_told_apart_where_they_differ(differ: bool) -> None:
    for size in (1024, 4096):
        more = {"data": {"train_size": size}}
        cheap_run("none", more=more, clean=0.2)
        reference_run(STORE, {KEYS["blur"]: size if differ else 1, "test/loss": size}, **more)
    names = ["reference train_size=1024", "reference train_size=4096"] if differ else ["reference"]
    assert sorted(written().references) == names


def test_models_are_told_apart_whatever_the_references() -> None:
    errors = {"gaussian": 0.1512, "masking": 0.1518, "none": 0.1523}
    for noise, error in errors.items():
        cheap_run(noise, blur=error)
    references = {f"reference {error}": {KEYS["blur"]: error} for error in (0.02, 0.09, 0.5, 0.9)}
    names, (column,) = figures.heat(found(), references)
    texts = dict(zip(names, (text for text, _ in column.texts(1)), strict=True))
    assert len({texts[one.label] for one in found()}) == len(errors)
    assert "reference 0.9" in texts


def test_a_reference_is_not_rounded_to_zero_unless_it_is_exact() -> None:
    for noise, error in {"gaussian": 0.3, "none": 0.2}.items():
        cheap_run(noise, blur=error)
    references = {name: {KEYS["blur"]: error} for name, error in (("PCA", 0.026), ("exact", 1e-14))}
    _, (column,) = figures.heat(found(), references)
    assert [text for text, _ in column.texts(1)] == ["0.20", "0.30", "0.03", "0.00"]


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        (CORRUPTIONS[:-1], "8 corruptions and the clean image"),
        (("clean", "blur"), "1 corruption and the clean image"),
        (("blur", "speckle"), "2 corruptions"),
    ],
)
def test_the_page_says_what_robustness_is_the_mean_over(suite: Sequence[str], words: str) -> None:
    errors = {metrics.robust(name).key: 0.1 for name in (*suite, "mean")}
    cheap_run("none", **errors)
    cheap_run("gaussian", **errors)
    page = page_written().read_text(encoding="utf-8")
    assert f"the mean error over {words}." in page
    assert f"“mean” is over {words}." in page


def test_the_tables_have_a_line_for_each_setting() -> None:
    for seed, clean in enumerate((0.1, 0.2, 0.3)):
        cheap_run("none", seed, clean=clean, blur=0.4)
    text = markdown_written()
    with Path("comparison/comparison.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["setting"], row["seeds"]) == ("none", "3")
    assert float(row["test/clean_mse mean"]) == pytest.approx(0.2)
    assert float(row["test/clean_mse std"]) == pytest.approx(0.1)
    assert float(row["test/clean_mse low"]) == pytest.approx(0.2 - 4.3027 * 0.1 / 3**0.5, abs=1e-4)
    assert float(row["robust/blur_mse mean"]) == pytest.approx(0.4)
    assert "| none | 3 | 0.20 ± 0.25 |" in text


SIGMOID = {
    "no noise": Identity(),
    "gaussian 0.1": Gaussian(0.1, 0.0),
    "gaussian 1": Gaussian(1.0, 0.0),
}
ERASING = RandomErasing(0.5, [0.02, 0.33], [0.3, 3.3], 0.0)


def corrupted(images: data.Data, noise: Noise) -> tuple[torch.Tensor, torch.Tensor]:
    batches = evaluate.corrupted(images.test, images, noise, "corrupted")
    clean, _, target = (torch.cat(each) for each in zip(*batches, strict=True))
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
    (row,) = [line for line in markdown_written().splitlines() if "σ = 1 " in line]
    assert "| 1.600 / 1.598 | 1.599 / 1.596 | -0.001 / -0.002 |" in row
    assert "| 0.5667 + 1.0001 + 0.0291 |" in row


def test_a_comparison_downloads_no_data_set(tmp_path: Path) -> None:
    away = STUDY["data"] | {"root": str(tmp_path / "away")}
    study_run("none", {1: (0.6, 0.6)}, noise={}, data=away)
    (row,) = [line for line in markdown_written().splitlines() if "Normal" in line]
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
        return command.run(compare.main), *capfd.readouterr()

    return run


def test_a_smaller_margin_makes_equivalent_settings_undecided(
    compared: Callable[..., tuple[int, str, str]],
) -> None:
    """The 90% interval of the difference is from -0.8% to 0.6%."""
    for seed, wobble in enumerate((0.0, 0.0004, -0.0004)):
        cheap_run("none", seed, clean=0.1)
        cheap_run("gaussian", seed, clean=0.1001 + wobble)

    def table(*arguments: str) -> str:
        status, _, err = compared("--to", "here", *arguments)
        assert status == 0, err
        return Path("here/comparison.md").read_text(encoding="utf-8")

    for arguments in ((), ("--margin", "2")):
        assert "to +0.9): equivalent |" in table(*arguments)
    assert "to +0.9): undecided;" in table("--margin", "0.5")


def test_the_command_writes_each_picture_of_the_page_as_an_svg(
    compared: Callable[..., tuple[int, str, str]],
) -> None:
    cheap_run("none", clean=0.1)
    cheap_run("gaussian", clean=0.2)
    status, out, _ = compared("--to", "here")
    assert status == 0
    shown = Path("here/comparison.html").read_text(encoding="utf-8")
    saved = re.findall(r'download="(\w+\.svg)" href="data:.*?,(.*?)"', shown)
    assert "does_noise_help.svg" in dict(saved)
    assert f"Pictures of the page, in here: {', '.join(name for name, _ in saved)}" in out
    for name, content in saved:
        assert Path("here", name).read_bytes() == base64.b64decode(content)


def test_the_command_overwrites_only_its_own_files_unless_forced(
    compared: Callable[..., tuple[int, str, str]],
) -> None:
    cheap_run("none", clean=0.1)
    for _ in range(2):
        status, out, err = compared("--to", "here")
        assert status == 0, err
    assert "here/comparison.html" in out
    notes = Path("here/comparison.md")
    notes.write_text("my notes")
    assert (
        "here/comparison.md was not written by this command, or has" in compared("--to", "here")[2]
    )
    assert notes.read_text() == "my notes"
    assert compared("--to", "here", "--force")[0] == 0
    assert notes.read_text() != "my notes"


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
    (): "there is no finished run in the experiment 'denoise'; python -m denoise makes one",
    ("--sweep", "lost"): "there is no finished run that \"tags.sweep = 'lost'\" finds",
    ("--run", "lost"): "there is no finished run that \"attributes.run_id = 'lost'\" finds",
    ("--where", "sigma is small"): "the filter 'sigma is small' does not parse",
    ("--tracking-uri", "nonsense://here"): "tracking.uri=nonsense://here cannot be used",
    ("--to", "a_file"): "Directory 'a_file' is a file",
    ("--margin", "nan"): "--margin must be more than 0 and at most 100, got nan",
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
