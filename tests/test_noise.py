"""Laws of the corruptions."""

import math
from collections.abc import Callable

import pytest
import torch
from scipy import stats
from torch import Generator, Tensor
from torchvision import transforms

from denoise.checks import UserError
from denoise.noise import Gaussian, Identity, Noise, RandomErasing

NOISES = [
    Identity(),
    Gaussian(sigma=0.5, mean=0.1),
    RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0),
]
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
def test_a_seed_gives_the_same_corruption_and_the_stream_moves_on(noise: Noise) -> None:
    stream = seeded(3)
    first, second = noise(batch(), generator=stream), noise(batch(), generator=stream)
    assert torch.equal(first, noise(batch(), generator=seeded(3)))
    assert isinstance(noise, Identity) or not torch.equal(first, second)


@every_noise
def test_the_global_random_state_is_neither_used_nor_moved(noise: Noise) -> None:
    before = torch.get_rng_state()
    noise(batch(), generator=seeded())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "noise",
    [
        Identity(),
        Gaussian(sigma=0, mean=0),
        RandomErasing(p=0, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0),
    ],
    ids=lambda noise: type(noise).__name__,
)
def test_no_noise_is_the_identity(noise: Noise) -> None:
    assert torch.equal(noise(batch(), generator=seeded()), batch())


@pytest.mark.parametrize(("sigma", "mean"), [(0.1, 0.0), (1.0, 0.0), (0.5, -0.3)])
def test_gaussian_has_the_moments_asked_for_and_no_more(sigma: float, mean: float) -> None:
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


def boxes(images: Tensor) -> tuple[Tensor, Tensor]:
    """Heights and widths of the erased rectangles, for images that were all ones."""
    erased = images.squeeze(1) == 0
    return erased.any(2).sum(1), erased.any(1).sum(1)


def erase(p: float, count: int) -> Tensor:
    noise = RandomErasing(p=p, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0)
    return noise(torch.ones(count, 1, 28, 28), generator=seeded())


def test_erased_is_one_rectangle_of_the_value_for_each_image() -> None:
    images = erase(p=1, count=500)
    tall, wide = boxes(images)
    assert torch.equal((images == 0).sum((1, 2, 3)), tall * wide)
    assert set(images.unique().tolist()) == {0.0, 1.0}
    assert len({tuple(box) for box in torch.stack([tall, wide], 1).tolist()}) > 50
    filled = RandomErasing(p=1, scale=(0.3, 0.33), ratio=(1, 1), value=0.7)
    assert (filled(batch(), generator=seeded()) == 0.7).any((1, 2, 3)).all()


def test_an_image_for_which_no_rectangle_fits_stays_whole() -> None:
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


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Gaussian(sigma=-1, mean=0), "noise.sigma"),
        (lambda: Gaussian(sigma=math.nan, mean=0), "noise.sigma"),
        (lambda: Gaussian(sigma=1, mean=math.inf), "noise.mean"),
        (lambda: RandomErasing(1.5, (0.02, 0.33), (0.3, 3.3), 0), "noise.p"),
        (lambda: RandomErasing(0.5, (0.4, 0.3), (0.3, 3.3), 0), "noise.scale"),
        (lambda: RandomErasing(0.5, (0.02, 0.33), (0, 3.3), 0), "noise.ratio"),
    ],
)
def test_a_bad_value_is_refused_by_its_key(make: Callable[[], Noise], key: str) -> None:
    with pytest.raises(UserError, match=f"^{key} must be .* got "):
        make()
