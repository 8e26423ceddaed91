"""MLflow's copy of a record: `mirror` uploads what it lacks, however often it is called.

MLflow's own copy of `record.json` is written last, and the run's status after it, so that a run
that ends FINISHED has everything.
"""

import contextlib
import logging
import multiprocessing
import os
import tempfile
import threading
import time
from pathlib import Path

from mlflow import MlflowClient, MlflowException
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    RunTag,
)
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from denoise.errors import DamagedRecordError, RunDeletedError, RunTakenError
from denoise.tracking import claim, failures, records, store
from denoise.tracking.records import FILE, METRICS, STATE, Contents, Record

log = logging.getLogger(__name__)

AGAIN_SECONDS = 2
GATHER_SECONDS = 1  # changes within a second are uploaded together
MUTE_SECONDS = claim.DEAD_SECONDS  # without a heartbeat; other processes may then take the run
MODEL = "model/"
# The run is another process's or no one's: what is left of it here is of no use.
NOT_OURS = (RunTakenError, RunDeletedError)


def mirror(record: Record, known: Contents | None = None) -> Contents:
    """Upload what MLflow lacks of the record; returns what MLflow now has.

    `known` is what an earlier call returned; without it MLflow is asked. Raises what
    `claim.check` raises, and what MLflow raises; the record notes what it refuses for good.
    """
    if record.refused:
        record.note(refused="")
    try:
        return _mirror(record, known)
    except Exception as error:
        if failures.is_refused(error):
            record.note(refused=failures.reason(error))
            _end_incomplete(record)
        raise


def _mirror(record: Record, known: Contents | None) -> Contents:
    now, client = record.snapshot(), MlflowClient()
    if known == now:
        return now
    if not record.run_id:
        record.note(run_id=_created_before(client, now) or create(client, now))
        now = record.snapshot()
    mine = claim.read(now.fields["tags"][claim.OWNER])
    claim.check(client, record.run_id, mine)
    try:
        known = known or stored(client, record.run_id)
        _log_once(client, now, known)
        _upload(client, record.folder, now, known)
        _log_metrics(client, now, known.fields.get("lines", 0))
        _finish(client, record, now)
    except MlflowException:
        claim.check(client, record.run_id, mine)  # it may have been deleted meanwhile
        raise
    return now


def create(client: MlflowClient, now: Contents) -> str:
    """Create a run with the record's name, tags and start; return its id."""
    fields = now.fields
    created = client.create_run(
        store.experiment_id(fields["experiment"]),
        start_time=fields["started"],
        run_name=fields["name"],
        tags={**fields["tags"], claim.HEARTBEAT: claim.now()},
    )
    return str(created.info.run_id)


def _created_before(client: MlflowClient, now: Contents) -> str | None:
    """The run that MLflow has created for the record, if its answer was lost; else None."""
    experiment = store.experiment_id(now.fields["experiment"])
    found = client.search_runs([experiment], f"tags.record = '{now.fields['tags']['record']}'")
    return str(found[0].info.run_id) if found else None


def stored(client: MlflowClient, run_id: str, uri: str = "") -> Contents:
    """MLflow's own copy of the record of a run; an empty one if it has none, or a damaged one.

    Passing the address `uri` of the run's files saves five requests for it.
    """
    place = get_artifact_repository(uri or client.get_run(run_id).info.artifact_uri)
    names = {entry.path for entry in place.list_artifacts()}
    with tempfile.TemporaryDirectory() as folder:
        for name in {FILE, METRICS} & names:
            place.download_artifacts(name, folder)
        with contextlib.suppress(DamagedRecordError):  # cut short by a full disk
            return records.read(Path(folder)) or Contents()
    return Contents()


def _log_once(client: MlflowClient, now: Contents, known: Contents) -> None:
    """Log parameters and data sets, which MLflow takes once, and tags."""
    there = known.fields
    if not there:
        run = client.get_run(now.fields["run_id"])
        inputs = run.inputs.dataset_inputs if run.inputs else []
        there = {"params": run.data.params, "tags": run.data.tags, "datasets": inputs}
    params, tags = there.get("params", {}), there["tags"]
    new = [Param(key, text) for key, text in now.fields["params"].items() if key not in params]
    changed = [RunTag(*each) for each in now.fields["tags"].items() if each not in tags.items()]
    client.log_batch(now.fields["run_id"], params=new, tags=changed)
    for each in now.fields.get("datasets", [])[len(there.get("datasets", [])) :]:
        given = [DatasetInput(Dataset(**each["dataset"]), [InputTag(*each["tag"])])]
        try:
            client.log_inputs(now.fields["run_id"], datasets=given)
        except MlflowException:
            # Of several runs that are the first to bring a data set at once, MLflow fails all
            # but one.
            client.log_inputs(now.fields["run_id"], datasets=given)


def _upload(client: MlflowClient, folder: Path, now: Contents, known: Contents) -> None:
    """Upload the files whose content differs from MLflow's copy."""
    run_id, there = now.fields["run_id"], known.fields.get("files", {})
    changed = {n for n, digest in now.fields["files"].items() if digest and there.get(n) != digest}
    for name in sorted(name for name in changed if not name.startswith(MODEL)):
        if (folder / name).exists():
            client.log_artifact(run_id, str(folder / name), name.rpartition("/")[0] or None)
        else:
            log.warning("%s is missing and is not uploaded", folder / name)
    if any(name.startswith(MODEL) for name in changed):
        _upload_model(client, folder, now)


def _upload_model(client: MlflowClient, folder: Path, now: Contents) -> None:
    """Upload the model of the run, as MLflow's logged model, once."""
    run_id = now.fields["run_id"]
    if models(client, run_id):
        return
    run = client.get_run(run_id)
    experiment = run.info.experiment_id
    begun = client.search_logged_models([experiment], f"source_run_id = '{run_id}'")
    logged = next(iter(begun), None) or client.create_logged_model(
        experiment, "model", source_run_id=run_id, params=run.data.params
    )
    place = get_artifact_repository(logged.artifact_location)
    for name in (name for name in now.fields["files"] if name.startswith(MODEL)):
        inside = name.removeprefix(MODEL).rpartition("/")[0] or None
        place.log_artifact(str(folder / name), inside)
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    if not (run.outputs and run.outputs.model_outputs):
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])


def models(client: MlflowClient, run_id: str) -> list[str]:
    """The models of a run whose upload is complete."""
    outputs = client.get_run(run_id).outputs
    logged = [output.model_id for output in outputs.model_outputs] if outputs else []
    return [id for id in logged if client.get_logged_model(id).status == LoggedModelStatus.READY]


def _log_metrics(client: MlflowClient, now: Contents, known: int) -> None:
    """Log the metrics after the `known` lines; before that, upload all lines as a file.

    A process that resumes the run elsewhere reads the times of metrics in that file, because MLflow
    takes a metric that is logged twice as one only if its time is the same.
    """
    lines = now.lines[known:]
    if lines:
        text = "".join(map(records.line_text, now.lines))
        client.log_text(now.fields["run_id"], text, METRICS)
    points = [Metric(k, v, at, step) for step, at, each in lines for k, v in each.items()]
    client.log_batch(now.fields["run_id"], metrics=points)


def _finish(client: MlflowClient, record: Record, now: Contents) -> None:
    """Write MLflow's copy of the record; then, if the run has ended, its status."""
    # Another process may have taken the run over during the upload.
    claim.check(client, record.run_id, claim.read(now.fields["tags"][claim.OWNER]))
    client.log_text(record.run_id, records.text(now.fields), FILE)
    if now.fields["status"] != records.RUNNING:
        client.set_terminated(record.run_id, now.fields["status"], now.fields["ended"])
        _delete_states(client, now)
        with record.mutex:
            if record.contents == now:
                record.note(mirrored=True)


def _delete_states(client: MlflowClient, now: Contents) -> None:
    """Delete the states of a finished run where the store allows it, as its folder has none."""
    fields = now.fields
    has_states = any(name.startswith(f"{STATE}/") for name in fields["files"])
    is_finished = fields["kind"] == records.TRAINING and fields["status"] == records.FINISHED
    if is_finished and not has_states:
        place = get_artifact_repository(client.get_run(fields["run_id"]).info.artifact_uri)
        with contextlib.suppress(Exception):
            place.delete_artifacts(STATE)


def _end_incomplete(record: Record) -> None:
    """End in MLflow a run that is over but of which MLflow lacks a part.

    It is FAILED if MLflow refuses that part for good, or else KILLED. A run that was interrupted is
    KILLED in any case, so that it may resume. One that is FINISHED there already stays so.
    """
    if record.fields["status"] != records.RUNNING and record.run_id:
        fails = record.refused and record.fields["status"] != records.KILLED
        with contextlib.suppress(Exception):
            client = MlflowClient()
            if client.get_run(record.run_id).info.status != records.FINISHED:
                client.set_terminated(record.run_id, records.FAILED if fails else records.KILLED)


class Mirror:
    """A thread beside a run that mirrors its record.

    The run's heart beats until the last file is uploaded: a minute without a heartbeat means death.
    """

    def __init__(self, record: Record, known: Contents | None = None) -> None:
        self.record, self.known = record, known
        self.away = ""  # why, while the store is unavailable
        self.stop = threading.Event()
        self.heart = claim.Heart(record)
        self.worker = threading.Thread(target=self._work, daemon=True)
        self.worker.start()

    def _work(self) -> None:
        """Mirror each change and, after `stop`, once more; a finished run needs no states."""
        launcher = multiprocessing.parent_process()
        while not (self.stop.is_set() or self._is_over()):
            self.record.changed.wait(claim.BEAT_SECONDS)
            self.stop.wait(GATHER_SECONDS)
            self.record.changed.clear()
            if launcher and launcher.pid != os.getppid():
                os._exit(1)  # the launching process was killed, so its workers end, too
            self._try()
            if self.away:
                self.stop.wait(AGAIN_SECONDS)
        self.stop.wait()
        if self.record.fields["status"] == records.FINISHED:
            with contextlib.suppress(OSError):  # a full disk
                self.record.discard(STATE)
        if not self._is_over():
            self._try()

    def _is_over(self) -> bool:
        """Whether there is nothing more to try: the run is lost, or the store refuses it."""
        return bool(self.record.error or self.record.refused)

    def _try(self) -> None:
        """Mirror the record; a store that does not answer is tried again later."""
        try:
            self.known = mirror(self.record, self.known)
        except NOT_OURS as error:
            self.record.error = error
        except Exception as error:
            if not self.away or self.record.refused:
                self.away = failures.reason(error)
                log.warning(
                    "The store %s: %s; the run's metrics and files wait in %s",
                    "refuses the run" if self.record.refused else "is unavailable",
                    *(self.away, self.record.folder),
                )
        else:
            if self.away:
                log.info("The store answers again; everything is uploaded")
            self.away = ""

    def close(self) -> None:
        """Mirror the record one last time and stop; give up a store that no longer answers."""
        self.stop.set()
        self.record.changed.set()
        try:
            is_mute = not self._waited()
        finally:
            self.heart.close()
        if self.record.error:
            self.record.note(mirrored=True)
        elif is_mute:
            log.warning("The store does not answer; the run waits in %s", self.record.folder)
        elif self.record.refused or self.away:
            _end_incomplete(self.record)

    def _waited(self) -> bool:
        """Wait until all is uploaded; False if the store takes no heartbeat for a minute."""
        began = time.monotonic()
        while self.worker.is_alive():
            if time.monotonic() > max(began, self.heart.heard) + MUTE_SECONDS:
                return False
            self.worker.join(claim.LOOK_SECONDS)
        return True
