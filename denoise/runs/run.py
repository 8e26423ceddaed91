"""One run, told from top to bottom."""

import csv
import logging
import math
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from PIL import Image

from denoise import checkpoint, data, evaluate, figures, latent
from denoise.config.compose import Config
from denoise.model import Autoencoder
from denoise.runs.screen import Status
from denoise.tracking import session
from denoise.tracking.session import Run
from denoise.trainer import Trainer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What surrounds a run: its name, its tags, its folder, and the status that others watch.

    `anew` keeps it from going on with one that broke off.
    """

    name: str
    tags: dict[str, str]
    folder: Path
    status: Status
    anew: bool


def run(config: Config, job: Job) -> float:
    """Train, evaluate and log one model, from where it broke off; the best score of its epochs.

    `RunTakenError` if another process is at it.
    """
    device = config.trainer.torch_device()
    images = data.load(config.data, device)
    start = time.perf_counter()  # the first run of a process has waited for imports until here
    tags = job.tags | git_tags()
    params = _params(config)
    with session.run(
        config.tracking, job.folder, name=job.name, tags=tags, params=params, anew=job.anew
    ) as run:
        job.status.update(run_id=run.id)
        report = Report(config, job, images, run)
        try:
            trainer = Trainer(
                config.model.to(device), images, config.noise, config.trainer, seed=config.seed
            )
            report.begin(trainer)
            before = sum(values["time/epoch_seconds"] for values in report.history)
            for figures_of_epoch in trainer.epochs(after=len(report.history)):
                report.epoch(trainer, figures_of_epoch)
            report.end(trainer)
            run.final({"time/run_seconds": before + time.perf_counter() - start})
        finally:
            report.keep()
    job.status.update(run_id=run.id)  # if the store was away, it has given it only now
    return report.scores[report.best]


class Report:
    """What a run tells of itself, to MLflow, to its folder, to its log and to its status."""

    def __init__(self, config: Config, job: Job, images: data.Data, run: Run) -> None:
        self.config, self.job, self.data, self.run = config, job, images, run
        self.history: list[dict[str, float]] = []
        self.best_weights: dict[str, torch.Tensor] = {}
        self.test = evaluate.corrupted(images.test, images, config.noise)
        # The images that epochs are compared on: held out, or else, as the study did, the test set.
        self.chosen_name = "val" if images.val else "test"
        self.chosen = (
            evaluate.corrupted(images.val, images, config.noise) if images.val else self.test
        )
        for folder in ("state", "checkpoints", "figures", "tables"):
            (job.folder / folder).mkdir(exist_ok=True)

    @property
    def scores(self) -> list[float]:
        """Of each finished epoch; lower is better, and nothing is worse than not a number."""
        scores = [values[self.config.protocol.score] for values in self.history]
        return [math.inf if math.isnan(score) else score for score in scores]

    @property
    def best(self) -> int:
        """The best epoch's place in the history: the first, of several."""
        return self.scores.index(min(self.scores))

    def begin(self, trainer: Trainer) -> None:
        """Go on from the last state that the run has whole, or else from the untrained model."""
        if state := checkpoint.newest(self.job.folder / "state"):
            self._resume(trainer, state)
        else:
            self._introduce(trainer)
        self.job.status.update(stage="training")
        self.epoch_began = time.perf_counter()

    def _resume(self, trainer: Trainer, state: Path) -> None:
        """Take up a state, and tell MLflow what the run had no time to tell of it."""
        self.history, self.best_weights = checkpoint.restore(state, trainer)
        for epoch, values in enumerate(self.history, start=1):
            self.run.metrics(values, epoch)
        self._show(self.history[0], epoch=1)
        self._show(self.history[-1], epoch=len(self.history))
        log.info(
            "%s: goes on after epoch %d of run %s", self.job.name, len(self.history), self.run.id
        )

    def _introduce(self, trainer: Trainer) -> None:
        """Data set, config, the noise, and what the untrained model makes of it."""
        splits = {"training": self.data.train, "validation": self.data.val}
        for context, split in {**splits, "testing": self.data.test}.items():
            if split:
                self.run.dataset(self.config.data.name, self.data.source, *split, context=context)
        self.run.file(self.job.folder / "config")
        self._noise(trainer, 0)
        self._reconstructions(trainer, 0)
        self.run.file(self.job.folder / "figures")

    def epoch(self, trainer: Trainer, values: dict[str, float]) -> None:
        """The figures of an epoch that has just ended, and the state after it.

        MLflow hears of an epoch when its state is safe, so that no epoch is told of twice.
        """
        measured = self._losses(trainer, self.chosen)
        values |= {f"{self.chosen_name}/{name}": value for name, value in measured.items()}
        values["time/epoch_seconds"] = time.perf_counter() - self.epoch_began
        self.history.append(values)
        epoch = len(self.history)
        if self.best == epoch - 1:
            weights = trainer.model.state_dict()
            self.best_weights = {name: value.clone() for name, value in weights.items()}
        if epoch == 1 and self.config.trainer.epochs > 1:
            self._noise(trainer, 1)
            self._reconstructions(trainer, 1)
            self.run.file(self.job.folder / "figures")
        self._save(trainer)
        self.run.metrics(values, epoch)
        self._say(epoch, values)
        self.epoch_began = time.perf_counter()

    def _save(self, trainer: Trainer) -> None:
        """The state, in place of the last but one: a copy that is cut short leaves the last."""
        name = ("even", "odd")[len(self.history) % 2]
        path = self.job.folder / "state" / f"{name}.safetensors"
        history, best = self.history, self.best_weights
        checkpoint.save(path, trainer, history=history, best=best, config=self.config.plain)
        self.run.file(path)

    def end(self, trainer: Trainer) -> None:
        """The final figures: of the last epoch, or the best where images were held out."""
        model, last = trainer.model, len(self.history)
        self._reconstructions(trainer, last)
        if self.data.val:
            model.load_state_dict(self.best_weights)
            final = self._losses(trainer, self.test)
            self.run.final({f"test/{name}": value for name, value in final.items()})
        self.job.status.update(stage="evaluation")
        self._quality(model)
        self._loss_curves()
        self._examples(trainer)
        if self.config.evaluation.map_seed in (None, self.config.seed):
            self._map(trainer, last)
        self.job.status.update(stage="saving")
        self.run.model(model.cpu(), self.data.scale(self.data.test.images[:2]).cpu())
        _write_csv(self.job.folder / "tables" / "history.csv", _with_epochs(self.history))
        for folder in ("figures", "tables"):
            self.run.file(self.job.folder / folder)

    def keep(self) -> None:
        """However the run ends: its log, and the checkpoints of its last and its best epoch."""
        checkpoints = self.job.folder / "checkpoints"
        state = checkpoint.newest(self.job.folder / "state")
        if state and self.history:
            shutil.copyfile(state, checkpoints / "last.safetensors")
            checkpoint.save_weights(
                checkpoints / "best.safetensors",
                self.best_weights,
                epoch=self.best + 1,
                config=self.config.plain,
            )
            self.run.file(checkpoints)
        for path in sorted(self.job.folder.glob("*.log")):
            self.run.file(path)

    def _quality(self, model: Autoencoder) -> None:
        """What the model is worth, measured in the same way for every run."""
        settings = self.config.evaluation
        names = ("loss", "clean_mse", "denoise_mse")
        best = self.history[self.best]
        start = time.perf_counter()
        measured: dict[str, dict[str, float]] = {
            "best": {name: best[f"{self.chosen_name}/{name}"] for name in names}
            | {"epoch": self.best + 1},
            "test": evaluate.image_quality(model, self.test, self.data),
            "robust": evaluate.robustness(model, self.data, self.config.robust),
            "latent": latent.scores(model, self.data, settings),
            "model": {"parameters": sum(weights.numel() for weights in model.parameters())},
        }
        measured["time"] = {"scores_seconds": time.perf_counter() - start}
        for group, values in measured.items():
            self.run.final({f"{group}/{name}": value for name, value in values.items()})

    def _losses(self, trainer: Trainer, pairs: evaluate.Pairs) -> dict[str, float]:
        return evaluate.losses(trainer.model, pairs, self.data, self.config.trainer.target)

    def _say(self, epoch: int, values: Mapping[str, float]) -> None:
        epochs, train, chosen = self.config.trainer.epochs, "train/loss", f"{self.chosen_name}/loss"
        log.info(
            "%s: epoch %d/%d  %s %.4f  %s %.4f  %.0f images/s",
            *(self.job.name, epoch, epochs, train, values[train], chosen, values[chosen]),
            values["time/images_per_second"],
        )
        self._show(values, epoch)

    def _show(self, values: Mapping[str, float], epoch: int) -> None:
        self.job.status.update(
            epoch=epoch,
            loss=values["train/loss"],
            images_per_second=values["time/images_per_second"],
            epoch_seconds=values["time/epoch_seconds"],
            **({"first": values} if epoch == 1 else {}),
            last=values,
        )

    def _noise(self, trainer: Trainer, step: int) -> None:
        """The same at each step: only pictures of two keys does MLflow lay side by side."""
        clean, noisy, _ = evaluate.examples(trainer.model, self.data, self.config.noise)
        rows = {"clean": clean, "noisy": noisy}
        self._image("noise", figures.image_rows(rows, self.data.class_names, self.job.name), step)

    def _reconstructions(self, trainer: Trainer, step: int) -> None:
        clean, noisy, output = evaluate.examples(trainer.model, self.data, self.config.noise)
        rows = {"clean": clean, "noisy": noisy, "output": output}
        when = f"after epoch {step}" if step else "untrained"
        figure = figures.image_rows(rows, self.data.class_names, f"{self.job.name}, {when}")
        self._image("reconstructions", figure, step, file=f"reconstructions_{step:03d}")

    def _loss_curves(self) -> None:
        names = ("train/loss", f"{self.chosen_name}/loss")
        curves = {name: [values[name] for values in self.history] for name in names}
        limits = self.config.evaluation.loss_axis
        figure = figures.loss_curves(curves, limits, self.job.name)
        figure.savefig(self.job.folder / "figures" / "loss.png")

    def _examples(self, trainer: Trainer) -> None:
        """The ten images clean, noisy and denoised, bare, for whoever lays runs side by side."""
        rows = evaluate.examples(trainer.model, self.data, self.config.noise)
        strip = torch.cat([torch.cat(list(images), dim=1) for images in rows]).clamp(0, 1)
        pixels = (strip * 255).round().byte().cpu().numpy()
        Image.fromarray(pixels).save(self.job.folder / "figures" / "examples.png")

    def _map(self, trainer: Trainer, step: int) -> None:
        settings, test = self.config.evaluation, self.data.test
        codes = latent.codes(trainer.model, test.images[: settings.tsne_codes], self.data)
        labels = test.labels[: len(codes)].cpu().numpy()
        self.job.status.update(stage=f"t-SNE of {len(codes):,} codes")
        log.info("%s: t-SNE of %d codes ...", self.job.name, len(codes))
        start = time.perf_counter()
        coordinates = latent.tsne(codes, settings)
        self.run.final({"time/tsne_seconds": time.perf_counter() - start})
        trusted = latent.map_trustworthiness(codes, coordinates, settings)
        self.run.final({"latent/trustworthiness": trusted})
        title = f"{self.job.name}, t-SNE of {len(codes):,} test codes"
        figure = figures.tsne_map(coordinates, labels, self.data.class_names, title)
        self._image("tsne", figure, step)
        header = [*(f"code_{i}" for i in range(codes.shape[1])), "tsne_x", "tsne_y", "label"]
        table = (
            dict(zip(header, (*code, *place, label), strict=True))
            for code, place, label in zip(codes, coordinates, labels, strict=True)
        )
        _write_csv(self.job.folder / "tables" / "codes.csv", table)

    def _image(self, key: str, figure: Figure, step: int, file: str | None = None) -> None:
        """A figure as a file of the run, and under `key` in the image grids of MLflow's charts."""
        picture = figures.drawn(figure)
        picture.save(self.job.folder / "figures" / f"{file or key}.png")
        self.run.image(key, picture, step)


def _params(config: Config) -> dict[str, Any]:
    """The whole config, without the checksums of the data."""
    plain = dict(config.plain)
    plain["data"] = {key: value for key, value in plain["data"].items() if key != "sha256"}
    return plain


def git_tags() -> dict[str, str]:
    """The commit of the code and whether the tree differed from it; none outside a checkout."""

    def git(*command: str) -> str:
        here = Path(__file__).parent
        return subprocess.check_output(
            ["git", *command], cwd=here, text=True, stderr=subprocess.DEVNULL
        ).strip()

    try:
        return {
            "git.commit": git("rev-parse", "HEAD"),
            "git.dirty": str(bool(git("status", "--porcelain"))).lower(),
        }
    except (OSError, subprocess.CalledProcessError):
        return {}


def _with_epochs(history: list[dict[str, float]]) -> Iterable[dict[str, float]]:
    return ({"epoch": epoch, **values} for epoch, values in enumerate(history, start=1))


def _write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    rows = iter(rows)
    first = next(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)
