"""Builds checked noises and models from plain config nodes.

A node is a mapping: `_target_` names a class, the other keys are its arguments. Nothing else that
a config names is ever called, at any depth, because configs also come from checkpoints and stores.
(`hydra.utils.instantiate` would call whatever it finds.)

`trust` has the modules that may be named besides this package's own: by default none, for what was
read from a checkpoint, a store or a pulled folder; `ANY` for what a typed command composed.
"""

import importlib
import inspect
import os
import sys
from collections.abc import Collection, Mapping
from typing import Any

from denoise import bounds
from denoise.errors import UserError
from denoise.model import Autoencoder, seeded
from denoise.noise import Noise

ANY = None  # every module, the user's own in the current folder included
Trust = Collection[str] | None
TOO_LARGE = ("memory", "overflow")  # words in torch's errors about tensors that do not fit

KINDS: dict[type, str] = {
    Noise: "a noise, whose class defines __call__(self, images, *, generator)",
    Autoencoder: "a model, a subclass of denoise.model.Autoencoder",
}


def build_model(node: object, seed: int, *, trust: Trust = ()) -> Autoencoder:
    """The model of a config node, with its first weights drawn from `seed`.

    `UserError` names the key and what is allowed.
    """
    with seeded(seed):
        return _object(Autoencoder, node, "model", trust)


def build_noise(node: object, key: str = "noise", *, trust: Trust = ()) -> Noise:
    """The noise of the config node at `key`, the same each time, even if its `__init__` is random.

    `UserError` names the key and what is allowed.
    """
    with seeded(0):
        return _object(Noise, node, key, trust)


def build_suite(nodes: Mapping[str, object], *, trust: Trust) -> dict[str, Noise]:
    """The corruptions of the robustness test, from the config nodes of `evaluation.robust`."""
    if "mean" in nodes:
        raise UserError("evaluation.robust.mean: choose another name; mean is that of the suite")
    return {
        name: build_noise(node, f"evaluation.robust.{name}", trust=trust)
        for name, node in nodes.items()
    }


def _object(base: type, node: object, key: str, trust: Trust) -> Any:
    """An object of the class that `node` names, which must be of the kind `base`."""
    if not isinstance(node, dict):
        raise UserError(
            f"{key} must be a class of {base.__module__} and its settings, got {node!r}"
        )
    values = dict(node)
    target = values.pop("_target_", None)
    kind = _class(base, target, key, trust)
    nested = {name: _objects(base, value, f"{key}.{name}", trust) for name, value in values.items()}
    arguments = bounds.arguments(kind, nested, key)
    try:
        return kind(**arguments)
    except Exception as error:  # of a user's own class
        if isinstance(error, MemoryError) or any(word in str(error) for word in TOO_LARGE):
            raise UserError(f"{key} is larger than the memory: {values}") from None
        raise UserError(f"{key}._target_={target}: {error}") from None


def _objects(base: type, value: object, key: str, trust: Trust) -> Any:
    """A noise inside a noise, or a list or mapping of nodes, as objects; else the value itself."""
    if base is Noise and isinstance(value, dict) and "_target_" in value:
        return _object(base, value, key, trust)
    if base is Noise and isinstance(value, list):
        return [_objects(base, each, f"{key}.{place}", trust) for place, each in enumerate(value)]
    if not isinstance(value, dict) or not all(isinstance(node, dict) for node in value.values()):
        return value
    return {name: _object(base, node, f"{key}.{name}", trust) for name, node in value.items()}


def _class(base: type, target: object, key: str, trust: Trust) -> type:
    """The class that a node's `_target_` names, which must be of the kind `base`."""
    module = str(target).rpartition(".")[0]
    if not module:
        raise UserError(f"{key}._target_ must name {KINDS[base]}, got {target!r}")
    if module != base.__module__:
        _check_foreign(base, module, f"{key}._target_", target, trust)
    kind = find(str(target), f"{key}._target_={target}")
    if not inspect.isclass(kind) or not issubclass(kind, base) or kind is base:
        raise UserError(f"{key}._target_ must name {KINDS[base]}, got {target!r}")
    return kind


def _check_foreign(base: type, module: str, key: str, target: object, trust: Trust) -> None:
    """Refuse a module that is not trusted, or that is another one of this package."""
    home = base.__module__
    is_of_this_package = module.partition(".")[0] == home.partition(".")[0]
    trusted = [trust] if isinstance(trust, str) else trust
    if not is_of_this_package and (trusted is ANY or module in trusted):
        return
    how = f"trust=[{module!r}], or --trust {module} on the command line"
    hint = "" if is_of_this_package else f"; to allow the module {module}, pass {how}"
    raise UserError(f"{key} must name a class of {home}, got {target!r}{hint}")


def find(target: str, typed: str) -> Any:
    """The class of this name, in this package, the environment or the current folder."""
    module, _, name = target.rpartition(".")
    here = os.getcwd()  # noqa: PTH109 - sys.path holds text
    if here not in sys.path:  # as when the command is `denoise` instead of `python -m denoise`
        sys.path.append(here)
    try:
        found = importlib.import_module(module)
    except (ImportError, SyntaxError, ValueError, TypeError) as error:
        raise UserError(f"{typed}: cannot import the module {module!r} ({error})") from None
    if not hasattr(found, name):
        raise UserError(f"{typed}: the module {module} has no {name}")
    return getattr(found, name)
