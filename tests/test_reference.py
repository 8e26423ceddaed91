"""References against closed forms, and what theory says that nothing can be better than."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

from denoise import reference
from denoise.data import Data
from denoise.noise import Gaussian

PIXELS = 16


def drawn(count: int, seed: int) -> Tensor:
    """Images of 4x4 correlated Gaussian pixels, (count, 16)."""
    return torch.randn(count, PIXELS, generator=torch.Generator().manual_seed(seed)) @ MIXING.T


MIXING = torch.randn(PIXELS, PIXELS, generator=torch.Generator().manual_seed(0)) / PIXELS**0.5


def as_images(pixels: Tensor) -> Tensor:
    return pixels.reshape(len(pixels), 1, 4, 4)


def mse(output: Tensor, clean: Tensor) -> float:
    return (output - clean).square().mean().item()


def test_principal_components_are_those_of_scikit_learn() -> None:
    train, model = drawn(500, seed=1), reference.PrincipalComponents(drawn(500, seed=1), 3)
    theirs = PCA(3).fit(train.numpy())
    images = as_images(drawn(20, seed=2))
    expected = theirs.inverse_transform(theirs.transform(images.flatten(1)))
    np.testing.assert_allclose(model(images).flatten(1), expected, atol=1e-4)
    assert model.encode(images).shape == (20, 3)


def test_more_components_than_pixels_lose_nothing() -> None:
    images = as_images(drawn(20, seed=2))
    model = reference.PrincipalComponents(drawn(500, seed=1), 2 * PIXELS)
    torch.testing.assert_close(model(images), images)


def test_no_linear_autoencoder_beats_principal_components_on_the_training_images() -> None:
    train = drawn(500, seed=1)
    best = mse(reference.PrincipalComponents(train, 3)(as_images(train)).flatten(1), train)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(PIXELS, 3), nn.Linear(3, PIXELS))
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=500)

    def loss() -> Tensor:
        optimizer.zero_grad()
        error = (model(train) - train).square().mean()
        error.backward()
        return error

    optimizer.step(loss)
    assert best * (1 - 1e-5) < mse(model(train), train) < 1.05 * best


def covariance() -> Tensor:
    return MIXING @ MIXING.T


CORRUPTIONS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    # Of white noise: the corruption, and the filter C (C + s^2)^-1.
    "noise": (
        lambda clean, white: clean + 0.5 * white,
        lambda c: c @ torch.linalg.inv(c + 0.25 * torch.eye(PIXELS)),
    ),
    # Half of the pixels masked: C/2 (C/4 + diag(C)/4)^-1.
    "masking": (
        lambda clean, white: clean * (white > 0),
        lambda c: c / 2 @ torch.linalg.inv(c / 4 + c.diag().diag() / 4),
    ),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_wiener_filter_is_the_linear_estimator_of_the_covariances(name: str) -> None:
    corrupt, closed_form = CORRUPTIONS[name]
    clean = drawn(200_000, seed=1)
    noisy = corrupt(clean, torch.randn(clean.shape, generator=torch.Generator().manual_seed(3)))
    model = reference.Wiener(clean, noisy)
    torch.testing.assert_close(model.matrix, closed_form(covariance()), atol=0.02, rtol=0)
    torch.testing.assert_close(model.offset, torch.zeros(PIXELS), atol=0.02, rtol=0)


def test_the_wiener_filter_undoes_what_is_linear_and_without_noise() -> None:
    clean = drawn(1000, seed=1) + 3
    turned = clean.flip(1) * 2 + 1
    turned[:, 5] = turned[:, 4]  # a pixel that tells nothing new, so there is no inverse
    clean[:, 10] = clean[:, 11]
    output = reference.Wiener(clean, turned)(as_images(turned)).flatten(1)
    torch.testing.assert_close(output, clean, atol=1e-3, rtol=0)


def test_the_posterior_mean_of_two_images_is_a_logistic_function() -> None:
    """Of -1 and 1 in one pixel, the posterior mean of y is tanh(y / sigma^2)."""
    two = torch.tensor([[-1.0], [1.0]])
    noisy = torch.linspace(-3, 3, 61).reshape(-1, 1, 1, 1)
    for sigma in (0.05, 0.5, 2.0):
        output = reference.PosteriorMean(two, sigma)(noisy)
        torch.testing.assert_close(output, torch.tanh(noisy / sigma**2))
        shifted = reference.PosteriorMean(two, sigma, mean=0.25)(noisy + 0.25)
        torch.testing.assert_close(shifted, output, atol=1e-5, rtol=0)


def test_nothing_beats_the_posterior_mean_on_noisy_training_images(images: Data) -> None:
    """The Wiener filter, shrunken images, and the posterior mean of a wrong sigma try to."""
    train = images.train.images[:2000].flatten(1) / 255
    clean, noise = train.reshape(-1, 1, 28, 28), Gaussian(sigma=0.5, mean=0.0)
    noisy = noise(clean, generator=torch.Generator().manual_seed(1))
    again = noise(clean, generator=torch.Generator().manual_seed(2))
    bound = reference.PosteriorMean(train, sigma=0.5)
    best = (bound(noisy) - clean).square().flatten(1).mean(1)
    rivals = {
        "wiener": reference.Wiener(train, again.flatten(1)),
        "wrong sigma": reference.PosteriorMean(train, sigma=0.8),
        "another wrong sigma": reference.PosteriorMean(train, sigma=0.4),
        "some of the images": reference.PosteriorMean(train[:1000], sigma=0.5),
        "mean image": reference.MeanImage(train),
        "principal components": reference.PrincipalComponents(train, 16),
        "unchanged": reference.Unchanged(),
    }
    for name, rival in rivals.items():
        worse = (rival(noisy) - clean).square().flatten(1).mean(1) - best
        sampling_error = float(worse.std() / len(worse) ** 0.5)
        assert float(worse.mean()) > -2 * sampling_error, name


def test_the_filter_of_the_least_error_is_chosen() -> None:
    clean = torch.rand(4, 1, 28, 28)
    filters = [lambda image, by=by: image * by for by in (0.5, 1.1, 2.0)]
    best = reference.chosen(filters, clean, clean)
    torch.testing.assert_close(best(clean), clean * 1.1)


@pytest.mark.parametrize("filters", [reference.total_variation, reference.non_local_means])
def test_filters_of_scikit_image_remove_noise(images: Data, filters: Callable) -> None:
    pytest.importorskip("skimage")
    clean = images.train.images[:20].unsqueeze(1) / 255
    noisy = clean + 0.25 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    assert mse(reference.chosen(filters(), clean, noisy)(noisy), clean) < 0.4 * mse(noisy, clean)
