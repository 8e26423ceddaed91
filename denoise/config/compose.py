"""A composed Hydra config into checked settings and objects."""

import inspect
import re
from dataclasses import dataclass
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException, ValidationError

from denoise import build, checks, data, evaluate, model, noise, trainer
from denoise.config import identity
from denoise.config.sentence import sentence
from denoise.config.settings import Protocol, Tracking
from denoise.errors import UserError
from denoise.noise import Noise

T = TypeVar("T")

KEYS = (
    *("data", "noise", "model", "evaluation", "tracking", "trainer", "protocol"),
    *("seed", "seeds", "force"),
)


@dataclass(frozen=True)
class Config:
    """One run, built and checked. `plain` is the composed config that it came from.

    `robust` holds the corruptions, in pixel space, that its robustness is measured against.
    """

    data: data.Settings
    trainer: trainer.Settings
    evaluation: evaluate.Settings
    tracking: Tracking
    protocol: Protocol
    noise: Noise
    robust: dict[str, Noise]
    model: model.Autoencoder
    seed: int
    plain: dict[str, Any]


def checked(cfg: DictConfig) -> Config:
    """Turn a composed config into objects, or raise `UserError` naming the key at fault."""
    _check_keys(cfg)
    checks.whole("seed", cfg.seed, low=0)
    checks.whole("seeds", cfg.seeds, low=1)
    checks.one_of("force", cfg.force, (True, False))
    config = Config(
        data=_settings(data.Settings, cfg, "data"),
        trainer=_settings(trainer.Settings, cfg, "trainer"),
        evaluation=_settings(evaluate.Settings, cfg, "evaluation"),
        tracking=_settings(Tracking, cfg, "tracking"),
        protocol=_settings(Protocol, cfg, "protocol"),
        noise=build.build_noise(cfg),
        robust={
            name: build._object(noise, node, f"evaluation.robust.{name}")
            for name, node in cfg.evaluation.robust.items()
        },
        model=build.build_model(cfg),
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


def _plain(cfg: DictConfig) -> dict[str, Any]:
    """The values alone of what makes a run."""
    keys = [str(key) for key in cfg if key not in identity.NOT_OF_A_RUN]
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
