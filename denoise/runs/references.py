"""Computes the references of a data set and suite, and keeps them as runs that were not trained."""

import contextlib
import hashlib
import importlib.util
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from denoise import bounds, build, data, evaluate, latent, metrics, reference
from denoise.config import identity
from denoise.config.settings import Tracking
from denoise.data import Data, Split
from denoise.errors import FolderLockedError
from denoise.fetch import SIDE
from denoise.model import Autoencoder
from denoise.noise import Gaussian, Identity, Noise
from denoise.tracking import records, search, session

log = logging.getLogger(__name__)

SAMPLE = 1000  # test or training images, for what takes long
PAIRS = 200  # held-out pairs to choose the parameters of a filter by
PAIRS_SEED = 10_002  # of the corruption of training images
# Of a config, what a reference depends on.
OF_DATA = ("name", "train_size", "test_size", "holdout")
OF_EVALUATION = ("robust", "neighbours", "probe_codes", "pairwise_codes", "random_state")


@dataclass(frozen=True)
class Suite:
    """The data and the corruptions that runs are measured on; `params` identify them."""

    data: data.Settings
    evaluation: evaluate.Settings
    robust: dict[str, Noise]
    params: dict[str, Any]


@dataclass(frozen=True)
class Reference:
    """How a reference is measured; `params` has what it depends on besides the suite."""

    name: str
    measure: Callable[[Suite, Data], dict[str, float]]
    params: dict[str, Any] = field(default_factory=dict)


def suite_of(plain: Mapping[str, Any], trust: build.Trust) -> Suite:
    """The suite of a run's config; `trust` is as in `build`."""
    node = {k: v for k, v in plain["data"].items() if f"data.{k}" not in identity.REMOVED}
    settings = bounds.settings(data.Settings, node, "data")
    evaluation = bounds.settings(evaluate.Settings, plain["evaluation"], "evaluation")
    robust = build.build_suite(evaluation.robust, trust=trust)
    params = {
        "data": {key: plain["data"][key] for key in OF_DATA},
        "evaluation": {key: plain["evaluation"][key] for key in OF_EVALUATION},
    }
    # In pixels from 0 to 1, whatever the model's space.
    low, high = reference.SPACE.low, reference.SPACE.high
    return Suite(replace(settings, low=low, high=high), evaluation, robust, params)


def suite_params(params: Mapping[str, str]) -> dict[str, str]:
    """Those parameters of a run that its references depend on."""
    keys = [f"data.{key}" for key in OF_DATA] + [f"evaluation.{key}" for key in OF_EVALUATION]
    own = (*keys, "model.latent_dim")
    return {k: v for k, v in params.items() if k in own or k.startswith("evaluation.robust.")}


def cheap(latent_dim: object) -> list[Reference]:
    """The references that take seconds; PCA only if the model has a `latent_dim`."""
    mean = partial(_of_model, reference.MeanImage, has_codes=False)
    unchanged = partial(_of_model, lambda _: reference.Unchanged())
    found = [Reference("corrupted image", unchanged), Reference("mean image", mean)]
    if isinstance(latent_dim, int):
        name, params = f"PCA, {latent_dim} components", {"model": {"latent_dim": latent_dim}}
        components = partial(reference.PrincipalComponents, components=latent_dim)
        found.append(Reference(name, partial(_of_model, components), params))
    return found


def costly() -> list[Reference]:
    """The references that take minutes; scikit-image's only if it is installed."""
    found = [Reference("Wiener filter", _wiener), Reference("posterior mean", _posterior_mean)]
    if not importlib.util.find_spec("skimage"):
        log.warning("Total variation and non-local means are left out: pip install scikit-image")
        return found
    return [
        *found,
        Reference("total variation", partial(_filtered, reference.total_variation)),
        Reference("non-local means", partial(_filtered, reference.non_local_means)),
    ]


def keep(
    settings: Tracking,
    plains: Iterable[Mapping[str, Any]],
    folder: Path,
    *,
    also_costly: bool = False,
    trust: build.Trust = (),
) -> None:
    """Compute the references for runs of these configs that the store lacks.

    Their records are written to `folder`; `trust` is as in `build`.
    """
    known = search.search(settings, "", among=search.REFERENCES)
    there = {(one.name, frozenset(one.params.items())) for one in known}
    always = costly() if also_costly else []
    for plain in plains:
        suite = suite_of(plain, trust)
        wanted = [*cheap(plain["model"].get("latent_dim")), *always] if suite.robust else []
        for one in wanted:
            key = one.name, frozenset(session.flat(suite.params | one.params).items())
            if key not in there:
                there.add(key)
                log.info("Reference: %s ...", one.name)
                _keep(settings, suite, one, folder)


def _keep(settings: Tracking, suite: Suite, one: Reference, folder: Path) -> None:
    """Measure a reference, and make a finished run of it."""
    params = suite.params | one.params
    texts = sorted(session.flat(params).items())
    own_folder = folder / hashlib.sha256(repr((one.name, texts)).encode()).hexdigest()[:16]
    own_folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FolderLockedError), records.opened(own_folder) as record:
        found = one.measure(suite, data.load(suite.data, torch.device("cpu")))
        with session.opened(
            record, settings, name=one.name, tags={}, params=params, kind=records.REFERENCE
        ):
            record.log(found, 0)


def _of_model(
    fitted: Callable[[Tensor], Autoencoder], suite: Suite, images: Data, *, has_codes: bool = True
) -> dict[str, float]:
    """The errors of a model that is fitted to the training images, and the scores of its codes."""
    model = fitted(_pixels(images.train))
    clean = evaluate.errors(model, images, images.test, Identity()).mean()
    robust = evaluate.robustness(model, images, suite.robust)
    scores = _of_latents(model, suite, images) if has_codes else {}
    return robust | {metrics.CLEAN_MSE.key: float(clean)} | scores


def _of_latents(model: Autoencoder, suite: Suite, images: Data) -> dict[str, float]:
    """The scores of the codes; none of them if one cannot be computed."""
    try:
        few = latent.few_label_accuracy(model, images, suite.evaluation)
        scores = latent.scores(model, images, suite.evaluation)
    except ValueError as error:
        log.warning("the scores of %s are left out: %s", type(model).__name__, error)
        return {}
    return scores | {metrics.FEW_LABEL_ACCURACY.key: few}


def _wiener(suite: Suite, images: Data) -> dict[str, float]:
    clean = _pixels(images.train)

    def fitted(noise: Noise) -> Autoencoder:
        return reference.Wiener(clean, _corrupted(images.train, noise).flatten(1))

    return _fitted_for_each(fitted, suite, images, images.test)


def _filtered(
    filters: Callable[[], list[reference.Filter]], suite: Suite, images: Data
) -> dict[str, float]:
    held_out = _first(images.val or images.train, PAIRS)
    clean = _pixels(held_out).reshape(-1, 1, SIDE, SIDE)

    def fitted(noise: Noise) -> Autoencoder:
        return reference.chosen(filters(), clean, _corrupted(held_out, noise))

    return _fitted_for_each(fitted, suite, images, _first(images.test, SAMPLE))


def _posterior_mean(suite: Suite, images: Data) -> dict[str, float]:
    """The errors under Gaussian corruptions; on training images, no denoiser has smaller ones."""
    found: dict[str, float] = {}
    train = _pixels(images.train)
    for name, noise in suite.robust.items():
        if isinstance(noise, Gaussian) and noise.sigma > 0:
            model = reference.PosteriorMean(train, noise.sigma, noise.mean)
            for group, split in (("robust", images.test), ("bound", images.train)):
                errors = evaluate.errors(model, images, _first(split, SAMPLE), noise)
                found |= _with_sampling_error(f"{group}/{name}", errors)
    return found


def _fitted_for_each(
    fitted: Callable[[Noise], Autoencoder], suite: Suite, images: Data, test: Split
) -> dict[str, float]:
    """The errors of denoisers fitted for each corruption, with their mean over the suite."""
    found: dict[str, float] = {}
    means = []
    for name, noise in suite.robust.items():
        errors = evaluate.errors(fitted(noise), images, test, noise)
        means.append(errors.mean())
        found |= _with_sampling_error(f"robust/{name}", errors)
    return found | {metrics.ROBUSTNESS.key: float(np.mean(means))}


def _with_sampling_error(key: str, errors: np.ndarray) -> dict[str, float]:
    """The mean over some images, and the standard error of this mean."""
    return {
        f"{key}_mse": float(errors.mean()),
        f"{key}_sampling_error": float(errors.std(ddof=1) / len(errors) ** 0.5),
    }


def _pixels(split: Split) -> Tensor:
    return split.images.flatten(1) / 255


def _corrupted(split: Split, noise: Noise) -> Tensor:
    clean = split.images.unsqueeze(1) / 255
    return noise(clean, generator=Generator().manual_seed(PAIRS_SEED))


def _first(split: Split, size: int) -> Split:
    return Split(*(column[:size] for column in split))
