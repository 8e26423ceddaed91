"""How far one batch of images is from another: pure functions, one value per image.

torchmetrics is imported where it is called: that takes seconds, and who loads a model or is refused
a setting need not wait for it.
"""

from typing import Any

import torch
from torch import Tensor

# What is made on the way is ten times as large: with more images at once, memory is asked for anew
# each time, and that takes as long as the rest.
SSIM_BATCH = 100


def mse(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over the pixels of each image, shape (images,)."""
    return (output - target).square().flatten(1).mean(1)


def psnr(output: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB, for pixels in [0, 1], shape (images,)."""
    from torchmetrics.functional.image import peak_signal_noise_ratio

    return peak_signal_noise_ratio(output, target, data_range=1.0, reduction="none", dim=(1, 2, 3))


def ssim(output: Tensor, target: Tensor) -> Tensor:
    """Structural similarity of each image for pixels in [0, 1] (Wang et al. 2004, eq. 13)."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    pieces = zip(output.split(SSIM_BATCH), target.split(SSIM_BATCH), strict=True)
    similarities: list[Any] = [
        structural_similarity_index_measure(*piece, data_range=1.0, reduction="none")
        for piece in pieces
    ]
    return torch.cat(similarities)
