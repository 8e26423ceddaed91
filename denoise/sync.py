"""What runs could not tell their store, told now: `python -m denoise.sync`."""

import contextlib
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from denoise import command
from denoise.config.settings import Tracking
from denoise.errors import FolderLockedError, UserError
from denoise.tracking import delivery, store
from denoise.tracking.outbox import FILE, Outbox

log = logging.getLogger(__name__)

# A run's folder is given, or its sweep's, or the one that sweeps and single runs are in.
WHERE = (FILE, f"*/{FILE}", f"*/*/{FILE}")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "folders",
    nargs=-1,
    metavar="[FOLDER]...",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--tracking-uri", help="MLflow's store.  [default: the one that each run was for]")
def main(folders: Sequence[Path], tracking_uri: str | None) -> None:
    """Send what runs in the folders, outputs/ if none is given, have kept for their store.

    It is sent once, however often this is called.
    """
    kept = 0
    waiting = pending(folders or [Path("outputs")])
    for folder in waiting:
        try:
            said = _send(folder, tracking_uri)
        except store.FAILURES as error:
            said = f"kept: {store.reason(error)}"
            kept += 1
        click.echo(f"{folder}: {said}")
    if not waiting:
        click.echo("Nothing waits to be sent.")
    sys.exit(int(kept > 0))


def pending(folders: Iterable[Path]) -> list[Path]:
    """The folders in and under these in which something waits to be sent."""
    found = {file for folder in folders for where in WHERE for file in folder.glob(where)}
    return sorted(file.parent for file in found if _has_something(file))


def _has_something(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:  # its run has sent it all in this moment
        return False


def send_left(settings: Tracking, folders: Iterable[Path]) -> None:
    """Send what runs that are gone have left in the folders for this store; it has to answer."""
    mine = store.without_secret(store.uri(settings))
    for folder in pending(folders):
        try:
            with contextlib.closing(Outbox(folder)) as outbox:
                if outbox.entries and outbox.entries[0]["store"] == mine:
                    log.info("%s: %s", folder, _deliver(outbox))
        except FolderLockedError:
            continue  # that run is at work
        except store.FAILURES as error:
            log.warning("%s: kept: %s", folder, store.reason(error))


def _send(folder: Path, uri: str | None) -> str:
    """Send what one run has kept, to where it was for or to `uri`; what came of it."""
    try:
        outbox = Outbox(folder)
    except FolderLockedError:
        return "a run is at work here, and sends its own"
    with contextlib.closing(outbox):
        if not outbox.entries:
            return "sent by another at this moment"
        begin = outbox.entries[0]
        if not uri and store.HIDDEN in begin["store"]:
            raise UserError(f"no file has the password of {begin['store']}: give --tracking-uri")
        store.prepare(Tracking(uri or begin["store"], begin["experiment"]))
        return _deliver(outbox)


def _deliver(outbox: Outbox) -> str:
    """Send it all; what came of it."""
    if len(outbox.entries) == 1 and not outbox.run_id:
        outbox.drop()  # its process died before it had opened a run, or found the one to go on with
        return "nothing to send: no run had begun"
    if outbox.entries[-1]["kind"] != "end":  # its process died
        outbox.end("KILLED")
    try:
        delivery.send(outbox)
    except delivery.GONE as error:
        outbox.drop()
        return f"dropped: {error}"
    return f"sent, as run {outbox.run_id}"


def cli() -> int:
    """The command `denoise-sync`."""
    return command.run(main, "denoise.sync")


if __name__ == "__main__":
    sys.exit(cli())
