# ruff: noqa: E501
"""The published study's tables, beside the losses that runs reached, and where a loss comes from."""

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import torch
from omegaconf import OmegaConf
from torch import Tensor

from denoise import build, data, evaluate, fetch
from denoise.comparison.tables import MISSING
from denoise.config import CONF, saved
from denoise.config.settings import Tracking
from denoise.data import Data, Space
from denoise.errors import UserError
from denoise.metrics import TEST_LOSS, TRAIN_LOSS
from denoise.tracking import filters, search

TOLERANCE = 0.005
EPOCHS = 20
HEADER = (
    "data set",
    "epoch 1 published",
    "epoch 1 reached",
    f"epoch {EPOCHS} published",
    f"epoch {EPOCHS} reached",
    "difference",
)


class Losses(NamedTuple):
    """Train and test average loss, in the model's space."""

    train: float
    test: float

    def __str__(self) -> str:
        return f"{self.train:.3f} / {self.test:.3f}"


class Row(NamedTuple):
    """A row of the published tables, and the filter for the runs that re-create it."""

    label: str
    runs: str
    first: Losses
    last: Losses


class Parts(NamedTuple):
    """The three parts of a loss, in the model's space, which add up to it.

    `floor` is the error of the best output in [0, 1], which is a sigmoid's range. `noise` is what
    the corruption of the target adds. `missed` is the rest, which the model could have avoided.
    """

    floor: float
    noise: float
    missed: float


class Reached(NamedTuple):
    """A published row beside the newest run that re-creates it, if there is one.

    `parts` are those of its last test loss; None if they are not known.
    """

    row: Row
    run: search.Found | None = None
    first: Losses | None = None
    last: Losses | None = None
    parts: Parts | None = None

    @property
    def differences(self) -> Losses | None:
        """The losses of the last epoch minus the published ones."""
        if not self.last:
            return None
        return Losses(self.last.train - self.row.last.train, self.last.test - self.row.last.test)

    @property
    def is_met(self) -> bool:
        """Whether both losses of the last epoch are within the tolerance."""
        differences = self.differences
        return differences is not None and all(abs(each) <= TOLERANCE for each in differences)

    @property
    def cells(self) -> list[str]:
        """The row as text, below `HEADER`."""
        row, differences = self.row, self.differences
        if differences is None:
            return [row.label, str(row.first), MISSING, str(row.last), "no run yet", MISSING]
        signed = " / ".join(f"{difference:+.3f}" for difference in differences)
        return [row.label, str(row.first), str(self.first), str(row.last), str(self.last), signed]


def _gaussian(sigma: float) -> str:
    return f"tags.noise = 'gaussian' and params.noise.mean = 0 and params.noise.sigma = {sigma}"


ERASING = (
    "tags.noise = 'random_erasing' and params.noise.p = 0.5 and params.noise.value = 0 "
    "and params.noise.scale = '[0.02, 0.33]' and params.noise.ratio = '[0.3, 3.3]'"
)
# J. Yang, "Denoise Autoencoder", 2022: losses after epochs 1 and 20.
PUBLISHED = (
    Row("Normal", "tags.noise = 'none'", Losses(0.848, 0.675), Losses(0.601, 0.599)),
    Row("Gaussian σ = 1", _gaussian(1), Losses(1.860, 1.689), Losses(1.600, 1.598)),
    Row("RandomErasing", ERASING, Losses(0.922, 0.679), Losses(0.569, 0.567)),
    Row("Gaussian σ = 0.01", _gaussian(0.01), Losses(0.949, 0.731), Losses(0.600, 0.598)),
    Row("Gaussian σ = 0.1", _gaussian(0.1), Losses(1.014, 0.734), Losses(0.612, 0.610)),
    Row("Gaussian σ = 0.5", _gaussian(0.5), Losses(1.103, 0.929), Losses(0.852, 0.850)),
)  # fmt: skip
PROTOCOL = (
    "tags.protocol = 'study' and tags.model = 'anello' and params.model.latent_dim = 4 "
    f"and params.trainer.epochs = {EPOCHS} and params.trainer.batch_size = 256 "
    "and params.trainer.target = 'corrupted' and params.trainer.precision = 'float32' "
    "and params.trainer.learning_rate = 0.001 and params.trainer.weight_decay = 1e-05 "
    "and params.data.name = 'FashionMNIST' and params.data.train_size = 60000 "
    "and params.data.test_size = 10000 and params.data.holdout = 0 "
    "and params.data.low = -1 and params.data.high = 1"
)


def reached(settings: Tracking, among: str = "") -> list[Reached]:
    """Each published row and the newest run that re-creates it, of those that a filter finds."""
    return [_reached(settings, row, among) for row in PUBLISHED]


def _reached(settings: Tracking, row: Row, among: str) -> Reached:
    where = filters.all_of(PROTOCOL, row.runs, among)
    for run in search.search(settings, where, most=1):
        curves = [search.curve(run.id, one.key) for one in (TRAIN_LOSS, TEST_LOSS)]
        if all(curves):
            first, last = (Losses(*(curve[at] for curve in curves)) for at in (0, -1))
            return Reached(row, run, first, last)
    return Reached(row)


def decomposed(settings: Tracking, runs: Sequence[search.Found]) -> list[Reached]:
    """The published rows beside these runs, with the parts of each loss; [] if no run fits."""
    ours = [run.id for run in runs if run.tags.get("protocol") == "study"]
    rows = reached(settings, search.one_of(ours)) if ours else []
    if not any(row.run for row in rows):
        return []
    return [row._replace(parts=_parts(row)) for row in rows]


def decompose(images: Tensor, target: Tensor, data: Data, loss: float) -> Parts:
    """Split a mean squared error `loss` of a sigmoid decoder that was trained to output `target`.

    `images` are the clean images, uint8, and `target` the image wanted for each, in the model's
    space. A model that knew the clean image and output it clipped to [0, 1] would miss by
    (clip(clean) - target)². That is the clean image's distance from [0, 1] plus the noise, which
    does not pass through a small latent. A corruption can also make the target easier to reach than
    the clean image: boxes of 0 on a background of -1 do. The floor is then lower. Both parts are
    means over all pixels of the same clean value, so that the noise averages out.
    """
    pixels = images.flatten().long()
    values = data.space.to_model(torch.arange(256) / 255)
    within = values.clamp(0, 1)
    errors = (within[pixels] - target.flatten()).square()
    unavoidable = pixels.bincount(errors.double(), minlength=256)
    floors = (within - values).square().double() * pixels.bincount(minlength=256)
    floor, total = (
        float(sums.sum() / len(pixels)) for sums in (floors.minimum(unavoidable), unavoidable)
    )
    return Parts(floor, total - floor, loss - total)


def _root(run: search.Found) -> str:
    return saved.root_here(run.params.get("data.root", "data"))


def mean_image_error(run: search.Found) -> float:
    """The error on the run's clean test images, in pixels, of answering with the mean training image.

    Where a sigmoid's output does not reach the mean, its nearest value counts: under the study's
    protocol, no output is darker than grey. nan if the run's data set is not on this machine.
    """
    space = Space(*(float(run.params.get(f"data.{end}", end == "high")) for end in ("low", "high")))
    name, tested = run.params.get("data.name", "FashionMNIST"), run.params.get("data.test_size")
    return _mean_image_error(_root(run), name, space, int(tested or fetch.TEST_IMAGES))


@cache
def _mean_image_error(root: str, name: str, space: Space, tested: int) -> float:
    images = _images(root, name)
    if not images:
        return math.nan
    reach = [float(space.to_pixels(torch.tensor(output))) for output in (0.0, 1.0)]
    train, test = images.train.images, images.test.images[:tested]
    mean = (train.sum(0) / (255 * len(train))).clamp(*reach)
    return float((test / 255 - mean).square().mean())


@lru_cache(maxsize=1)
def _images(root: str, name: str = "FashionMNIST") -> Data | None:
    """A data set; None if it is not on this machine, as a comparison downloads nothing."""
    node = OmegaConf.load(CONF / "data" / "fashion_mnist.yaml")
    settings = data.Settings(**{**node, "root": root, "name": name})
    try:
        return data.load(settings, torch.device("cpu")) if fetch.are_there(settings) else None
    except (UserError, OSError, KeyError):
        return None


def _parts(row: Reached) -> Parts | None:
    """The parts of the test loss, with the same corruption that the run was tested on."""
    if not (row.run and row.last and (images := _images(_root(row.run)))):
        return None
    params = row.run.params.items()
    noise = OmegaConf.from_dotlist([f"{k}={v}" for k, v in params if k.startswith("noise.")])
    try:
        node = OmegaConf.to_container(noise)["noise"]  # type: ignore[index, call-overload]
        pairs = evaluate.corrupted(images.test, images, build.build_noise(node), "corrupted")
    except UserError:
        return None
    target = torch.cat([wanted for *_, wanted in pairs])
    return decompose(images.test.images, target, images, row.last.test)
