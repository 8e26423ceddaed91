"""Compare runs over seeds, with an answer and a page: `python -m denoise.compare`."""

from pathlib import Path

import click

from denoise import command, manifest
from denoise.comparison import write
from denoise.comparison.effects import MARGIN
from denoise.config.settings import Tracking
from denoise.runs import screen


@click.command("denoise.compare", cls=command.Command, context_settings=command.SETTINGS)
@command.SWEEPS
@click.option("--run", "ids", multiple=True, metavar="ID", help="Run to compare; repeatable.")
@command.WHERE
@command.to("comparison")
@command.FORCE
@click.option(
    "--margin",
    type=float,
    default=100 * MARGIN,
    show_default=True,
    metavar="PERCENT",
    help="Largest difference that does not matter, in percent of the baseline.",
)
@command.store
def main(
    settings: Tracking,
    sweeps: tuple[str, ...],
    ids: tuple[str, ...],
    where: str,
    to: Path,
    force: bool,
    margin: float,
) -> None:
    """Compare the finished runs of a sweep, and write a page, its pictures and tables.

    Runs that differ only in the seed are averaged.
    """
    if not 0 < margin <= 100:
        raise click.UsageError(f"--margin must be more than 0 and at most 100, got {margin:g}")
    runs = write.chosen(settings, sweeps, ids, where)
    console = screen.console()
    with (
        manifest.writing(to, write.FILES, force=force) as folder,
        console.status("Comparing the runs ..."),
    ):
        written = write.write(settings, runs, folder, margin=margin / 100)
        for picture in written.pictures:
            (folder / f"{picture.name}.svg").write_text(picture.svg, encoding="utf-8")
    write.show(written, console)
    table, markdown, page = (to / name for name in write.FILES)
    click.echo(f"Page:  {page}\nTable: {table}, {markdown}")
    if written.pictures:
        names = ", ".join(f"{picture.name}.svg" for picture in written.pictures)
        click.echo(f"Pictures of the page, in {to}: {names}")


if __name__ == "__main__":
    main()
