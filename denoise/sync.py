"""Upload what MLflow lacks of ended runs: `python -m denoise.sync`."""

import logging
from collections.abc import Sequence
from pathlib import Path

import click

from denoise import command


@click.command("denoise.sync", cls=command.Command, context_settings=command.SETTINGS)
@click.argument(
    "folders",
    nargs=-1,
    metavar="[FOLDER]...",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--tracking-uri", help="MLflow store.  [default: the store in each run's record]")
def main(folders: Sequence[Path], tracking_uri: str | None) -> int:
    """Upload what MLflow does not have yet of the ended runs in each FOLDER (default: outputs/).

    Searches two levels deep. Uploads nothing twice, however often it is called.
    """
    from denoise.tracking import pending

    command.show_log()
    waiting, has_failed = pending.find(folders or [Path("outputs")]), False
    for folder, outcome, level in pending.send_each(waiting, tracking_uri):
        click.echo(f"{folder}: {outcome}")
        has_failed |= level == logging.WARNING
    if not waiting:
        click.echo("Nothing to upload.")
    return int(has_failed)


if __name__ == "__main__":
    main()
