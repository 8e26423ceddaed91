"""Laws that every corruption obeys, and the distribution of each."""

import math
from collections.abc import Callable

import pytest
import torch
from scipy import ndimage, stats
from torch import Generator, Tensor
from torchvision import transforms

from denoise import build
from denoise.errors import UserError
from denoise.noise import (
    Gaussian,
    GaussianBlur,
    Identity,
    Masking,
    Mixture,
    Noise,
    Poisson,
    RandomErasing,
    SaltAndPepper,
    Speckle,
    Uniform,
)

NOISES = [
    Identity(),
    Gaussian(sigma=0.5, mean=0.1),
    RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0),
    Uniform(width=0.5),
    Speckle(sigma=0.5, low=-1),
    Poisson(peak=10, low=-1, high=1),
    Masking(fraction=0.25, value=-1),
    SaltAndPepper(amount=0.1, salt_vs_pepper=0.5, low=-1, high=1),
    GaussianBlur(sigma=1),
    Mixture({"gaussian": Gaussian(sigma=0.5, mean=0), "blur": GaussianBlur(sigma=1)}),
]
DRAW_NOTHING = Identity | GaussianBlur
every_noise = pytest.mark.parametrize("noise", NOISES, ids=lambda noise: type(noise).__name__)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def batch(count: int = 64) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=seeded(1)) * 2 - 1


@every_noise
def test_the_input_is_not_changed(noise: Noise) -> None:
    images = batch()
    before = images.clone()
    output = noise(images, generator=seeded())
    assert torch.equal(images, before)
    assert output.data_ptr() != images.data_ptr()
    assert output.shape == images.shape
    assert output.dtype == images.dtype


@every_noise
def test_a_seed_gives_the_same_corruption_and_the_next_call_another(noise: Noise) -> None:
    stream = seeded(3)
    first, second = noise(batch(), generator=stream), noise(batch(), generator=stream)
    assert torch.equal(first, noise(batch(), generator=seeded(3)))
    assert isinstance(noise, DRAW_NOTHING) or not torch.equal(first, second)


@every_noise
def test_an_empty_batch_is_allowed(noise: Noise) -> None:
    assert noise(batch(0), generator=seeded()).shape == (0, 1, 28, 28)


@every_noise
def test_the_global_random_state_is_not_used(noise: Noise) -> None:
    before = torch.get_rng_state()
    noise(batch(), generator=seeded())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "noise",
    [
        Identity(),
        Gaussian(sigma=0, mean=0),
        RandomErasing(p=0, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0),
        Uniform(width=0),
        Speckle(sigma=0, low=-1),
        Masking(fraction=0, value=-1),
        SaltAndPepper(amount=0, salt_vs_pepper=0.5, low=-1, high=1),
        GaussianBlur(sigma=0),
        Mixture({"gaussian": Gaussian(sigma=0, mean=0), "none": Identity()}),
    ],
    ids=lambda noise: type(noise).__name__,
)
def test_noise_of_strength_zero_changes_nothing(noise: Noise) -> None:
    assert torch.equal(noise(batch(), generator=seeded()), batch())


@pytest.mark.parametrize(("sigma", "mean"), [(0.1, 0.0), (1.0, 0.0), (0.5, -0.3)])
def test_gaussian_noise_is_normal_with_its_mean_and_sigma(sigma: float, mean: float) -> None:
    images = batch(1000)
    noise = (Gaussian(sigma, mean)(images, generator=seeded()) - images).flatten()
    error = sigma / math.sqrt(len(noise))
    assert noise.mean().item() == pytest.approx(mean, abs=4 * error)
    assert noise.std().item() == pytest.approx(sigma, abs=4 * error)
    standard = ((noise[:20_000] - mean) / sigma).numpy()
    assert stats.kstest(standard, "norm").pvalue > 1e-3


def test_gaussian_is_not_clipped() -> None:
    noisy = Gaussian(sigma=1, mean=0)(batch(), generator=seeded())
    assert noisy.min() < -1.5
    assert noisy.max() > 1.5


def test_uniform_noise_is_uniform_within_its_width() -> None:
    images = batch(1000)
    noise = (Uniform(width=0.3)(images, generator=seeded()) - images).flatten()
    assert noise.abs().max() <= 0.3 + 1e-6
    assert noise.mean().item() == pytest.approx(0, abs=4 * 0.3 / math.sqrt(3 * len(noise)))
    assert noise.std().item() == pytest.approx(0.3 / math.sqrt(3), rel=0.01)
    assert stats.kstest(noise[:20_000].numpy(), "uniform", (-0.3, 0.6)).pvalue > 1e-3


@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_speckle_is_proportional_to_brightness(low: float) -> None:
    light = torch.tensor([0.0, 0.1, 0.5, 1.0]).reshape(4, 1, 1, 1).expand(4, 1, 100, 100)
    noise = Speckle(sigma=0.4, low=low)(light + low, generator=seeded()) - (light + low)
    assert noise[0].abs().max() == 0
    standard = (noise[1:] / (0.4 * light[1:])).flatten()
    assert stats.kstest(standard.numpy(), "norm").pvalue > 1e-3


@pytest.mark.parametrize("peak", [0.5, 10, 1e6])
@pytest.mark.parametrize("light", [0.1, 0.5, 1.0, 1.5])
def test_poisson_noise_has_the_image_as_mean_and_brightness_over_peak_as_variance(
    peak: float, light: float
) -> None:
    images = torch.full((100, 1, 28, 28), 2 * light - 1)
    counts = (Poisson(peak, low=-1, high=1)(images, generator=seeded()) + 1) / 2 * peak
    expected, pixels = light * peak, counts.numel()
    assert counts.mean().item() == pytest.approx(expected, abs=4 * math.sqrt(expected / pixels))
    spread = math.sqrt((2 * expected**2 + expected) / pixels)  # of a Poisson's sample variance
    assert counts.var().item() == pytest.approx(expected, abs=4 * spread)


def test_poisson_counts_are_whole_and_zero_for_dark_pixels() -> None:
    noise = Poisson(peak=10, low=-1, high=1)
    counts = (noise(batch(), generator=seeded()) + 1) * 5
    torch.testing.assert_close(counts, counts.round(), atol=1e-4, rtol=0)
    dark = torch.full((2, 1, 28, 28), -1.5)
    assert (noise(dark, generator=seeded()) == -1).all()


@pytest.mark.parametrize("fraction", [0.1, 0.25, 1.0])
def test_masking_masks_each_pixel_with_the_configured_probability(fraction: float) -> None:
    images = batch()
    output = Masking(fraction, value=-2)(images, generator=seeded())
    masked = output == -2
    assert torch.equal(output[~masked], images[~masked])
    assert stats.binomtest(masked.sum().item(), masked.numel(), fraction).pvalue > 1e-4
    if fraction < 1:
        expected = math.sqrt(784 * fraction * (1 - fraction))
        assert masked.sum((1, 2, 3)).float().std().item() == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize(("amount", "salt"), [(0.1, 0.5), (0.4, 0.2), (1.0, 1.0), (1.0, 0.0)])
def test_salt_and_pepper_have_the_configured_amount_and_shares(amount: float, salt: float) -> None:
    images = batch()
    noise = SaltAndPepper(amount, salt_vs_pepper=salt, low=-2, high=2)
    output = noise(images, generator=seeded())
    white, black = output == 2, output == -2
    replaced = white | black
    assert torch.equal(output[~replaced], images[~replaced])
    assert stats.binomtest(replaced.sum().item(), replaced.numel(), amount).pvalue > 1e-4
    assert stats.binomtest(white.sum().item(), replaced.sum().item(), salt).pvalue > 1e-4


@pytest.mark.parametrize("sigma", [1, 2, 4])
def test_blur_agrees_with_scipys(sigma: float) -> None:
    images = batch(4)
    axes = {"sigma": (0, 0, sigma, sigma), "mode": "mirror", "truncate": 3}
    reference = ndimage.gaussian_filter(images.numpy(), **axes)
    output = GaussianBlur(sigma)(images, generator=seeded())
    torch.testing.assert_close(output, torch.from_numpy(reference), atol=1e-5, rtol=0)


@pytest.mark.parametrize("sigma", [0.3, 1, 4])
def test_blur_keeps_an_even_image_and_smooths_others(sigma: float) -> None:
    def variation(images: Tensor) -> float:
        return (images.diff(dim=2).abs().sum() + images.diff(dim=3).abs().sum()).item()

    blur, even = GaussianBlur(sigma), torch.full((2, 1, 28, 28), 0.7)
    torch.testing.assert_close(blur(even, generator=seeded()), even)
    assert variation(blur(batch(), generator=seeded())) < variation(batch())


def test_a_mixture_applies_each_noise_to_an_equal_share_of_the_images() -> None:
    values = {"dark": -3.0, "grey": 2.0, "light": 3.0}
    mixture = Mixture({name: Masking(1, value) for name, value in values.items()})
    output = mixture(batch(3000), generator=seeded())
    drawn = output[:, 0, 0, 0]
    assert torch.equal(output, drawn.reshape(-1, 1, 1, 1).expand_as(output))
    assert set(drawn.tolist()) == set(values.values())
    assert stats.chisquare(drawn.unique(return_counts=True)[1].numpy()).pvalue > 1e-4
    changes = (drawn[1:] != drawn[:-1]).sum().item()  # neighbours are as independent as any
    assert stats.binomtest(changes, len(drawn) - 1, 2 / 3).pvalue > 1e-4


def boxes(images: Tensor) -> tuple[Tensor, Tensor]:
    """Heights and widths of the erased rectangles, for images that were all ones."""
    erased = images.squeeze(1) == 0
    return erased.any(2).sum(1), erased.any(1).sum(1)


def erase(p: float, count: int) -> Tensor:
    noise = RandomErasing(p=p, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0)
    return noise(torch.ones(count, 1, 28, 28), generator=seeded())


def test_random_erasing_erases_one_rectangle_per_image() -> None:
    images = erase(p=1, count=500)
    tall, wide = boxes(images)
    assert torch.equal((images == 0).sum((1, 2, 3)), tall * wide)
    assert set(images.unique().tolist()) == {0.0, 1.0}
    assert len({tuple(box) for box in torch.stack([tall, wide], 1).tolist()}) > 50
    filled = RandomErasing(p=1, scale=(0.3, 0.33), ratio=(1, 1), value=0.7)
    assert (filled(batch(), generator=seeded()) == 0.7).any((1, 2, 3)).all()


def test_random_erasing_leaves_an_image_whole_if_no_rectangle_fits() -> None:
    noise = RandomErasing(p=1, scale=(1, 1), ratio=(1, 1), value=0.0)
    assert torch.equal(noise(batch(), generator=seeded()), batch())


@pytest.mark.parametrize("p", [0.2, 0.5, 1.0])
def test_random_erasing_erases_with_torchvisions_probability(p: float) -> None:
    erased = (erase(p, 4000) == 0).any((1, 2, 3)).sum().item()
    assert stats.binomtest(erased, 4000, p).pvalue > 1e-4


def test_random_erasing_agrees_with_torchvisions_in_distribution() -> None:
    count = 4000
    theirs = transforms.RandomErasing(p=1.0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        reference = torch.stack([theirs(torch.ones(1, 28, 28)) for _ in range(count)])
    mine = erase(p=1, count=count)

    def agree(measure: Callable[[Tensor], Tensor]) -> bool:
        return stats.ks_2samp(measure(mine), measure(reference)).pvalue > 1e-3

    def corner(images: Tensor, dim: int) -> Tensor:
        return (images.squeeze(1) == 0).any(dim).int().argmax(1)

    assert agree(lambda images: boxes(images)[0] * boxes(images)[1])  # area
    assert agree(lambda images: boxes(images)[0] / boxes(images)[1])  # aspect
    assert agree(lambda images: corner(images, 2))  # top
    assert agree(lambda images: corner(images, 1))  # left


BAD = [
    ({"_target_": "Gaussian", "sigma": -1, "mean": 0}, "sigma"),
    ({"_target_": "Gaussian", "sigma": math.nan, "mean": 0}, "sigma"),
    ({"_target_": "Gaussian", "sigma": True, "mean": 0}, "sigma"),
    ({"_target_": "Gaussian", "sigma": 1, "mean": math.inf}, "mean"),
    ({"_target_": "RandomErasing", "p": 1.5}, "p"),
    ({"_target_": "RandomErasing", "p": 1, "scale": [0.4, 0.3]}, "scale"),
    ({"_target_": "RandomErasing", "p": 1, "scale": [0.1, 0.2, 0.3]}, "scale"),
    ({"_target_": "RandomErasing", "p": 1, "ratio": [0, 3.3]}, "ratio"),
    ({"_target_": "Uniform", "width": -0.1}, "width"),
    ({"_target_": "Speckle", "sigma": -1, "low": 0}, "sigma"),
    ({"_target_": "Speckle", "sigma": 1, "low": math.nan}, "low"),
    ({"_target_": "Poisson", "peak": 0, "low": 0, "high": 1}, "peak"),
    ({"_target_": "Poisson", "peak": 1e7, "low": 0, "high": 1}, "peak"),
    ({"_target_": "Poisson", "peak": 10, "low": math.nan, "high": 1}, "low"),
    ({"_target_": "Poisson", "peak": 10, "low": 1, "high": 1}, "high"),
    ({"_target_": "Masking", "fraction": 1.1, "value": 0}, "fraction"),
    ({"_target_": "Masking", "fraction": 0.5, "value": math.inf}, "value"),
    ({"_target_": "SaltAndPepper", "amount": -0.1}, "amount"),
    ({"_target_": "SaltAndPepper", "amount": 0.1, "salt_vs_pepper": 2}, "salt_vs_pepper"),
    ({"_target_": "SaltAndPepper", "amount": 0.1, "low": math.nan}, "low"),
    ({"_target_": "SaltAndPepper", "amount": 0.1, "low": 1, "high": 0}, "high"),
    ({"_target_": "GaussianBlur", "sigma": -1}, "sigma"),
    ({"_target_": "GaussianBlur", "sigma": 4.1}, "sigma"),
    ({"_target_": "Mixture", "noises": {}}, "noises"),
    ({"_target_": "Mixture", "noises": {"gaussian": 0.5}}, "noises"),
    ({"_target_": "Mixture", "noises": 0.5}, "noises"),
]
OTHERS = {
    "RandomErasing": {"scale": [0.02, 0.33], "ratio": [0.3, 3.3], "value": 0.0},
    "SaltAndPepper": {"salt_vs_pepper": 0.5, "low": 0, "high": 1},
}


@pytest.mark.parametrize(("node", "key"), BAD)
def test_a_bad_value_is_refused_and_its_key_named(node: dict, key: str) -> None:
    name = node["_target_"]
    whole = OTHERS.get(name, {}) | node | {"_target_": f"denoise.noise.{name}"}
    with pytest.raises(UserError, match=f"^noise.{key} must be .* got "):
        build.build_noise(whole)


@every_noise
def test_each_image_is_corrupted_independently(noise: Noise) -> None:
    """No two images change alike, but for those that are left as they are, or blurred."""
    alike = noise(batch(1).repeat(64, 1, 1, 1), generator=seeded())
    blurred = GaussianBlur(sigma=1)(batch(1), generator=seeded())
    still = [alike[0] if isinstance(noise, DRAW_NOTHING) else batch(1)[0], blurred[0]]
    changed = [image for image in alike if not any(torch.allclose(image, one) for one in still)]
    assert len(changed) > 16 or isinstance(noise, DRAW_NOTHING)
    assert len({image.numpy().tobytes() for image in changed}) == len(changed)
