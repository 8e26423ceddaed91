"""From a composed Hydra config to checked settings and objects."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal

import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field
from torch import Tensor

from denoise import bounds, build, data, evaluate, model, trainer
from denoise.config import identity
from denoise.config.saved import GROUPS
from denoise.config.sentence import sentence
from denoise.config.settings import Protocol, Tracking
from denoise.errors import UserError
from denoise.fetch import SIDE
from denoise.noise import Identity, Noise, changes_nothing

KEYS = (*GROUPS, "seed", *identity.NOT_OF_A_RUN)
Seed = Annotated[int, Field(ge=0, le=identity.LARGEST_SEED)]


@dataclass(frozen=True)
class Config:
    """One run, checked. `plain` is the composed config that it was built from.

    Noise of amount 0 is replaced by no noise, so that one run serves as both.
    `robust` has the corruptions, in pixel space, of the robustness test. `model` builds the model
    with its first weights: a plan of a thousand runs has no room for a thousand models.
    """

    data: data.Settings
    trainer: trainer.Settings
    evaluation: evaluate.Settings
    tracking: Tracking
    protocol: Protocol
    noise: Noise
    robust: dict[str, Noise]
    model: Callable[[], model.Autoencoder]
    seed: int
    plain: dict[str, Any]


def checked(cfg: DictConfig, *, trust: build.Trust = build.ANY) -> Config:
    """Build the objects of a composed config; `UserError` names the key at fault.

    `trust` is as in `build`: a config that was not composed from a typed command may name classes
    of this package only, so pass `trust=()` for one that was read from a file or a store.
    """
    _check_keys(cfg)
    values = _values(cfg)
    bounds.check("seeds", values["seeds"], bounds.PositiveInt)
    bounds.check("force", values["force"], bool)
    seed = bounds.check("seed", values["seed"], Seed)
    evaluation = bounds.settings(evaluate.Settings, values["evaluation"], "evaluation")
    config = Config(
        data=bounds.settings(data.Settings, values["data"], "data"),
        trainer=bounds.settings(trainer.Settings, values["trainer"], "trainer"),
        evaluation=evaluation,
        tracking=bounds.settings(Tracking, values["tracking"], "tracking"),
        protocol=bounds.settings(Protocol, values["protocol"], "protocol"),
        noise=build.build_noise(values["noise"], trust=trust),
        robust=build.build_suite(evaluation.robust, trust=trust),
        model=partial(build.build_model, values["model"], seed, trust=trust),
        seed=seed,
        plain={key: value for key, value in values.items() if key not in identity.NOT_OF_A_RUN},
    )
    _check_shapes(config.model())
    _check_together(config)
    if changes_nothing(config.noise):
        return replace(config, noise=Identity(), plain=identity.without_noise(config.plain))
    return config


def _check_keys(cfg: DictConfig) -> None:
    """Refuse a key that nothing reads: runs would have different fingerprints for no reason."""
    for key in sorted(set(map(str, cfg)) - {"hydra"} ^ set(KEYS)):
        wrong = f"{key} is missing" if key in KEYS else f"{key}={cfg[key]}: {key} is not a key"
        raise UserError(f"{wrong}; a config has {', '.join(KEYS)}")


def _values(cfg: DictConfig) -> dict[str, Any]:
    """The config as plain values, with its interpolations resolved.

    Noises come last: they refer to other groups, whose own mistakes are reported first.
    """
    try:
        return {key: _plain(cfg[key]) for key in sorted(KEYS, key="noise".__eq__)}
    except OmegaConfBaseException as error:
        raise UserError(sentence(error)) from None


def _plain(value: Any) -> Any:
    if not OmegaConf.is_config(value):
        return value
    return OmegaConf.to_container(value, resolve=True, throw_on_missing=True)


def _check_shapes(built: model.Autoencoder) -> None:
    """Refuse a model with codes or images of another shape, which torch may broadcast.

    A model that raises an error is left to its run, which reports it.
    """
    images = torch.zeros(2, 1, SIDE, SIDE)
    try:
        with torch.inference_mode(), torch.random.fork_rng(devices=[]):
            codes, output = built.eval().encode(images), built(images)
    except Exception:
        return
    for made in (codes, output):
        if not isinstance(made, Tensor):
            name, kind = type(built).__name__, type(made).__name__
            raise UserError(f"the model {name} returns a {kind}; codes and images must be tensors")
    if codes.ndim != 2 or len(codes) != len(images) or output.shape != images.shape:
        raise UserError(
            f"of images {tuple(images.shape)}, the model {type(built).__name__} makes codes "
            f"{tuple(codes.shape)} and images {tuple(output.shape)}; allowed are codes "
            f"(2, latent_dim) and images {tuple(images.shape)}"
        )


def _check_together(config: Config) -> None:
    """Refuse values that are allowed alone but not together."""
    images, evaluation = config.data.trained, config.evaluation
    _check_most("trainer.batch_size", config.trainer.batch_size, images)
    _check_most("evaluation.neighbours", evaluation.neighbours, images)
    _check_most("evaluation.tsne_codes", evaluation.tsne_codes, config.data.test_size)
    for name, least, why in (
        ("tsne_codes", 3 * evaluation.perplexity + 1, "3 * evaluation.perplexity + 1"),
        ("probe_codes", evaluation.neighbours, "evaluation.neighbours"),
    ):
        if (value := getattr(evaluation, name)) < least:
            raise UserError(
                f"evaluation.{name} must be at least {why}, which is {least}, got {value!r}"
            )
    split = "val" if config.data.holdout else "test"
    scores = tuple(f"{split}/{name}" for name in evaluate.LOSSES)
    key = f"protocol.score, where data.holdout is {config.data.holdout},"
    bounds.check(key, config.protocol.score, Literal[scores])


def _check_most(key: str, value: int, most: int) -> None:
    bounds.check(key, value, Annotated[int, Field(ge=1, le=most)])
