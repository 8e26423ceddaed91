"""The typed root, and the one place where a config node becomes an object."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from denoise import checks, data, evaluate, model, noise, tracking, trainer
from denoise.checks import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Protocol:
    """`score` is the per-epoch figure, lower is better, by which the best epoch is chosen."""

    name: str
    score: str


@dataclass(frozen=True)
class Config:
    """One run, built and checked. `plain` is the composed config that it came from."""

    data: data.Settings
    trainer: trainer.Settings
    evaluation: evaluate.Settings
    tracking: tracking.Settings
    protocol: Protocol
    noise: noise.Noise
    model: model.Autoencoder
    seed: int
    plain: dict[str, Any]


def build(cfg: DictConfig) -> Config:
    """Turn a composed config into objects, or raise `UserError` naming the key at fault."""
    checks.whole("seed", cfg.seed, low=0)
    config = Config(
        data=_settings(data.Settings, cfg, "data"),
        trainer=_settings(trainer.Settings, cfg, "trainer"),
        evaluation=_settings(evaluate.Settings, cfg, "evaluation"),
        tracking=_settings(tracking.Settings, cfg, "tracking"),
        protocol=_settings(Protocol, cfg, "protocol"),
        noise=build_noise(cfg),
        model=build_model(cfg),
        seed=cfg.seed,
        plain=_plain(cfg),
    )
    images = config.data.train_size - config.data.holdout
    checks.whole("trainer.batch_size", config.trainer.batch_size, low=1, high=images)
    checks.whole(
        "evaluation.tsne_codes", config.evaluation.tsne_codes, low=1, high=config.data.test_size
    )
    return config


def _plain(cfg: DictConfig) -> dict[str, Any]:
    """The values alone, without where they are tracked: that may hold a password."""
    keys = [str(key) for key in cfg if key != "tracking"]
    return OmegaConf.to_container(OmegaConf.masked_copy(cfg, keys), resolve=True)  # type: ignore


def _settings(kind: type[T], cfg: DictConfig, key: str) -> T:
    """The node `key` as a dataclass, its values converted to the declared types."""
    try:
        typed = OmegaConf.create({key: OmegaConf.structured(kind)})
        OmegaConf.set_readonly(typed[key], False)  # frozen is for what comes out
        return OmegaConf.to_object(OmegaConf.merge(typed, {key: cfg[key]}))[key]  # type: ignore
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key}: {str(error.msg).splitlines()[0]}") from None


def build_model(cfg: DictConfig) -> model.Autoencoder:
    """The model of a composed config, with its first weights, drawn from `cfg.seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.SeedSequence(cfg.seed).generate_state(1)[0]))
        return _object(model, cfg, "model")


def build_noise(cfg: DictConfig) -> noise.Noise:
    """The noise of a composed config."""
    return _object(noise, cfg, "noise")


def _object(room: ModuleType, cfg: DictConfig, key: str) -> Any:
    """The node `key` as the class of `room` that its `_target_` names, and of nowhere else.

    Not `hydra.utils.instantiate`, which calls whatever a config names, at any depth: configs also
    come from pulled runs.
    """
    settings: dict[str, Any] = OmegaConf.to_container(cfg[key], resolve=True)  # type: ignore[assignment]
    target = str(settings.pop("_target_", None))
    module, _, name = target.rpartition(".")
    kind = getattr(room, name, None)
    if module != room.__name__ or getattr(kind, "__module__", None) != module:
        raise UserError(f"{key}._target_ must name a class of {room.__name__}, got {target!r}")
    try:
        return kind(**settings)  # type: ignore[misc]
    except TypeError as error:
        raise UserError(f"{key}: {error}") from None
