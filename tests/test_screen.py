"""Bars on a terminal: what is drawn, and that it ends."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from denoise.runs.screen import FAILED, FINISHED, RUNNING, Bars, Status, forget_all, read_all
from tests.conftest import wait_until


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


def job(folder: Path, num: int, name: str) -> Status:
    (folder / str(num)).mkdir()
    return Status(
        folder / str(num), num=num, name=name, state=RUNNING, stage="starting", epoch=0, epochs=2
    )


def test_a_bar_for_each_job_and_a_line_for_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with terminal(monkeypatch) as screen:
        bars = Bars(tmp_path)
        good, bad = job(tmp_path, 0, "masking [half]"), job(tmp_path, 1, "blur")
        wait_until(lambda: "epoch 0/2  starting" in screen(), seconds=10)
        good.update(state=FINISHED, score_name="test/loss", score=0.25)
        bad.update(state=FAILED, error="[enforce fail at alloc_cpu.cpp:117] nothing at [/tmp/x]")
        bars.close()
        assert not bars.thread.is_alive()
        assert "masking [half]  test/loss 0.2500" in screen()
        assert "blur  FAILED: [enforce fail at alloc_cpu.cpp:117] nothing at [/tmp/x]" in screen()
        shows, hides = "\x1b[?25h", "\x1b[?25l"  # the cursor
        assert screen().rindex(shows) > screen().rindex(hides)


def test_what_an_earlier_launch_left_is_forgotten(tmp_path: Path) -> None:
    job(tmp_path, 0, "old").update(state=FAILED, error="long ago")
    forget_all(tmp_path)
    assert read_all(tmp_path) == []
