"""Corruptions: a clean batch in, a noisy batch out.

Every class but the protocol `Noise` is a choice of `conf/noise/`. It is called with a batch of
shape (images, 1, height, width) in the model's space, returns a new batch of the same shape, draws
independently for each image, and takes all its randomness from `generator`, which lives on the
batch's device. Where black and white matter, they are `low` and `high`, as in the data.

The annotation of a field declares its values. They are checked when a config is read, not when an
object is made in Python.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Protocol, runtime_checkable

import torch
from pydantic import Field, WithJsonSchema
from torch import Generator, Tensor

from denoise.bounds import Fraction, Interval, NonNegative

# How run names and labels abbreviate a field.
SYMBOLS = {"sigma": "σ"}


@runtime_checkable
class Noise(Protocol):
    """Anything that corrupts a batch."""

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor: ...


def changes_nothing(noise: Noise) -> bool:
    """Whether it is a noise of this module whose amount (first field) and mean, if any, are 0."""
    if type(noise).__module__ != __name__:
        return False
    amounts = [getattr(noise, field.name) for field in fields(noise)]  # type: ignore[arg-type]
    return amounts[:1] in ([], [0]) and not getattr(noise, "mean", 0)


@dataclass(frozen=True)
class Identity:
    """No noise: the baseline for the others."""

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:  # noqa: ARG002
        return images.clone()


@dataclass(frozen=True)
class Gaussian:
    """Additive Gaussian noise, not clipped (Vincent et al. 2010, section 3.3).

    `sigma` (>= 0) and `mean` are in the model's space: the study's [-1, 1] is two units wide.
    """

    sigma: NonNegative
    mean: float

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        noise = torch.empty_like(images).normal_(generator=generator)
        return noise.mul_(self.sigma).add_(self.mean).add_(images)


@dataclass(frozen=True)
class Uniform:
    """Additive uniform noise on [-`width`, `width`], in the model's space, not clipped."""

    width: NonNegative

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        noise = torch.empty_like(images).uniform_(-self.width, self.width, generator=generator)
        return noise.add_(images)


@dataclass(frozen=True)
class Speckle:
    """Brightness times 1 + n, with Gaussian n, as in scikit-image's `random_noise`; not clipped.

    Brightness is measured from black (`low`), so black stays black. `sigma` (>= 0) is the standard
    deviation of n.
    """

    sigma: NonNegative
    low: float

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        noise = torch.empty_like(images).normal_(generator=generator)
        return noise.mul_(self.sigma).mul_(images - self.low).add_(images)


@dataclass(frozen=True)
class Poisson:
    """Shot noise: each pixel counts photons, a white one on average `peak` (1e-6 to 1e6).

    For a pixel of brightness v, 0 for black and 1 for white, the count divided by `peak` has mean v
    and variance v / `peak`. It is not clipped. Pixels darker than black count as black.
    """

    peak: Annotated[float, Field(ge=1e-6, le=1e6)]  # float32 counts exactly up to 1.6e7
    low: float
    high: float

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        photon = (self.high - self.low) / self.peak
        counts = torch.poisson(((images - self.low) / photon).clamp_(min=0), generator=generator)
        return counts.mul_(photon).add_(self.low)


@dataclass(frozen=True)
class Masking:
    """Each pixel set to `value` with probability `fraction` (Vincent et al. 2008, section 2.3).

    Each pixel is drawn independently, so the masked share varies from image to image; in the paper
    it is the same in each.
    """

    fraction: Fraction
    value: float

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        drawn = torch.empty_like(images).uniform_(generator=generator)
        return images.masked_fill(drawn < self.fraction, self.value)


@dataclass(frozen=True)
class SaltAndPepper:
    """Each pixel made white or black with probability `amount` (Vincent et al. 2010, section 3.3).

    `salt_vs_pepper` is the share of white (`high`) pixels among them. Both are in [0, 1] and have
    the names of scikit-image's `random_noise`.
    """

    amount: Fraction
    salt_vs_pepper: Fraction
    low: float
    high: float

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        drawn = torch.empty_like(images).uniform_(generator=generator)
        salt = drawn < self.amount * self.salt_vs_pepper
        return images.masked_fill(drawn < self.amount, self.low).masked_fill_(salt, self.high)


@dataclass(frozen=True)
class RandomErasing:
    """With probability `p`, one rectangle of an image set to `value` (Zhong et al. 2020, alg. 1).

    `scale` bounds the rectangle's share of the image, in [0, 1]; `ratio` its height over its
    width, which is drawn log-uniformly. As in torchvision, ten rectangles are drawn and the first
    that is smaller than the image in both directions is used. If none is, the image stays whole.
    """

    p: Fraction
    scale: Interval[Fraction]
    ratio: Interval[Annotated[float, Field(ge=1e-6)]]
    value: float

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        return images.masked_fill(self._boxes(images, generator), self.value)

    def _boxes(self, images: Tensor, generator: Generator) -> Tensor:
        """The pixels to erase, as a mask of the shape of `images`."""
        count, _, height, width = images.shape

        def uniform(bounds: tuple[float, float], draws: int) -> Tensor:
            low, high = bounds
            drawn = torch.rand(count, draws, generator=generator, device=images.device)
            return drawn.mul_(high - low).add_(low)

        area = uniform(self.scale, 10) * (height * width)
        narrow, broad = self.ratio
        aspect = uniform((math.log(narrow), math.log(broad)), 10).exp_()
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

    The kernel ends at three `sigma`; the image is mirrored at its edges. Nothing is random.
    """

    sigma: Annotated[float, Field(ge=0, le=4)]  # at 4, the kernel has 25 pixels, the image 28

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:  # noqa: ARG002
        if self.sigma == 0:
            return images.clone()
        from torchvision.transforms.functional import gaussian_blur  # takes a second

        return gaussian_blur(images, 2 * math.ceil(3 * self.sigma) + 1, self.sigma)


@dataclass(frozen=True)
class Mixture:
    """For each image one of `noises`, chosen with equal probability. Their names are free."""

    noises: Annotated[
        Mapping[str, Noise],
        Field(min_length=1),
        WithJsonSchema({"type": "object", "description": "one or more named noises"}),
    ]

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:
        count, device = len(images), images.device
        drawn = torch.randint(len(self.noises), (count,), generator=generator, device=device)
        output = torch.empty_like(images)
        for number, noise in enumerate(self.noises.values()):
            chosen = drawn == number
            output[chosen] = noise(images[chosen], generator=generator)
        return output
