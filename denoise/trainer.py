"""Trains an autoencoder, and yields the metrics of each epoch to the caller."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from denoise import metrics
from denoise.bounds import NonNegative, PositiveInt
from denoise.cuda_graph import GraphedStep, side_stream
from denoise.data import Data
from denoise.errors import UserError
from denoise.model import Autoencoder, seeded
from denoise.noise import Noise


class Arithmetic(StrEnum):
    """How a training step is computed; the results differ only by rounding.

    `torch` is torch's default Adam on any device, `fused` the fused Adam on a CPU, and `cuda` the
    fused Adam on a CUDA GPU, in a CUDA graph if the model is one of the package's.
    """

    TORCH = "torch"
    FUSED = "fused"
    CUDA = "cuda"


_FASTEST = {"cpu": Arithmetic.FUSED, "cuda": Arithmetic.CUDA, "mps": Arithmetic.TORCH}


@dataclass(frozen=True)
class Settings:
    """How a model is trained.

    `target` is the image that the model learns to output: the corrupted one, the clean one, or a
    second, independent corruption of the same image (Lehtinen et al. 2018, Noise2Noise).
    """

    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: NonNegative
    weight_decay: NonNegative
    target: Literal["corrupted", "clean", "second"]
    device: Literal["auto", "cuda", "mps", "cpu"]
    precision: Literal["float32", "bfloat16"]
    compile: bool

    def torch_device(self) -> torch.device:
        """The device to train on; `auto` is the fastest. `UserError` if this machine lacks it."""
        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        here = [*(name for name, is_there in there.items() if is_there), "cpu"]
        if self.device not in ("auto", *here):
            raise UserError(
                f"trainer.device={self.device} is not on this machine, which has "
                f"{', '.join(here)}; auto takes the fastest"
            )
        return torch.device(here[0] if self.device == "auto" else self.device)


class Trainer:
    """Trains one model, epoch by epoch.

    Order, corruption and second corruption come from random streams of `seed`, so a seed gives the
    same run again, bit for bit, on the same machine with the same number of threads. Runs of one
    seed see the same order and the same corrupted images, whatever their target.
    """

    def __init__(
        self, model: Autoencoder, data: Data, noise: Noise, settings: Settings, *, seed: int
    ) -> None:
        self.model, self.data, self.noise, self.settings = model, data, noise, settings
        self.seed, self.device = seed, data.train.images.device
        torch.backends.cudnn.deterministic = True
        order, corruption, second = np.random.SeedSequence(seed).generate_state(3).tolist()
        self.order = Generator().manual_seed(order)
        self.corruption = Generator(self.device).manual_seed(corruption)
        self.second = Generator(self.device).manual_seed(second)
        self.optimizer = torch.optim.Adam(
            model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.forward = torch.compile(model) if settings.compile else model
        self.use(_FASTEST[self.device.type])

    def use(self, arithmetic: Arithmetic) -> None:
        """Train with `arithmetic`, which a resumed run keeps."""
        self.arithmetic, is_cuda = arithmetic, arithmetic is Arithmetic.CUDA
        for group in self.optimizer.param_groups:
            group["fused"] = None if arithmetic is Arithmetic.TORCH else True  # None: default
            group["capturable"] = is_cuda
        # A graph repeats what it recorded, and a model of somebody else's may change its steps.
        is_known = type(self.model).__module__ == Autoencoder.__module__
        is_graphed = is_cuda and is_known and not self.settings.compile
        self.graphed = GraphedStep(self.settings.batch_size) if is_graphed else None

    def epochs(self, *, after: int = 0) -> Iterator[dict[str, float]]:
        """Train the epochs that follow epoch number `after`, and yield the metrics of each.

        `FloatingPointError` if the loss is not finite.
        """
        for epoch in range(after + 1, self.settings.epochs + 1):
            start = time.perf_counter()
            with seeded(self.seed, epoch):  # so a resumed run draws the same numbers
                loss = self._epoch()
            speed = len(self.data.train.images) / (time.perf_counter() - start)
            self.check("loss", loss, epoch=epoch)
            yield {metrics.TRAIN_LOSS.key: loss, metrics.IMAGES_PER_SECOND.key: speed}

    def check(self, name: str, value: float, *, epoch: int) -> None:
        """Raise `FloatingPointError` if a value of this name is not finite: training diverged."""
        if not math.isfinite(value):
            rate = self.settings.learning_rate
            raise FloatingPointError(
                f"the {name} became {value} in epoch {epoch}, with trainer.learning_rate={rate:g}"
            )

    def _epoch(self) -> float:
        """Visit every training image once, in a new order; return the mean loss."""
        self.model.train()
        images = self.data.train.images
        with side_stream(self.device):
            order = torch.randperm(len(images), generator=self.order).to(self.device)
            batches = order.split(self.settings.batch_size)
            losses = torch.stack([self._train_on(images[index]) for index in batches]).cpu()
        return float(np.average(losses.double(), weights=[len(index) for index in batches]))

    def _train_on(self, images: Tensor) -> Tensor:
        """Corrupt a batch and train on it; return the loss before the step."""
        clean = self.data.scale(images)
        noisy = self.noise(clean, generator=self.corruption)
        wanted = target(self.settings.target, clean, noisy, self.noise, self.second)
        return (
            self.graphed(self._step, noisy, wanted) if self.graphed else self._step(noisy, wanted)
        )

    def _step(self, noisy: Tensor, wanted: Tensor) -> Tensor:
        bfloat16 = self.settings.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            output = self.forward(noisy)
        loss = F.mse_loss(output.float(), wanted)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def target(name: str, clean: Tensor, noisy: Tensor, noise: Noise, second: Generator) -> Tensor:
    """What the model learns to output, for `Settings.target`; `second` draws another corruption."""
    if name == "second":
        return noise(clean, generator=second)
    return noisy if name == "corrupted" else clean
