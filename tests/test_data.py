"""Splits and scaling of a data set, and the sources of its files."""

import functools
import gc
import gzip
import hashlib
import http.server
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torchvision import datasets

from denoise import data, fetch
from denoise.errors import UserError

CPU = torch.device("cpu")


def test_the_data_set_is_complete(images: data.Data) -> None:
    assert images.train.images.shape == (60_000, 28, 28)
    assert images.test.images.shape == (10_000, 28, 28)
    assert images.train.images.dtype == torch.uint8
    assert images.train.labels.bincount().tolist() == [6000] * 10
    assert images.test.labels.bincount().tolist() == [1000] * 10
    assert images.val is None


def test_scaling_into_the_models_space_and_back_keeps_pixels(images: data.Data) -> None:
    batch = images.test.images[:100]
    scaled = images.scale(batch)
    assert scaled.shape == (100, 1, 28, 28)
    assert (scaled.min(), scaled.max()) == (-1, 1)
    torch.testing.assert_close(images.space.to_pixels(scaled).squeeze(1), batch / 255)


def test_a_sigmoid_cannot_reach_a_loss_below_the_floor(images: data.Data) -> None:
    """0.5692 of the study's loss: the background is -1, and a sigmoid ends at 0."""
    scaled = images.scale(images.train.images)
    floor = (scaled - scaled.clamp(0, 1)).square().mean().item()
    assert floor == pytest.approx(0.5692, abs=5e-5)


def test_held_out_images_are_always_the_same_and_not_trained_on(
    settings: data.Settings, images: data.Data
) -> None:
    held = data.load(replace(settings, holdout=10_000), CPU)
    data.load.cache_clear()  # as in another process
    again = data.load(replace(settings, holdout=10_000), CPU)
    assert held.val is not None
    assert again.val is not None
    assert (len(held.val.images), len(held.train.images)) == (10_000, 50_000)
    assert torch.equal(held.val.images, again.val.images)
    assert torch.equal(held.test.images, images.test.images)
    together = torch.cat([held.val.images, held.train.images]).sum((1, 2)).sort().values
    assert torch.equal(together, images.train.images.sum((1, 2)).sort().values)


def test_one_of_each_class_in_the_order_of_the_classes(images: data.Data) -> None:
    shown = data.one_of_each_class(images.test)
    for label, image in enumerate(shown):
        index = (images.test.images == image).all((1, 2)).nonzero()[0].item()
        assert images.test.labels[index] == label


@pytest.fixture
def copy(settings: data.Settings, tmp_path: Path) -> data.Settings:
    """The data set in a folder that a test may damage."""
    there = replace(settings, root=str(tmp_path / "data"))
    there.raw.mkdir(parents=True)
    for name in fetch.FILES:
        shutil.copy(settings.raw / name, there.raw)
    return there


@pytest.mark.parametrize("damage", ["truncated", "altered"])
def test_a_damaged_file_is_named_with_the_remedy(copy: data.Settings, damage: str) -> None:
    path = copy.raw / "t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    path.write_bytes(content[:-1] if damage == "truncated" else content[:-1] + b"!")
    with pytest.raises(UserError, match=rf"{path} is not the published file .* delete it"):
        fetch.fetch(copy)


@pytest.fixture
def no_debian(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without apt-get; the folder where Debian would install the data set."""
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    monkeypatch.setattr(fetch, "DEBIAN_DATASETS", tmp_path / "datasets")
    return tmp_path / "datasets" / "fashion-mnist"


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The folder of a loopback server that replaces torchvision's."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(
            datasets.FashionMNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"]
        )
        yield folder
        server.shutdown()


def pack(source: data.Settings, folder: Path) -> list[tuple[str, str]]:
    """The four files as archives in `folder`, and torchvision's list of them with their sums."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for name in fetch.FILES:
        packed = gzip.compress((source.raw / name).read_bytes(), compresslevel=1)
        (folder / f"{name}.gz").write_bytes(packed)
        listed.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    return listed


def test_installed_debian_data_sets_are_used(
    settings: data.Settings, tmp_path: Path, no_debian: Path
) -> None:
    pack(settings, no_debian)
    fresh = replace(settings, root=str(tmp_path / "fresh"))
    assert len(data.load(fresh, CPU).train.images) == 60_000


def test_a_download_is_the_second_choice_and_is_kept(
    settings: data.Settings,
    tmp_path: Path,
    no_debian: Path,
    mirror: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(datasets.FashionMNIST, "resources", pack(settings, mirror))
    fresh = replace(settings, root=str(tmp_path / "fresh"))
    assert len(data.load(fresh, CPU).test.images) == 10_000
    shutil.rmtree(mirror)
    data.load.cache_clear()
    assert len(data.load(fresh, CPU).test.images) == 10_000
    assert not no_debian.exists()


# torchvision leaves the sockets of refused downloads open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_if_no_source_works_all_are_listed_and_no_file_is_left(
    settings: data.Settings, tmp_path: Path, no_debian: Path, mirror: Path
) -> None:
    pack(settings, no_debian)
    half = no_debian / "train-images-idx3-ubyte.gz"
    half.write_bytes(half.read_bytes()[:100_000])
    fresh = replace(settings, root=str(tmp_path / "fresh"))
    with pytest.raises(UserError) as refused:
        fetch.fetch(fresh)
    for way in ("Debian's installed", "torchvision's download", "Debian's package", "by hand"):
        assert way in str(refused.value)
    assert [path.name for path in fresh.raw.iterdir()] == [".lock"]
    assert not any(mirror.iterdir())
    del refused
    gc.collect()


def test_files_of_another_data_set_may_be_put_there_by_hand(copy: data.Settings) -> None:
    other = replace(copy, name="KMNIST")
    other.raw.parent.mkdir()
    copy.raw.rename(other.raw)
    loaded = data.load(other, CPU)
    assert (len(loaded.train.images), len(loaded.class_names)) == (60_000, 10)
