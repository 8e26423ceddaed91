"""What MLflow lacks of runs whose processes are gone: found in their folders, and uploaded."""

import contextlib
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

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


def gone(folders: Iterable[Path]) -> set[claim.State]:
    """The states of those runs in these folders whose processes ran elsewhere and have died.

    Takes a minute if there are any, however many: see `claim.living`.
    """
    runs = []
    for folder in folders:
        with contextlib.suppress(Exception):  # sending it raises the same
            runs.append(_running_elsewhere(records.read(folder, with_lines=False) or Contents()))
    asked = [run for run in runs if run]
    alive = claim.living(asked)
    return {claim.state(run) for run in asked if run not in alive}


def send(folder: Path, dead: Collection[claim.State]) -> str:
    """Mirror the record of a run whose process is gone; returns what came of it in words.

    `dead` is what `gone` returned. Raises `FolderLockedError` if the run's process lives.
    """
    with records.opened(folder) as record:
        if _lives(record, dead):
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
    run = _in_store(record.contents)
    if not run or run.info.status in (records.FINISHED, records.FAILED):
        return bool(run)
    there = mirror.stored(MlflowClient(), record.run_id, run.info.artifact_uri)
    return there.fields.get("lines", 0) > record.fields["lines"]


def _lives(record: Record, dead: Collection[claim.State]) -> bool:
    """Whether another process trains the run.

    It may do so in the folder that this one is a copy of, or in this one from another machine: on
    a file system that machines share, this process's lock on the folder proves nothing.
    """
    owner = _owner(record.contents)
    if owner and owner.is_here():
        return not record.folder.samefile(owner.folder) and owner.lives()
    run = _running_elsewhere(record.contents)
    return run is not None and claim.state(run) not in dead


def _running_elsewhere(contents: Contents) -> Run | None:
    """The run in MLflow, if it is running and its process was on another machine."""
    owner = _owner(contents)
    run = _in_store(contents) if owner and not owner.is_here() else None
    return run if run and run.info.status == records.RUNNING else None


def _owner(contents: Contents) -> claim.Owner | None:
    """The process that trains the run, or did so when it died; None if the run ended."""
    if contents.fields.get("status") != records.RUNNING or not contents.fields["run_id"]:
        return None
    return claim.read(contents.fields["tags"][claim.OWNER])


def _in_store(contents: Contents) -> Run | None:
    """The run in MLflow; None if it has none or does not answer, which mirroring will report."""
    run_id = contents.fields["run_id"]
    try:
        return MlflowClient().get_run(run_id) if run_id else None
    except MlflowException:
        return None


class Sent(NamedTuple):
    """What came of the record in a folder, in words, and the level at which it is logged."""

    folder: Path
    outcome: str
    level: int


def send_each(folders: Iterable[Path], uri: str | None) -> Iterator[Sent]:
    """`send` each record to the store that its run was for, or to the store at `uri`."""
    by_store: dict[Tracking, list[Path]] = {}
    for folder in folders:
        try:
            by_store.setdefault(_store_of(folder, uri), []).append(folder)
        except UserError as error:
            yield _failed(folder, error)
    for settings, its in by_store.items():
        yield from _send_to(settings, its)


def send_all(settings: Tracking, folders: Iterable[Path]) -> None:
    """`send` the records in the folders that are for this store, and log what came of them.

    What the store refused before is left out: `send_each` tries it again.
    """
    address = failures.without_secret(store.uri(settings.uri))
    left = [folder for folder in find(folders) if _is_for(folder, address)]
    for folder, outcome, level in _send_to(settings, left):
        log.log(level, "%s: %s", folder, outcome)


def _send_to(settings: Tracking, folders: Sequence[Path]) -> Iterator[Sent]:
    try:
        store.prepare(settings)
    except failures.FAILURES as error:
        yield from (_failed(folder, error) for folder in folders)
        return
    dead = set[claim.State]()
    with contextlib.suppress(*failures.FAILURES):  # runs that may live are not sent
        dead = gone(folders)
    for folder in folders:
        try:
            yield Sent(folder, send(folder, dead), logging.INFO)
        except FolderLockedError:
            outcome = "not uploaded: its run, or another sync, is using it"
            yield Sent(folder, outcome, logging.DEBUG)
        except Exception as error:  # of one run: the others are mirrored all the same
            yield _failed(folder, error)


def _failed(folder: Path, error: Exception) -> Sent:
    return Sent(folder, f"not uploaded: {failures.reason(error)}", logging.WARNING)


def _store_of(folder: Path, uri: str | None) -> Tracking:
    """The store at `uri`, or else that of the run in the folder; `UserError` if it is gone."""
    if (folder / OLD_FILE).exists():
        raise UserError(
            f"{folder / OLD_FILE} was written by version 0.1.0: run python -m denoise.sync of that "
            "version before upgrading"
        )
    fields = (records.read(folder) or Contents()).fields
    if not uri and failures.HIDDEN in fields["store"]:
        raise UserError(f"no file has the password of {fields['store']}: give --tracking-uri")
    file = store.sqlite_file(uri or fields["store"])
    if file and not file.exists():
        raise UserError(f"the store {file} does not exist: give --tracking-uri")
    return Tracking(uri or fields["store"], fields["experiment"])


def _is_for(folder: Path, address: str) -> bool:
    """Whether the record is for the store at `address`, which has not refused it."""
    try:
        fields = (records.read(folder, with_lines=False) or Contents()).fields
    except UserError:
        return True  # damaged: sending it raises the same
    return fields.get("store") == address and not fields.get("refused")
