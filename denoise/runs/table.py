"""The table of a sweep's runs at its end, on the screen and in sweep.csv."""

from collections import Counter
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Column, Table

from denoise import metrics
from denoise.runs.screen import MANY, clock, console
from denoise.tracking.records import FAILED, KILLED, SKIPPED, SUCCEEDED, Contents

STYLES = {FAILED: "red", KILLED: "red", SKIPPED: "yellow"}


def show(jobs: Sequence[Contents], shared: str = "") -> None:
    """Print the table of results, and a line for every failure.

    Of more than `MANY` jobs, the table has the best. `shared` is what all of them have in common.
    """
    screen = console()
    if shared:
        screen.print(f"All runs: {shared}", highlight=False, markup=False)
    # On a narrow terminal, cells are folded, not cut.
    table = Table(*(Column(name, overflow="fold") for name in columns(jobs)), header_style="bold")
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
    """The id of the run that a job trained, reused, or left to another process; '' without one."""
    return contents.fields["job"].get("run_id") or contents.fields["run_id"]


def _losses(epoch: dict[str, float]) -> str:
    chosen = _chosen(epoch, metrics.TEST_LOSS)
    return "" if chosen is None else f"{epoch[metrics.TRAIN_LOSS.key]:.4f} / {chosen:.4f}"


def _chosen(epoch: dict[str, float], metric: metrics.Metric) -> float | None:
    """A metric on the images that epochs are compared on: held-out ones, or else the test set."""
    return epoch.get(metric.held_out, epoch.get(metric.key))
