"""Show the progress of the runs of a sweep, on all machines: `python -m denoise.status`."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from denoise import command
from denoise.config.settings import Tracking
from denoise.runs import screen, slurm
from denoise.tracking import sweeps
from denoise.tracking.records import FINISHED

REFRESH_SECONDS = 10


@click.command("denoise.status", cls=command.Command, context_settings=command.SETTINGS)
@click.argument("sweep", default="latest")
@click.option("--watch", is_flag=True, help=f"Look again every {REFRESH_SECONDS} seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@command.store
def main(settings: Tracking, sweep: str, watch: bool, as_json: bool) -> None:
    """Show the progress of the runs of SWEEP, an ID or `latest` (the default), on all machines.

    A run is QUEUED, RUNNING, FINISHED, FAILED, KILLED (it was stopped) or LOST (its process is
    gone). The same `python -m denoise` command resumes runs that are KILLED or LOST. If a
    process on another machine dies, its run is LOST within a minute.
    """
    if as_json:
        plan, rows = _look(settings, sweep)
        print(json.dumps({"sweep": plan.sweep, "runs": [asdict(row) for row in rows]}, indent=1))
    elif watch:
        with Live(console=screen.console(), auto_refresh=False) as live:
            while True:
                live.update(_shown(*_look(settings, sweep)), refresh=True)
                time.sleep(REFRESH_SECONDS)
    else:
        screen.console().print(_shown(*_look(settings, sweep)))


def _look(settings: Tracking, sweep: str) -> tuple[sweeps.Plan, list[sweeps.Progress]]:
    """The plan of the sweep, and how far its runs are."""
    plan, summary = sweeps.plan(settings, sweep)
    tasks = slurm.tasks()
    if tasks is None and plan.queue:  # Slurm cannot be asked here: its jobs count as queued
        tasks = {plan.queue: {run.task for run in plan.runs if run.task is not None}}
    return plan, sweeps.progress(settings, plan, summary, tasks or {})


def _shown(plan: sweeps.Plan, rows: Sequence[sweeps.Progress]) -> Group:
    """The totals, why Slurm has runs waiting, and a table of the runs that have not finished."""
    counted = Counter(row.state for row in rows)
    totals = ", ".join(f"{counted[state]:,} {state}" for state in sweeps.STATES if counted[state])
    title = Text(f"Sweep {plan.sweep}: {len(rows):,} run{'s' * (len(rows) != 1)}, {totals}")
    if plan.queue and (reasons := slurm.reasons(plan.queue)):
        title.append(f"\nPending in Slurm: {'; '.join(reasons)}")
    table = Table("run", "state", "epoch", "left", "host", "job", "last heard", "run id")
    open_rows = [row for row in rows if row.state != FINISHED]
    for row in open_rows:
        heard = "" if row.heard is None else time.strftime("%H:%M:%S", time.localtime(row.heard))
        left = "" if row.left is None else screen.clock(row.left)
        epoch = f"{row.epoch}/{row.epochs}"
        texts = (row.name, row.state, epoch, left, row.host, row.job, heard, row.run_id)
        table.add_row(*map(escape, texts))
    return Group(title, table) if open_rows else Group(title)


if __name__ == "__main__":
    main()
