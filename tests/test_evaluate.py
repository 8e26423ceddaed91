"""Metrics of models whose result is known."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor

from denoise import evaluate, metrics
from denoise.data import Data, Space, Split
from denoise.errors import UserError
from denoise.model import Autoencoder
from denoise.noise import Gaussian, Identity, Noise


class Perfect(Autoencoder):
    """Returns its input."""

    def forward(self, images: Tensor) -> Tensor:
        return images


class Constant(Autoencoder):
    """Returns the same value for every pixel."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.full_like(images, 0.25)


def losses(model: Autoencoder, images: Data, noise: Noise, target: str) -> dict[str, float]:
    batches = evaluate.corrupted(images.test, images, noise, target)
    return evaluate.losses(model, batches, images)


class InPlace(Identity):
    """Brightens the images that it is given."""

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:  # noqa: ARG002
        return images.add_(0.1)


class Cut(Identity):
    """Returns a part of each image."""

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:  # noqa: ARG002
        return images[..., 1:]


class OwnDraws(Identity):
    """Draws from torch's own generator."""

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:  # noqa: ARG002
        return images + torch.randn_like(images)


class Double(Identity):
    """Returns other numbers than it is given."""

    def __call__(self, images: Tensor, *, generator: Generator) -> Tensor:  # noqa: ARG002
        return images.double()


@pytest.mark.parametrize(
    ("noise", "sentence"),
    [
        (InPlace(), "the noise InPlace changes its input"),
        (Cut(), "Cut returns a batch of shape"),
        (Double(), "Double returns torch.float64, but its input is of torch.float32"),
        (OwnDraws(), "OwnDraws is not repeatable: draw from `generator` only"),
    ],
)
def test_a_noise_that_breaks_its_contract_is_refused(
    images: Data, noise: Noise, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        evaluate.corrupted(images.test, images, noise, "clean")
    with pytest.raises(UserError, match=sentence):
        evaluate.check_suite({"clean": Identity(), "mine": noise}, images)


def test_a_model_that_samples_is_measured_on_the_same_samples_each_time(images: Data) -> None:
    class Sampling(Perfect):
        def forward(self, images: Tensor) -> Tensor:
            return images + torch.randn_like(images)

    first, again = (losses(Sampling(), images, Identity(), "clean") for _ in range(2))
    assert first == again


def test_a_model_that_copies_its_input_has_no_loss_and_does_not_denoise(images: Data) -> None:
    sigma = 0.4
    measured = losses(Perfect(), images, Gaussian(sigma, mean=0), "corrupted")
    assert measured["loss"] == 0
    assert measured["clean_mse"] == 0
    assert measured["denoise_mse"] == pytest.approx((sigma / 2) ** 2, rel=1e-2)


def test_the_loss_for_a_noisy_target_is_that_for_a_clean_one_plus_the_noise_variance(
    images: Data,
) -> None:
    noise = Gaussian(sigma=0.5, mean=0)
    noisy = losses(Constant(), images, noise, "corrupted")
    clean = losses(Constant(), images, noise, "clean")
    assert noisy["loss"] == pytest.approx(clean["loss"] + 0.25, rel=1e-3)
    assert clean["clean_mse"] == pytest.approx(clean["loss"] / 4, rel=1e-5)


def test_the_loss_for_a_second_corruption_compares_two_independent_ones(images: Data) -> None:
    """A copy of the input has the variance of both; the second is the same after every epoch."""
    noise = Gaussian(sigma=0.5, mean=0)
    assert losses(Perfect(), images, noise, "second")["loss"] == pytest.approx(0.5, rel=1e-2)
    constant = losses(Constant(), images, noise, "second")
    assert constant == losses(Constant(), images, noise, "second")
    assert constant["loss"] == pytest.approx(
        losses(Constant(), images, noise, "clean")["loss"] + 0.25, rel=1e-3
    )


def test_every_run_is_scored_on_the_same_corruption(images: Data) -> None:
    noise = Gaussian(sigma=1, mean=0)
    torch.manual_seed(0)
    first = losses(Constant(), images, noise, "corrupted")
    torch.manual_seed(1)
    assert first == losses(Constant(), images, noise, "corrupted")


def test_image_quality_decreases_with_noise(images: Data) -> None:
    few = images.test._replace(images=images.test.images[:500])
    psnr, ssim = zip(
        *(
            evaluate.image_quality(
                Perfect(), evaluate.corrupted(few, images, Gaussian(sigma, mean=0), "clean"), images
            ).values()
            for sigma in (0.1, 0.3, 1.0)
        ),
        strict=True,
    )
    assert list(psnr) == sorted(psnr, reverse=True)
    assert list(ssim) == sorted(ssim, reverse=True)


def test_psnr_is_minus_ten_log_mse_and_ssim_of_the_same_image_is_one() -> None:
    target = torch.rand(4, 1, 28, 28) * 0.5
    expected = torch.full((4,), 20.0)
    torch.testing.assert_close(metrics.psnr(target + 0.1, target), expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(metrics.ssim(target, target), torch.ones(4))
    torch.testing.assert_close(metrics.mse(target + 0.1, target), torch.full((4,), 0.01))


def test_examples_have_one_clean_corrupted_and_denoised_image_per_class(images: Data) -> None:
    clean, noisy, output = evaluate.examples(Perfect(), images, Gaussian(sigma=0.2, mean=0))
    assert clean.shape == noisy.shape == output.shape == (10, 28, 28)
    assert (clean.min(), clean.max()) == (0, 1)
    assert torch.equal(noisy, output)
    assert not torch.equal(noisy, clean)


@pytest.mark.parametrize("labels", [[3], [3, 3], [3, 4]])
def test_few_images_are_measured_and_missing_classes_are_black(
    images: Data, labels: list[int]
) -> None:
    pixels = torch.full((len(labels), 28, 28), 255, dtype=torch.uint8)
    few = replace(images, test=Split(pixels, torch.tensor(labels)))
    assert losses(Perfect(), few, Identity(), "clean") == dict.fromkeys(evaluate.LOSSES, 0)
    pairs = evaluate.corrupted(few.test, few, Identity(), "clean")
    assert evaluate.image_quality(Perfect(), pairs, few) == {"test/psnr": math.inf, "test/ssim": 1}
    assert evaluate.robustness(Perfect(), few, {"clean": Identity()})["robust/mean_mse"] == 0
    clean, *_ = evaluate.examples(Perfect(), few, Identity())
    assert {label for label in range(10) if clean[label].min() == 1} == set(labels)
    assert clean.sum() == 28 * 28 * len(set(labels))


def test_robustness_against_nothing_is_refused(images: Data) -> None:
    with pytest.raises(ValueError, match=r"evaluation\.robust is empty"):
        evaluate.robustness(Perfect(), images, {})


def test_without_noise_both_errors_are_equal(images: Data) -> None:
    measured = losses(Constant(), images, Identity(), "corrupted")
    assert measured["clean_mse"] == measured["denoise_mse"]


def test_robustness_is_measured_in_pixel_space(images: Data) -> None:
    """The error of a model that copies its input is the corruption."""
    suite = {"clean": Identity(), "noisy": Gaussian(sigma=0.25, mean=0)}
    few = replace(images, test=Split(*(column[:2000] for column in images.test)))
    for space in (few, replace(few, space=Space(0.0, 1.0))):
        found = evaluate.robustness(Perfect(), space, suite)
        assert found["robust/clean_mse"] == pytest.approx(0, abs=1e-12)
        assert found["robust/noisy_mse"] == pytest.approx(0.25**2, rel=1e-2)
        assert found["robust/mean_mse"] == pytest.approx(found["robust/noisy_mse"] / 2)


def test_robustness_uses_the_same_corrupted_images_for_every_model(images: Data) -> None:
    suite = {"noisy": Gaussian(sigma=0.25, mean=0)}
    few = replace(images, test=Split(*(column[:600] for column in images.test)))
    seen: list[Tensor] = []

    class Watching(Perfect):
        def forward(self, images: Tensor) -> Tensor:
            seen.append(images)
            return images

    for seed in (0, 1):
        torch.manual_seed(seed)
        evaluate.robustness(Watching(), few, suite)
    first, second = seen[:2], seen[2:]
    assert all(map(torch.equal, first, second))


def test_the_batches_of_the_robustness_test_are_corrupted_independently(images: Data) -> None:
    alike = Split(*(column[:1].repeat_interleave(1000, dim=0) for column in images.test))
    found = evaluate.errors(Perfect(), images, alike, Gaussian(sigma=0.25, mean=0))
    half = evaluate.BATCH
    assert not (found[:half] == found[half : 2 * half]).any()
