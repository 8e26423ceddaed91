"""The typed root, and the one place where a config node becomes an object."""

import hashlib
import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException, ValidationError

from denoise import checks, data, evaluate, model, noise, store, trainer
from denoise.checks import UserError
from denoise.errors import sentence
from denoise.noise import Noise

T = TypeVar("T")

# What changes where a run is made, and not what comes out of it.
NOT_RESULTS = ("data.root", "data.debian", "trainer.device")
# Keys that are newer than runs that may be in a store, each with the value that does what was done
# before it: with that value a key is left out of the fingerprint, and those runs stay known.
ADDED: dict[str, Any] = {}
# What is said of a launch, not of a run. Where it is tracked may hold a password.
NOT_OF_A_RUN = ("tracking", "seeds", "force")
KEYS = (
    *("data", "noise", "model", "evaluation", "tracking", "trainer", "protocol"),
    *("seed", "seeds", "force"),
)


@dataclass(frozen=True)
class Protocol:
    """`score` is the per-epoch figure, lower is better, by which the best epoch is chosen.

    `sigma` and `grey` are the study's Gaussian noise and erased boxes in the protocol's space.
    """

    name: str
    score: str
    sigma: float
    grey: float

    def __post_init__(self) -> None:
        checks.number("protocol.sigma", self.sigma, low=0)
        checks.number("protocol.grey", self.grey)


@dataclass(frozen=True)
class Config:
    """One run, built and checked. `plain` is the composed config that it came from.

    `robust` holds the corruptions, in pixel space, that its robustness is measured against.
    """

    data: data.Settings
    trainer: trainer.Settings
    evaluation: evaluate.Settings
    tracking: store.Settings
    protocol: Protocol
    noise: Noise
    robust: dict[str, Noise]
    model: model.Autoencoder
    seed: int
    plain: dict[str, Any]


def build(cfg: DictConfig) -> Config:
    """Turn a composed config into objects, or raise `UserError` naming the key at fault."""
    _check_keys(cfg)
    checks.whole("seed", cfg.seed, low=0)
    checks.whole("seeds", cfg.seeds, low=1)
    checks.one_of("force", cfg.force, (True, False))
    config = Config(
        data=_settings(data.Settings, cfg, "data"),
        trainer=_settings(trainer.Settings, cfg, "trainer"),
        evaluation=_settings(evaluate.Settings, cfg, "evaluation"),
        tracking=_settings(store.Settings, cfg, "tracking"),
        protocol=_settings(Protocol, cfg, "protocol"),
        noise=build_noise(cfg),
        robust={
            name: _object(noise, node, f"evaluation.robust.{name}")
            for name, node in cfg.evaluation.robust.items()
        },
        model=build_model(cfg),
        seed=cfg.seed,
        plain=_plain(cfg),
    )
    _check_together(config)
    return config


def _check_keys(cfg: DictConfig) -> None:
    """Refuse a key that nothing reads, as a run would differ by it from the same without."""
    for key in sorted(set(map(str, cfg)) ^ set(KEYS)):
        wrong = f"{key} is missing" if key in KEYS else f"{key}={cfg[key]}: {key} is not a key"
        raise UserError(f"{wrong}; a config has {', '.join(KEYS)}")


def _check_together(config: Config) -> None:
    """Refuse what each setting allows and another does not."""
    images, chosen = config.data.trained, "val" if config.data.holdout else "test"
    checks.whole("trainer.batch_size", config.trainer.batch_size, low=1, high=images)
    checks.whole("evaluation.neighbours", config.evaluation.neighbours, low=1, high=images)
    checks.whole(
        "evaluation.tsne_codes", config.evaluation.tsne_codes, low=1, high=config.data.test_size
    )
    checks.one_of(
        f"protocol.score, where data.holdout is {config.data.holdout},",
        config.protocol.score,
        [f"{chosen}/{name}" for name in evaluate.LOSSES],
    )


def fingerprint(plain: Mapping[str, Any]) -> str:
    """16 hex digits: the same for two configs that give the same result, however they are spelt."""
    kept = {
        name: {key: value for key, value in node.items() if _counts(f"{name}.{key}", value)}
        if isinstance(node, Mapping)
        else node
        for name, node in plain.items()
        if _counts(name, node)
    }
    text = json.dumps(_canonical(kept), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _counts(key: str, value: Any) -> bool:
    """Whether the setting makes a difference to what comes out."""
    return key not in NOT_RESULTS and not (key in ADDED and value == ADDED[key])


def spelled(key: str, value: Any) -> str:
    """A setting as names and labels have it, without its group: σ=0.1, or robust.blur.sigma=2."""
    name = key.partition(".")[2] or key
    shown = f"{value:g}" if isinstance(value, float) else value
    return f"{noise.SYMBOLS.get(name, name)}={shown}"


def baseline(plain: Mapping[str, Any]) -> str:
    """The fingerprint of the same config without noise: the run that this one is compared with."""
    return fingerprint({**plain, "noise": {"_target_": "denoise.noise.Identity"}})


def _canonical(value: Any) -> Any:
    """Numbers as floats, since 1 and 1.0 are the same setting."""
    if isinstance(value, Mapping):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if is_whole else value


def _plain(cfg: DictConfig) -> dict[str, Any]:
    """The values alone of what makes a run."""
    keys = [str(key) for key in cfg if key not in NOT_OF_A_RUN]
    return OmegaConf.to_container(OmegaConf.masked_copy(cfg, keys), resolve=True)  # type: ignore


def _settings(kind: type[T], cfg: DictConfig, key: str) -> T:
    """The node `key` as a dataclass, its values converted to the declared types."""
    try:
        typed = OmegaConf.create({key: OmegaConf.structured(kind)})
        OmegaConf.set_readonly(typed[key], False)  # frozen is for what comes out
        return OmegaConf.to_object(OmegaConf.merge(typed, {key: cfg[key]}))[key]  # type: ignore
    except ValidationError as error:
        name = re.split(r"[.\[]", str(error.full_key))[1]
        wanted = inspect.formatannotation(kind.__annotations__[name])
        raise UserError(f"{key}.{name} must be of type {wanted}, got {cfg[key][name]!r}") from None
    except OmegaConfBaseException as error:
        raise UserError(sentence(error)) from None


def build_model(cfg: DictConfig) -> model.Autoencoder:
    """The model of a composed config, with its first weights, drawn from `cfg.seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.SeedSequence(cfg.seed).generate_state(1)[0]))
        return _object(model, cfg.model, "model")


def build_noise(cfg: DictConfig) -> Noise:
    """The noise of a composed config."""
    return _object(noise, cfg.noise, "noise")


def _object(room: ModuleType, node: Any, key: str) -> Any:
    """The `node` at `key` as the class of `room` that its `_target_` names, and of nowhere else.

    Not `hydra.utils.instantiate`, which calls whatever a config names, at any depth: configs also
    come from pulled runs.
    """
    if not isinstance(node, DictConfig):
        raise UserError(f"{key} must be a class of {room.__name__} and its settings, got {node!r}")
    return _made(room, OmegaConf.to_container(node, resolve=True), key)  # type: ignore[arg-type]


def _made(room: ModuleType, node: dict[str, Any], key: str) -> Any:
    """The plain `node` as an object, and every mapping of nodes in it as a mapping of objects."""
    settings = dict(node)
    target = str(settings.pop("_target_", None))
    module, _, name = target.rpartition(".")
    kind = getattr(room, name, None)
    if module != room.__name__ or not isinstance(kind, type) or kind.__module__ != module:
        raise UserError(f"{key}._target_ must name a class of {room.__name__}, got {target!r}")
    for field, value in settings.items():
        if isinstance(value, dict) and all(isinstance(inner, dict) for inner in value.values()):
            settings[field] = {
                name: _made(room, inner, f"{key}.{field}.{name}") for name, inner in value.items()
            }
    keys = inspect.signature(kind).parameters
    if unknown := [field for field in settings if field not in keys]:
        has = ", ".join(keys) or "none"
        typed = f"{key}.{unknown[0]}"
        raise UserError(f"{typed}={settings[unknown[0]]}: {typed} is not a key; {target} has {has}")
    try:
        return kind(**settings)
    except TypeError as error:
        raise UserError(f"{key}._target_={target}: {error}") from None
    except (MemoryError, RuntimeError):
        raise UserError(f"{key} is larger than the memory: {settings}") from None
    except UserError as error:  # it names its keys as if it stood alone
        alone = room.__name__.rpartition(".")[2]
        raise UserError(str(error).replace(f"{alone}.", f"{key}.", 1)) from None
