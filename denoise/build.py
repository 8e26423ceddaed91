"""A plain config node into a checked object of `noise` or `model`."""

import inspect
from types import ModuleType
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf

from denoise import model, noise
from denoise.errors import UserError
from denoise.noise import Noise


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
