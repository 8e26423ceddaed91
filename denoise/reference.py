"""What models are compared with: denoisers in closed form and classical filters.

Each is an `Autoencoder`, so that it is measured by the same functions as a model. Images have shape
(images, 1, 28, 28), in pixels from 0 to 1: the model's space is `SPACE`. Training images are given
as float32 (n, pixels).
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from denoise.data import Space
from denoise.model import Autoencoder

SPACE = Space(0.0, 1.0)
# An eigenvalue of a covariance below this share of the largest one is rounding.
RANK_TOLERANCE = 1e-10

Filter = Callable[[np.ndarray], np.ndarray]


class Unchanged(Autoencoder):
    """The corrupted image itself; its code has all of its pixels."""

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        return images


class MeanImage(Autoencoder):
    """The mean of the training images, whatever the image."""

    def __init__(self, train: Tensor) -> None:
        super().__init__()
        self.mean = train.mean(0)

    def forward(self, images: Tensor) -> Tensor:
        return self.mean.expand(len(images), -1).reshape(images.shape)


class PrincipalComponents(Autoencoder):
    """The projection on the first principal components of the training images (Pearson 1901).

    No linear autoencoder with codes of this size has a lower squared error on these images (Baldi &
    Hornik 1989). There are at most as many components as pixels.
    """

    def __init__(self, train: Tensor, components: int) -> None:
        super().__init__()
        exact = train.double()
        mean = exact.mean(0)
        _, vectors = torch.linalg.eigh(_covariance(exact, exact))
        self.mean = mean.to(train.dtype)
        self.components = vectors.flip(1)[:, :components].to(train.dtype)

    def encode(self, images: Tensor) -> Tensor:
        return (images.flatten(1) - self.mean) @ self.components

    def decode(self, codes: Tensor) -> Tensor:
        pixels = codes @ self.components.T + self.mean
        side = round(pixels.shape[1] ** 0.5)
        return pixels.reshape(-1, 1, side, side)


class Wiener(Autoencoder):
    """The affine function of a corrupted image with the least mean squared error (Wiener 1949).

    It is the mean of the clean images + C_cn C_nn^-1 (image - mean of the noisy ones), with the
    covariances C of the training pairs `clean` and `noisy`, so it covers every corruption.
    """

    def __init__(self, clean: Tensor, noisy: Tensor) -> None:
        super().__init__()
        dtype, clean, noisy = clean.dtype, clean.double(), noisy.double()
        of_noisy = _covariance(noisy, noisy)
        inverse = torch.linalg.pinv(of_noisy, rtol=RANK_TOLERANCE, hermitian=True)
        matrix = _covariance(clean, noisy) @ inverse
        offset = clean.mean(0) - matrix @ noisy.mean(0)
        self.matrix, self.offset = matrix.to(dtype), offset.to(dtype)

    def forward(self, images: Tensor) -> Tensor:
        return (images.flatten(1) @ self.matrix.T + self.offset).reshape(images.shape)


class PosteriorMean(Autoencoder):
    """The mean of the training images, each weighted by its probability given the noisy image.

    `sigma` (> 0) and `mean` are those of the Gaussian noise. If the clean image is one of the
    training images, no denoiser has a lower expected squared error; for any other image this is
    only one more denoiser.
    """

    def __init__(self, train: Tensor, sigma: float, mean: float = 0.0) -> None:
        super().__init__()
        self.train_images, self.sigma, self.noise_mean = train.double(), sigma, mean
        self.squares = self.train_images.square().sum(1)

    def forward(self, images: Tensor) -> Tensor:
        noisy = images.flatten(1).double() - self.noise_mean
        # The squared distance to each training image, up to a number that all have in common.
        distances = self.squares - 2 * noisy @ self.train_images.T
        weights = torch.softmax(-distances / (2 * self.sigma**2), dim=1)
        return (weights @ self.train_images).to(images.dtype).reshape(images.shape)


class Filtered(Autoencoder):
    """A filter of single images, (28, 28) numpy arrays."""

    def __init__(self, function: Filter) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        filtered = [self.function(image) for image in images.squeeze(1).numpy()]
        return torch.from_numpy(np.stack(filtered)).to(images.dtype).unsqueeze(1)


def total_variation() -> list[Filter]:
    """Total variation denoising (Chambolle 2004) of scikit-image, at several strengths."""
    from skimage.restoration import denoise_tv_chambolle

    strengths = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0)
    return [partial(denoise_tv_chambolle, weight=each) for each in strengths]


def non_local_means() -> list[Filter]:
    """Non-local means (Buades et al. 2005) of scikit-image, at several strengths."""
    from skimage.restoration import denoise_nl_means

    strengths = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
    return [partial(denoise_nl_means, patch_size=3, patch_distance=6, h=each) for each in strengths]


def chosen(filters: Sequence[Filter], clean: Tensor, noisy: Tensor) -> Filtered:
    """The filter with the least squared error on these pairs."""
    models = [Filtered(each) for each in filters]
    errors = [float((model(noisy) - clean).square().mean()) for model in models]
    return models[int(np.argmin(errors))]


def _covariance(one: Tensor, other: Tensor) -> Tensor:
    """The covariances of the columns of two float64 matrices, (n, pixels) each, without copies."""
    return one.T @ other / len(one) - one.mean(0)[:, None] * other.mean(0)
