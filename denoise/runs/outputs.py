"""What a run writes while it trains: metrics, figures, and the states to resume from."""

import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from omegaconf import OmegaConf
from torch import Tensor

from denoise import checkpoint, data, evaluate, figures, metrics
from denoise.config.compose import Config
from denoise.model import Autoencoder
from denoise.runs.evaluation import Evaluation, add_figure, add_table
from denoise.tracking import failures, formats, system
from denoise.tracking.records import LOG, STATE, Record
from denoise.trainer import Trainer

log = logging.getLogger(__name__)

STATES = (f"{STATE}/even.safetensors", f"{STATE}/odd.safetensors")


class Outputs:
    """Writes to the `record` of a run what happens to its trainer."""

    def __init__(self, config: Config, record: Record, images: data.Data) -> None:
        self.config, self.record, self.data = config, record, images
        self.name = record.fields["name"]
        self.history: list[dict[str, float]] = []
        self.monitor = system.Monitor() if config.tracking.system_metrics else None
        self.best_weights: dict[str, Tensor] = {}
        # Epochs are compared on held-out images or else, as the study did, on the test set.
        self.split, chosen = ("val", images.val) if images.val else ("test", images.test)
        self.losses = (metrics.TRAIN_LOSS.key, f"{self.split}/loss")
        evaluate.check_suite(config.robust, images)
        self.epoch_images = evaluate.corrupted(chosen, images, config.noise, config.trainer.target)

    @property
    def best(self) -> int:
        """The index in the history of the best epoch: of several, the first."""
        scores = [values[self.config.protocol.score] for values in self.history]
        return scores.index(min(scores))

    def begin(self, trainer: Trainer, overrides: list[str]) -> None:
        """Resume from the newest whole state of the run, or begin with the untrained model."""
        if state := checkpoint.newest(self.record.written(STATE)):
            self._resume(trainer, state)
        else:
            self._introduce(trainer, overrides)
        tags = self.record.fields["tags"] | {"arithmetic": str(trainer.arithmetic)}
        self.record.update(tags=tags)
        self.record.note_job(stage="training")
        self.epoch_began = time.perf_counter()

    def _resume(self, trainer: Trainer, state: Path) -> None:
        """Restore the state; log epochs that the process had no time to log before it died."""
        self.history, self.best_weights = checkpoint.restore(state, trainer)
        for epoch, values in enumerate(self.history, start=1):
            self.record.log(values, epoch)
        log.info(
            "%s: resumes after epoch %d of run %s", self.name, len(self.history), self.record.run_id
        )

    def _introduce(self, trainer: Trainer, overrides: list[str]) -> None:
        """Write data sets, config, the noise, and what the untrained model makes of it."""
        name, images = self.config.data.name, self.data
        splits = {"training": images.train, "validation": images.val, "testing": images.test}
        for context, split in splits.items():
            if split:
                formats.add_dataset(self.record, name, images.source, *split, context=context)
        # The run's own config: Hydra writes its copy only where and if the user wishes.
        self.record.write("config/config.yaml", OmegaConf.to_yaml(self.config.plain))
        self.record.write("config/overrides.yaml", OmegaConf.to_yaml(overrides))
        self._pictures(trainer.model, 0)

    def epoch(self, trainer: Trainer, values: dict[str, float]) -> None:
        """Log the metrics of an epoch that has just ended, and save the state after it.

        The epoch is logged once its state is on disk, so that a killed run logs none twice.
        `FloatingPointError` if a loss is not finite, as after a step that was too large.
        """
        measured = evaluate.losses(trainer.model, self.epoch_images, self.data)
        values |= {f"{self.split}/{name}": value for name, value in measured.items()}
        for name, value in values.items():
            trainer.check(name, value, epoch=len(self.history) + 1)
        values[metrics.EPOCH_SECONDS.key] = time.perf_counter() - self.epoch_began
        self.history.append(values)
        epoch = len(self.history)
        if self.best == epoch - 1:
            weights = trainer.model.state_dict()
            self.best_weights = {name: value.clone() for name, value in weights.items()}
        if epoch == 1 and self.config.trainer.epochs > 1:
            self._pictures(trainer.model, 1)
        self._save(trainer)
        self.record.log(values | (self.monitor.read() if self.monitor else {}), epoch)
        self._print(epoch, values)
        self.epoch_began = time.perf_counter()

    def _save(self, trainer: Trainer) -> None:
        """Save the state in place of the last but one, so that a failed save leaves the last."""
        file = STATES[len(self.history) % 2]
        history, best = self.history, self.best_weights
        checkpoint.save(
            self.record.path(file), trainer, history=history, best=best, config=self.config.plain
        )
        self.record.add(file)

    def end(self, trainer: Trainer) -> None:
        """Evaluate the last epoch's weights, or the best epoch's where images were held out."""
        model = trainer.model
        self._pictures(model, len(self.history), with_noise=False)
        if checkpoint.evaluated(self.config.data.holdout) == checkpoint.BEST:
            model.load_state_dict(self.best_weights)
        self.record.note_job(stage="evaluation")
        self._log_best()
        self._loss_curves()
        Evaluation(self.config, model, self.data, self.record).run()
        self.record.note_job(stage="saving")
        self._add_model(model.cpu())
        epochs = range(1, len(self.history) + 1)
        add_table(self.record, "history", {"epoch": epochs, **self._curves(self.history[0])})

    def _add_model(self, model: Autoencoder) -> None:
        """Add the model in MLflow's format; one that torch cannot export is left out."""
        example = self.data.scale(self.data.test.images[:2]).cpu()
        try:
            formats.add_model(self.record, model, example)
        except Exception as error:
            if error is self.record.error or isinstance(error, OSError):
                raise
            log.warning(
                "%s: the model is left out in MLflow's format, as torch cannot export it; its "
                "checkpoints are there, for pull, load and apply (%s)",
                *(self.name, failures.first_line(error)),
            )

    def keep(self) -> None:
        """Keep, however the run ends, its log and the weights of its last and its best epoch."""
        state = checkpoint.newest(self.record.written(STATE))
        if state and self.history:
            checkpoint.copy_weights(state, self.record.path(checkpoint.LAST))
            path, weights = self.record.path(checkpoint.BEST), self.best_weights
            checkpoint.save_weights(path, weights, epoch=self.best + 1, config=self.config.plain)
            self.record.add(checkpoint.LAST, checkpoint.BEST)
        if (self.record.folder / LOG).exists():
            self.record.add(LOG)

    def _log_best(self) -> None:
        """Log the metrics of the best epoch, under names of their own."""
        values = self.history[self.best]
        best = {f"best/{name}": values[f"{self.split}/{name}"] for name in evaluate.LOSSES}
        self.record.log(best | {metrics.BEST_EPOCH.key: self.best + 1}, 0)

    def _print(self, epoch: int, values: Mapping[str, float]) -> None:
        losses = "  ".join(f"{key} {values[key]:.4f}" for key in self.losses)
        epochs, speed = self.config.trainer.epochs, values[metrics.IMAGES_PER_SECOND.key]
        log.info("%s: epoch %d/%d  %s  %.0f images/s", self.name, epoch, epochs, losses, speed)

    def _pictures(self, model: Autoencoder, step: int, *, with_noise: bool = True) -> None:
        """Log the model's output for some test images and, `with_noise`, the noise.

        MLflow shows a chart as a table only if it has two image keys: at steps 0 and 1, the noise
        is the second one.
        """
        clean, noisy, output = evaluate.examples(model, self.data, self.config.noise)
        names, rows = self.data.class_names, {"clean": clean, "noisy": noisy}
        if with_noise:
            add_figure(self.record, "noise", figures.image_rows(rows, names, self.name), step)
        when = f"after epoch {step}" if step else "untrained"
        figure = figures.image_rows(rows | {"output": output}, names, f"{self.name}, {when}")
        add_figure(self.record, "reconstructions", figure, step, f"reconstructions_{step:03d}")

    def _loss_curves(self) -> None:
        curves = self._curves(self.losses)
        figure = figures.loss_curves(curves, self.config.evaluation.loss_axis, self.name)
        figure.savefig(self.record.path("figures/loss.png"))
        self.record.add("figures/loss.png")

    def _curves(self, keys: Iterable[str]) -> dict[str, list[float]]:
        """Metrics over the epochs."""
        return {key: [values[key] for values in self.history] for key in keys}
