"""Scores of a model's latent space, and its t-SNE map."""

import math
from typing import Any

import numpy as np
import torch
from openTSNE import TSNE
from scipy.sparse import csr_matrix
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import Generator, Tensor

from denoise import metrics
from denoise.data import Data, Split
from denoise.evaluate import BATCH, NEIGHBOURS_ON_THE_MAP, TEST_SEED, Settings
from denoise.fetch import CLASSES
from denoise.model import Autoencoder, seeded

CPU = torch.device("cpu")
FEW_LABELS, DRAWS = 500, 5
# With much momentum, 300 steps of t-SNE reach a smaller KL divergence than 750 steps of openTSNE's
# default (benchmarks/tsne.py). With few codes it would be larger, and time does not matter there.
MANY_CODES = 5000
FEWER_STEPS: dict[str, Any] = {
    "early_exaggeration_iter": 100,
    "initial_momentum": 0.8,
    "n_iter": 200,
    "final_momentum": 0.97,
}
ROWS = 1000  # points whose distances to all others are in memory at once

Coded = tuple[np.ndarray, np.ndarray]  # codes and labels of images


@torch.inference_mode()
@seeded(TEST_SEED)
def codes(model: Autoencoder, images: Tensor, data: Data) -> np.ndarray:
    """The latent codes of clean uint8 images, float32 (n, latent_dim)."""
    model.eval()
    encoded = [model.encode(data.scale(batch)) for batch in images.split(BATCH)]
    return torch.cat(encoded).float().cpu().numpy()


def scores(model: Autoencoder, data: Data, settings: Settings) -> dict[str, float]:
    """How well the latent codes separate the classes.

    Test accuracy, from 0 to 1, of k nearest neighbours and of a linear classifier (a "probe": Alain
    & Bengio 2016), both fitted on standardised codes of training images; and the silhouette
    (Rousseeuw 1987), from -1 to 1, of a sample of the test codes. A score is nan where the images
    are too few for it: the linear classifier needs two classes, and the silhouette also two images
    of one of them.
    """
    probed = _sample(data.train, settings.probe_codes, settings)
    train, test = _coded(model, probed, data), _coded(model, data.test, data)
    linear = math.nan
    if len(probed.labels.unique()) > 1:
        linear = _accuracy(LogisticRegression(max_iter=1000), train, test)
    drawn = _sample(Split(*map(torch.from_numpy, test)), settings.pairwise_codes, settings)
    silhouette = math.nan
    if 1 < len(drawn.labels.unique()) < len(drawn.labels):
        silhouette = float(silhouette_score(*map(np.asarray, drawn)))
    return {
        metrics.KNN_ACCURACY.key: _accuracy(KNeighborsClassifier(settings.neighbours), train, test),
        metrics.LINEAR_ACCURACY.key: linear,
        metrics.SILHOUETTE.key: silhouette,
    }


def few_label_accuracy(model: Autoencoder, data: Data, settings: Settings) -> float:
    """Test accuracy, from 0 to 1, of a linear classifier fitted on `FEW_LABELS` labelled images.

    It is the mean over `DRAWS` draws of training images, which are the same for every run and share
    no image; if there are too few training images, the draws are smaller. `ValueError` if a draw
    lacks a class.
    """
    drawn = _sample(data.train, FEW_LABELS * DRAWS, settings)
    (train_codes, labels), test = _coded(model, drawn, data), _coded(model, data.test, data)
    accuracies = []
    for few in np.array_split(np.arange(len(train_codes)), DRAWS):
        if len(np.unique(labels[few])) < CLASSES:
            raise ValueError(f"a draw of {len(few)} training images lacks a class")
        probe = LogisticRegression(max_iter=1000)
        accuracies.append(_accuracy(probe, (train_codes[few], labels[few]), test))
    return float(np.mean(accuracies))


def map_trustworthiness(codes: np.ndarray, coordinates: np.ndarray, settings: Settings) -> float:
    """Trustworthiness (Venna & Kaski 2001) of a map, from 0 to 1, on `pairwise_codes` codes.

    It is 1 if all neighbours on the map are neighbours among the codes.
    """
    chosen = np.random.default_rng(settings.random_state).permutation(len(codes))
    chosen = chosen[: settings.pairwise_codes]
    return float(
        trustworthiness(codes[chosen], coordinates[chosen], n_neighbors=NEIGHBOURS_ON_THE_MAP)
    )


def tsne(codes: np.ndarray, settings: Settings, device: torch.device = CPU) -> np.ndarray:
    """A map of codes, (n, 2), scaled to fill [-1, 1] (van der Maaten & Hinton 2008).

    The gradient is exact if `device` is a CUDA GPU, and Barnes and Hut's approximation elsewhere.
    Raises `ValueError` if all codes are equal, as they have no map.
    """
    if np.allclose(codes, codes[0]):
        raise ValueError("all latents are equal")
    coordinates = fitted(codes, settings, device)
    return coordinates / np.abs(coordinates).max()


def fitted(codes: np.ndarray, settings: Settings, device: torch.device = CPU) -> np.ndarray:
    """The coordinates that t-SNE found, (n, 2), in the units of its own objective.

    If the memory of a GPU is too small, they are computed on the CPU.
    """
    try:
        return _fitted(codes, settings, ExactGradient(device) if device.type == "cuda" else "bh")
    except torch.OutOfMemoryError:
        return _fitted(codes, settings, "bh")


def _fitted(codes: np.ndarray, settings: Settings, method: "ExactGradient | str") -> np.ndarray:
    steps = FEWER_STEPS if len(codes) >= MANY_CODES else {}
    mapped = TSNE(
        perplexity=settings.perplexity,
        random_state=settings.random_state,
        initialization="pca" if codes.shape[1] > 1 else "random",
        negative_gradient_method=method,
        neighbors="exact",  # of 10,000 codes, approximate ones would take longer
        n_jobs=torch.get_num_threads(),
        **steps,
    ).fit(codes)
    return np.asarray(mapped)


class ExactGradient:
    """The gradient of t-SNE without approximation (van der Maaten & Hinton 2008, eq. 5).

    openTSNE calls it with the map, (n, 2), and the sparse similarities of the codes, (n, n), which
    it multiplies in its first steps. On the device, the similarities take 4 * n² bytes.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.similar: Tensor | None = None

    def __call__(self, embedding: np.ndarray, P: csr_matrix, **_: Any) -> tuple[float, np.ndarray]:  # noqa: N803
        """Nan for the KL divergence, and the gradient without its factor 4, as openTSNE's own."""
        if self.similar is None:
            self.first, self.similar = P.data[0], self._dense(P)
        places = torch.from_numpy(np.asarray(embedding, dtype=np.float32)).to(self.device)
        some = zip(self.similar.split(ROWS), places.split(ROWS), strict=True)
        parts = [_forces(*rows, places) for rows in some]
        attraction, repulsion, kernel = map(torch.cat, zip(*parts, strict=True))
        total = kernel.sum() - len(places)  # less the kernel of each place with itself, 1
        gradient = attraction * (P.data[0] / self.first) - repulsion / total
        return math.nan, gradient.double().cpu().numpy()

    def _dense(self, similar: csr_matrix) -> Tensor:
        pairs = similar.tocoo()
        dense = torch.zeros(pairs.shape, device=self.device)
        row, column, value = map(torch.from_numpy, (pairs.row, pairs.col, pairs.data))
        dense[row.to(dense.device), column.to(dense.device)] = value.to(dense)
        return dense


def _forces(similar: Tensor, rows: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Attraction, repulsion times a constant, and kernel sums of `rows`, some of the places."""
    # No matrix products: they may round to TF32, which loses small differences of large sums.
    dx, dy = (rows[:, [axis]] - places[:, axis] for axis in range(2))
    kernel = (dx.square() + dy.square()).add_(1).reciprocal_()
    attraction, repulsion = (
        torch.stack([(weights * dx).sum(1), (weights * dy).sum(1)], dim=1)
        for weights in (similar * kernel, kernel.square())
    )
    return attraction, repulsion, kernel.sum(1)


def _coded(model: Autoencoder, split: Split, data: Data) -> Coded:
    return codes(model, split.images, data), split.labels.cpu().numpy()


def _accuracy(classifier: ClassifierMixin, train: Coded, test: Coded) -> float:
    """The accuracy on the test codes of a classifier fitted on standardised training codes.

    One thread does the linear algebra: numpy and SciPy have threads of their own, which get in each
    other's way. With two of each, codes of 1,024 numbers take several times as long to fit.
    """
    with threadpool_limits(1, user_api="blas"):
        return float(make_pipeline(StandardScaler(), classifier).fit(*train).score(*test))


def _sample(split: Split, size: int, settings: Settings) -> Split:
    """At most `size` of the images, drawn with the seed `random_state`."""
    seeded = Generator().manual_seed(settings.random_state)
    chosen = torch.randperm(len(split.images), generator=seeded)[:size]
    return Split(*(column[chosen.to(column.device)] for column in split))
