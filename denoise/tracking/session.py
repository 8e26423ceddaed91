"""An open run: new or resumed, mirrored to MLflow while it runs, and ended whatever happens."""

import contextlib
import errno
import logging
import traceback
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mlflow import MlflowClient, MlflowException
from mlflow.tracking.context.registry import resolve_tags

from denoise import checkpoint
from denoise.config.settings import Tracking
from denoise.errors import ELSEWHERE, OtherDeviceError, UserError
from denoise.tracking import claim, failures, files, mirror, records, search, store
from denoise.tracking.records import STATE, Contents, Record

log = logging.getLogger(__name__)

# What the operating system reports where the machine is at fault, not the run.
FULL_OR_BROKEN = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
# The parts of an interrupted run that are needed to resume it.
SAVED = (f"{STATE}/", "figures/")


@contextlib.contextmanager
def opened(
    record: Record,
    settings: Tracking,
    *,
    name: str,
    tags: Mapping[str, str],
    params: Mapping[str, Any] | None = None,
    kind: str = records.TRAINING,
    hashes: Sequence[str] = (),
    anew: bool = False,
) -> Iterator[Record]:
    """The `record` of an open run, which ends FINISHED, KILLED, or FAILED with a traceback.

    An interrupted run with one of the config `hashes` resumes, if there is one; the first of them
    is this run's own. With `anew`, only a run of the same sweep resumes: its job was restarted. A
    full or broken disk leaves the run KILLED, as a FAILED run would not resume.

    Raises `RunTakenError` if another process trains such a run, and `UserError` if the folder
    holds a run of another config.
    """
    fixed = {"mlflow.source.name": "python -m denoise", "mlflow.loggedImages": "True"}
    mine = {claim.OWNER: claim.me(record.folder).text(), "record": uuid.uuid4().hex, "kind": kind}
    mine |= {"config_hash": hashes[0]} if hashes else {}
    fields = {
        "kind": kind,
        "name": name,
        "status": records.RUNNING,
        "store": failures.without_secret(store.uri(settings.uri)),
        "experiment": settings.experiment,
        "tags": resolve_tags({**fixed, **tags, **mine}),
        "params": flat(params or {}),
        "started": records.milliseconds(),
        "ended": None,
        "refused": "",
        "error": "",
    }
    sweep = tags["sweep"] if anew else ""
    _check_folder(record, hashes, sweep, fields["store"])
    known = _begin_or_resume(record, settings, fields, hashes, sweep)
    status = records.KILLED
    with contextlib.closing(mirror.Mirror(record, known)):
        try:
            yield record
            status = records.FINISHED
        except BaseException as error:
            is_stopped = error is record.error or isinstance(error, KeyboardInterrupt)
            if is_stopped or is_of_the_machine(error):
                raise
            status = records.FAILED
            record.update(error=failures.described(error))
            record.write("traceback.txt", failures.without_secret(traceback.format_exc()))
            raise
        finally:  # what the store does not take now waits in the folder
            record.note(status=status, ended=records.milliseconds(), mirrored=False)
    record.check()


@contextlib.contextmanager
def reopened(record: Record, settings: Tracking, run_id: str) -> Iterator[Record]:
    """The `record` of a finished run, opened to be given what it lacks."""
    store.prepare(settings)
    known, mine = search.contents(run_id), claim.me(record.folder)
    with files.answered():
        MlflowClient().set_tag(run_id, claim.OWNER, mine.text())
    is_here = record.run_id == run_id and any(record.fields["files"].values())
    if not is_here or record.fields["status"] != records.FINISHED:  # the store has a later record
        record.adopt(known)
    record.update(
        tags=record.fields["tags"] | {claim.OWNER: mine.text()},
        store=failures.without_secret(store.uri(settings.uri)),
        experiment=settings.experiment,
    )
    with contextlib.closing(mirror.Mirror(record, known)):
        yield record
    record.check()


def is_of_the_machine(error: BaseException) -> bool:
    """Whether the disk or the device is at fault, so that the run may resume later."""
    is_of_disk = isinstance(error, OSError) and error.errno in FULL_OR_BROKEN
    return is_of_disk or isinstance(error, OtherDeviceError)


def check_run(folder: Path, contents: Contents, hashes: Sequence[str]) -> None:
    """Raise `UserError` if the folder has the files of a run with none of these config hashes."""
    fields = contents.fields
    is_trained = bool(fields["files"]) and fields.get("kind") == records.TRAINING
    if is_trained and fields["tags"].get("config_hash") not in hashes:
        raise UserError(f"{folder} holds another run, {fields['name']!r}; {ELSEWHERE}")


def _check_folder(record: Record, hashes: Sequence[str], sweep: str, address: str) -> None:
    """Refuse a folder whose run has another config, or is not all in MLflow and cannot resume.

    A run of another store cannot resume, because this store does not know it.
    """
    check_run(record.folder, record.contents, hashes)
    is_trained = record.has_run and record.fields["kind"] == records.TRAINING
    is_elsewhere = bool(record.run_id) and record.fields["store"] != address
    can_resume = _can_resume(record, sweep) and not is_elsewhere
    if is_trained and not record.fields["mirrored"] and not can_resume:
        raise UserError(
            f"{record.folder} holds a run that MLflow does not have whole; "
            f"upload it with python -m denoise.sync, or {ELSEWHERE}"
        )


def _can_resume(record: Record, sweep: str) -> bool:
    """Whether the run in the folder was interrupted, and is of the `sweep` if one is given."""
    is_interrupted = record.has_run and record.fields["status"] in (records.RUNNING, records.KILLED)
    return is_interrupted and sweep in ("", record.fields["tags"].get("sweep"))


def _was_trained_here_last(record: Record, former: str) -> bool:
    """Whether its `former` owner trained the run here, and left a whole state or no epoch."""
    is_of_owner = record.fields["tags"].get(claim.OWNER) == former
    return is_of_owner and bool(
        checkpoint.newest(record.written(STATE)) or not record.contents.epochs
    )


def _begin_or_resume(
    record: Record, settings: Tracking, fields: dict[str, Any], hashes: Sequence[str], sweep: str
) -> Contents | None:
    """Begin the run, or resume it; returns what MLflow is known to have of it.

    If a `sweep` is given, only a run of that sweep resumes.
    """
    try:
        experiment = store.prepare(settings)
        create = partial(mirror.create, MlflowClient(), Contents(fields))
        run_id, resumed, former = claim.take(experiment, hashes, fields["tags"], create, sweep)
    except Exception as error:
        if isinstance(error, MlflowException) and failures.is_refused(error):
            raise UserError(f"the store refuses the run: {failures.reason(error)}") from error
        if not isinstance(error, failures.FAILURES) or failures.is_refused(error):
            raise
        run_id, resumed, former = "", None, ""
    is_same = not run_id or record.run_id in ("", run_id)
    is_here = bool(hashes) and is_same and _can_resume(record, sweep)
    if resumed:
        is_here = is_here and _was_trained_here_last(record, former)
        fields["tags"] = resumed
    elif is_here and not run_id:
        fields["tags"] = record.fields["tags"]  # MLflow knows the run by its former owner
    changing = {key: value for key, value in fields.items() if key != "started"}  # if it resumes
    if is_here:
        record.update(**changing, run_id=run_id or record.run_id)
    elif resumed:
        return _resumed(record, run_id, changing)
    else:
        record.start(**fields, run_id=run_id)
    return None


def _resumed(record: Record, run_id: str, fields: Mapping[str, Any]) -> Contents:
    """Bring what the interrupted run saved into the folder."""
    known = search.contents(run_id)
    record.discard(STATE)
    record.adopt(known)
    record.update(**fields)
    try:
        with contextlib.closing(claim.Heart(record)):
            there = files.files(run_id)
            saved = [name for name in there if name.startswith(SAVED)]
            for name in saved:
                files.download(run_id, name, record.folder)
            record.add(*saved)
            _fetch_logs(run_id, there, record.folder)
    except BaseException:
        record.update(status=records.KILLED, ended=records.milliseconds())
        mirror.mirror(record, known)
        raise
    return known


def _fetch_logs(run_id: str, there: Iterable[str], folder: Path) -> None:
    """Put the run's logs so far in front of those of the same names in `folder`."""
    for name in there:
        if name.endswith(".log") and "/" not in name:
            before = files.content(run_id, name)
            (folder / name).touch()
            (folder / name).write_bytes(before + (folder / name).read_bytes())


def flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as text by keys with dots, as the store has the parameters of a run."""
    found: dict[str, str] = {}
    for key, value in params.items():
        nested = isinstance(value, Mapping)
        found |= flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": str(value)}
    return found
