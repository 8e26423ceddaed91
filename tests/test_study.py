"""The published losses beside those of runs."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from denoise import command, study
from denoise.comparison.published import PUBLISHED, Losses, Row
from denoise.config.settings import Tracking
from tests.conftest import tracked

pytestmark = pytest.mark.usefixtures("fresh_folder")
NOISES = ("none", "gaussian", "random_erasing", "gaussian", "gaussian", "gaussian")
STRENGTHS = (
    {},
    {"sigma": 1, "mean": 0},  # integers, as users type them
    {"p": 0.5, "scale": [0.02, 0.33], "ratio": [0.3, 3.3], "value": 0.0},
    *({"sigma": sigma, "mean": 0.0} for sigma in (0.01, 0.1, 0.5)),
)
STUDY: dict[str, dict[str, object]] = {
    "model": {"latent_dim": 4},
    "trainer": {
        "epochs": 20,
        "batch_size": 256,
        "target": "corrupted",
        "learning_rate": 0.001,
        "weight_decay": 1e-5,
        "precision": "float32",
    },
    "data": {
        "name": "FashionMNIST",
        "train_size": 60000,
        "test_size": 10000,
        "holdout": 0,
        "low": -1.0,
        "high": 1.0,
    },
}


def cheap_run(row: Row, noise: str, strength: dict[str, object], last: Losses) -> None:
    """Log a finished run of the study's protocol that ended with the losses `last`."""
    tags = {"protocol": "study", "model": "anello", "noise": noise}
    params = STUDY | {"noise": strength}
    folder = Path(tempfile.mkdtemp(dir="."))
    with tracked(
        Tracking(None, "denoise"), folder, name=row.label, tags=tags, params=params
    ) as run:
        for epoch, losses in ((1, row.first), (20, last)):
            run.log({"train/loss": losses.train, "test/loss": losses.test}, epoch)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run the command in this process; its exit status."""

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["study", *arguments])
        return command.run(study.main)

    return run


def test_rows_without_a_run_are_marked(
    printed: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed() == 1
    assert capsys.readouterr().out.count("no run yet") == len(PUBLISHED)


@pytest.mark.parametrize(("off", "status"), [(0.0, 0), (0.004, 0), (0.006, 1)])
def test_losses_are_reached_within_the_tolerance(
    off: float, status: int, printed: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    for row, noise, strength in zip(PUBLISHED, NOISES, STRENGTHS, strict=True):
        missed = off if row is PUBLISHED[-1] else 0
        cheap_run(row, noise, strength, Losses(row.last.train, row.last.test - missed))
    cheap_run(PUBLISHED[1], "blur", {"sigma": 1.0}, Losses(9, 9))  # belongs to no row
    cheap_run(PUBLISHED[2], "random_erasing", STRENGTHS[2] | {"value": 1.0}, Losses(9, 9))
    assert printed() == status
    out = capsys.readouterr().out
    assert "no run yet" not in out
    assert f"{-off:+.3f}" in out or not off
    assert ("NOT all losses" in out) == bool(status)


def test_published_losses_are_the_normal_loss_plus_the_variance_of_the_noise() -> None:
    """The targets are noisy: loss = error of the model + variance of the noise."""
    rows = {row.label: row.last.test for row in PUBLISHED}
    for sigma in (0.01, 0.1, 0.5, 1):
        expected = rows["Normal"] + sigma**2
        assert rows[f"Gaussian σ = {sigma}"] == pytest.approx(expected, abs=0.002)


def test_an_unreachable_store_is_reported_in_one_sentence(
    printed: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed("--tracking-uri", "http://127.0.0.1:9") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("denoise.study: tracking.uri=http://127.0.0.1:9 cannot be used: ")
