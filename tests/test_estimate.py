"""How long it will take, told before it starts."""

from collections.abc import Callable

import hydra
import pytest
import torch
from hydra import initialize_config_dir
from omegaconf import DictConfig

from denoise.config import compose, identity
from denoise.runs import estimate, plan
from tests.conftest import ROOT, SMALL

Compose = Callable[..., DictConfig]


def test_what_is_planned_is_not_trained_by_it(composed: Compose) -> None:
    job = compose.checked(composed(*SMALL))
    before = {name: value.clone() for name, value in job.model.state_dict().items()}
    threads = torch.get_num_threads()
    assert estimate.seconds([job], workers=1, threads=1) > 0
    assert torch.get_num_threads() == threads
    assert all(torch.equal(value, before[name]) for name, value in job.model.state_dict().items())


def test_the_study_of_capacity_has_at_most_120_runs_and_none_twice() -> None:
    found = []
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for path in (ROOT / "conf" / "experiment").glob("fair_capacity_*.yaml"):
            cfg = hydra.compose("config", [f"experiment={path.stem}"], return_hydra_config=True)
            found += plan.members(cfg, is_sweep=True)
    assert len(found) == len({member.hashes[0] for member in found}) <= 120
    assert len({baseline(member) for member in found}) == 3 * 7  # seeds, and latent_dim by model


def baseline(member: plan.Member) -> str:
    return identity.baseline(member.config.plain)


def test_more_to_do_takes_longer_and_workers_share_it(
    composed: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "_images_per_second", lambda *_: 1000.0)

    def seconds(*overrides: str, jobs: int = 1, workers: int = 1) -> float:
        job = compose.checked(composed(*overrides))
        return estimate.seconds([job] * jobs, workers=workers, threads=1)

    alone = seconds()
    assert alone > 20 * 60  # its twenty epochs of 60,000 images alone
    assert seconds(jobs=6) == pytest.approx(6 * alone)
    assert 3 * alone < seconds(jobs=6, workers=2) < 6 * alone
    assert seconds("trainer.epochs=40") > 1.5 * alone
    assert seconds("evaluation.map_seed=9") < alone
