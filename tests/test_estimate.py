"""How long it will take, told before it starts."""

from collections.abc import Callable

import hydra
import pytest
from hydra import initialize_config_dir
from omegaconf import DictConfig

from denoise.config import compose, expand, identity
from denoise.runs import estimate, plan
from tests.conftest import ROOT

Compose = Callable[..., DictConfig]


def test_the_speed_of_at_most_ten_kinds_of_jobs_is_measured(
    composed: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []
    monkeypatch.setattr(
        estimate, "_images_per_second", lambda job, *_: measured.append(job) or 1000.0
    )
    latent = [composed(f"model.latent_dim={dim}") for dim in range(2, 14)]
    rates = [composed(f"trainer.learning_rate={rate}") for rate in (0.1, 0.2)]
    jobs = [compose.checked(cfg) for cfg in [*rates, *latent]]
    assert estimate.seconds(jobs, workers=1) > 0
    assert len(measured) == estimate.KINDS


def test_the_study_of_capacity_has_at_most_120_runs_and_none_twice() -> None:
    found = []
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for path in (ROOT / "conf" / "experiment").glob("fair_capacity_*.yaml"):
            cfg = hydra.compose("config", [f"experiment={path.stem}"], return_hydra_config=True)
            found += plan.members(cfg, expand.overrides(cfg))
    assert len(found) == len({member.hashes[0] for member in found}) <= 120
    assert len({baseline(member) for member in found}) == 3 * 7  # seeds, and latent_dim by model


def baseline(member: plan.Member) -> str:
    return identity.baselines(member.config.plain)[0]


def test_more_to_do_takes_longer_and_workers_share_it(
    composed: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "_images_per_second", lambda *_: 1000.0)

    def seconds(*overrides: str, jobs: int = 1, workers: int = 1) -> float:
        job = compose.checked(composed(*overrides))
        return estimate.seconds([job] * jobs, workers=workers)

    alone = seconds()
    assert alone > 20 * 60  # its twenty epochs of 60,000 images alone
    assert seconds(jobs=6) == pytest.approx(6 * alone)
    assert 3 * alone < seconds(jobs=6, workers=2) < 6 * alone
    assert seconds("trainer.epochs=40") > 1.5 * alone
    assert seconds("evaluation.map_seed=9") < alone
