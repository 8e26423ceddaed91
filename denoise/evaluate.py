"""What a trained model is worth: its losses, its reconstructions, its latent space."""

from dataclasses import dataclass

import numpy as np
import torch
from openTSNE import TSNE
from torch import Generator, Tensor, nn

from denoise import checks, metrics
from denoise.data import Data, Split, one_of_each_class
from denoise.model import Autoencoder
from denoise.noise import Noise

# Every run is scored on the same corruption, which never touches the training stream.
TEST_SEED = 10_000
BATCH = 500

Pairs = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Settings:
    """What is measured at the end.

    The t-SNE map shows `tsne_codes` test images (at most the test set) at the given `perplexity`,
    drawn from `random_state`. `loss_axis` is the range of every loss figure, so that two can be
    compared by eye.
    """

    tsne_codes: int
    perplexity: float
    random_state: int
    loss_axis: tuple[float, float]

    def __post_init__(self) -> None:
        checks.number("evaluation.perplexity", self.perplexity, low=2)
        checks.whole("evaluation.tsne_codes", self.tsne_codes, low=int(3 * self.perplexity) + 1)
        checks.whole("evaluation.random_state", self.random_state, low=0)
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
    sums = {"loss": 0.0, "clean_mse": 0.0, "denoise_mse": 0.0}
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
def examples(model: nn.Module, data: Data, noise: Noise) -> tuple[Tensor, Tensor, Tensor]:
    """One test image of each class in pixel space, (10, 28, 28): clean, corrupted, and denoised."""
    model.eval()
    clean = data.scale(one_of_each_class(data.test))
    noisy = noise(clean, generator=Generator(clean.device).manual_seed(TEST_SEED))
    clean, noisy, output = (data.pixels(x).squeeze(1) for x in (clean, noisy, model(noisy)))
    return clean, noisy, output


@torch.inference_mode()
def codes(model: Autoencoder, images: Tensor, data: Data) -> np.ndarray:
    """The latent codes of clean uint8 images, float32 (n, latent_dim)."""
    model.eval()
    encoded = [model.encode(data.scale(batch)) for batch in images.split(BATCH)]
    return torch.cat(encoded).float().cpu().numpy()


def tsne(codes: np.ndarray, settings: Settings) -> np.ndarray:
    """A map of codes, (n, 2), scaled to fill [-1, 1] (van der Maaten & Hinton 2008)."""
    fitted = TSNE(
        perplexity=settings.perplexity,
        random_state=settings.random_state,
        initialization="pca" if codes.shape[1] > 1 else "random",
        negative_gradient_method="bh",
        n_jobs=torch.get_num_threads(),
    ).fit(codes)
    coordinates = np.asarray(fitted)
    return coordinates / np.abs(coordinates).max()


def _count(pairs: Pairs) -> int:
    return sum(len(clean) for clean, _ in pairs)


def _pixel_mse(output: Tensor, clean: Tensor, data: Data) -> float:
    return metrics.mse(data.pixels(output), data.pixels(clean)).sum().item()
