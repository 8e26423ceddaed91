"""The end of a sweep: its table on the screen, and the run that sums it up."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from denoise.comparison.write import Comparison
from denoise.config.settings import Tracking
from denoise.runs.screen import FAILED, SKIPPED, clock
from denoise.tracking import charts, search, session

PIPE_WIDTH = 240
LONGEST_TAG = 8000  # that every store of MLflow's takes
STYLES = {FAILED: "red", SKIPPED: "yellow"}

Status = dict[str, Any]


def show(statuses: Sequence[Status]) -> None:
    """The table of results on the screen, and a line for every failure."""
    console = _console()
    table = Table(header_style="bold")
    for name in _columns(statuses):
        table.add_column(name, overflow="fold")  # on a narrow terminal all is there, in more lines
    for status in statuses:
        table.add_row(*map(escape, _row(status)))
    console.print(table)
    for status in statuses:
        if style := STYLES.get(status["state"]):
            console.print(f"{status['name']}: {status['error']}", style=style, markup=False)


def point(
    statuses: Sequence[Status],
    settings: Tracking,
    folder: Path,
    compared: Comparison | None,
) -> None:
    """What the runs say, and where to look next, on the screen."""
    console = _console()
    for question in compared.questions if compared else []:
        console.print(f"{question.title} {question.answer}", highlight=False, markup=False)
    if compared:
        console.print(f"Page:   {compared.page}", highlight=False, soft_wrap=True)
    console.print(f"Files:  {folder}", highlight=False, soft_wrap=True)
    if address := _address(statuses, settings, folder):
        steps = ", then ".join(filter(None, (charts.command(), address)))
        console.print(f"Browse: {steps}", highlight=False, soft_wrap=True)


def _console() -> Console:
    console = Console()
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def summarize(statuses: Sequence[Status], settings: Tracking, folder: Path, started: float) -> None:
    """The same table as a file and a description of the sweep's summary run."""
    path = folder / search.SUMMARY
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*_columns(statuses), "error"])
        writer.writerows([*_row(status), status.get("error", "")] for status in statuses)
    columns = _columns(statuses)
    rows = [columns, ["---"] * len(columns), *map(_row, statuses)]
    note = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    tags = {
        "sweep": folder.name,
        "summary": "true",
        "mlflow.note.content": note[: note.rfind("\n", 0, LONGEST_TAG) + 1],
    }
    name = f"sweep {folder.name}"
    with session.run(settings, folder, name=name, tags=tags, params={}, started=started) as run:
        for written in (path, *sorted(folder.glob("comparison.*"))):
            run.file(written)


def _address(statuses: Sequence[Status], settings: Tracking, folder: Path) -> str:
    """Of a run's page, or of the charts where there are several; none where no run was opened."""
    runs = [status["run_id"] for status in statuses if status.get("run_id")]
    if len(runs) > 1:
        epochs = max(status["epochs"] for status in statuses)
        return charts.share_charts(settings, folder.name, runs, last_step=epochs)
    return charts.run_address(settings, runs[0]) if runs else ""


def _columns(statuses: Sequence[Status]) -> list[str]:
    figures = {name for status in statuses for name in status.get("last", {})}
    known = [split for split in ("test", "val") if f"{split}/loss" in figures]
    held_out = " or ".join(known) or "test"
    losses = [f"{when} train / {held_out}" for when in ("epoch 1", "last epoch")]
    return ["run", "status", *losses, "clean MSE", "time", "run id"]


def _row(status: Status) -> list[str]:
    last = status.get("last", {})
    clean = last.get("val/clean_mse", last.get("test/clean_mse"))
    return [
        status["name"],
        status["state"],
        _losses(status.get("first", {})),
        _losses(last),
        "" if clean is None else f"{clean:.5f}",
        clock(status["seconds"]),
        status.get("run_id", ""),
    ]


def _losses(values: dict[str, float]) -> str:
    held_out = values.get("val/loss", values.get("test/loss"))
    return "" if held_out is None else f"{values['train/loss']:.4f} / {held_out:.4f}"
