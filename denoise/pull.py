"""Download the best run's files to a folder: `python -m denoise.pull`."""

import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from denoise import command
from denoise.comparison import best_run
from denoise.config.settings import Tracking
from denoise.errors import UserError
from denoise.runs import screen
from denoise.tracking import files
from denoise.tracking.search import Found


@click.command("denoise.pull", cls=command.Command, context_settings=command.SETTINGS)
@click.option(
    "--metric",
    help="Metric to rank by.  [default: test/loss under protocol=study, best/loss under fair]",
)
@click.option(
    "--max/--min",
    "largest",
    default=None,
    help="Whether larger or smaller values are better, for a custom metric.",
)
@command.WHERE
@click.option(
    "--sweep", default="latest", show_default=True, metavar=command.SWEEP, help=command.SWEEP_HELP
)
@click.option("--run", "run_id", metavar="ID", help="Pull this run, whatever its rank.")
@click.option(
    "--over-seeds",
    is_flag=True,
    help="Rank settings (runs that differ only in the seed) by their mean; pull the best run of "
    "the best setting.",
)
@click.option(
    "--top",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of runs, each in a folder of its own.",
)
@click.option(
    "--only", multiple=True, type=click.Choice(files.PARTS), help="Part to pull; repeatable."
)
@command.to("best")
@click.option("--force", is_flag=True, help="Replace what was pulled before.")
@click.option("--list", "only_list", is_flag=True, help="Show the ranking without pulling.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--register", metavar="NAME", help="Register the model under this name, with the alias `best`."
)
@command.store
def main(
    settings: Tracking,
    metric: str | None,
    largest: bool | None,
    where: str,
    sweep: str,
    run_id: str | None,
    over_seeds: bool,
    top: int,
    only: tuple[str, ...],
    to: Path,
    force: bool,
    only_list: bool,
    as_json: bool,
    register: str | None,
) -> None:
    """Pull the best finished run of a sweep into a folder, ready for `denoise.load`."""
    if to.resolve() in (Path.cwd(), *Path.cwd().parents):
        raise UserError(f"--to {to} contains the current folder; choose a folder of its own")
    if register and only_list:
        raise click.UsageError("--register needs a pulled run, so leave out --list")
    where = best_run.where(settings, where, sweep, run_id)
    metric = metric or best_run.default_metric(settings, where)
    most = None if only_list else top
    ranked = best_run.rank(
        settings, where, metric, largest=largest, over_seeds=over_seeds, most=most
    )
    entries = [_entry(one, metric, over_seeds) for one in ranked]
    if not only_list:
        for place, (one, entry) in enumerate(zip(ranked, entries, strict=True), start=1):
            folder = to if top == 1 else to / str(place)
            is_new = _pull(one.run, folder, only, force)
            entry |= {"folder": str(folder), "pulled": is_new}
        if register:
            entries[0]["version"] = files.register(ranked[0].run.id, register)
    if as_json:
        click.echo(json.dumps(entries, ensure_ascii=False))
    elif only_list:
        _show_ranking(entries)
    else:
        _show_pulled(entries, metric)


def _pull(run: Found, folder: Path, only: Sequence[str], force: bool) -> bool:
    """`files.pull` with a progress bar."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"Pulling {escape(run.name)}", total=None)
        return files.pull(run, folder, only, force=force, progress=partial(bar.update, task))


def _entry(ranked: best_run.Ranked, metric: str, over_seeds: bool) -> dict[str, Any]:
    run = ranked.run
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
    values = {metric: run.metrics[metric]}
    values |= {"mean over seeds": ranked.value} if over_seeds else {}
    return {"run": run.name, **values, "run id": run.id, "started": when}


def _show_pulled(entries: Sequence[dict[str, Any]], metric: str) -> None:
    for entry in entries:
        what = "pulled into" if entry["pulled"] else "is up to date in"
        click.echo(f"{entry['run']} ({metric} {entry[metric]:.4f}) {what} {entry['folder']}")
        if "version" in entry:
            click.echo(f"registered as version {entry['version']}, with the alias best")


def _show_ranking(entries: Sequence[dict[str, Any]]) -> None:
    table = Table(*entries[0], header_style="bold")
    for entry in entries:
        texts = (f"{v:.5f}" if isinstance(v, float) else str(v) for v in entry.values())
        table.add_row(*map(escape, texts))
    screen.console().print(table)


if __name__ == "__main__":
    main()
