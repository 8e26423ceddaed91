"""What MLflow lacks of runs whose processes are gone: found in their folders, and uploaded."""

import logging
from collections.abc import Iterable
from pathlib import Path

from mlflow import MlflowClient, MlflowException
from mlflow.entities import Run

from denoise import manifest
from denoise.config.settings import Tracking
from denoise.errors import FolderLockedError, UserError
from denoise.tracking import claim, failures, mirror, records, store
from denoise.tracking.records import FILE, Contents, Record

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
        contents = records.read(path.parent, with_lines=False)
    except UserError:
        return True  # damaged: mirroring it raises the error
    return contents is not None and not contents.fields["mirrored"]


def send(folder: Path) -> str:
    """Mirror the record of a run whose process is gone; returns what came of it in words.

    Raises `FolderLockedError` if the run's process lives.
    """
    with records.opened(folder) as record:
        if _lives_elsewhere(record):
            raise FolderLockedError(folder)
        if not (record.run_id or record.has_run or record.contents.lines):
            record.note(mirrored=True)  # its process died before it had anything to upload
            return "nothing to upload: the run had not begun"
        if record.fields["status"] == records.RUNNING:
            if _has_moved_on(record):
                record.note(mirrored=True)
                return "dropped: a copy of a run that has moved on since"
            record.update(status=records.KILLED, ended=records.milliseconds())
        return complete(record)


def complete(record: Record) -> str:
    """Mirror the record of a run that has ended; returns what came of it in words."""
    try:
        mirror.mirror(record)
    except mirror.NOT_OURS as error:
        record.note(mirrored=True)
        return f"dropped: {error}"
    return f"uploaded, as run {record.run_id}"


def _has_moved_on(record: Record) -> bool:
    """Whether MLflow has a later state of the run than this folder, so that it is a copy."""
    run = _in_store(record)
    if not run or run.info.status in (records.FINISHED, records.FAILED):
        return bool(run)
    there = mirror.stored(MlflowClient(), record.run_id, run.info.artifact_uri)
    return there.fields.get("lines", 0) > record.fields["lines"]


def _lives_elsewhere(record: Record) -> bool:
    """Whether another process trains the run.

    It may do so in the folder that this one is a copy of, or in this one from another machine: on
    a file system that machines share, this process's lock on the folder proves nothing.
    """
    if record.fields.get("status") != records.RUNNING or not record.run_id:
        return False
    owner = claim.read(record.fields["tags"][claim.OWNER])
    if owner.is_here():
        return not record.folder.samefile(owner.folder) and owner.lives()
    run = _in_store(record)
    return bool(run and run.info.status == records.RUNNING and claim.living([run]))


def _in_store(record: Record) -> Run | None:
    """The run in MLflow; None if it has none or does not answer, which mirroring will report."""
    try:
        return MlflowClient().get_run(record.run_id) if record.run_id else None
    except MlflowException:
        return None


def send_to(folder: Path, uri: str | None) -> str:
    """As `send`, to the store that the run was for or to `uri`, for a run that may live."""
    if (folder / OLD_FILE).exists():
        raise UserError(
            f"{folder / OLD_FILE} was written by version 0.1.0: run python -m denoise.sync of that "
            "version before upgrading"
        )
    fields = (records.read(folder) or Contents()).fields
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
            fields = (records.read(folder, with_lines=False) or Contents()).fields
            if fields.get("store") == address and not fields.get("refused"):
                log.info("%s: %s", folder, send(folder))
        except FolderLockedError:
            continue
        except Exception as error:  # of one run: the others are mirrored all the same
            log.warning("%s: not uploaded: %s", folder, failures.reason(error))
