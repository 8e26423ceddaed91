"""The plan of a sweep: its jobs composed, named and looked up before the first one starts."""

from collections.abc import Sequence

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from denoise.config import CONF, choices, expand
from denoise.errors import UserError
from denoise.runs import plan
from tests.conftest import SMALL


def launched(overrides: Sequence[str], small: Sequence[str] = SMALL) -> DictConfig:
    """The config that Hydra passes to callbacks before a sweep with these overrides."""
    return (
        GlobalHydra.instance()
        .config_loader()
        .load_configuration("config", [*small, *overrides], run_mode=RunMode.MULTIRUN)
    )


@pytest.mark.parametrize(
    "overrides",
    [
        ["noise.sigma=0.01,0.1", "seed=range(3)"],
        ["noise=none,gaussian,masking", "model=anello,mlp", "model.latent_dim=2,4"],
        ["experiment=fair_objective1", "seeds=2"],
        ["experiment=objective1,structures", "trainer=smoke,default", "trainer.epochs=1,2"],
        ["data.name='MNIST',KMNIST", "tracking.uri=null", "force=true,false", "data.low=-1,1e-3"],
        ["~evaluation.robust.blur", "+noise.more=1,2", "seed=1,2"],
        ["evaluation.loss_axis=[0,1],[1,2]", "evaluation.robust={},{blur:null}"],
        ["data.low=${data.high},0", "noise.sigma=${seed},2", "seed=1,2"],
        ["hydra.sweep.subdir=${hydra.job.num}_${hydra.job.override_dirname}", "seed=1,2"],
    ],
    ids=" ".join,
)
def test_jobs_are_composed_as_hydra_composes_them(overrides: list[str]) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3", job_name="denoise"):
        launch = launched(overrides)
        loader = GlobalHydra.instance().config_loader()
        jobs = expand.overrides(launch)
        assert len(jobs) > 1
        for number, (job, ours) in enumerate(zip(jobs, expand.configs(launch, jobs), strict=True)):
            theirs = loader.load_sweep_config(launch, list(job))
            theirs.hydra.job.num, theirs.hydra.job.id = number, f"job_id_for_{number}"
            assert OmegaConf.to_container(ours) == OmegaConf.to_container(theirs)
            assert ours.hydra.sweep.subdir == theirs.hydra.sweep.subdir


def planned(*overrides: str, small: Sequence[str] = SMALL) -> list[plan.Member]:
    with initialize_config_dir(str(CONF), version_base="1.3", job_name="denoise"):
        launch = launched([*overrides, "hydra.sweep.dir=/sweeps/one"], small)
        HydraConfig.instance().set_config(launch)
        return plan.members(launch, expand.overrides(launch))


def test_runs_of_a_sweep_are_named_by_what_varies() -> None:
    assert [member.name for member in planned("noise=none,masking", "seed=1,2")] == [
        *("none seed=1", "none seed=2"),
        *("masking fraction=0.25 seed=1", "masking fraction=0.25 seed=2"),
    ]


def test_runs_of_different_configs_have_different_names() -> None:
    members = planned("noise.sigma=0.12345678,0.12345679,0.2,0.20")
    names = [member.name for member in members]
    assert names[:2] == ["gaussian σ=0.123457", "gaussian σ=0.123457 (2)"]
    assert names[2] == names[3]  # one run, typed twice
    assert len(set(names)) == 3


@pytest.mark.parametrize("name", choices("experiment"))
def test_every_run_of_an_experiment_is_allowed_and_planned_once(name: str) -> None:
    members = planned(f"experiment={name}", "seeds=2", small=())
    assert len({member.hashes[0] for member in members}) == len(members)
    seeds = {member.config.seed for member in members}
    documented = {
        "objective": 1,
        "fair_capacity": 3,
        "fair_confirm": 5,
        "fair_few": 5,
        "fair_all": 5,
    }
    fixed = [count for begin, count in documented.items() if name.startswith(begin)]
    assert len(seeds) == (fixed or [2])[0]


def test_runs_may_be_given_a_name() -> None:
    names = [member.name for member in planned("hydra.job.name=mine", "seed=1,2")]
    assert names == ["mine", "mine (2)"]


@pytest.mark.parametrize(
    "name", ["σ=0.1 [a, b]", "it's", '"', "\\", "\\'", "${seed}", "{a: 1}", "a=b"]
)
def test_a_job_has_the_name_that_it_is_launched_with(name: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3", job_name="denoise"):
        assert launched([f"hydra.job.name={expand.quoted(name)}"]).hydra.job.name == name


def test_the_first_wrong_value_of_a_sweep_is_named() -> None:
    with pytest.raises(UserError, match=r"noise\.sigma must be .* >= 0, got -1"):
        planned("noise.sigma=1,-1")
    with pytest.raises(UserError, match=r"noise\.nonsense is not a key; noise has sigma, mean$"):
        planned("noise.nonsense=1,2")
    with pytest.raises(UserError, match=r"noise has no keys \(in the run noise=none noise.sigma=1"):
        planned("noise=none,gaussian", "noise.sigma=1,2")
