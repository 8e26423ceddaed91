"""An estimate of how long runs will take, made before they start."""

import json
from collections.abc import Sequence
from dataclasses import replace
from statistics import mean

import torch

from denoise import metrics
from denoise.config.compose import Config
from denoise.data import Data, Split
from denoise.noise import Identity
from denoise.trainer import Trainer

KINDS = 10  # the most models and batch sizes whose speed is measured
IMAGES = 2048  # the most images that are trained on to measure it
# What a run does besides training, in epochs of training, measured on two cores.
AFTER_AN_EPOCH = 0.6  # if as many images are evaluated as are trained on
EVALUATION = 2.0
MAP_PER_CODE = 8 / 10_000
# Workers side by side share the memory: each is slower than one alone.
SHARED = 1.2


def seconds(jobs: Sequence[Config], *, workers: int) -> float:
    """About how long `jobs` take, `workers` at a time, each with as many threads as torch here."""
    speeds: dict[str, float] = {}
    total = 0.0
    for job in jobs:
        kind = _kind(job)
        if kind not in speeds and len(speeds) < KINDS:
            speeds[kind] = _images_per_second(job, min(IMAGES, job.data.trained))
        speed = speeds.get(kind, mean(speeds.values()))
        total += _epochs(job) * job.data.trained / speed
    return total / workers * (SHARED if workers > 1 else 1)


def _kind(job: Config) -> str:
    """Text that is equal for jobs that train equally fast."""
    settings = {key: job.plain["trainer"][key] for key in ("batch_size", "precision", "compile")}
    return json.dumps([job.plain["model"], settings, job.data.trained], default=str)


def _epochs(job: Config) -> float:
    """What a run costs, in epochs of training."""
    evaluated = job.data.holdout or job.data.test_size
    epoch = 1 + AFTER_AN_EPOCH * evaluated / job.data.trained
    codes = job.evaluation.tsne_codes if job.evaluation.has_map(job.seed) else 0
    return job.trainer.epochs * epoch + EVALUATION + MAP_PER_CODE * codes


def _images_per_second(job: Config, size: int) -> float:
    """How fast the job's model trains here, measured on `size` random images."""
    device = job.trainer.torch_device()
    images = torch.randint(256, (size, 28, 28), dtype=torch.uint8, device=device)
    split = Split(images, torch.zeros(size, dtype=torch.int64, device=device))
    data = Data(split, None, split, [], "", job.data.space)
    model = job.model().to(device)
    # The first epoch warms up. Nothing is learned: settings that diverge have a speed as well.
    still = replace(job.trainer, epochs=2, learning_rate=0.0)
    trainer = Trainer(model, data, Identity(), still, seed=0)
    _, timed = trainer.epochs()
    return timed[metrics.IMAGES_PER_SECOND.key]
