"""The machine fails: its disk fills, or cannot be written to. Small disks are mounted by root."""

import contextlib
import errno
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from denoise import data, fetch
from denoise.errors import UserError
from denoise.tracking.records import Record
from tests.conftest import SMALL, Said, ended, wait_until
from tests.faults.conftest import client, files, progress_of, the_run
from tests.faults.test_store import assert_is_whole, sent

Start = Callable[..., subprocess.Popen]
Survived = Callable[[str], None]
Disk = Callable[[str], Path]
EPOCHS = 60
OF_SEED_0 = "params.seed = '0' and tags.noise != ''"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mounts a disk of its own, with these options."""
    mounted = []

    def mount(options: str) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("a small disk can be mounted by root alone")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes what is left of the disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


@pytest.mark.faults
@pytest.mark.parametrize("reached", [0, 1, 5, 20, 40])
def test_a_full_disk_stops_the_run_with_one_sentence_and_it_resumes_when_there_is_room(
    start: Start, tmp_path: Path, disk: Disk, reached: int, survived: Survived
) -> None:
    small = disk("size=12m")
    other = ended(start("trainer.epochs=2", "seed=1"), tmp_path)
    before = the_run(other)
    arguments = (f"trainer.epochs={EPOCHS}", f"hydra.run.dir={small / 'run'}")
    process = start(*arguments)
    wait_until(lambda: progress_of(small / "run") >= reached)
    time.sleep(random.Random(reached).uniform(0, 0.5))
    filler = fill(small)
    said = ended(process, tmp_path)
    assert said.status == 1, said.out
    assert "No space left on device" in said.out + said.err
    assert "Traceback" not in said.out + said.err
    killed = said.runs(OF_SEED_0)  # none, where not even its beginning could be written
    assert [run.info.status for run in killed] == ["KILLED"] * len(killed)
    assert len(killed) == 1 or reached == 0
    assert_is_whole(tmp_path / "mlflow.db")
    untouched = client(tmp_path).get_run(before.info.run_id)
    assert untouched.to_dictionary() == before.to_dictionary()

    filler.unlink()
    said = ended(start(*arguments), tmp_path)
    assert said.status == 0, said.out + said.err
    (finished,) = said.runs(OF_SEED_0)
    assert finished.info.run_id in [run.info.run_id for run in killed or [finished]]
    assert finished.info.status == "FINISHED"
    points = client(tmp_path).get_metric_history(finished.info.run_id, "train/loss")
    assert [point.step for point in points] == list(range(1, EPOCHS + 1))
    survived(f"full after epoch {reached}: a sentence, the store whole, then resumed")


def test_a_run_that_cannot_even_note_its_end_is_not_left_running(
    cli: Callable[..., Said], settings: data.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[int] = []
    write, log = Record._write, Record.log

    def until_full(record: Record) -> None:
        if epochs:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(record)

    def logged(record: Record, metrics: Any, step: int) -> None:
        log(record, metrics, step)
        epochs.extend([step] if step else [])

    monkeypatch.setattr(Record, "_write", until_full)
    monkeypatch.setattr(Record, "log", logged)
    said = cli(*SMALL, f"data.root={settings.root}")
    assert said.status == 1
    assert "denoise: [Errno 28] No space left on device" in said.err
    assert "Traceback" not in said.out + said.err
    assert the_run(said).info.status == "KILLED"


@pytest.mark.faults
def test_what_a_store_on_a_full_disk_lacks_is_uploaded_later(
    start: Start, tmp_path: Path, disk: Disk, survived: Survived
) -> None:
    small = disk("size=20m")
    elsewhere = tmp_path / "elsewhere"
    process = start(f"trainer.epochs={EPOCHS}", f"hydra.run.dir={elsewhere}", folder=small)
    wait_until(lambda: progress_of(elsewhere) >= 3)
    filler = fill(small)
    said = ended(process, tmp_path)
    assert said.status == 0, said.out + said.err
    assert "the run's metrics and files wait in" in said.out
    assert "Traceback" not in said.out + said.err
    assert_is_whole(small / "mlflow.db")
    filler.unlink()
    assert "uploaded, as run" in sent(small, str(elsewhere))
    run = the_run(Said(0, "", "", small))
    assert run.info.status == "FINISHED"
    assert (files(run) / "checkpoints" / "last.safetensors").exists()
    points = client(small).get_metric_history(run.info.run_id, "train/loss")
    assert [point.step for point in points] == list(range(1, EPOCHS + 1))
    survived("kept in the run's folder while the store's disk was full, uploaded when it had room")


def test_a_read_only_disk_is_reported_in_one_sentence(cli: Callable[..., Said], disk: Disk) -> None:
    there = disk("ro")
    for place, arguments in {
        there: ("trainer=smoke", f"hydra.run.dir={there}"),
        there / "run": ("-m", "trainer=smoke", "seed=1,2", f"hydra.sweep.dir={there / 'run'}"),
    }.items():
        said = cli(*arguments)
        assert said.status == 1
        assert said.err.startswith(f"denoise: {place} cannot be written to (Read-only file system)")
        assert "choose another folder with hydra.run.dir" in said.err
        assert not said.runs()


def test_undamaged_data_are_read_from_a_read_only_disk(settings: data.Settings, disk: Disk) -> None:
    there = replace(settings, root=str(disk("size=100m")))
    shutil.copytree(settings.raw, there.raw, ignore=shutil.ignore_patterns(".lock"))
    subprocess.run(["mount", "-o", "remount,ro", there.root], check=True)
    fetch.fetch(there)
    with pytest.raises(UserError, match=r"data\.root=.* cannot be written to: .*Read-only"):
        fetch.fetch(replace(there, name="KMNIST"))
