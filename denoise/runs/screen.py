"""What a job is doing, in a small file; and the bars that its launcher draws from such files.

A job in a worker process cannot draw on its launcher's terminal without two of them garbling it,
so each job writes, and one process draws.
"""

import json
import logging
import sys
import threading
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

FILE = "status.json"
RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"
REUSED = "REUSED"  # finished before, in another sweep
SKIPPED = "SKIPPED"  # being trained by another process
DONE = (FINISHED, REUSED, SKIPPED)
REFRESH_SECONDS = 0.25


class Status:
    """A job's `status.json`: written whole on every update, readable at any moment."""

    def __init__(self, folder: Path, **fields: Any) -> None:
        self.path = folder / FILE
        self.started = time.time()
        self.fields: dict[str, Any] = {}
        self.update(**fields)

    def update(self, **fields: Any) -> None:
        self.fields |= fields | {"seconds": time.time() - self.started}
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(self.fields), encoding="utf-8")
        partial.replace(self.path)


def read_all(folder: Path) -> list[dict[str, Any]]:
    """The statuses of the jobs in and under `folder` that have begun, in their order."""
    files = folder.rglob(FILE)
    statuses = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    return sorted(statuses, key=lambda status: status["num"])


def forget_all(folder: Path) -> None:
    """Remove the statuses in and under `folder`, which an earlier launch has left."""
    for path in folder.rglob(FILE):
        path.unlink(missing_ok=True)


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
    """Until `close`, one live bar for each job running under `folder`, if output is a terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bars: dict[int, TaskID] = {}
        self.told: set[int] = set()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._draw, daemon=True)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(),
            console=Console(),
        )
        if is_shown():
            self.progress.start()
            self.thread.start()

    def close(self) -> None:
        if self.progress.live.is_started:
            self.stop.set()
            self.thread.join()
            self.progress.stop()

    def _draw(self) -> None:
        while not self.stop.wait(REFRESH_SECONDS):
            self._look()
        self._look()

    def _look(self) -> None:
        for status in read_all(self.folder):
            if status["state"] == RUNNING:
                self._move(status)
            elif status["num"] not in self.told:
                self._end(status)

    def _move(self, status: dict[str, Any]) -> None:
        number = status["num"]
        if number not in self.bars:
            self.bars[number] = self.progress.add_task(escape(status["name"]), said="")
        self.progress.update(
            self.bars[number],
            total=status["epochs"],
            completed=status["epoch"],
            said=_said(status),
        )

    def _end(self, status: dict[str, Any]) -> None:
        self.told.add(status["num"])
        if status["num"] in self.bars:
            self.progress.remove_task(self.bars[status["num"]])
        self.progress.console.print(_ended(status), highlight=False)


def _said(status: dict[str, Any]) -> str:
    said = f"epoch {status['epoch']}/{status['epochs']}"
    if status["epoch"]:
        said += f"  loss {status['loss']:.4f}  {status['images_per_second']:,.0f} img/s"
    if status["stage"] != "training":
        return f"{said}  {status['stage']}"
    if status["epoch"]:
        left = (status["epochs"] - status["epoch"]) * status["epoch_seconds"]
        said += f"  {clock(left)} left"
    return said


def clock(seconds: float) -> str:
    """Minutes and seconds, as a clock shows them."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _ended(status: dict[str, Any]) -> str:
    name, error = escape(status["name"]), escape(status.get("error", ""))
    if status["state"] == SKIPPED:
        return f"[yellow]–[/] {name}  {error}"
    if status["state"] in DONE:
        reused = "  reused" if status["state"] == REUSED else ""
        return f"[green]✓[/] {name}  {status['score_name']} {status['score']:.4f}{reused}"
    return f"[red]✗[/] {name}  {status['state']}: {error}"
