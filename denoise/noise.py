"""Corruptions: a clean batch in, a noisy batch out.

Every class here is a choice of `conf/noise/`. It is called with a batch of shape
(images, 1, height, width) in the model's space, returns a new batch of the same shape, draws
independently for each image, and takes all its randomness from `generator`, which lives on the
batch's device.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from denoise import checks


class Noise(Protocol):
    """Anything that corrupts a batch."""

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor: ...


@dataclass(frozen=True)
class Identity:
    """No noise: the baseline that the others are compared with."""

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:  # noqa: ARG002
        return images.clone()


@dataclass(frozen=True)
class Gaussian:
    """Additive Gaussian noise, not clipped (Vincent et al. 2010, section 3.3).

    `sigma` (>= 0) and `mean` are in the model's units: the study's [-1, 1] is two units wide.
    """

    sigma: float
    mean: float

    def __post_init__(self) -> None:
        checks.number("noise.sigma", self.sigma, low=0)
        checks.number("noise.mean", self.mean)

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        noise = torch.empty_like(images).normal_(generator=generator)
        return noise.mul_(self.sigma).add_(self.mean).add_(images)


@dataclass(frozen=True)
class RandomErasing:
    """With probability `p`, one rectangle of an image set to `value` (Zhong et al. 2020, alg. 1).

    `scale` bounds the rectangle's share of the image, in (0, 1]; `ratio` its height over its
    width. As in torchvision, ten rectangles are drawn, the first that is smaller than the image
    both ways is used, and an image for which none is stays whole.
    """

    p: float
    scale: Sequence[float]
    ratio: Sequence[float]
    value: float

    def __post_init__(self) -> None:
        checks.number("noise.p", self.p, low=0, high=1)
        checks.interval("noise.scale", self.scale, low=0, high=1)
        checks.interval("noise.ratio", self.ratio, low=1e-6)
        checks.number("noise.value", self.value)

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        return images.masked_fill(self._boxes(images, generator), self.value)

    def _boxes(self, images: Tensor, generator: Generator) -> Tensor:
        """The pixels to erase, as a mask of the shape of `images`."""
        count, _, height, width = images.shape

        def uniform(bounds: Sequence[float], draws: int) -> Tensor:
            low, high = bounds
            drawn = torch.rand(count, draws, generator=generator, device=images.device)
            return drawn.mul_(high - low).add_(low)

        area = uniform(self.scale, 10) * (height * width)
        aspect = uniform([math.log(bound) for bound in self.ratio], 10).exp_()
        tall, wide = (area * aspect).sqrt_().round_(), (area / aspect).sqrt_().round_()
        fits = (tall < height) & (wide < width)
        first = fits.int().argmax(dim=1, keepdim=True)  # of the ten, the first that fits
        tall, wide = tall.gather(1, first), wide.gather(1, first)
        erased = fits.any(1, keepdim=True) & (uniform((0, 1), 1) < self.p)

        top = (uniform((0, 1), 1) * (height - tall + 1)).floor_()
        left = (uniform((0, 1), 1) * (width - wide + 1)).floor_()
        row = torch.arange(height, device=images.device)
        column = torch.arange(width, device=images.device)
        rows = (row >= top) & (row < top + tall) & erased
        columns = (column >= left) & (column < left + wide)
        return rows[:, None, :, None] & columns[:, None, None, :]
