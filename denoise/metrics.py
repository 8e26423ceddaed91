"""The metrics of a run: how they are computed, and the catalogue of what they are called.

Reading the catalogue needs neither torch nor torchmetrics: each function imports what it computes
with.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

# SSIM's intermediate results are ten times as large as the images. In larger pieces their memory is
# allocated anew each time, which takes as long as the computation.
SSIM_BATCH = 100


@dataclass(frozen=True)
class Metric:
    """What tables, rankings and verdicts need to know of a metric.

    `better` is 1 if larger values are better, -1 if smaller ones are, and 0 if neither is.
    `held_out` is the key of the same metric on held-out images, or empty. If a run holds images
    out, that one is logged after every epoch, and the metric itself only at the end.
    """

    key: str
    name: str
    unit: str = ""
    digits: int = 4
    better: int = 0
    held_out: str = ""

    @property
    def title(self) -> str:
        """The name with the unit, for table headers."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


def mse(output: "Tensor", target: "Tensor") -> "Tensor":
    """Mean squared error over the pixels of each image, shape (images,)."""
    return (output - target).square().flatten(1).mean(1)


TRAIN_LOSS = Metric("train/loss", "training loss", better=-1)
TEST_LOSS = Metric("test/loss", "test loss", better=-1, held_out="val/loss")
CLEAN_MSE = Metric(
    "test/clean_mse", "reconstruction", "MSE", digits=5, better=-1, held_out="val/clean_mse"
)
# Each model removes the noise it was trained on, so only settings with the same noise are compared.
DENOISE_MSE = replace(
    CLEAN_MSE, key="test/denoise_mse", name="denoising", held_out="val/denoise_mse"
)


def psnr(output: "Tensor", target: "Tensor") -> "Tensor":
    """Peak signal-to-noise ratio of each image in dB, for pixels in [0, 1], shape (images,)."""
    from torchmetrics.functional.image import peak_signal_noise_ratio

    return peak_signal_noise_ratio(output, target, data_range=1.0, reduction="none", dim=(1, 2, 3))


PSNR = Metric("test/psnr", "PSNR", "dB", digits=2, better=1)


def ssim(output: "Tensor", target: "Tensor") -> "Tensor":
    """Structural similarity of each image for pixels in [0, 1] (Wang et al. 2004, eq. 17)."""
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure

    pieces = zip(output.split(SSIM_BATCH), target.split(SSIM_BATCH), strict=True)
    similarities: list[Any] = [
        structural_similarity_index_measure(*piece, data_range=1.0, reduction="none")
        for piece in pieces
    ]
    return torch.cat(similarities)


SSIM = Metric("test/ssim", "SSIM", better=1)
UNCORRUPTED = "clean"  # the robustness suite's name for images without corruption


def robust(corruption: str) -> Metric:
    """The error on the test images under one corruption of the suite, or the mean over all."""
    return Metric(f"robust/{corruption}_mse", corruption.replace("_", " "), "MSE", better=-1)


ROBUSTNESS = replace(robust("mean"), name="robustness", digits=5)
KNN_ACCURACY = Metric("latent/knn_accuracy", "kNN accuracy", better=1)
LINEAR_ACCURACY = Metric("latent/linear_accuracy", "linear accuracy", better=1)
FEW_LABEL_ACCURACY = Metric("latent/few_label_accuracy", "few-label accuracy", better=1)
SILHOUETTE = Metric("latent/silhouette", "silhouette", better=1)
TRUSTWORTHINESS = Metric("latent/trustworthiness", "map trustworthiness", better=1)
BEST_EPOCH = Metric("best/epoch", "best epoch", digits=0)
PARAMETERS = Metric("model/parameters", "parameters", digits=0)
EPOCH_SECONDS = Metric("time/epoch_seconds", "epoch time", "s", digits=2, better=-1)
RUN_SECONDS = Metric("time/run_seconds", "run time", "s", digits=0, better=-1)
TSNE_SECONDS = Metric("time/tsne_seconds", "t-SNE time", "s", digits=0, better=-1)
SCORES_SECONDS = Metric("time/scores_seconds", "evaluation time", "s", digits=0, better=-1)
IMAGES_PER_SECOND = Metric(
    "time/images_per_second", "training speed", "images/s", digits=0, better=1
)


def of_best_epoch(key: str) -> str:
    """The key of a held-out metric in the best epoch, whose weights are evaluated: best/loss.

    Keys of the test set stay the same: without held-out images the last epoch is evaluated.
    """
    return key.replace("val/", "best/")


HELD_OUT = tuple(
    replace(one, key=one.held_out, name=f"{one.name}, held-out images", held_out="")
    for one in (TEST_LOSS, CLEAN_MSE, DENOISE_MSE)
)
OF_BEST_EPOCH = tuple(
    replace(one, key=of_best_epoch(one.key), name=f"{one.name}, best epoch") for one in HELD_OUT
)

# The metrics that runs log, in the order of MLflow's charts; not those of `tracking.system`, nor
# the `robust` metric of each corruption of the suite.
CATALOGUE = {
    one.key: one
    for one in (
        TRAIN_LOSS,
        *HELD_OUT,
        *(TEST_LOSS, CLEAN_MSE, DENOISE_MSE, PSNR, SSIM),
        ROBUSTNESS,
        *(KNN_ACCURACY, LINEAR_ACCURACY, FEW_LABEL_ACCURACY, SILHOUETTE, TRUSTWORTHINESS),
        *(*OF_BEST_EPOCH, BEST_EPOCH),
        PARAMETERS,
        *(EPOCH_SECONDS, RUN_SECONDS, TSNE_SECONDS, SCORES_SECONDS, IMAGES_PER_SECOND),
    )
}
# MLflow draws one section of charts for each group: the part of a key before the slash.
GROUPS = tuple(dict.fromkeys(key.partition("/")[0] for key in CATALOGUE))


def find(key: str) -> Metric | None:
    """The metric with this key; None if no metric of the package has it."""
    corruption = corruption_of(key)
    return robust(corruption) if corruption else CATALOGUE.get(key)


def corruption_of(key: str) -> str:
    """The corruption that a key like `robust/blur_mse` names; empty for every other metric."""
    is_robust = key.startswith("robust/") and key.endswith("_mse") and key != ROBUSTNESS.key
    return key.removeprefix("robust/").removesuffix("_mse") if is_robust else ""


def corruptions(keys: Iterable[str]) -> list[str]:
    """The corruptions among the keys of metrics, the clean images first."""
    names = {corruption_of(key) for key in keys} - {""}
    return sorted(names, key=lambda name: (name != UNCORRUPTED, name))
