"""What a trained model is worth: its losses, its reconstructions, its robustness."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from denoise import checks, metrics
from denoise.data import TEST_IMAGES, Data, Split, one_of_each_class
from denoise.noise import Noise

# Every run is scored on the same corruption, which never touches the training stream.
TEST_SEED = 10_000
BATCH = 500
LOSSES = ("loss", "clean_mse", "denoise_mse")
NEIGHBOURS_ON_THE_MAP = 12  # that its trustworthiness is judged by
LARGEST_SEED = 2**32 - 1  # of numpy's

Pairs = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Settings:
    """What is measured at the end.

    The t-SNE map shows `tsne_codes` test images (at most the test set) at the given `perplexity`.
    Where `map_seed` is given, only the run with that seed draws one. Classifiers of the latent
    space are fitted on `probe_codes` training images and ask `neighbours` neighbours; what
    compares every pair of codes looks at `pairwise_codes` of them. `random_state` starts the map
    and draws these samples. `robust` maps the name of each corruption that robustness is measured
    against to its config node, whose units are those of pixels in [0, 1]. `loss_axis` is the range
    of every loss figure whose curves lie in it, so that two can be compared by eye.
    """

    tsne_codes: int
    perplexity: float
    random_state: int
    map_seed: int | None
    neighbours: int
    probe_codes: int
    pairwise_codes: int
    robust: dict[str, Any]
    loss_axis: tuple[float, float]

    def __post_init__(self) -> None:
        least = 2 * NEIGHBOURS_ON_THE_MAP + 1
        checks.whole("evaluation.tsne_codes", self.tsne_codes, low=least, high=TEST_IMAGES)
        checks.number("evaluation.perplexity", self.perplexity, low=2, high=TEST_IMAGES // 3)
        spread = 3 * self.perplexity + 1
        checks.at_least(
            "evaluation.tsne_codes", self.tsne_codes, "3 * evaluation.perplexity + 1", spread
        )
        checks.whole("evaluation.random_state", self.random_state, low=0, high=LARGEST_SEED)
        if self.map_seed is not None:
            checks.whole("evaluation.map_seed", self.map_seed, low=0)
        checks.whole("evaluation.neighbours", self.neighbours, low=1)
        checks.whole("evaluation.probe_codes", self.probe_codes, low=1)
        checks.at_least(
            "evaluation.probe_codes", self.probe_codes, "evaluation.neighbours", self.neighbours
        )
        checks.whole("evaluation.pairwise_codes", self.pairwise_codes, low=100)
        checks.interval("evaluation.loss_axis", self.loss_axis, low=0)


@torch.inference_mode()
def corrupted(split: Split, data: Data, noise: Noise) -> Pairs:
    """The images of `split` in the model's space, clean and corrupted, batch by batch.

    Made once a run: the corruption is the same after every epoch.
    """
    generator = Generator(split.images.device).manual_seed(TEST_SEED)
    batches = [data.scale(images) for images in split.images.split(BATCH)]
    return [(clean, noise(clean, generator=generator)) for clean in batches]


@torch.inference_mode()
def losses(model: nn.Module, pairs: Pairs, data: Data, target: str) -> dict[str, float]:
    """The objective in the model's space; in pixel space, the two errors against clean images."""
    model.eval()
    sums = dict.fromkeys(LOSSES, 0.0)
    for clean, noisy in pairs:
        output = model(noisy)
        from_clean = output if torch.equal(noisy, clean) else model(clean)
        wanted = noisy if target == "corrupted" else clean
        sums["loss"] += metrics.mse(output, wanted).sum().item()
        sums["clean_mse"] += _pixel_mse(from_clean, clean, data)
        sums["denoise_mse"] += _pixel_mse(output, clean, data)
    return {name: total / _count(pairs) for name, total in sums.items()}


@torch.inference_mode()
def image_quality(model: nn.Module, pairs: Pairs, data: Data) -> dict[str, float]:
    """PSNR in dB and SSIM of the denoised images against the clean ones, mean over the images."""
    model.eval()
    psnr = ssim = 0.0
    for clean, noisy in pairs:
        wanted = data.pixels(clean)
        output = data.pixels(model(noisy)).clamp(0, 1)
        psnr += metrics.psnr(output, wanted).sum().item()
        ssim += metrics.ssim(output, wanted).sum().item()
    return {"psnr": psnr / _count(pairs), "ssim": ssim / _count(pairs)}


@torch.inference_mode()
def robustness(model: nn.Module, data: Data, suite: Mapping[str, Noise]) -> dict[str, float]:
    """Mean squared error against the clean images, in pixel space, for each corruption of `suite`.

    The corrupted test images are the same for every model: drawn in pixel space, from a seed of
    their own. `mean_mse` is the mean over the suite.
    """
    model.eval()
    found: dict[str, float] = {}
    for name, noise in suite.items():
        generator = Generator(data.test.images.device).manual_seed(TEST_SEED)
        total = 0.0
        for images in data.test.images.split(BATCH):
            clean = images.unsqueeze(1) / 255
            noisy = data.space(noise(clean, generator=generator))
            total += metrics.mse(data.pixels(model(noisy)), clean).sum().item()
        found[f"{name}_mse"] = total / len(data.test.images)
    return found | {"mean_mse": float(np.mean(list(found.values())))}


@torch.inference_mode()
def examples(model: nn.Module, data: Data, noise: Noise) -> tuple[Tensor, Tensor, Tensor]:
    """One test image of each class in pixel space, (10, 28, 28): clean, corrupted, and denoised."""
    model.eval()
    clean = data.scale(one_of_each_class(data.test))
    noisy = noise(clean, generator=Generator(clean.device).manual_seed(TEST_SEED))
    clean, noisy, output = (data.pixels(x).squeeze(1) for x in (clean, noisy, model(noisy)))
    return clean, noisy, output


def _count(pairs: Pairs) -> int:
    return sum(len(clean) for clean, _ in pairs)


def _pixel_mse(output: Tensor, clean: Tensor, data: Data) -> float:
    return metrics.mse(data.pixels(output), data.pixels(clean)).sum().item()
