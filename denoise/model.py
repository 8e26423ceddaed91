"""Autoencoders: `encode` images into codes, `decode` codes into images, `forward` does both.

Every public class but the base class is a choice of `conf/model/`. Images have shape
(images, 1, 28, 28) in the model's space, codes have shape (images, latent_dim). These models end in
a sigmoid, so their output lies in [0, 1], whatever the model's space.
"""

import contextlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from denoise.bounds import PositiveInt


class Autoencoder(nn.Module):
    """The base of every model, whose `__init__` sets an `encoder` and a `decoder`."""

    encoder: nn.Module
    decoder: nn.Module

    def encode(self, images: Tensor) -> Tensor:
        return self.encoder(images)

    def decode(self, codes: Tensor) -> Tensor:
        return self.decoder(codes)

    def forward(self, images: Tensor) -> Tensor:
        return self.decode(self.encode(images))


@contextlib.contextmanager
def seeded(*seed: int) -> Iterator[None]:
    """Within the block, torch's own random numbers follow from the `seed`, one or several numbers.

    First weights are drawn from them, and what models draw themselves, such as dropout.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        yield


class Anello(Autoencoder):
    """The study's network: three convolutions and two linear layers, and their mirror image.

    After E. Anello's convolutional autoencoder; 87,125 parameters with `latent_dim` 4.
    """

    def __init__(self, latent_dim: PositiveInt) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 32, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(32 * 3 * 3, 128),
            nn.ReLU(inplace=True),
            nn.Linear(128, latent_dim),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, 128),
            nn.ReLU(inplace=True),
            nn.Linear(128, 32 * 3 * 3),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (32, 3, 3)),
            nn.ConvTranspose2d(32, 16, 3, stride=2),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1),
            nn.Sigmoid(),
        )


class Shallow(Autoencoder):
    """One hidden layer of `latent_dim` sigmoid units, on which denoising was introduced.

    After Vincent et al. 2008, section 2, but with untied weights. Codes lie in (0, 1).
    402,448 parameters as configured.
    """

    def __init__(self, latent_dim: PositiveInt) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, latent_dim), nn.Sigmoid())
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, 28 * 28), nn.Unflatten(1, (1, 28, 28)), nn.Sigmoid()
        )


class Mlp(Autoencoder):
    """Fully connected: `depth` hidden layers of `width` units, and their mirror image.

    After Vincent et al. 2010, section 3.5, but with rectifiers, untied weights, and all layers
    trained at once. 1,334,036 parameters as configured.
    """

    def __init__(self, latent_dim: PositiveInt, width: PositiveInt, depth: PositiveInt) -> None:
        super().__init__()
        hidden = [width] * depth
        self.encoder = nn.Sequential(
            nn.Flatten(), _dense([28 * 28, *hidden]), nn.Linear(width, latent_dim)
        )
        self.decoder = nn.Sequential(
            _dense([latent_dim, *hidden]),
            nn.Linear(width, 28 * 28),
            nn.Unflatten(1, (1, 28, 28)),
            nn.Sigmoid(),
        )


class Conv(Autoencoder):
    """Residual convolutions: `width` channels at 14x14, twice as many at 7x7, and back.

    The encoder and the decoder have `depth` residual blocks at each size. 218,869 parameters as
    configured.
    """

    def __init__(self, latent_dim: PositiveInt, width: PositiveInt, depth: PositiveInt) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            _down(1, width, depth), _down(width, 2 * width, depth), _code(2 * width, latent_dim)
        )
        self.decoder = nn.Sequential(
            _uncode(latent_dim, 2 * width, depth),
            _up(2 * width, width, depth),
            nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )


class Unet(Autoencoder):
    """Convolutions with skip connections at both sizes (Ronneberger et al. 2015), for denoising.

    Features skip the code, so the code may hold little of the image. `decode` makes images from
    codes alone, with zeros for the features. Channels and `depth` are those of `Conv`, but pixels
    enter and leave four at a time, as channels of 14x14, which avoids convolutions at full
    resolution (Shi et al. 2016). 221,528 parameters as configured.
    """

    encoder: nn.Sequential
    decoder: nn.Sequential

    def __init__(self, latent_dim: PositiveInt, width: PositiveInt, depth: PositiveInt) -> None:
        super().__init__()
        folded = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4, width, 3, padding=1))
        unfolded = nn.Sequential(nn.Conv2d(2 * width, 4, 3, padding=1), nn.PixelShuffle(2))
        self.encoder = nn.Sequential(
            _stage(folded, width, depth),
            _down(width, 2 * width, depth),
            _code(2 * width, latent_dim),
        )
        self.decoder = nn.Sequential(
            _uncode(latent_dim, 2 * width, depth),
            _up(4 * width, width, depth),
            nn.Sequential(unfolded, nn.Sigmoid()),
        )

    def decode(self, codes: Tensor, skips: Sequence[Tensor] = ()) -> Tensor:
        """Images from `codes` and, if given, the encoder's features, the last first."""
        images = self.decoder[0](codes)
        for number, stage in enumerate(self.decoder[1:]):
            skip = skips[number] if skips else torch.zeros_like(images)
            images = stage(torch.cat([images, skip], dim=1))
        return images

    def forward(self, images: Tensor) -> Tensor:
        fine = self.encoder[0](images)
        coarse = self.encoder[1](fine)
        return self.decode(self.encoder[2](coarse), [coarse, fine])


class _Residual(nn.Module):
    """Two convolutions, added to their input (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(features + self.change(features))


def _stage(layer: nn.Module, channels: int, depth: int) -> nn.Sequential:
    """A layer with `channels` outputs, followed by `depth` residual blocks."""
    blocks = [_Residual(channels) for _ in range(depth)]
    return nn.Sequential(layer, nn.ReLU(inplace=True), *blocks)


def _down(given: int, channels: int, depth: int) -> nn.Sequential:
    """From `given` channels to `channels`, at half the side."""
    return _stage(nn.Conv2d(given, channels, 4, stride=2, padding=1), channels, depth)


def _up(given: int, channels: int, depth: int) -> nn.Sequential:
    """From `given` channels to `channels`, at twice the side."""
    return _stage(nn.ConvTranspose2d(given, channels, 4, stride=2, padding=1), channels, depth)


def _code(channels: int, latent_dim: PositiveInt) -> nn.Sequential:
    """From features of 7x7 to codes, through 128 units, as in `Anello`."""
    return nn.Sequential(nn.Flatten(), _dense([channels * 7 * 7, 128]), nn.Linear(128, latent_dim))


def _uncode(latent_dim: int, channels: int, depth: int) -> nn.Sequential:
    """From codes to features of 7x7, through 128 units, as in `Anello`."""
    layers = _dense([latent_dim, 128]), nn.Linear(128, channels * 7 * 7)
    return _stage(nn.Sequential(*layers, nn.Unflatten(1, (channels, 7, 7))), channels, depth)


def _dense(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers from each size to the next, with rectifiers."""
    layers = [(nn.Linear(*pair), nn.ReLU(inplace=True)) for pair in pairwise(sizes)]
    return nn.Sequential(*(layer for pair in layers for layer in pair))
