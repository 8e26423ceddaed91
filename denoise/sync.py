"""Upload what MLflow lacks of finished runs: `python -m denoise.sync`."""

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
@click.option("--tracking-uri", help="MLflow's store.  [default: the one that each run was for]")
def main(folders: Sequence[Path], tracking_uri: str | None) -> int:
    """Upload what MLflow lacks of the runs in each FOLDER (default: outputs/).

    Nothing is uploaded twice, however often this is called.
    """
    from denoise.tracking import failures, pending

    failed = 0
    waiting = pending.find(folders or [Path("outputs")])
    for folder in waiting:
        try:
            outcome = pending.send_to(folder, tracking_uri)
        except Exception as error:  # of one run: the others are uploaded all the same
            outcome = f"not uploaded: {failures.reason(error)}"
            failed += 1
        click.echo(f"{folder}: {outcome}")
    if not waiting:
        click.echo("Nothing to upload.")
    return int(failed > 0)


if __name__ == "__main__":
    main()
