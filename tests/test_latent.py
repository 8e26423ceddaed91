"""What is said of codes, and of their map."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from torch import Tensor

from denoise import latent
from denoise.data import Data, Split
from denoise.evaluate import Settings
from denoise.model import Anello, Autoencoder


def test_codes_are_the_models_own_in_order(images: Data) -> None:
    model = Anello(latent_dim=3).eval()
    codes = latent.codes(model, images.test.images[:700], images)
    assert codes.shape == (700, 3)
    with torch.inference_mode():
        alone = model.encode(images.scale(images.test.images[650:651]))
    assert codes[650] == pytest.approx(alone[0].numpy(), abs=1e-5)


def test_the_tsne_map_keeps_neighbours_fills_its_square_and_repeats(
    images: Data, evaluation: Settings
) -> None:
    codes = latent.codes(Anello(latent_dim=4), images.test.images[:300], images)
    first, again = latent.tsne(codes, evaluation), latent.tsne(codes, evaluation)
    assert first.shape == (300, 2)
    assert abs(first).max() == pytest.approx(1)
    assert (first == again).all()
    assert spearmanr(pdist(codes), pdist(first)).statistic > 0.5


class ByLabel(Autoencoder):
    """Codes that are the class, or nothing of it: the first pixel of the image."""

    def encode(self, images: Tensor) -> Tensor:
        return images[:, 0, 0, :2]


def labelled(images: Data, settings: Settings, *, told: bool) -> dict[str, float]:
    """The scores of codes that tell the class, or are noise."""

    def split(size: int) -> Split:
        labels = torch.arange(size) % 10
        pixels = torch.zeros(size, 28, 28, dtype=torch.uint8)
        noise = torch.Generator().manual_seed(size)
        shown = labels if told else torch.randint(10, (size,), generator=noise)
        angle = shown * (2 * torch.pi / 10)
        pixels[:, 0, 0] = (127 + 100 * angle.cos()).byte()
        pixels[:, 0, 1] = (127 + 100 * angle.sin()).byte()
        return Split(pixels, labels)

    made = replace(images, train=split(2000), test=split(1000))
    return latent.scores(ByLabel(), made, settings)


def test_scores_tell_codes_that_hold_the_class_from_codes_that_do_not(
    images: Data, evaluation: Settings
) -> None:
    told = labelled(images, evaluation, told=True)
    assert told == pytest.approx({"knn_accuracy": 1, "linear_accuracy": 1, "silhouette": 1})
    blind = labelled(images, evaluation, told=False)
    assert blind["knn_accuracy"] < 0.2
    assert blind["linear_accuracy"] < 0.2
    assert blind["silhouette"] < 0


def test_a_map_is_trusted_as_far_as_it_keeps_neighbours(evaluation: Settings) -> None:
    codes = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    assert latent.map_trustworthiness(codes, codes * 3, evaluation) == 1
    shuffled = np.random.default_rng(1).permutation(codes)
    assert latent.map_trustworthiness(codes, shuffled, evaluation) < 0.6
