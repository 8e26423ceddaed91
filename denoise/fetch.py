"""Where the data sets come from: files that are here already, a download, a Debian package."""

import gzip
import hashlib
import logging
import math
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from denoise.errors import UserError

if TYPE_CHECKING:
    from denoise.data import Settings

log = logging.getLogger(__name__)

SIDE = 28
CLASSES = 10
TRAINING_IMAGES = 60_000
TEST_IMAGES = 10_000

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
# The SHA-256 of the decompressed files. For KMNIST none are published: torchvision checks the
# archives that it downloads against MD5 sums of its own.
SHA256: dict[str, dict[str, str | None]] = {
    "FashionMNIST": {
        FILES[0]: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        FILES[1]: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        FILES[2]: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        FILES[3]: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    "MNIST": {
        FILES[0]: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        FILES[1]: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        FILES[2]: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        FILES[3]: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "KMNIST": dict.fromkeys(FILES),
}
DEBIAN = {"FashionMNIST": "dataset-fashion-mnist"}  # Debian's packages of data sets
DEBIAN_DATASETS = Path("/usr/share/datasets")
# What a source raises if it does not work: no network, no tool, a damaged archive.
BROKEN = (OSError, EOFError, zlib.error, RuntimeError, UserError, subprocess.SubprocessError)


def fetch(settings: "Settings") -> None:
    """Put the four files, whole and verified, under `settings.root` if they are not there yet.

    Sources in order: Debian's installed data sets, torchvision's download, Debian's package, which
    needs no root rights to unpack. Files are moved into place only once they are verified, so a
    broken download leaves nothing. `UserError` if no source works, a file there is damaged, or the
    folder cannot be written to.
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


def are_there(settings: "Settings") -> bool:
    """Whether all four files exist; `UserError` if one of those that do is damaged."""
    for name in FILES:
        if (settings.raw / name).exists():
            _verify(settings.raw / name, settings.name)
    return all((settings.raw / name).exists() for name in FILES)


def _verify(path: Path, name: str) -> None:
    """Refuse a file that differs from the published one or, without a sum, from its format."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    found, sha256 = hashlib.sha256(content).hexdigest(), SHA256[name][path.name]
    if sha256 not in (None, found):
        wrong = f"is not the published file (its SHA-256 is {found}, not {sha256})"
    elif not _is_whole(path.name, content):
        wrong = "does not have the images or labels that its name promises"
    else:
        return
    raise UserError(f"{path} {wrong}: delete it and run again to fetch it anew")


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


def _bring(settings: "Settings") -> None:
    """Fill `settings.raw` from the first source that works."""
    log.info("%s is not in %s and is fetched ...", settings.name, settings.raw)
    failures = []
    for source, bring in _sources(settings.name).items():
        with tempfile.TemporaryDirectory(dir=settings.raw) as staging:
            try:
                folder = bring(Path(staging))
                for name in FILES:
                    _verify(folder / name, settings.name)
            except BROKEN as error:
                failures.append(f"{source} ({_last_line(error)})")
                continue
            for name in FILES:
                (folder / name).replace(settings.raw / name)
            log.info("%s: fetched from %s", settings.name, source)
            return
    raise UserError(
        f"{settings.name} is not in {settings.raw} and could not be fetched from "
        f"{', '.join(failures)}; put {', '.join(FILES)} there by hand"
    )


def _sources(name: str) -> dict[str, Callable[[Path], Path]]:
    """Functions, by source, that put the files below a staging folder and return their folder."""
    download = {"torchvision's download": lambda staging: _download(name, staging)}
    if not (debian := DEBIAN.get(name)):
        return download
    installed = DEBIAN_DATASETS / debian.removeprefix("dataset-")
    return {
        "Debian's installed data sets": lambda staging: _decompress(installed, staging),
        **download,
        f"Debian's package {debian}": lambda staging: _package(debian, installed, staging),
    }


def _download(name: str, staging: Path) -> Path:
    from torchvision import datasets

    getattr(datasets, name)(staging, download=True)
    return staging / name / "raw"


def _package(debian: str, installed: Path, staging: Path) -> Path:
    """Run `apt-get download`, with package lists of its own where the machine has none.

    The package would put its files into the folder `installed`.
    """
    log.info("Fetching Debian's package %s ...", debian)
    (staging / "lists" / "partial").mkdir(parents=True)
    own_lists = ["-o", f"Dir::State::Lists={staging}/lists", "-o", f"Dir::Cache={staging}"]
    try:
        _call("apt-get", "download", debian, cwd=staging)
    except subprocess.CalledProcessError:
        _call("apt-get", *own_lists, "update", cwd=staging)
        _call("apt-get", *own_lists, "download", debian, cwd=staging)
    (archive,) = staging.glob("*.deb")
    _call("dpkg", "-x", archive.name, "unpacked", cwd=staging)
    return _decompress(staging / "unpacked" / installed.relative_to("/"), staging)


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
    text = (getattr(error, "stderr", None) or str(error)).strip()
    return text.splitlines()[-1] if text else type(error).__name__
