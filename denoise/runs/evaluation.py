"""The final measurements of a trained model, whether it was just trained or loaded."""

import contextlib
import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from denoise import data, evaluate, figures, latent, metrics
from denoise.config.compose import Config
from denoise.errors import UserError
from denoise.model import Autoencoder
from denoise.tracking import formats
from denoise.tracking.records import Record

log = logging.getLogger(__name__)

LEFT_OUT = "left_out"  # the tag with the metrics that cannot be computed for a run


class Evaluation:
    """Measures `model` and writes to its `record` the results that this lacks."""

    def __init__(
        self, config: Config, model: Autoencoder, images: data.Data, record: Record
    ) -> None:
        self.config, self.model, self.data, self.record = config, model, images, record
        wanted = config.trainer.target
        self.test = evaluate.corrupted(images.test, images, config.noise, wanted)

    def run(self) -> None:
        """Measure what the record lacks."""
        start = time.perf_counter()
        wanted = lacking(self.config, self.record.contents.final, self.record.fields["tags"])
        for key, score in SCORES.items():
            if key in wanted:
                with self._left_out(key):
                    self._log(score(self))
        self.record.log({metrics.SCORES_SECONDS.key: time.perf_counter() - start}, 0)
        self._examples()
        if metrics.TRUSTWORTHINESS.key in wanted:
            self._map()

    def _examples(self) -> None:
        """Write the ten images, clean, noisy and denoised, without text, for comparison pages."""
        name = "figures/examples.png"
        rows = evaluate.examples(self.model, self.data, self.config.noise)
        strip = torch.cat([torch.cat(list(images), dim=1) for images in rows]).clamp(0, 1)
        pixels = (strip * 255).round().byte().cpu().numpy()
        Image.fromarray(pixels).save(self.record.path(name))
        self.record.add(name)

    def _map(self) -> None:
        """Write a table of the latents of test images, with their places on a t-SNE map if any."""
        settings, test = self.config.evaluation, self.data.test
        codes = latent.codes(self.model, test.images[: settings.tsne_codes], self.data)
        labels = test.labels[: len(codes)].cpu().numpy()
        columns = {f"code_{i}": column for i, column in enumerate(codes.T)}
        trusted: dict[str, float] = {}
        with self._left_out(metrics.TRUSTWORTHINESS.key, "the t-SNE map"):
            places = self._places(codes, labels)
            columns["tsne_x"], columns["tsne_y"] = places.T
            score = latent.map_trustworthiness(codes, places, settings)
            trusted = {metrics.TRUSTWORTHINESS.key: score}
        add_table(self.record, "codes", columns | {"label": labels})
        self.record.log(trusted, 0)  # last: a run with this metric does not lack its map

    def _places(self, codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Draw the map; return the places of the latents on it, (n, 2)."""
        settings, name = self.config.evaluation, self.record.fields["name"]
        self.record.note_job(stage=f"t-SNE of {len(codes):,} latents")
        log.info("%s: t-SNE of %d latents ...", name, len(codes))
        start = time.perf_counter()
        places = latent.tsne(codes, settings, self.data.test.images.device)
        self.record.log({metrics.TSNE_SECONDS.key: time.perf_counter() - start}, 0)
        title = f"{name}, t-SNE of {len(codes):,} test latents"
        figure = figures.tsne_map(places, labels, self.data.class_names, title)
        add_figure(self.record, "tsne", figure, len(self.record.contents.epochs))
        return places

    def _log(self, values: Mapping[str, float]) -> None:
        """Log the values that are finite, which the PSNR of a perfect image is not."""
        self.record.log({key: value for key, value in values.items() if math.isfinite(value)}, 0)
        for key, value in values.items():
            if not math.isfinite(value):
                self._leave_out(key, key, f"it is {value}")

    @contextlib.contextmanager
    def _left_out(self, key: str, what: str = "") -> Iterator[None]:
        """Leave out the metric `key`, called `what`, if it cannot be computed, and continue."""
        try:
            yield
        except ValueError as error:
            if isinstance(error, UserError) or error is self.record.error:
                raise
            self._leave_out(key, what or key, str(error).partition("\n")[0])

    def _leave_out(self, key: str, what: str, why: str) -> None:
        """Log it once; the tag keeps the metric from being measured whenever the run is reused."""
        log.warning("%s: %s is left out: %s", self.record.fields["name"], what, why)
        tags = self.record.fields["tags"]
        self.record.update(tags=tags | {LEFT_OUT: f"{tags.get(LEFT_OUT, '')} {key}".strip()})


def _losses(of: Evaluation) -> dict[str, float]:
    losses = evaluate.losses(of.model, of.test, of.data)
    return {f"test/{name}": value for name, value in losses.items()}


def _few_labels(of: Evaluation) -> dict[str, float]:
    accuracy = latent.few_label_accuracy(of.model, of.data, of.config.evaluation)
    return {metrics.FEW_LABEL_ACCURACY.key: accuracy}


def _size(of: Evaluation) -> dict[str, float]:
    trained = [each.numel() for each in of.model.parameters() if each.requires_grad]
    return {metrics.PARAMETERS.key: sum(trained)}


# Each measurement by one of the metrics that it gives.
SCORES: dict[str, Callable[[Evaluation], dict[str, float]]] = {
    metrics.TEST_LOSS.key: _losses,
    metrics.PSNR.key: lambda of: evaluate.image_quality(of.model, of.test, of.data),
    metrics.ROBUSTNESS.key: lambda of: evaluate.robustness(of.model, of.data, of.config.robust),
    metrics.KNN_ACCURACY.key: lambda of: latent.scores(of.model, of.data, of.config.evaluation),
    metrics.FEW_LABEL_ACCURACY.key: _few_labels,
    metrics.PARAMETERS.key: _size,
}


def lacking(config: Config, there: Collection[str], tags: Mapping[str, str]) -> set[str]:
    """The metrics, one of each measurement, that a run of this config should have and has not."""
    wanted = set(SCORES)
    if not config.data.holdout:
        wanted.remove(metrics.TEST_LOSS.key)  # it is logged after each epoch
    if config.evaluation.has_map(config.seed):
        wanted.add(metrics.TRUSTWORTHINESS.key)
    return wanted - set(there) - set(tags.get(LEFT_OUT, "").split())


def add_figure(record: Record, key: str, figure: Any, step: int, name: str = "") -> None:
    """Add a figure to the run's files, and under `key` to the image grids of MLflow's charts."""
    file = f"figures/{name or key}.png"
    picture = figures.to_image(figure)
    picture.save(record.path(file))
    record.add(file)
    formats.add_image(record, key, picture, step)


def add_table(record: Record, name: str, columns: Mapping[str, Iterable[Any]]) -> None:
    """Add a CSV file with a header."""
    file = f"tables/{name}.csv"
    pd.DataFrame(columns).to_csv(record.path(file), index=False)
    record.add(file)
