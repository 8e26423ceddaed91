"""Every choice composes and builds; every mistake is one sentence, before anything starts."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from denoise import build, noise
from denoise.config import compose, identity
from denoise.errors import UserError
from tests.conftest import ROOT, Said

CHOICES = [
    f"{path.parent.name}={path.stem}"
    for group in ("data", "noise", "model", "trainer", "protocol", "evaluation", "tracking")
    for path in sorted((ROOT / "conf" / group).glob("*.yaml"))
]
EXPERIMENTS = [f"experiment={path.stem}" for path in (ROOT / "conf" / "experiment").glob("*.yaml")]
Compose = Callable[..., DictConfig]
Cli = Callable[..., Said]


@pytest.mark.parametrize("choice", CHOICES + EXPERIMENTS)
def test_every_yaml_composes_and_builds(composed: Compose, choice: str) -> None:
    built = compose.checked(composed(choice))
    assert built.plain["seed"] == 0


def test_the_defaults_are_the_studys_protocol(composed: Compose) -> None:
    built = compose.checked(composed("noise=gaussian"))
    fit = built.trainer
    assert (fit.epochs, fit.batch_size, fit.learning_rate, fit.weight_decay) == (
        20,
        256,
        1e-3,
        1e-5,
    )
    assert fit.target == "corrupted"
    assert (built.data.low, built.data.high, built.data.holdout) == (-1, 1, 0)
    assert built.noise == noise.Gaussian(sigma=1.0, mean=0.0)
    assert (built.evaluation.perplexity, built.evaluation.random_state) == (30, 307)
    erasing = compose.checked(composed("noise=random_erasing")).noise
    assert erasing == noise.RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0)


def test_the_fair_protocol_changes_only_these_keys(composed: Compose) -> None:
    study, fair = (
        compose.checked(composed(f"protocol={name}")).plain for name in ("study", "fair")
    )
    changed = {
        f"{group}.{key}"
        for group in study
        if isinstance(study[group], dict)
        for key in study[group]
        if study[group][key] != fair[group][key]
    }
    assert changed == {
        "data.low",
        "data.holdout",
        "trainer.target",
        "evaluation.loss_axis",
        "protocol.name",
        "protocol.score",
        "protocol.sigma",
        "protocol.grey",
        "noise.sigma",
    }


def test_the_first_weights_come_from_the_seed_alone(composed: Compose) -> None:
    first, again, other = (
        compose.checked(composed(f"seed={seed}")).model().state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["encoder.0.weight"], other["encoder.0.weight"])


def plain(composed: Compose, *overrides: str) -> dict:
    return compose.checked(composed(*overrides)).plain


SAME = [
    ("noise=gaussian noise.sigma=1", "noise.sigma=1.0"),
    ("trainer.learning_rate=0.001", "trainer.learning_rate=1e-3"),
    ("trainer.device=cpu data.root=elsewhere", "seeds=3 force=true"),
    ("tracking.uri=sqlite:///other.db", "tracking.experiment=other"),
    ("evaluation.map_seed=3", "evaluation.loss_axis=[0,1]"),
    ("protocol=study", ""),
    *(
        (f"noise={noise} noise.{key}=0", "noise=none")
        for noise, key in [
            *(("gaussian", "sigma"), ("speckle", "sigma"), ("blur", "sigma"), ("uniform", "width")),
            *(("masking", "fraction"), ("salt_and_pepper", "amount"), ("random_erasing", "p")),
        ]
    ),
]
OTHER = [
    *("seed=1", "noise.sigma=0.5", "noise=none", "trainer.epochs=19", "model.latent_dim=5"),
    *("data.train_size=500", "evaluation.perplexity=20", "protocol=fair", "data=mnist"),
    *("noise.mean=0.5", "noise.sigma=0 noise.mean=0.5"),
]
# What version 0.1.0 computed for a config and for its baseline.
VERSION_0_1_0 = {
    (): ("f8e8c1d1ced4b935", "c4364599978f2265"),
    ("protocol=fair", "noise=masking", "data=mnist", "evaluation.map_seed=0"): (
        "3129c2a348321d80",
        "07853bd18b085c54",
    ),
    ("data=kmnist", "noise=none", "seed=3"): ("6216b7027a2f1f2e", "6216b7027a2f1f2e"),
}


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_settings_have_the_same_fingerprint_however_typed(
    composed: Compose, one: str, other: str
) -> None:
    first, second = (plain(composed, *overrides.split()) for overrides in (one, other))
    assert identity.fingerprint(first) == identity.fingerprint(second)


def test_a_setting_that_changes_a_result_changes_the_fingerprint(composed: Compose) -> None:
    prints = {identity.fingerprint(plain(composed, *one.split())) for one in ("seed=0", *OTHER)}
    assert len(prints) == 1 + len(OTHER)


@pytest.mark.parametrize("overrides", VERSION_0_1_0, ids=" ".join)
def test_runs_of_version_0_1_0_are_still_found(composed: Compose, overrides: tuple) -> None:
    config = plain(composed, *overrides)
    run, baseline = VERSION_0_1_0[overrides]
    assert identity.fingerprints(config) == [identity.fingerprint(config), run]
    assert identity.baselines(config)[1] == baseline


def test_a_key_added_later_keeps_the_fingerprints_of_earlier_runs(
    composed: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = compose.checked(composed()).plain
    print_before = identity.fingerprint(before)
    monkeypatch.setattr(identity, "ADDED", {"trainer.warmup": 0, "ensemble": None})

    def later(warmup: int, ensemble: int | None) -> str:
        trainer = before["trainer"] | {"warmup": warmup}
        return identity.fingerprint({**before, "trainer": trainer, "ensemble": ensemble})

    assert later(0, None) == print_before
    assert len({print_before, later(1, None), later(0, 2), later(1, 2)}) == 4


def test_the_baseline_of_a_run_is_the_same_run_without_noise(composed: Compose) -> None:
    noisy = plain(composed, "noise=gaussian", "seed=3", "protocol=fair")
    without = plain(composed, "noise=none", "seed=3", "protocol=fair")
    assert identity.baselines(noisy)[0] == identity.fingerprint(without)
    assert identity.baselines(without)[0] == identity.fingerprint(without)


def test_runs_are_compared_by_what_changes_their_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "ADDED", {"trainer.warmup": 0})
    assert identity.matters("noise.sigma", "0.1")
    assert identity.matters("trainer.warmup", "1")
    same = ("seed", "data.root", "evaluation.map_seed", "protocol.name", "data.debian")
    assert not any(identity.matters(key, "1") for key in same)
    assert not identity.matters("trainer.warmup", "0")


def test_the_default_noises_are_equally_strong_in_both_protocols(composed: Compose) -> None:
    """Half of the range from black to white, and a mid-grey box."""
    for protocol in ("study", "fair"):
        settings = compose.checked(composed("noise=gaussian", f"protocol={protocol}"))
        low, high = settings.data.low, settings.data.high
        assert settings.noise == noise.Gaussian(sigma=(high - low) / 2, mean=0)
        erasing = compose.checked(composed("noise=random_erasing", f"protocol={protocol}")).noise
        assert erasing.value == (low + high) / 2


@pytest.mark.parametrize("trust", [build.ANY, ()], ids=["typed", "stored"])
@pytest.mark.parametrize(
    "target",
    [
        *("os.system", "denoise.noise.torch.load", "denoise.noise.math", "denoise.noise.dataclass"),
        *("subprocess.Popen", "denoise.noise.Noise", "denoise.model.Anello", ".noise", "", None),
    ],
)
def test_a_target_that_is_no_noise_is_refused(
    composed: Compose, target: str | None, trust: build.Trust
) -> None:
    cfg = composed()
    cfg.noise = {"_target_": target, "command": "touch executed"}
    with pytest.raises(UserError, match=r"^noise\._target_"):
        compose.checked(cfg, trust=trust)


def test_a_stored_config_names_only_classes_of_this_package(composed: Compose) -> None:
    cfg = composed()
    cfg.noise = {"_target_": "my_noises.Laplace"}
    said = (
        "noise._target_ must name a class of denoise.noise, got 'my_noises.Laplace'; "
        "to allow the module my_noises, pass trust=['my_noises'], or --trust my_noises"
    )
    with pytest.raises(UserError, match=re.escape(said)):
        compose.checked(cfg, trust=())


@pytest.mark.parametrize("trust", [build.ANY, ()], ids=["typed", "stored"])
def test_a_config_runs_nothing_at_any_depth(
    composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trust: build.Trust
) -> None:
    monkeypatch.chdir(tmp_path)
    cfg = composed()
    cfg.model.latent_dim = {"_target_": "os.system", "command": "touch executed"}
    with pytest.raises(UserError, match=r"model.latent_dim must be a whole number"):
        compose.checked(cfg, trust=trust)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("trust", [build.ANY, ()], ids=["typed", "stored"])
@pytest.mark.parametrize("target", ["os.system", "denoise.model.Anello", "denoise.noise.math"])
@pytest.mark.parametrize("field", ["noises", "sigma"])
def test_a_noise_inside_a_noise_is_checked_too(
    composed: Compose,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    field: str,
    trust: build.Trust,
) -> None:
    monkeypatch.chdir(tmp_path)
    cfg = composed("noise=mixture")
    cfg.noise.noises.gaussian = {
        "_target_": "denoise.noise.Mixture",
        field: {"inner": {"_target_": target, "command": "touch executed"}},
    }
    said = rf"noise.noises.gaussian.{field}.inner._target_ must name a (class of denoise.)?noise"
    with pytest.raises(UserError, match=said):
        compose.checked(cfg, trust=trust)
    assert not (tmp_path / "executed").exists()


MY_NOISES = """
class Tone(Enum):
    DARK = "dark"


class Fog:
    def __init__(self, light: Annotated[float, Field(gt=0)], name: Literal["thin", "thick"]="thin"):
        self.light = light

    def __call__(self, images, *, generator):
        return images + self.light


class Quiet:
    pass


class Layered(Fog):
    def __init__(self, light: dict[str, Noise]):
        self.light = light


class Vague(Fog):
    def __init__(self, light: "Brightness"):
        self.light = light


class Typed(Fog):
    def __init__(self, light: float, size: tuple[int, int], tone: Tone, image: Path):
        self.light = light + sum(size) + (tone is Tone.DARK) + (image == Path("fog.png"))


class Clumsy(Fog):
    def __init__(self, light: float):
        raise RuntimeError("shapes cannot be multiplied")


class Twice:
    def __init__(self, noise: Noise):
        self.noise = noise

    def __call__(self, images, *, generator):
        return self.noise(self.noise(images, generator=generator), generator=generator)


class Chain:
    def __init__(self, noises: list[Noise]):
        self.noises = noises

    def __call__(self, images, *, generator):
        for noise in self.noises:
            images = noise(images, generator=generator)
        return images


class Pattern(Chain):
    def __init__(self):
        self.noises, self.pattern = [], torch.rand(1).item()


class Broken:
    def __init__(self, light: float):
        raise ValueError("no light today")

    def __call__(self, images, *, generator):
        return images
"""
WRONG = {
    "_target_=nowhere.Fog": "cannot import the module 'nowhere' (No module named 'nowhere')",
    "_target_=my_noises.Rain": "noise._target_=my_noises.Rain: the module my_noises has no Rain",
    "_target_=": "noise._target_ must name a noise, whose class defines __call__",
    "_target_=my_noises.Quiet": "must name a noise, whose class defines __call__",
    "_target_=my_noises.Broken light=1": "noise._target_=my_noises.Broken: no light today",
    "_target_=my_noises.Layered light=1": "noise.light is not allowed (Input should be a valid",
    "_target_=my_noises.Clumsy light=1": "noise._target_=my_noises.Clumsy: shapes cannot be multi",
    "_target_=my_noises.Vague light=1": "the annotations of my_noises.Vague cannot be checked",
    "light=0": "noise.light must be a finite number > 0, got 0",
    "light=true": "noise.light must be a finite number > 0, got True",
    "name=fat light=1": "noise.name must be one of thin, thick, got 'fat'",
    "lite=1": "noise.lite=1: noise.lite is not a key; noise has light, name",
    "": "noise.light is missing; noise has light, name",
}


@pytest.fixture
def my_noises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module of the user's, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    imports = (
        "from enum import Enum\nfrom pathlib import Path\nfrom typing import Annotated, Literal\n"
        "import torch\nfrom pydantic import Field\nfrom denoise.noise import Noise\n"
    )
    (tmp_path / "my_noises.py").write_text(imports + MY_NOISES)
    yield "my_noises"
    sys.modules.pop("my_noises", None)


@pytest.mark.parametrize("arguments", WRONG)
def test_a_users_own_noise_is_checked_by_its_signature(
    composed: Compose, my_noises: str, arguments: str
) -> None:
    cfg = composed()
    typed = dict(argument.split("=") for argument in arguments.split())
    cfg.noise = {"_target_": f"{my_noises}.Fog"} | {
        key: OmegaConf.create(f"value: {value}").value for key, value in typed.items()
    }
    with pytest.raises(UserError, match=re.escape(WRONG[arguments])):
        compose.checked(cfg)


def test_a_users_own_noise_is_built_if_it_was_typed_or_is_trusted(
    composed: Compose, my_noises: str
) -> None:
    cfg = composed()
    cfg.noise = {"_target_": f"{my_noises}.Fog", "light": 2}
    for trust in (build.ANY, [my_noises]):
        assert compose.checked(cfg, trust=trust).noise(3, generator=None) == 5


def test_a_users_own_noise_may_hold_another_one(composed: Compose, my_noises: str) -> None:
    cfg = composed()
    fog = {"_target_": f"{my_noises}.Fog", "light": 2}
    cfg.noise = {"_target_": f"{my_noises}.Twice", "noise": fog}
    assert compose.checked(cfg).noise(3, generator=None) == 7
    with pytest.raises(UserError, match=r"^noise\._target_"):
        compose.checked(cfg, trust=())


def test_a_users_own_noise_may_hold_a_list_of_noises(composed: Compose, my_noises: str) -> None:
    cfg = composed()
    fogs = [{"_target_": f"{my_noises}.Fog", "light": light} for light in (2, 4)]
    cfg.noise = {"_target_": f"{my_noises}.Chain", "noises": fogs}
    assert compose.checked(cfg).noise(3, generator=None) == 9
    cfg.noise.noises[1].light = -1
    with pytest.raises(UserError, match=r"^noise\.noises\.1\.light must be"):
        compose.checked(cfg)


def test_a_users_own_noise_that_draws_a_pattern_has_the_same_each_time(
    composed: Compose, my_noises: str
) -> None:
    cfg = composed()
    cfg.noise = {"_target_": f"{my_noises}.Pattern"}
    assert compose.checked(cfg).noise.pattern == compose.checked(cfg).noise.pattern


def test_a_single_trusted_module_may_be_given_as_text(my_noises: str) -> None:
    node = {"_target_": f"{my_noises}.Fog", "light": 1}
    assert build.build_noise(node, trust=my_noises)
    with pytest.raises(UserError, match="to allow the module my_noises"):
        build.build_noise(node, trust=f"{my_noises}_of_another")


@pytest.mark.parametrize("how", ["tuple", "forgets", "asserts"])
def test_a_mistake_in_a_users_own_model_is_one_sentence(composed: Compose, how: str) -> None:
    cfg = composed()
    cfg.model = {"_target_": "tests.plug_ins.Wrong", "how": how}
    sentence = {
        "tuple": "the model Wrong returns a tuple; codes and images must be tensors",
        "forgets": "model._target_=tests.plug_ins.Wrong: cannot assign module before",
        "asserts": "model._target_=tests.plug_ins.Wrong: two heads",
    }
    with pytest.raises(UserError, match=re.escape(sentence[how])):
        compose.checked(cfg)


@pytest.mark.parametrize(("code", "image"), [((2, 3), (1, 28, 28)), ((6,), (28, 28))])
def test_a_users_own_model_with_codes_or_images_of_another_shape_is_refused(
    composed: Compose, code: tuple[int, ...], image: tuple[int, ...]
) -> None:
    cfg = composed()
    cfg.model = {"_target_": "tests.plug_ins.Shaped", "code": code, "image": image}
    with pytest.raises(UserError, match=r"the model Shaped makes codes \(2, .* \(2, latent_dim\)"):
        compose.checked(cfg)


def test_a_users_own_noise_takes_what_yaml_has_no_types_for(
    composed: Compose, my_noises: str
) -> None:
    cfg = composed()
    values = {"light": 1, "size": [2, 3], "tone": "dark", "image": "fog.png"}
    cfg.noise = {"_target_": f"{my_noises}.Typed"} | values
    assert compose.checked(cfg).noise(0, generator=None) == 8


def test_a_mixture_has_the_noises_that_its_config_names(composed: Compose) -> None:
    mixture = compose.checked(composed("noise=mixture", "noise.noises.masking.fraction=0.5")).noise
    alone = {
        name: compose.checked(composed(f"noise={name}")).noise
        for name in ("gaussian", "salt_and_pepper")
    }
    assert mixture == noise.Mixture({**alone, "masking": noise.Masking(0.5, value=-1)})


def test_a_sweeping_experiment_of_ones_own_asks_for_m(cli: Cli, fresh_folder: Path) -> None:
    mine = fresh_folder / "my_conf" / "experiment" / "mine.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("# @package _global_\nhydra:\n  sweeper:\n    params:\n      seed: 1,2\n")
    said = cli("--config-dir", "my_conf", "experiment=mine")
    assert said.status == 1
    assert "sets seed=1,2, which only a sweep reads: add -m" in said.err


MISTAKES = {
    ("noise.sigma=-1",): "noise.sigma must be a finite number >= 0, got -1",
    ("noise=gaussian.yaml",): "noise=gaussian.yaml: leave out .yaml",
    ("noise=[none,blur]",): "noise=[none,blur]: give one choice, or sweep over several: -m noise=",
    ("-m", "experiment=objective1,objective2"): "each is a sweep of its own; run one after the",
    ("-m", "seeds=2", "noise=none,blur"): "seeds=2 has no effect here; type the seeds, as in -m",
    ("-m", "noise=none,blur", "seed=${hydra.job.num}"): "seed=${hydra.job.num} would change when",
    ("hydra/launcher=slurm",): "hydra/launcher trains the runs of a sweep: add -m",
    ("noise.sigma=range(1,",): "noise.sigma=range(1, ends with a comma; leave out spaces",
    ("noise.sigma=range(1",): "noise.sigma=range(1 cannot be parsed\n",
    ("-m", "noise.sigma=0.1,", "0.5"): "noise.sigma=0.1, ends with a comma; leave out spaces",
    ("data.root=~/data",): "data.root=~/data: only a shell knows ~; type $HOME/data",
    ("data.root=/my größe",): "quote the value twice, like 'data.root=\"/my größe\"'",
    ("noise.sigma=nan",): "noise.sigma must be a finite number >= 0, got nan",
    ("noise.sigma=inf",): "noise.sigma must be a finite number >= 0, got inf",
    ("noise.sigma=abc",): "noise.sigma must be a finite number >= 0, got 'abc'",
    (
        "noise=gausian",
    ): "noise=gausian is not a choice; there are blur, gaussian, masking, mixture,",
    ("noise=mixture", "noise.noises.gaussian.sigma=-1"): (
        "noise.noises.gaussian.sigma must be a finite number >= 0, got -1"
    ),
    ("noise=mixture", "noise.noises.gaussian=1"): "noise.noises must be one or more named noises",
    ("noise=mixture", "noise.noises.gaussian.sgma=1"): (
        "noise.noises.gaussian.sgma is not a key; noise.noises.gaussian has sigma, mean"
    ),
    ("noise.sgma=1",): "noise.sgma=1: noise.sgma is not a key; noise has sigma, mean",
    ("sigma=1",): "sigma=1: sigma is not a key, noise.sigma and protocol.sigma are; the config has",
    ("-m", "epochs=1,2"): "epochs=1: epochs is not a key, trainer.epochs is; the config has data,",
    ("experimen=structures",): "the config has data, noise, model, evaluation, tracking, trainer, "
    "protocol, seed, seeds, force, experiment",
    ("trainer.epochs=0",): "trainer.epochs must be a whole number >= 1, got 0",
    ("trainer.epochs=ten",): "trainer.epochs must be a whole number >= 1, got 'ten'",
    ("trainer.epochs=true",): "trainer.epochs must be a whole number >= 1, got True",
    ("trainer.learning_rate='1'",): "trainer.learning_rate must be a finite number >= 0, got '1'",
    ("trainer.compile=1",): "trainer.compile must be true or false, got 1",
    (
        "trainer.target=noisy",
    ): "trainer.target must be one of corrupted, clean, second, got 'noisy'",
    ("trainer.device=tpu",): "trainer.device must be one of auto, cuda, mps, cpu, got 'tpu'",
    ("evaluation.loss_axis=[2,1]",): (
        "evaluation.loss_axis must be two numbers, the smaller first, >= 0, got [2, 1]"
    ),
    ("evaluation.map_seed=-1",): "evaluation.map_seed must be a whole number >= 0 or null, got -1",
    ("data.low=2",): "data.high must be greater than data.low, which is 2.0, got 1.0",
    ("~trainer.epochs",): "trainer.epochs is missing; trainer has epochs, batch_size,",
    ("~noise.sigma",): "noise.sigma is missing; noise has sigma, mean",
    ("trainer.batch_size=0",): "trainer.batch_size must be a whole number >= 1, got 0",
    ("trainer.batch_size=60001",): "trainer.batch_size must be a whole number from 1 to 60000",
    ("model.latent_dim=0",): "model.latent_dim must be a whole number >= 1, got 0",
    ("trainer=smoke", "evaluation.tsne_codes=2000"): "evaluation.tsne_codes must be a whole number",
    ("data.name=CIFAR",): "data.name must be one of FashionMNIST, MNIST, KMNIST, got 'CIFAR'",
    ("seeds=0",): "seeds must be a whole number >= 1, got 0",
    ("force=perhaps",): "force must be true or false, got 'perhaps'",
    ("seed=-1",): "seed must be a whole number from 0 to 9007199254740992, got -1",
    (
        "data.holdout=10000",
    ): "protocol.score, where data.holdout is 10000, must be one of val/loss,",
    ("evaluation.perplexity=99", "evaluation.tsne_codes=200"): (
        "evaluation.tsne_codes must be at least 3 * evaluation.perplexity + 1, which is 298.0, got"
    ),
    ("evaluation.neighbours=20", "evaluation.probe_codes=19"): (
        "evaluation.probe_codes must be at least evaluation.neighbours, which is 20, got 19"
    ),
    (
        "+evaluation.robust.mean={_target_:denoise.noise.Identity}",
    ): "evaluation.robust.mean: choose another name; mean is that of the suite",
    ("seed=9007199254740993",): "seed must be a whole number from 0 to 9007199254740992",
    ("evaluation.robust.blur=null",): "evaluation.robust.blur must be a class of denoise.noise and",
    ("model.latent_dim=1000000000000000",): "model is larger than the memory: {'latent_dim': 1000",
    ("+sigma=1",): "sigma=1: sigma is not a key; a config has data, noise,",
    ("+noise.sgma=1",): "noise.sgma=1: noise.sgma is not a key; noise has sigma, mean",
    ("~seed",): "seed is missing; a config has data, noise,",
    ("noise.sigma=1,2",): "noise.sigma=1,2 gives several values; -m sweeps over them",
    ("noise=1",): "noise=1 is not a choice; the package has blur, gaussian,",
    ("-m", "noise=1,2"): "noise=1 is not a choice; the package has blur, gaussian,",
    ("--config-dir", "/proc/self", "seed=1", "hydra/launcher=1.5"): (
        "hydra/launcher=1.5 is not a choice; the package has"
    ),
    ("noise.sigma=",): "noise.sigma",
    ("noise.sigma==1",): "noise.sigma==1",
    ("-m", "noise.sigma=0.1,-1"): "noise.sigma must be a finite number >= 0, got -1",
    ("-m", "noise=none,gausian"): "noise=gausian is not a choice; there are blur, gaussian,",
    (
        "-m",
        "noise=gaussian,none",
        "noise.sigma=1",
    ): "noise.sigma is not a key; noise has no keys (in the run",
}


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_a_mistake_is_one_sentence_and_nothing_starts(
    cli: Cli, empty_store: Path, arguments: tuple[str, ...]
) -> None:
    said = cli(*arguments)
    assert said.status == 1
    assert said.err.strip().startswith("denoise: ")
    assert len(said.err.strip().splitlines()) == 1
    assert MISTAKES[arguments] in said.err
    assert "Traceback" not in said.out + said.err
    assert said.nothing_began(empty_store)


def test_a_refused_command_shows_its_traceback_if_asked_to(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(UserError, match=r"trainer\.epochs must be"):
        cli("trainer.epochs=0")


def test_flags_may_stand_anywhere_among_the_overrides(cli: Cli) -> None:
    said = cli("noise.sigma=-1", "-m", "seed=0,1")
    assert said.err.strip() == "denoise: noise.sigma must be a finite number >= 0, got -1"


def test_a_choice_of_ones_own_that_would_be_ignored_is_refused(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "mine" / "noise" / "gaussian.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("_target_: my_noises.Laplace")
    said = cli("--config-dir", "mine", "noise=gaussian")
    assert said.err.strip() == (
        "denoise: mine/noise/gaussian.yaml would be ignored: the package has a choice of that name"
    )


@pytest.mark.parametrize("more", [(), ("-m", "seed=0,1")])
def test_a_config_file_that_is_no_yaml_is_reported_in_one_sentence(
    cli: Cli, tmp_path: Path, more: tuple[str, ...]
) -> None:
    path = tmp_path / "mine" / "noise" / "bad.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("a: [")
    said = cli("--config-dir", "mine", *more, "noise=bad")
    assert said.status == 1
    assert len(said.err.strip().splitlines()) == 1
    assert str(path) in said.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_missing_device_is_reported_in_one_sentence(cli: Cli) -> None:
    said = cli("trainer.device=cuda")
    assert said.status == 1
    assert "trainer.device=cuda is not on this machine" in said.err


def test_a_folder_without_write_access_is_named(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("a file is in the way")
    there = ("hydra.run.dir=/proc/self", "hydra.sweep.dir=/proc/self")
    for place, arguments in {
        "outputs": (("noise=none",), ("-m", "noise.sigma=0.1,0.2")),
        "/proc/self": ((there[0],), ("-m", "noise.sigma=0.1,0.2", there[1])),
    }.items():
        for typed in arguments:
            said = cli(*typed)
            assert said.status == 1
            assert said.err.count("\n") <= 1
            assert place in said.err
            assert "cannot be written to" in said.err
            assert not said.runs()


@pytest.fixture
def mute_server() -> Iterator[str]:
    """The host and port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


@pytest.mark.parametrize(("uri", "limit"), [("http://{}", 15), ("mysql+pymysql://{}/runs", 5)])
def test_a_store_that_does_not_answer_is_given_up_within_seconds(
    cli: Cli, mute_server: str, uri: str, limit: int
) -> None:
    uri = uri.format(mute_server)
    said = cli(f"tracking.uri={uri}")
    assert said.status == 1
    assert f"tracking.uri={uri} cannot be used: no answer within {limit} seconds" in said.err
    assert len(said.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "uri", ["nonsense://here", "sqlite:////dev/null/mlflow.db", "http://127.0.0.1:9"]
)
def test_a_store_address_that_cannot_work_is_named(cli: Cli, uri: str) -> None:
    said = cli(f"tracking.uri={uri}")
    assert said.status == 1
    assert f"tracking.uri={uri} cannot be used: " in said.err
    assert "Traceback" not in said.err
    assert not (said.folder / "outputs").exists()


def test_a_password_in_the_address_is_not_shown(cli: Cli) -> None:
    said = cli("tracking.uri=nonsense://me:secret@here/there")
    assert "secret" not in said.out + said.err
    assert "me:***@here" in said.err


def test_tracking_settings_import_neither_torch_nor_mlflow_nor_hydra() -> None:
    code = """
import sys, denoise.config.settings
print(sorted({"torch", "mlflow", "hydra", "omegaconf", "sqlalchemy"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_noise_can_be_left_out_of_the_mixture(composed: Compose) -> None:
    made = compose.checked(composed("noise=mixture", "~noise.noises.masking")).noise
    assert isinstance(made, noise.Mixture)
    assert list(made.noises) == ["gaussian", "salt_and_pepper"]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (("--help",), "noise: blur, gaussian"),
        (("noise=gaussian", "--cfg", "job"), "_target_: denoise.noise.Gaussian"),
        (("hydra/launcher=slurm", "--cfg", "hydra"), "timeout_min: 240"),
        (("-sc", "install=bash"), "complete "),
        (("-sc", "query=bash"), "noise=masking noise=mixture"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_a_command_that_only_shows_something_begins_nothing(
    cli: Cli,
    empty_store: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: tuple[str, ...],
    shown: str,
) -> None:
    monkeypatch.setenv("COMP_LINE", "denoise noise=")
    monkeypatch.setenv("COMP_POINT", "14")
    said = cli(*typed)
    assert (said.status, shown in said.out) == (0, True), said.out + said.err
    assert said.nothing_began(empty_store)
