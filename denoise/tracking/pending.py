"""What MLflow lacks of runs whose processes are gone: found in their folders, and uploaded."""

import logging
from collections.abc import Iterable
from pathlib import Path

from mlflow import MlflowClient, MlflowException
from mlflow.entities import Run

from denoise import manifest
from denoise.config.settings import Tracking
from denoise.errors import FolderLockedError, UserError
from denoise.tracking import claim, failures, mirror, record, store
from denoise.tracking.record import FILE, Contents, Record

log = logging.getLogger(__name__)

OLD_FILE = "outbox.jsonl"  # of version 0.1.0


def find(folders: Iterable[Path]) -> list[Path]:
    """The folders in and up to two levels under these whose records MLflow does not have whole."""
    depths = ("", "*/", "*/*/")
    names = (FILE, OLD_FILE)
    patterns = [f"{depth}{name}" for depth in depths for name in names]
    found = {path for folder in folders for pattern in patterns for path in folder.glob(pattern)}
    return sorted(path.parent for path in found if _is_pending(path))


def _is_pending(path: Path) -> bool:
    if path.name == OLD_FILE:
        return True
    if (path.parent / manifest.FILE).exists():  # it was pulled: a copy of what MLflow has
        return False
    try:
        contents = record.read(path.parent, with_lines=False)
    except UserError:
        return True  # damaged: mirroring it raises the error
    return contents is not None and not contents.fields["mirrored"]


def send(folder: Path) -> str:
    """Mirror the record of a run whose process is gone; returns what came of it in words.

    Raises `FolderLockedError` if the run's process lives.
    """
    with record.opened(folder) as own:
        if _lives_elsewhere(own):
            raise FolderLockedError(folder)
        if not (own.run_id or own.has_run or own.contents.lines):
            own.note(mirrored=True)  # its process died before it had anything to upload
            return "nothing to upload: the run had not begun"
        if own.fields["status"] == record.RUNNING:
            if _has_moved_on(own):
                own.note(mirrored=True)
                return "dropped: a copy of a run that has moved on since"
            own.update(status=record.KILLED, ended=record.milliseconds())
        return complete(own)


def complete(own: Record) -> str:
    """Mirror the record of a run that has ended; returns what came of it in words."""
    try:
        mirror.mirror(own)
    except mirror.NOT_OURS as error:
        own.note(mirrored=True)
        return f"dropped: {error}"
    return f"uploaded, as run {own.run_id}"


def _has_moved_on(own: Record) -> bool:
    """Whether MLflow has a later state of the run than this folder, so that it is a copy."""
    run = _in_store(own)
    if not run or run.info.status in (record.FINISHED, record.FAILED):
        return bool(run)
    there = mirror.stored(MlflowClient(), own.run_id, run.info.artifact_uri)
    return there.fields.get("lines", 0) > own.fields["lines"]


def _lives_elsewhere(own: Record) -> bool:
    """Whether another process trains the run.

    It may do so in the folder that this one is a copy of, or in this one from another machine: on
    a file system that machines share, this process's lock on the folder proves nothing.
    """
    if own.fields.get("status") != record.RUNNING or not own.run_id:
        return False
    owner = claim.read(own.fields["tags"][claim.OWNER])
    if owner.is_here():
        return not own.folder.samefile(owner.folder) and owner.lives()
    run = _in_store(own)
    return bool(run and run.info.status == record.RUNNING and claim.living([run]))


def _in_store(own: Record) -> Run | None:
    """The run in MLflow; None if it has none or does not answer, which mirroring will report."""
    try:
        return MlflowClient().get_run(own.run_id) if own.run_id else None
    except MlflowException:
        return None


def send_to(folder: Path, uri: str | None) -> str:
    """As `send`, to the store that the run was for or to `uri`, for a run that may live."""
    if (folder / OLD_FILE).exists():
        raise UserError(
            f"{folder / OLD_FILE} was written by version 0.1.0: run python -m denoise.sync of that "
            "version before upgrading"
        )
    fields = (record.read(folder) or Contents()).fields
    if not uri and failures.HIDDEN in fields["store"]:
        raise UserError(f"no file has the password of {fields['store']}: give --tracking-uri")
    store.prepare(Tracking(uri or fields["store"], fields["experiment"]))
    try:
        return send(folder)
    except FolderLockedError:
        return "not uploaded: its run, or another sync, is using it"


def send_all(settings: Tracking, folders: Iterable[Path]) -> None:
    """Mirror the records in the folders that are for this store and whose runs are over.

    What the store refused before is left out: `send` tries it again.
    """
    address = failures.without_secret(store.uri(settings))
    for folder in find(folders):
        try:
            fields = (record.read(folder, with_lines=False) or Contents()).fields
            if fields.get("store") == address and not fields.get("refused"):
                log.info("%s: %s", folder, send(folder))
        except FolderLockedError:
            continue
        except Exception as error:  # of one run: the others are mirrored all the same
            log.warning("%s: not uploaded: %s", folder, failures.reason(error))
