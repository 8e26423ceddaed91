"""References are computed once, kept as runs that were not trained, and never ranked."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.entities import Run

from denoise import command, data, metrics, pull, references
from denoise.config.settings import Tracking
from denoise.tracking import search
from tests.conftest import SMALL, Said

Cli = Callable[..., Said]
STORE = Tracking(None, "denoise")
CHEAP = ["PCA, 4 components", "corrupted image", "mean image"]
BASIC = ("-m", "hydra/launcher=basic", *SMALL, "trainer.epochs=1")


def kept(said: Said) -> dict[str, Run]:
    """The references in the store, by name."""
    return {run.info.run_name: run for run in said.runs("tags.kind = 'reference'")}


def named(where: str) -> list[str]:
    """The names of the references for the runs that a filter finds."""
    return [one.name for one in search.references(STORE, search.search(STORE, where))]


def of_latest() -> list[str]:
    return named(search.of_sweep(STORE, "latest"))


def test_a_sweep_computes_cheap_references_once_for_a_data_set_and_suite(
    cli: Cli, settings: data.Settings
) -> None:
    def swept(*typed: str) -> Said:
        said = cli(*BASIC, *typed, f"data.root={settings.root}")
        assert said.status == 0, said.err
        return said

    said = swept("noise=none,gaussian")
    assert sorted(kept(said)) == of_latest() == CHEAP
    unchanged, mean, principal = (
        kept(said)[name].data.metrics for name in ("corrupted image", "mean image", CHEAP[0])
    )
    assert unchanged["robust/clean_mse"] == unchanged["test/clean_mse"] == 0
    assert unchanged["robust/gaussian_0.1_mse"] == pytest.approx(0.01, rel=0.02)
    assert principal["test/clean_mse"] < 0.5 * mean["test/clean_mse"]
    assert mean["robust/blur_mse"] == mean["robust/masking_mse"]
    for one in (unchanged, principal):
        assert one[metrics.KNN_ACCURACY.key] > 0.4
        assert one[metrics.FEW_LABEL_ACCURACY.key] > 0.4
    (table,) = said.folder.glob("outputs/*/comparison.csv")
    rows = [row["setting"] for row in csv.DictReader(table.read_text("utf-8").splitlines())]
    assert rows == ["none", "gaussian σ=1"]

    again = swept("noise=masking", "data.low=0.0", "trainer.target=clean")
    assert "Reference:" not in again.out
    assert of_latest() == CHEAP
    assert swept("noise=none", "model.latent_dim=2").out.count("Reference:") == 1
    assert of_latest() == ["PCA, 2 components", *CHEAP[1:]]
    first = search.of_sweep(STORE, "latest", "params.model.latent_dim = 4")
    assert swept("noise=none", "~evaluation.robust.blur").out.count("Reference:") == 3
    assert of_latest() == named(first) == CHEAP


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run one of the click commands in this process; its exit status, and all that it printed."""

    def run(module: object, *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["", *arguments])
        status = command.run(module.main)  # type: ignore[attr-defined]
        return status, "".join(capfd.readouterr())

    return run


def test_the_command_measures_a_corruption_of_ones_own_if_its_module_is_trusted(
    cli: Cli,
    settings: data.Settings,
    typed: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("denoise.runs.references.costly", list)
    dead = "+evaluation.robust.dead={_target_:tests.plug_ins.Raising,how:never}"
    cli(*BASIC, "noise=none", dead, f"data.root={settings.root}")
    status, out = typed(references)
    assert (status, "--trust tests.plug_ins on the command line" in out) == (1, True)
    status, out = typed(references, "--trust", "tests.plug_ins")
    assert (status, "dead" in out) == (0, True), out


@pytest.mark.faults
def test_the_command_adds_the_costly_ones_and_nothing_ranks_or_pulls_them(
    cli: Cli, settings: data.Settings, typed: Callable[..., tuple[int, str]]
) -> None:
    said = cli(*BASIC, "noise=none", "data.train_size=3000", f"data.root={settings.root}")
    status, out = typed(references)
    assert status == 0, out
    assert "Wiener filter" in out
    wiener, posterior = (kept(said)[name] for name in ("Wiener filter", "posterior mean"))
    unchanged = kept(said)["corrupted image"].data.metrics
    for sigma in ("0.25", "0.5"):
        error = metrics.robust(f"gaussian_{sigma}").key
        assert wiener.data.metrics[error] < 0.6 * unchanged[error]
        bound = posterior.data.metrics[f"bound/gaussian_{sigma}_mse"]
        assert bound < posterior.data.metrics[error]  # of test images, which it does not know
        assert 0 < posterior.data.metrics[f"robust/gaussian_{sigma}_sampling_error"] < 0.002
    assert wiener.data.metrics["robust/clean_mse"] < 1e-6
    number = len(kept(said))
    assert typed(references)[0] == 0
    assert len(said.runs("tags.kind = 'reference'")) == number

    (trained,) = said.runs("tags.noise = 'none'")
    assert typed(pull, "--sweep", "all", "--metric", "robust/gaussian_0.1_mse")[0] == 0
    assert trained.info.run_id in Path("best/run.json").read_text(encoding="utf-8")
    status, out = typed(pull, "--run", wiener.info.run_id, "--to", "reference")
    assert (status, Path("reference").exists()) == (1, False)
    assert "there is no finished run" in out
