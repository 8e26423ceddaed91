"""What the launching process shows while jobs run: a bar for each.

A job in a worker cannot draw on its launcher's terminal without the two garbling it. So each job
writes its record, and the launching process reads the records and draws.
"""

import contextlib
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from denoise import metrics
from denoise.errors import UserError
from denoise.tracking import records
from denoise.tracking.records import FINISHED, REUSED, RUNNING, SKIPPED, SUCCEEDED, Contents

REFRESH_SECONDS = 0.25
STORE_SECONDS = 30  # between looks at runs whose folders are on other machines
PIPE_WIDTH = 240
MANY = 20  # runs: with more, the screen shows those that run or failed, totals, and the best


def read_jobs(folders: Sequence[Path]) -> list[Contents]:
    """The records in the folders that have jobs of this launch, in the order of the folders."""
    found = []
    for folder in folders:
        with contextlib.suppress(UserError):  # damaged: not a record of this launch
            contents = records.read(folder) or Contents()
            if contents.fields.get("job"):
                found.append(contents)
    return found


def is_shown() -> bool:
    """Whether standard output is a terminal, for bars to be drawn on."""
    return sys.stdout.isatty()


class PlainConsole(logging.StreamHandler):
    """Log lines on standard output, but only where no bars are drawn."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)
        if is_shown():
            self.setLevel(logging.CRITICAL + 1)


class Bars:
    """Until `close`, a live bar for each running job and one for the sweep, if on a terminal.

    Above the bars there is a line for each job that ended; of many jobs, for those that failed.
    """

    def __init__(
        self,
        folders: Callable[[], Sequence[Path]],
        remote: Callable[[], dict[Path, Contents]] = dict,
    ) -> None:
        """`folders` gives those of the jobs; `remote` the records, by folder, on other machines."""
        self.folders, self.remote = folders, remote
        self.there: dict[Path, Contents] = {}  # what `remote` gave last
        self.bars: dict[Path, TaskID] = {}
        self.ended: dict[Path, str] = {}  # the status by folder
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._draw, daemon=True)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=Console(),
        )
        if is_shown():
            self.whole = self.progress.add_task("all runs", state="", visible=False)
            self.progress.start()
            self.thread.start()

    def close(self) -> None:
        if self.progress.live.is_started:
            self.stop.set()
            self.thread.join()
            self.progress.stop()

    def _draw(self) -> None:
        looked = time.monotonic()
        while not self.stop.wait(REFRESH_SECONDS):
            if time.monotonic() > looked + STORE_SECONDS:
                self.there, looked = self.remote(), time.monotonic()
            self._look()
        self._look()

    def _look(self) -> None:
        folders = dict.fromkeys([*self.folders(), *self.ended])
        for folder in [folder for folder in folders if folder not in self.ended]:
            there = [self.there[folder]] if folder in self.there else []
            for contents in read_jobs([folder]) or there:
                job = contents.fields["job"]
                if job["status"] == RUNNING:
                    self._move(folder, job, contents.epochs)
                else:
                    self.ended[folder] = job["status"]
                    self._end(folder, contents, is_one_of_many=len(folders) > MANY)
        self._count(len(folders))

    def _count(self, jobs: int) -> None:
        """Update the bar of the whole sweep."""
        counted = Counter(self.ended.values())
        others = [f"{n:,} {status}" for status, n in counted.items() if status != FINISHED]
        self.progress.update(
            self.whole,
            total=jobs,
            completed=len(self.ended),
            state="  ".join([f"{len(self.ended):,}/{jobs:,}", *others]),
            visible=jobs > 1,
        )

    def _move(self, folder: Path, job: dict[str, Any], epochs: list[dict[str, float]]) -> None:
        if folder not in self.bars:
            self.bars[folder] = self.progress.add_task(escape(job["name"]), state="")
        self.progress.update(
            self.bars[folder], total=job["epochs"], completed=len(epochs), state=_state(job, epochs)
        )

    def _end(self, folder: Path, contents: Contents, *, is_one_of_many: bool) -> None:
        if folder in self.bars:
            self.progress.remove_task(self.bars.pop(folder))
        if not is_one_of_many or self.ended[folder] not in SUCCEEDED:
            self.progress.console.print(_ended(contents), highlight=False)


def _state(job: dict[str, Any], epochs: list[dict[str, float]]) -> str:
    parts = [f"epoch {len(epochs)}/{job['epochs']}"]
    if epochs:
        speed = epochs[-1][metrics.IMAGES_PER_SECOND.key]
        parts.append(f"loss {epochs[-1][metrics.TRAIN_LOSS.key]:.4f}  {speed:,.0f} img/s")
    if job["stage"] != "training":
        parts.append(job["stage"])
    elif epochs:
        left = (job["epochs"] - len(epochs)) * epochs[-1][metrics.EPOCH_SECONDS.key]
        parts.append(f"{clock(left)} left")
    return "  ".join(parts)


def _ended(contents: Contents) -> str:
    job = contents.fields["job"]
    name, error = escape(job["name"]), escape(job["error"])
    if job["status"] == SKIPPED:
        return f"[yellow]–[/] {name}  {error}"
    if job["status"] in SUCCEEDED:
        reused = "  reused" if job["status"] == REUSED else ""
        return f"[green]✓[/] {name}  {job['score_name']} {contents.score:.4f}{reused}"
    return f"[red]✗[/] {name}  {job['status']}{error and ': '}{error}"


def clock(seconds: float) -> str:
    """Minutes and seconds, as a clock shows them."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def console() -> Console:
    """The screen; wide enough for a whole row where output is no terminal."""
    screen = Console()
    if not screen.is_terminal:
        screen.width = PIPE_WIDTH
    return screen
