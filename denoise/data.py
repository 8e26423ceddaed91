"""Fashion-MNIST and its kin as tensors: split, and scaled into the model's space."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from denoise import fetch
from denoise.fetch import CLASSES, TEST_IMAGES, TRAINING_IMAGES

HOLDOUT_SEED = 0  # every run holds out the same training images


@dataclass(frozen=True)
class Space:
    """The model's space, in which a black pixel is `low` and a white one `high`.

    In pixel space they are 0 and 1.
    """

    low: float
    high: float

    def to_model(self, pixels: Tensor) -> Tensor:
        """A batch of any shape, from pixel space into the model's space."""
        return pixels * (self.high - self.low) + self.low

    def to_pixels(self, images: Tensor) -> Tensor:
        """A batch of any shape, from the model's space into pixel space."""
        return (images - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Settings:
    """Which images, how many of them, and the space in which the model sees them.

    `holdout` training images are held out to choose the best epoch by; of the rest, at most
    `train_size` are trained on. `low` and `high` are those of `Space`. The files are in, or will
    be fetched into, the folder `root`.
    """

    name: Literal["FashionMNIST", "MNIST", "KMNIST"]
    root: Annotated[str, Field(min_length=1, description="a folder")]
    train_size: Annotated[int, Field(ge=CLASSES, le=TRAINING_IMAGES)]
    test_size: Annotated[int, Field(ge=CLASSES, le=TEST_IMAGES)]
    holdout: Annotated[int, Field(ge=0, le=TRAINING_IMAGES - CLASSES)]
    low: float
    high: float

    @property
    def trained(self) -> int:
        """How many images are trained on."""
        return min(self.train_size, TRAINING_IMAGES - self.holdout)

    @property
    def raw(self) -> Path:
        """The folder of the decompressed files, where torchvision looks for them."""
        return Path(self.root).absolute() / self.name / "raw"

    @property
    def space(self) -> Space:
        return Space(self.low, self.high)


class Split(NamedTuple):
    """`images` uint8, (n, 28, 28); `labels` int64, (n,)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Data:
    """A whole data set in memory. `source` is the address where it is published."""

    train: Split
    val: Split | None
    test: Split
    class_names: list[str]
    source: str
    space: Space

    def scale(self, images: Tensor) -> Tensor:
        """uint8 (n, 28, 28) to float32 (n, 1, 28, 28) in the model's space."""
        return self.space.to_model(images.unsqueeze(1) / 255)


@lru_cache(maxsize=1)  # the runs of a sweep read the same images
def load(settings: Settings, device: torch.device) -> Data:
    """The data set of `settings`, on `device`; its files are fetched first if they are missing."""
    fetch.fetch(settings)
    from torchvision import datasets  # takes four seconds

    dataset = getattr(datasets, settings.name)

    def split(train: bool, chosen: Tensor | slice) -> Split:
        whole = dataset(settings.root, train=train)
        return Split(whole.data[chosen].to(device), whole.targets[chosen].to(device))

    kept: Tensor | slice = slice(settings.train_size)
    val = None
    if settings.holdout:
        seeded = torch.Generator().manual_seed(HOLDOUT_SEED)
        order = torch.randperm(TRAINING_IMAGES, generator=seeded)
        val = split(True, order[: settings.holdout])
        kept = order[settings.holdout :][: settings.train_size]
    train, test = split(True, kept), split(False, slice(settings.test_size))
    return Data(train, val, test, dataset.classes, dataset.mirrors[0], settings.space)


def one_of_each_class(split: Split) -> Tensor:
    """The first image of every class, uint8 (10, 28, 28): the ten that every figure shows.

    The image of a class that the split lacks is black.
    """
    labels = torch.arange(CLASSES, device=split.labels.device)
    is_of = split.labels == labels[:, None]
    return split.images[is_of.int().argmax(1)] * is_of.any(1)[:, None, None]
