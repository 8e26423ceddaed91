"""Corruptions: a clean batch in, a noisy batch out.

Every class here is a choice of `conf/noise/`. It is called with a batch of shape
(images, 1, height, width) in the model's space, returns a new batch of the same shape, draws
independently for each image, and takes all its randomness from `generator`, which lives on the
batch's device. Where black and white matter, they are `low` and `high`, as in the data.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from denoise import checks
from denoise.errors import UserError

# How run names and labels write a field.
SYMBOLS = {"sigma": "σ"}


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
class Uniform:
    """Additive uniform noise on [-`width`, `width`], in the model's units, not clipped."""

    width: float

    def __post_init__(self) -> None:
        checks.number("noise.width", self.width, low=0)

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        noise = torch.empty_like(images).uniform_(-self.width, self.width, generator=generator)
        return noise.add_(images)


@dataclass(frozen=True)
class Speckle:
    """Light times 1 + n, with n Gaussian, as in scikit-image's `random_noise`; not clipped.

    Light is what an image has above black, `low`, so that black stays black. `sigma` (>= 0) is
    the standard deviation of n.
    """

    sigma: float
    low: float

    def __post_init__(self) -> None:
        checks.number("noise.sigma", self.sigma, low=0)
        checks.number("noise.low", self.low)

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        noise = torch.empty_like(images).normal_(generator=generator)
        return noise.mul_(self.sigma).mul_(images - self.low).add_(images)


@dataclass(frozen=True)
class Poisson:
    """Shot noise: each pixel counts photons, of which a white one gets `peak` (> 0) on average.

    With v a pixel's light, 0 for black and 1 for white, the count over `peak` has mean v and
    variance v / `peak`, and is not clipped. Pixels darker than black count as black.
    """

    peak: float
    low: float
    high: float

    def __post_init__(self) -> None:
        checks.number("noise.peak", self.peak, low=1e-6, high=1e6)  # float32 counts to 1.6e7
        checks.number("noise.low", self.low)
        checks.number("noise.high", self.high, low=self.low + 1e-6)

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        photon = (self.high - self.low) / self.peak
        counts = torch.poisson(((images - self.low) / photon).clamp_(min=0), generator=generator)
        return counts.mul_(photon).add_(self.low)


@dataclass(frozen=True)
class Masking:
    """Each pixel set to `value` with probability `fraction` (Vincent et al. 2008, section 2.3).

    An independent draw for each pixel, so that the masked share varies from image to image;
    theirs is the same in each.
    """

    fraction: float
    value: float

    def __post_init__(self) -> None:
        checks.number("noise.fraction", self.fraction, low=0, high=1)
        checks.number("noise.value", self.value)

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        drawn = torch.empty_like(images).uniform_(generator=generator)
        return images.masked_fill(drawn < self.fraction, self.value)


@dataclass(frozen=True)
class SaltAndPepper:
    """Each pixel made white or black with probability `amount` (Vincent et al. 2010, section 3.3).

    `salt_vs_pepper` is the share of white, `high`, among them. Both are in [0, 1], and named as in
    scikit-image's `random_noise`.
    """

    amount: float
    salt_vs_pepper: float
    low: float
    high: float

    def __post_init__(self) -> None:
        checks.number("noise.amount", self.amount, low=0, high=1)
        checks.number("noise.salt_vs_pepper", self.salt_vs_pepper, low=0, high=1)
        checks.number("noise.low", self.low)
        checks.number("noise.high", self.high, low=self.low)

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        drawn = torch.empty_like(images).uniform_(generator=generator)
        salt = drawn < self.amount * self.salt_vs_pepper
        return images.masked_fill(drawn < self.amount, self.low).masked_fill_(salt, self.high)


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


@dataclass(frozen=True)
class GaussianBlur:
    """Convolution with a Gaussian of standard deviation `sigma` in pixels, from 0 to 4.

    The kernel ends at three `sigma`; the image is mirrored at its edges. Nothing is drawn.
    """

    sigma: float

    def __post_init__(self) -> None:
        checks.number("noise.sigma", self.sigma, low=0, high=4)  # 25 of the image's 28 pixels

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:  # noqa: ARG002
        if self.sigma == 0:
            return images.clone()
        from torchvision.transforms.functional import gaussian_blur  # a second's import

        return gaussian_blur(images, 2 * math.ceil(3 * self.sigma) + 1, self.sigma)


@dataclass(frozen=True)
class Mixture:
    """For each image one of `noises`, by their names, with equal probability."""

    noises: Mapping[str, Noise]

    def __post_init__(self) -> None:
        named = isinstance(self.noises, Mapping) and all(map(callable, self.noises.values()))
        if not (named and self.noises):
            raise UserError(f"noise.noises must be one or more named noises, got {self.noises!r}")

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        count, device = len(images), images.device
        drawn = torch.randint(len(self.noises), (count,), generator=generator, device=device)
        output = torch.empty_like(images)
        for number, noise in enumerate(self.noises.values()):
            chosen = drawn == number
            output[chosen] = noise(images[chosen], generator=generator)
        return output
