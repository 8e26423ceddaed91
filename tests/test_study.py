"""The published tables beside what was reached."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from denoise import study
from denoise.config.settings import Tracking
from denoise.study import PUBLISHED, Losses, Row
from denoise.tracking import session

pytestmark = pytest.mark.usefixtures("fresh_folder")
NOISES = ("none", "gaussian", "random_erasing", "gaussian", "gaussian", "gaussian")
STRENGTHS = (
    {},
    {"sigma": 1, "mean": 0},  # as one types it
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


def record(row: Row, noise: str, strength: dict[str, object], last: Losses) -> None:
    """A finished run of the study's protocol that reached `last`."""
    tags = {"protocol": "study", "model": "anello", "noise": noise}
    params = STUDY | {"noise": strength}
    with session.run(
        Tracking(None, "denoise"), Path(), name=row.label, tags=tags, params=params
    ) as run:
        for epoch, losses in ((1, row.first), (20, last)):
            values = {"train/loss": losses.train, "test/loss": losses.test}
            run.metrics(values, epoch)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command in this process; its exit status."""

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["study", *arguments])
        return study.cli()

    return run


def test_without_runs_every_row_says_so(
    printed: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed() == 1
    assert capsys.readouterr().out.count("no run yet") == len(PUBLISHED)


@pytest.mark.parametrize(("off", "status"), [(0.0, 0), (0.004, 0), (0.006, 1)])
def test_a_row_is_reached_to_within_the_tolerance(
    off: float, status: int, printed: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    for row, noise, strength in zip(PUBLISHED, NOISES, STRENGTHS, strict=True):
        missed = off if row is PUBLISHED[-1] else 0
        record(row, noise, strength, Losses(row.last.train, row.last.test - missed))
    record(PUBLISHED[1], "blur", {"sigma": 1.0}, Losses(9, 9))  # of no row
    record(PUBLISHED[2], "random_erasing", STRENGTHS[2] | {"value": 1.0}, Losses(9, 9))
    assert printed() == status
    said = capsys.readouterr().out
    assert "no run yet" not in said
    assert f"{-off:+.3f}" in said or not off
    assert ("NOT reached" in said) == bool(status)


def test_a_published_row_is_what_the_decomposition_says() -> None:
    """Loss = what the model misses + the variance of the noise in the target."""
    rows = {row.label: row.last.test for row in PUBLISHED}
    for sigma in (0.01, 0.1, 0.5, 1):
        expected = rows["Normal"] + sigma**2
        assert rows[f"Gaussian σ = {sigma}"] == pytest.approx(expected, abs=0.002)


def test_a_store_that_is_away_is_a_sentence(
    printed: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed("--tracking-uri", "http://127.0.0.1:9") == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("denoise.study: tracking.uri=http://127.0.0.1:9 cannot be used: ")
