"""Scores of latent codes, and the t-SNE map."""

import math
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from openTSNE.affinity import PerplexityBasedNN
from openTSNE.tsne import kl_divergence_bh
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits
from torch import Tensor

from denoise import latent
from denoise.data import Data, Split
from denoise.evaluate import Settings
from denoise.model import Anello, Autoencoder, Shallow


def test_codes_are_in_the_order_of_the_images(images: Data) -> None:
    model = Anello(latent_dim=3).eval()
    codes = latent.codes(model, images.test.images[:700], images)
    assert codes.shape == (700, 3)
    with torch.inference_mode():
        alone = model.encode(images.scale(images.test.images[650:651]))
    assert codes[650] == pytest.approx(alone[0].numpy(), abs=1e-5)


@pytest.mark.parametrize("many", [5000, 100], ids=["few codes", "many codes"])
def test_the_tsne_map_keeps_distances_fills_its_square_and_is_repeatable(
    images: Data, evaluation: Settings, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(latent, "MANY_CODES", many)
    codes = latent.codes(Anello(latent_dim=4), images.test.images[:300], images)
    first, again = latent.tsne(codes, evaluation), latent.tsne(codes, evaluation)
    assert first.shape == (300, 2)
    assert abs(first).max() == pytest.approx(1)
    assert (first == again).all()
    assert spearmanr(pdist(codes), pdist(first)).statistic > 0.5


def test_a_map_that_does_not_fit_on_the_gpu_is_computed_on_the_cpu(
    images: Data, evaluation: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = latent.codes(Anello(latent_dim=4), images.test.images[:300], images)
    full = Mock(side_effect=torch.OutOfMemoryError)
    monkeypatch.setattr(latent, "ExactGradient", lambda _: full)
    there = latent.tsne(codes, evaluation, torch.device("cuda"))
    assert full.called
    assert (there == latent.tsne(codes, evaluation)).all()


@pytest.mark.parametrize("factor", [1, 12])
def test_the_exact_gradient_is_that_of_opentsne_without_approximation(factor: int) -> None:
    codes, places = np.random.default_rng(0).normal(size=(2, 600, 4))
    places, similar = places[:, :2].copy(), PerplexityBasedNN(codes, 30, method="exact").P
    gradient = latent.ExactGradient(torch.device("cpu"))
    gradient(places, similar)
    _, ours = gradient(places, similar * factor)
    _, theirs = kl_divergence_bh(places, similar * factor, 1, {"theta": 0.0})
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * abs(theirs).max())


class ByLabel(Autoencoder):
    """Its code is the first two pixels of an image."""

    def encode(self, images: Tensor) -> Tensor:
        return images[:, 0, 0, :2]


def labelled(images: Data, *, told: bool) -> Data:
    """Images whose codes encode the class, if `told`, or are random."""

    def split(size: int) -> Split:
        labels = torch.arange(size) % 10
        pixels = torch.zeros(size, 28, 28, dtype=torch.uint8)
        noise = torch.Generator().manual_seed(size)
        shown = labels if told else torch.randint(10, (size,), generator=noise)
        angle = shown * (2 * torch.pi / 10)
        pixels[:, 0, 0] = (127 + 100 * angle.cos()).byte()
        pixels[:, 0, 1] = (127 + 100 * angle.sin()).byte()
        return Split(pixels, labels)

    return replace(images, train=split(2000), test=split(1000))


def test_scores_are_high_for_codes_of_the_class_and_low_for_random_ones(
    images: Data, evaluation: Settings
) -> None:
    told, blind = (labelled(images, told=each) for each in (True, False))
    assert latent.scores(ByLabel(), told, evaluation) == pytest.approx(
        {"latent/knn_accuracy": 1, "latent/linear_accuracy": 1, "latent/silhouette": 1}
    )
    assert latent.few_label_accuracy(ByLabel(), told, evaluation) == pytest.approx(1, abs=0.02)
    scores = latent.scores(ByLabel(), blind, evaluation)
    assert scores["latent/knn_accuracy"] < 0.2
    assert scores["latent/linear_accuracy"] < 0.2
    assert scores["latent/silhouette"] < 0
    assert latent.few_label_accuracy(ByLabel(), blind, evaluation) < 0.2


def test_a_linear_classifier_of_few_labels_is_worse_than_one_of_many(
    images: Data, evaluation: Settings
) -> None:
    torch.manual_seed(0)
    model = Anello(latent_dim=16)
    few = latent.few_label_accuracy(model, images, evaluation)
    assert 0.2 < few < latent.scores(model, images, evaluation)["latent/linear_accuracy"]
    assert few == latent.few_label_accuracy(model, images, evaluation)


def test_accuracies_do_not_depend_on_the_number_of_threads(
    images: Data, evaluation: Settings
) -> None:
    torch.manual_seed(0)
    model, found = Shallow(latent_dim=1024), []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            found.append(latent.few_label_accuracy(model, images, evaluation))
    assert found[0] == found[1]


def test_draws_that_lack_a_class_are_refused_with_the_reason(
    images: Data, evaluation: Settings
) -> None:
    train = labelled(images, told=True).train
    few = Split(*(column[:100] for column in train))
    with pytest.raises(ValueError, match="a draw of 20 training images lacks a class"):
        latent.few_label_accuracy(ByLabel(), replace(images, train=few), evaluation)


@pytest.mark.parametrize(
    ("labels", "missing"),
    [
        ([1], {"latent/linear_accuracy", "latent/silhouette"}),
        ([1, 1], {"latent/linear_accuracy", "latent/silhouette"}),
        ([1, 2], {"latent/silhouette"}),
        ([1, 1, 2], set()),
    ],
)
@pytest.mark.parametrize("brightness", [0, 100])
def test_scores_that_need_more_images_or_classes_are_not_a_number(
    images: Data, evaluation: Settings, labels: list[int], missing: set[str], brightness: int
) -> None:
    """The codes are all equal, or as far apart as the labels."""
    pixels = (
        torch.tensor(labels, dtype=torch.uint8)[:, None, None] * torch.ones(28, 28) * brightness
    )
    split = Split(pixels.byte(), torch.tensor(labels))
    few = replace(images, train=split, test=split)
    found = latent.scores(ByLabel(), few, replace(evaluation, neighbours=1))
    assert {name for name, score in found.items() if math.isnan(score)} == missing
    assert brightness == 0 or found["latent/knn_accuracy"] == 1


@pytest.mark.parametrize(
    "codes",
    [
        [[0.0, 0.0]] * 15 + [[1.0, 1.0]] * 15,
        [[0.0, 0.0]] * 29 + [[1.0, 1.0]],
        [[0.0]] * 15 + [[1.0]] * 15,
        [[0.0, float(place)] for place in range(30)],
    ],
    ids=["two values", "one apart", "one dimension", "on a line"],
)
def test_codes_of_which_many_are_equal_have_a_map(
    evaluation: Settings, codes: list[list[float]]
) -> None:
    settings = replace(evaluation, perplexity=5)
    array = np.array(codes, dtype=np.float32)
    places = latent.tsne(array, settings)
    assert np.isfinite(places).all()
    assert 0 <= latent.map_trustworthiness(array, places, settings) <= 1


@pytest.mark.parametrize("value", [0, 1e30, np.nan, np.inf])
def test_codes_that_are_all_equal_or_not_finite_have_no_map(
    evaluation: Settings, value: float
) -> None:
    with pytest.raises(ValueError, match=r"equal|NaN|infinity"):
        latent.tsne(np.full((30, 2), value, dtype=np.float32), evaluation)


def test_trustworthiness_is_one_for_a_scaled_copy_and_low_for_a_shuffled_map(
    evaluation: Settings,
) -> None:
    codes = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    assert latent.map_trustworthiness(codes, codes * 3, evaluation) == 1
    shuffled = np.random.default_rng(1).permutation(codes)
    assert latent.map_trustworthiness(codes, shuffled, evaluation) < 0.6
