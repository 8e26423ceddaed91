"""Compare runs over seeds, with answers in words: `python -m denoise.compare`."""

import sys
from pathlib import Path

import click

from denoise import command, manifest
from denoise.comparison import write
from denoise.config.settings import Tracking


@click.command(context_settings=command.SETTINGS)
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar="latest|ID|all",
    help="Sweep to compare the runs of; repeatable.  [default: latest]",
)
@click.option("--run", "ids", multiple=True, metavar="ID", help="Run to compare; repeatable.")
@command.WHERE
@command.to("comparison")
@command.FORCE
@command.EXPERIMENT
@command.TRACKING_URI
def main(
    sweeps: tuple[str, ...],
    ids: tuple[str, ...],
    where: str,
    to: Path,
    force: bool,
    experiment: str,
    tracking_uri: str | None,
) -> None:
    """Compare the finished runs of the latest sweep, and write an HTML page and tables.

    Runs that differ only in the seed are averaged.
    """
    settings = Tracking(tracking_uri, experiment)
    runs = write.chosen(settings, sweeps, ids, where)
    with manifest.writing(to, write.FILES, force=force) as folder:
        written = write.write(settings, runs, folder)
    for question in written.questions:
        click.echo(f"{question.title}\n  {question.answer}")
    table, markdown, page = (to / name for name in write.FILES)
    click.echo(f"Page:  {page}\nTable: {table}, {markdown}")


def cli() -> int:
    """The command `denoise-compare`."""
    return command.run(main, "denoise.compare")


if __name__ == "__main__":
    sys.exit(cli())
