"""Measures a trained model: its losses, image quality and robustness."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from denoise import metrics
from denoise.bounds import Interval, NonNegative, NonNegativeInt, PositiveInt
from denoise.data import Data, Split, one_of_each_class
from denoise.errors import UserError
from denoise.fetch import TEST_IMAGES
from denoise.model import seeded
from denoise.noise import Noise
from denoise.trainer import target

# Every run is scored on the same corruption, from a random stream that training does not use. It is
# drawn on the CPU, because other devices draw other numbers.
TEST_SEED = 10_000
SECOND_SEED = 10_001  # of the second corruption, where it is the target
BATCH = 500
LOSSES = ("loss", "clean_mse", "denoise_mse")
NEIGHBOURS_ON_THE_MAP = 12  # in the trustworthiness of a map
LARGEST_RANDOM_STATE = 2**32 - 1  # that numpy accepts

Batches = list[tuple[Tensor, Tensor, Tensor]]  # clean, noisy and wanted images


@dataclass(frozen=True)
class Settings:
    """What is measured after training.

    The t-SNE map shows `tsne_codes` test images (at most the test set) at the given `perplexity`.
    If `map_seed` is not None, only the run with that seed draws a map. The kNN classifier, with
    `neighbours` neighbours, and the linear one are fitted on `probe_codes` training images; scores
    that compare every pair of codes use a sample of `pairwise_codes`. `random_state` is the seed of
    the map and of these samples. `robust` maps the name of each corruption of the robustness test
    to its config node, in units of pixels in [0, 1]. `loss_axis` is the range of every loss figure
    whose curves lie in it, so that figures can be compared by eye.
    """

    tsne_codes: Annotated[int, Field(ge=2 * NEIGHBOURS_ON_THE_MAP + 1, le=TEST_IMAGES)]
    perplexity: Annotated[float, Field(ge=2, le=TEST_IMAGES // 3)]
    random_state: Annotated[int, Field(ge=0, le=LARGEST_RANDOM_STATE)]
    map_seed: NonNegativeInt | None
    neighbours: PositiveInt
    probe_codes: PositiveInt
    pairwise_codes: Annotated[int, Field(ge=100)]
    robust: Annotated[dict[str, Any], Field(description="named noises")]
    loss_axis: Interval[NonNegative]

    def has_map(self, seed: int) -> bool:
        """Whether the run with this seed draws a map."""
        return self.map_seed in (None, seed)


@torch.inference_mode()
def corrupted(split: Split, data: Data, noise: Noise, wanted: str) -> Batches:
    """The images of `split`, batch by batch: clean, corrupted, and as the model is to output them.

    `wanted` names the last, as in `trainer.Settings.target`. All are in the model's space. Computed
    once per run, because the corruption is the same after every epoch. `UserError` if the noise
    breaks the rules of `denoise.noise`.
    """
    device = split.images.device
    generator, second = (Generator().manual_seed(seed) for seed in (TEST_SEED, SECOND_SEED))
    batches = [data.scale(images) for images in split.images.cpu().split(BATCH)]
    _check(noise, batches[0])
    found = []
    for clean in batches:
        noisy = noise(clean, generator=generator)
        aim = target(wanted, clean, noisy, noise, second)
        found.append((clean.to(device), noisy.to(device), aim.to(device)))
    return found


def check_suite(suite: Mapping[str, Noise], data: Data) -> None:
    """Raise `UserError` if a noise of the robustness suite breaks the rules of `denoise.noise`."""
    clean = data.test.images[:BATCH].cpu().unsqueeze(1) / 255
    for noise in suite.values():
        _check(noise, clean)


def _check(noise: Noise, clean: Tensor) -> None:
    """Refuse a noise that changes its input, its shape or type, or draws numbers of its own."""
    given, name = clean.clone(), type(noise).__name__
    noisy, again = (noise(given, generator=Generator().manual_seed(TEST_SEED)) for _ in range(2))
    if not isinstance(noisy, Tensor) or noisy.dtype != clean.dtype:
        kind = getattr(noisy, "dtype", type(noisy).__name__)
        raise UserError(f"the noise {name} returns {kind}, but its input is of {clean.dtype}")
    if not torch.equal(given, clean):
        raise UserError(f"the noise {name} changes its input: return a new batch")
    if noisy.shape != clean.shape:
        raise UserError(
            f"the noise {name} returns a batch of shape {tuple(noisy.shape)}, but its input has "
            f"{tuple(clean.shape)}"
        )
    if not torch.equal(noisy.nan_to_num(), again.nan_to_num()):
        raise UserError(f"the noise {name} is not repeatable: draw from `generator` only")


@torch.inference_mode()
@seeded(TEST_SEED)
def losses(model: nn.Module, batches: Batches, data: Data) -> dict[str, float]:
    """The means of `LOSSES` over all images.

    `loss` is the training objective, in the model's space. The others are errors against the clean
    images in pixel space, of the output for the clean and for the corrupted image.
    """
    model.eval()
    sums = dict.fromkeys(LOSSES, 0.0)
    for clean, noisy, wanted in batches:
        output = model(noisy)
        from_clean = output if torch.equal(noisy, clean) else model(clean)
        sums["loss"] += metrics.mse(output, wanted).sum().item()
        sums["clean_mse"] += _pixel_mse(from_clean, clean, data)
        sums["denoise_mse"] += _pixel_mse(output, clean, data)
    return {name: total / _count(batches) for name, total in sums.items()}


@torch.inference_mode()
@seeded(TEST_SEED)
def image_quality(model: nn.Module, batches: Batches, data: Data) -> dict[str, float]:
    """PSNR in dB and SSIM of the denoised images against the clean ones, mean over the images.

    The PSNR is infinite if one of the images is exact.
    """
    model.eval()
    psnr = ssim = 0.0
    for clean, noisy, _ in batches:
        exact = data.space.to_pixels(clean)
        output = data.space.to_pixels(model(noisy)).clamp(0, 1)
        psnr += metrics.psnr(output, exact).sum().item()
        ssim += metrics.ssim(output, exact).sum().item()
    return {metrics.PSNR.key: psnr / _count(batches), metrics.SSIM.key: ssim / _count(batches)}


def robustness(model: nn.Module, data: Data, suite: Mapping[str, Noise]) -> dict[str, float]:
    """Mean squared error against the clean images, in pixel space, for each corruption of `suite`.

    The corrupted test images are the same for every model: they are drawn in pixel space from a
    fixed seed. The mean of the errors over the suite is added. `ValueError` if the suite is empty.
    """
    if not suite:
        raise ValueError("evaluation.robust is empty")
    found = {
        metrics.robust(name).key: float(errors(model, data, data.test, noise).mean())
        for name, noise in suite.items()
    }
    return found | {metrics.ROBUSTNESS.key: float(np.mean(list(found.values())))}


@torch.inference_mode()
@seeded(TEST_SEED)
def errors(model: nn.Module, data: Data, split: Split, noise: Noise) -> np.ndarray:
    """The mean squared error, in pixel space, of each image of `split`, (n,).

    The images are corrupted in pixel space. How the first batches are corrupted does not depend on
    the number of images after them.
    """
    model.eval()
    generator, device = Generator().manual_seed(TEST_SEED), split.images.device
    found = []
    for images in split.images.cpu().split(BATCH):
        clean = images.unsqueeze(1) / 255
        noisy = data.space.to_model(noise(clean, generator=generator))
        output = data.space.to_pixels(model(noisy.to(device)))
        found.append(metrics.mse(output.cpu(), clean))
    return torch.cat(found).double().numpy()


@torch.inference_mode()
@seeded(TEST_SEED)
def examples(model: nn.Module, data: Data, noise: Noise) -> tuple[Tensor, Tensor, Tensor]:
    """One test image of each class in pixel space, (10, 28, 28): clean, corrupted, and denoised."""
    model.eval()
    device = data.test.images.device
    clean = data.scale(one_of_each_class(data.test).cpu())
    noisy = noise(clean, generator=Generator().manual_seed(TEST_SEED))
    output = model(noisy.to(device)).cpu()
    clean, noisy, output = (data.space.to_pixels(x).squeeze(1) for x in (clean, noisy, output))
    return clean, noisy, output


def _count(batches: Batches) -> int:
    return sum(len(clean) for clean, *_ in batches)


def _pixel_mse(output: Tensor, clean: Tensor, data: Data) -> float:
    return metrics.mse(data.space.to_pixels(output), data.space.to_pixels(clean)).sum().item()
