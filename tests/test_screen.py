"""Bars on a terminal, and the records that they are drawn from."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from denoise.runs.screen import Bars, read_jobs
from denoise.runs.table import show
from denoise.tracking import records
from denoise.tracking.records import FAILED, FINISHED, Contents, Line, Record
from tests.conftest import command, ended, wait_until


@contextlib.contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Standard output as a terminal; what has been drawn on it."""
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    drawn: list[bytes] = []

    def screen() -> str:
        with contextlib.suppress(BlockingIOError):
            while part := os.read(ours, 65536):
                drawn.append(part)
        return b"".join(drawn).decode()

    with os.fdopen(theirs, "w") as stdout, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stdout)
        yield screen
    os.close(ours)


@contextlib.contextmanager
def job(folder: Path, num: int, name: str) -> Iterator[Record]:
    """The record of a job that has just started."""
    (folder / str(num)).mkdir()
    with records.opened(folder / str(num)) as record:
        record.start_job(name=name, epochs=2, score_name="test/loss")
        yield record


def test_each_job_has_a_bar_and_a_line_at_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with (
        terminal(monkeypatch) as screen,
        job(tmp_path, 0, "masking [half]") as good,
        job(tmp_path, 1, "blur") as bad,
    ):
        bars = Bars(lambda: [good.folder, bad.folder])
        wait_until(lambda: "epoch 0/2  starting" in screen())
        values = {"train/loss": 0.5, "test/loss": 0.25}
        values |= {"time/images_per_second": 10, "time/epoch_seconds": 65}
        good.log(values, 1)
        good.note_job(stage="training")
        wait_until(lambda: "epoch 1/2  loss 0.5000  10 img/s  1:05 left" in screen())
        good.note_job(status=FINISHED)
        bad.note_job(status=FAILED, error="[enforce fail at alloc_cpu.cpp:117] nothing at [/tmp/x]")
        bars.close()
        assert not bars.thread.is_alive()
        assert "masking [half]  test/loss 0.2500" in screen()
        assert "blur  FAILED: [enforce fail at alloc_cpu.cpp:117] nothing at [/tmp/x]" in screen()
        shows, hides = "\x1b[?25h", "\x1b[?25l"  # the cursor
        assert screen().rindex(shows) > screen().rindex(hides)


def test_jobs_of_an_earlier_launch_are_not_shown(tmp_path: Path) -> None:
    with job(tmp_path, 0, "old"):
        pass
    folders = [tmp_path / "0"]
    assert len(read_jobs(folders)) == 1
    records.forget_job(folders[0])
    assert read_jobs(folders) == []


def test_a_folder_without_a_readable_record_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("a user's own")
    assert read_jobs([tmp_path, tmp_path / "missing"]) == []


def test_the_first_line_is_shown_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('torch is imported')")
    said = ended(command(tmp_path), tmp_path)
    assert "torch is imported" in said.err
    assert "Getting ready" in said.out


@pytest.mark.parametrize(("name", "score"), [("test/loss", 0.9), ("val/loss", 0.5)])
def test_the_score_is_that_of_the_weights_that_are_evaluated(name: str, score: float) -> None:
    """The best epoch's where images are held out, else the last epoch's."""
    lines = [Line(step, 0, {name: loss}) for step, loss in enumerate((0.6, 0.5, 0.9), start=1)]
    assert Contents({"job": {"score_name": name}}, lines).score == score


def test_of_more_than_twenty_runs_the_table_has_the_best_and_every_failure_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ended(name: str, loss: float, status: str = FINISHED, error: str = "") -> Contents:
        job = {"name": name, "status": status, "seconds": 1, "error": error}
        line = Line(1, 0, {"train/loss": loss, "test/loss": loss})
        return Contents({"job": job | {"score_name": "test/loss"}, "run_id": name}, [line])

    jobs = [ended(f"run {number:02}", 100 - number) for number in range(25)]
    show([*jobs, ended("bad", 1, FAILED, "ValueError: why")])
    out = capsys.readouterr().out
    shown = [line.split("│")[1].strip() for line in out.splitlines() if line.startswith("│")]
    assert shown == [f"run {number:02}" for number in range(24, 4, -1)]
    assert "The 20 best of 26 runs (25 FINISHED, 1 FAILED); sweep.csv has all of them." in out
    assert "bad: ValueError: why" in out
