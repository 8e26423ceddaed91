"""The published tables beside what was reached."""

from pathlib import Path

import pytest

from denoise import study, tracking
from denoise.store import Settings
from denoise.study import PUBLISHED, Losses, Row

pytestmark = pytest.mark.usefixtures("fresh_folder")
NOISES = ("none", "gaussian", "random_erasing", "gaussian", "gaussian", "gaussian")
STRENGTHS = (
    {},
    {"sigma": 1, "mean": 0},  # as one types it
    {"p": 0.5},
    *({"sigma": sigma, "mean": 0.0} for sigma in (0.01, 0.1, 0.5)),
)
PARAMS = {
    "model": {"latent_dim": 4},
    "trainer": {
        "epochs": 20,
        "batch_size": 256,
        "target": "corrupted",
        "learning_rate": 0.001,
    },
    "data": {"name": "FashionMNIST", "train_size": 60000},
}


def record(row: Row, noise: str, strength: dict[str, float], last: Losses) -> None:
    """A finished run of the study's protocol that reached `last`."""
    tags = {"protocol": "study", "model": "anello", "noise": noise}
    params = PARAMS | {"noise": strength}
    with tracking.run(
        Settings(None, "denoise"), Path(), name=row.label, tags=tags, params=params
    ) as run:
        for epoch, losses in ((1, row.first), (20, last)):
            values = {"train/loss": losses.train, "test/loss": losses.test}
            run.metrics(values, epoch)


def test_without_runs_every_row_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert study.main() == 1
    assert capsys.readouterr().out.count("no run yet") == len(PUBLISHED)


@pytest.mark.parametrize(("off", "status"), [(0.0, 0), (0.004, 0), (0.006, 1)])
def test_a_row_is_reached_to_within_the_tolerance(
    off: float, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for row, noise, strength in zip(PUBLISHED, NOISES, STRENGTHS, strict=True):
        missed = off if row is PUBLISHED[-1] else 0
        record(row, noise, strength, Losses(row.last.train, row.last.test - missed))
    record(PUBLISHED[1], "blur", {"sigma": 1.0}, Losses(9, 9))  # of no row
    assert study.main() == status
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
