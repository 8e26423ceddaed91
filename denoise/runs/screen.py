"""What the launching process shows: bars while jobs run, the table at the end.

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
from rich.table import Table

from denoise import metrics
from denoise.errors import UserError
from denoise.metrics import Metric
from denoise.tracking import records
from denoise.tracking.records import (
    FAILED,
    FINISHED,
    KILLED,
    REUSED,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    Contents,
)

REFRESH_SECONDS = 0.25
STORE_SECONDS = 30  # between looks at runs whose folders are on other machines
PIPE_WIDTH = 240
MANY = 20  # runs: with more, the screen shows those that run or failed, totals, and the best
STYLES = {FAILED: "red", KILLED: "red", SKIPPED: "yellow"}


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
        """The bar of the whole sweep."""
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
            self.bars[folder],
            total=job["epochs"],
            completed=len(epochs),
            state=_state(job, epochs),
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


def show(jobs: Sequence[Contents], shared: str = "") -> None:
    """The table of results on the screen, and a line for every failure.

    Of more than `MANY` jobs, the table has the best. `shared` is what all of them have in common.
    """
    screen = console()
    if shared:
        screen.print(f"All runs: {shared}", highlight=False, markup=False)
    table = Table(header_style="bold")
    for name in columns(jobs):
        table.add_column(name, overflow="fold")  # on a narrow terminal all is there, in more lines
    for contents in sorted(jobs, key=_place)[:MANY] if len(jobs) > MANY else jobs:
        table.add_row(*map(escape, row(contents)))
    screen.print(table)
    if len(jobs) > MANY:
        counted = Counter(contents.fields["job"]["status"] for contents in jobs)
        totals = ", ".join(f"{n:,} {status}" for status, n in counted.items())
        screen.print(
            f"The {MANY} best of {len(jobs):,} runs ({totals}); sweep.csv has all of them."
        )
    for job in (contents.fields["job"] for contents in jobs):
        if job["error"] and (style := STYLES.get(job["status"])):
            screen.print(f"{job['name']}: {job['error']}", style=style, markup=False)


def _place(contents: Contents) -> tuple[bool, float]:
    """A key to sort by: the best score first, and runs that failed last."""
    return contents.fields["job"]["status"] not in SUCCEEDED, contents.score


def columns(jobs: Sequence[Contents]) -> list[str]:
    """The header of the table."""
    keys = {key for contents in jobs for values in contents.epochs[-1:] for key in values}
    splits = [split for split in ("test", "val") if f"{split}/loss" in keys] or ["test"]
    losses = [f"{when} train / {' or '.join(splits)}" for when in ("epoch 1", "last epoch")]
    return ["run", "status", *losses, "clean MSE", "time", "run id"]


def row(contents: Contents) -> list[str]:
    """A row of the table: what came of one job."""
    job, epochs = contents.fields["job"], contents.epochs
    last = epochs[-1] if epochs else {}
    clean = _chosen(last, metrics.CLEAN_MSE)
    return [
        job["name"],
        job["status"],
        _losses(epochs[0]) if epochs else "",
        _losses(last),
        "" if clean is None else f"{clean:.5f}",
        clock(job["seconds"]),
        run_id(contents),
    ]


def run_id(contents: Contents) -> str:
    """The id of the run that a job trained, reused or found in other hands; '' without one."""
    return contents.fields["job"].get("run_id") or contents.fields["run_id"]


def _losses(epoch: dict[str, float]) -> str:
    chosen = _chosen(epoch, metrics.TEST_LOSS)
    return "" if chosen is None else f"{epoch[metrics.TRAIN_LOSS.key]:.4f} / {chosen:.4f}"


def _chosen(epoch: dict[str, float], metric: Metric) -> float | None:
    """A metric on the images that epochs are compared on: held-out ones, or else the test set."""
    return epoch.get(metric.held_out, epoch.get(metric.key))
