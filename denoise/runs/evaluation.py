"""The final measurements of a trained model, whether it was just trained or loaded."""

import contextlib
import csv
import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from denoise import data, evaluate, figures, latent, metrics
from denoise.config.compose import Config
from denoise.model import Autoencoder
from denoise.tracking import formats
from denoise.tracking.record import Record

log = logging.getLogger(__name__)

LEFT_OUT = "left_out"  # the tag with the metrics that cannot be computed for a run


class Evaluation:
    """Measures `model` and writes the results to the record `own`, those that it lacks."""

    def __init__(
        self, config: Config, model: Autoencoder, images: data.Data, own: Record, *, epoch: int
    ) -> None:
        """`epoch` is the last trained one, which pictures are logged for."""
        self.config, self.model, self.data, self.own = config, model, images, own
        self.epoch = epoch
        self.test = evaluate.corrupted(images.test, images, config.noise)

    def run(self) -> None:
        """Measure what the record lacks."""
        start = time.perf_counter()
        wanted = lacking(self.config, self.own.contents.final, self.own.fields["tags"])
        for key, measure in self._scores().items():
            if key in wanted:
                with self._left_out(key):
                    self._log(measure())
        self.own.log({metrics.SCORES_SECONDS.key: time.perf_counter() - start}, 0)
        self._examples()
        if metrics.TRUSTWORTHINESS.key in wanted:
            self._map()

    def _scores(self) -> dict[str, Callable[[], dict[str, float]]]:
        """Each measurement by one of the metrics that it gives."""
        return {
            metrics.TEST_LOSS.key: self._losses,
            metrics.PSNR.key: self._image_quality,
            metrics.ROBUSTNESS.key: self._robustness,
            metrics.KNN_ACCURACY.key: self._latent,
            metrics.FEW_LABEL_ACCURACY.key: self._few_labels,
            metrics.PARAMETERS.key: self._size,
        }

    def _losses(self) -> dict[str, float]:
        targets = evaluate.targets(self.test, self.config.noise, self.config.trainer.target)
        return _grouped("test", evaluate.losses(self.model, self.test, self.data, targets))

    def _image_quality(self) -> dict[str, float]:
        return _grouped("test", evaluate.image_quality(self.model, self.test, self.data))

    def _robustness(self) -> dict[str, float]:
        return _grouped("robust", evaluate.robustness(self.model, self.data, self.config.robust))

    def _latent(self) -> dict[str, float]:
        return _grouped("latent", latent.scores(self.model, self.data, self.config.evaluation))

    def _few_labels(self) -> dict[str, float]:
        accuracy = latent.few_label_accuracy(self.model, self.data, self.config.evaluation)
        return {metrics.FEW_LABEL_ACCURACY.key: accuracy}

    def _size(self) -> dict[str, float]:
        return {metrics.PARAMETERS.key: sum(each.numel() for each in self.model.parameters())}

    def _examples(self) -> None:
        """The ten images clean, noisy and denoised, bare, for whoever lays runs side by side."""
        name = "figures/examples.png"
        rows = evaluate.examples(self.model, self.data, self.config.noise)
        strip = torch.cat([torch.cat(list(images), dim=1) for images in rows]).clamp(0, 1)
        pixels = (strip * 255).round().byte().cpu().numpy()
        Image.fromarray(pixels).save(self.own.path(name))
        self.own.add(name)

    def _map(self) -> None:
        """The latents of test images as a table, with their places on a t-SNE map if it exists."""
        settings, test = self.config.evaluation, self.data.test
        codes = latent.codes(self.model, test.images[: settings.tsne_codes], self.data)
        labels = test.labels[: len(codes)].cpu().numpy()
        columns = {f"code_{i}": column for i, column in enumerate(codes.T)}
        with self._left_out(metrics.TRUSTWORTHINESS.key, "the t-SNE map"):
            columns["tsne_x"], columns["tsne_y"] = self._places(codes, labels).T
        columns["label"] = labels
        rows = zip(*columns.values(), strict=True)
        add_table(self.own, "codes", (dict(zip(columns, row, strict=True)) for row in rows))

    def _places(self, codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Draw the map; the places of the latents on it, (n, 2)."""
        settings, name = self.config.evaluation, self.own.fields["name"]
        self.own.note_job(stage=f"t-SNE of {len(codes):,} latents")
        log.info("%s: t-SNE of %d latents ...", name, len(codes))
        start = time.perf_counter()
        places = latent.tsne(codes, settings)
        self.own.log({metrics.TSNE_SECONDS.key: time.perf_counter() - start}, 0)
        trusted = latent.map_trustworthiness(codes, places, settings)
        self.own.log({metrics.TRUSTWORTHINESS.key: trusted}, 0)
        title = f"{name}, t-SNE of {len(codes):,} test latents"
        figure = figures.tsne_map(places, labels, self.data.class_names, title)
        add_figure(self.own, "tsne", figure, self.epoch)
        return places

    def _log(self, values: Mapping[str, float]) -> None:
        """Log the values that are finite, which the PSNR of a perfect image is not."""
        self.own.log({key: value for key, value in values.items() if math.isfinite(value)}, 0)
        for key, value in values.items():
            if not math.isfinite(value):
                self._leave_out(key, key, f"it is {value}")

    @contextlib.contextmanager
    def _left_out(self, key: str, what: str = "") -> Iterator[None]:
        """Leave out the metric `key`, called `what`, if it cannot be computed, and continue."""
        try:
            yield
        except ValueError as error:
            if error is self.own.error:
                raise
            self._leave_out(key, what or key, str(error).partition("\n")[0])

    def _leave_out(self, key: str, what: str, why: str) -> None:
        """Say so once: the tag keeps the metric from being measured whenever the run is reused."""
        log.warning("%s: %s is left out: %s", self.own.fields["name"], what, why)
        tags = self.own.fields["tags"]
        self.own.update(tags=tags | {LEFT_OUT: f"{tags.get(LEFT_OUT, '')} {key}".strip()})


def lacking(config: Config, there: Collection[str], tags: Mapping[str, str]) -> set[str]:
    """The metrics, one of each measurement, that a run of this config should have and has not."""
    wanted = {
        metrics.PSNR.key,
        metrics.ROBUSTNESS.key,
        metrics.KNN_ACCURACY.key,
        metrics.FEW_LABEL_ACCURACY.key,
        metrics.PARAMETERS.key,
    }
    if config.data.holdout:
        wanted.add(metrics.TEST_LOSS.key)  # else it is logged after each epoch
    if config.evaluation.map_seed in (None, config.seed):
        wanted.add(metrics.TRUSTWORTHINESS.key)
    return wanted - set(there) - set(tags.get(LEFT_OUT, "").split())


def add_figure(own: Record, key: str, figure: Any, step: int, name: str = "") -> None:
    """Add a figure to the run's files, and under `key` to the image grids of MLflow's charts."""
    file = f"figures/{name or key}.png"
    picture = figures.drawn(figure)
    picture.save(own.path(file))
    own.add(file)
    formats.add_image(own, key, picture, step)


def add_table(own: Record, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add a CSV file with a header, of at least one row."""
    file = f"tables/{name}.csv"
    _write_csv(own.path(file), iter(rows))
    own.add(file)


def _write_csv(path: Path, rows: Iterator[Mapping[str, Any]]) -> None:
    first = next(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)


def _grouped(group: str, values: Mapping[str, float]) -> dict[str, float]:
    return {f"{group}/{name}": value for name, value in values.items()}
