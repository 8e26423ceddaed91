"""Fashion-MNIST and its kin as tensors: found or fetched, verified, split, scaled."""

import gzip
import hashlib
import logging
import math
import re
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock
from torch import Tensor

from denoise import checks
from denoise.errors import UserError

log = logging.getLogger(__name__)

DEBIAN_DATASETS = Path("/usr/share/datasets")
SIDE = 28
CLASSES = 10
# What a way of fetching raises when it does not work: no network, no tool, a damaged archive.
BROKEN = (OSError, EOFError, zlib.error, RuntimeError, UserError, subprocess.SubprocessError)
TRAINING_IMAGES = 60_000
TEST_IMAGES = 10_000
HOLDOUT_SEED = 0  # every run holds out the same training images


@dataclass(frozen=True)
class Settings:
    """Which images, how many of them, and the space the model sees them in.

    `holdout` training images are kept from training, to choose by; at most `train_size` of the
    rest are trained on. In the model's space black is
    `low` and white is `high`. `sha256` maps each decompressed file to its sum, or to null
    where none is published; `debian` names the package that has the files, or is null.
    """

    name: str
    root: str
    debian: str | None
    train_size: int
    test_size: int
    holdout: int
    low: float
    high: float
    sha256: dict[str, str | None]

    def __post_init__(self) -> None:
        checks.one_of("data.name", self.name, ("FashionMNIST", "MNIST", "KMNIST"))
        package = "dataset-" + re.sub(r"(?<=[a-z])(?=[A-Z])", "-", self.name).lower()
        if self.debian not in (None, package):  # else its images would lie under the other's name
            raise UserError(
                f"data.name={self.name} is not what data.debian={self.debian} has; choose a data "
                "set with data=fashion_mnist, data=mnist or data=kmnist"
            )
        if not self.root:
            raise UserError("data.root must name a folder, got ''")
        checks.whole("data.train_size", self.train_size, low=CLASSES, high=TRAINING_IMAGES)
        checks.whole("data.test_size", self.test_size, low=CLASSES, high=TEST_IMAGES)
        checks.whole("data.holdout", self.holdout, low=0, high=TRAINING_IMAGES - CLASSES)
        checks.number("data.low", self.low)
        checks.number("data.high", self.high, low=self.low + 1e-6)

    @property
    def trained(self) -> int:
        """How many images are trained on."""
        return min(self.train_size, TRAINING_IMAGES - self.holdout)

    @property
    def raw(self) -> Path:
        """The folder of the decompressed files, where torchvision looks for them."""
        return Path(self.root).absolute() / self.name / "raw"


class Split(NamedTuple):
    """`images` uint8, (n, 28, 28); `labels` int64, (n,)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Data:
    """The whole data set in memory, and the way from pixels into the model's space and back.

    `source` is the address it is published at.
    """

    train: Split
    val: Split | None
    test: Split
    class_names: list[str]
    source: str
    low: float
    high: float

    def scale(self, images: Tensor) -> Tensor:
        """uint8 (n, 28, 28) to float32 (n, 1, 28, 28) in the model's space."""
        return self.space(images.unsqueeze(1) / 255)

    def space(self, pixels: Tensor) -> Tensor:
        """A batch from pixel space, where clean images lie in [0, 1], into the model's space."""
        return pixels * (self.high - self.low) + self.low

    def pixels(self, images: Tensor) -> Tensor:
        """A batch from the model's space back to pixel space."""
        return (images - self.low) / (self.high - self.low)


def load(settings: Settings, device: torch.device) -> Data:
    """The data set that `settings` describe, on `device`; fetched first if it is not there."""
    fetch(settings)
    from torchvision import datasets

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
    return Data(train, val, test, dataset.classes, dataset.mirrors[0], settings.low, settings.high)


def one_of_each_class(split: Split) -> Tensor:
    """The first image of every class, uint8 (10, 28, 28): the ten that every figure shows."""
    first = [int((split.labels == label).int().argmax()) for label in range(CLASSES)]
    return split.images[first]


def fetch(settings: Settings) -> None:
    """Have the four files under `settings.root`, whole and verified, or raise `UserError`.

    They are looked for there, then among Debian's installed data sets, then fetched with
    torchvision's download, then from Debian's package, which needs no root rights. Files are
    moved into place only once they are verified, so that a broken download leaves nothing.
    """
    if are_there(settings):
        return
    try:
        settings.raw.mkdir(parents=True, exist_ok=True)
        with FileLock(settings.raw / ".lock"):
            if not are_there(settings):
                _bring(settings)
    except OSError as error:
        raise UserError(f"data.root={settings.root} cannot be written to: {error}") from None


def are_there(settings: Settings) -> bool:
    """Whether all files are; `UserError` if one that is there is not whole."""
    files = _files(settings, settings.raw)
    for path in filter(Path.exists, files):
        _verify(path, settings.sha256[path.name])
    return all(map(Path.exists, files))


def _files(settings: Settings, folder: Path) -> list[Path]:
    return [folder / name for name in settings.sha256]


def _verify(path: Path, sha256: str | None) -> None:
    """Refuse a file that is not the published one or, where no sum is, not as its name says."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    found = hashlib.sha256(content).hexdigest()
    if sha256 not in (None, found):
        raise UserError(
            f"{path} is not the published file (its SHA-256 is {found}, not {sha256}): "
            "delete it and run again, and it will be fetched anew"
        )
    if not _is_whole(path.name, content):
        raise UserError(
            f"{path} does not hold the images or labels that its name promises: "
            "delete it and run again, and it will be fetched anew"
        )


def _is_whole(name: str, content: bytes) -> bool:
    """Whether an IDX file has the shape and the values of the images or labels it is named after.

    The format: http://yann.lecun.com/exdb/mnist.
    """
    count = TRAINING_IMAGES if name.startswith("train") else TEST_IMAGES
    shape = (count, SIDE, SIDE) if "images" in name else (count,)
    header = struct.pack(f">{1 + len(shape)}I", 0x800 + len(shape), *shape)
    values = content[len(header) :]
    fits = content.startswith(header) and len(values) == math.prod(shape)
    return fits and (len(shape) > 1 or max(values) < CLASSES)


def _bring(settings: Settings) -> None:
    """Fill `settings.raw` by the first way that works."""
    ways: list[tuple[str, Callable[[Settings, Path], Path]]]
    ways = [("torchvision's download", _download)]
    if settings.debian:
        ways.insert(0, ("Debian's installed data sets", _installed))
        ways.append((f"Debian's package {settings.debian}", _package))
    failures = []
    for name, way in ways:
        with tempfile.TemporaryDirectory(dir=settings.raw) as staging:
            try:
                folder = way(settings, Path(staging))
                for path in _files(settings, folder):
                    _verify(path, settings.sha256[path.name])
            except BROKEN as error:
                failures.append(f"{name} ({_last_line(error)})")
                continue
            for path in _files(settings, folder):
                path.replace(settings.raw / path.name)
            log.info("%s: from %s into %s", settings.name, name, settings.raw)
            return
    raise UserError(
        f"{settings.name} is not in {settings.raw} and could not be had from "
        + ", ".join(failures)
        + f"; put {', '.join(settings.sha256)} there by hand"
    )


def _installed(settings: Settings, staging: Path) -> Path:
    return _decompress(DEBIAN_DATASETS / _folder(settings), staging)


def _download(settings: Settings, staging: Path) -> Path:
    from torchvision import datasets

    log.info("%s: downloading ...", settings.name)
    getattr(datasets, settings.name)(staging, download=True)
    return staging / settings.name / "raw"


def _package(settings: Settings, staging: Path) -> Path:
    """`apt-get download`, at need with package lists of its own, as a fresh machine has none."""
    package = str(settings.debian)
    log.info("%s: fetching Debian's package %s ...", settings.name, package)
    (staging / "lists" / "partial").mkdir(parents=True)
    own_lists = ["-o", f"Dir::State::Lists={staging}/lists", "-o", f"Dir::Cache={staging}"]
    try:
        _call("apt-get", "download", package, cwd=staging)
    except subprocess.CalledProcessError:
        _call("apt-get", *own_lists, "update", cwd=staging)
        _call("apt-get", *own_lists, "download", package, cwd=staging)
    (archive,) = staging.glob("*.deb")
    _call("dpkg", "-x", archive.name, "unpacked", cwd=staging)
    unpacked = staging / "unpacked" / DEBIAN_DATASETS.relative_to("/") / _folder(settings)
    return _decompress(unpacked, staging)


def _folder(settings: Settings) -> str:
    return str(settings.debian).removeprefix("dataset-")


def _decompress(source: Path, target: Path) -> Path:
    if not source.is_dir():
        raise FileNotFoundError(f"there is no {source}")
    for path in source.glob("*-ubyte.gz"):
        try:
            with gzip.open(path) as packed, (target / path.stem).open("wb") as plain:
                shutil.copyfileobj(packed, plain)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path} cannot be unpacked: {error}") from None
    return target


def _call(*command: str, cwd: Path) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=300)


def _last_line(error: Exception) -> str:
    said = getattr(error, "stderr", None) or str(error)
    return said.strip().splitlines()[-1] if said.strip() else type(error).__name__
