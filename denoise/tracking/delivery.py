"""From a run's outbox into the store: all of it, in order, and once, however often it is tried."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import mlflow
from mlflow import MlflowClient, MlflowException
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
)

from denoise.errors import RunDeletedError, RunTakenError, UserError
from denoise.tracking import owner, store
from denoise.tracking.outbox import Entry, Outbox
from denoise.tracking.owner import Owner

log = logging.getLogger(__name__)


# What a run still had to tell is no one's to hear.
GONE = (RunTakenError, RunDeletedError)


def send(outbox: Outbox) -> None:
    """Send what is unsent; what the store's failures raise is told apart by `store.is_away`.

    `RunTakenError` once another process owns the run, `RunDeletedError` if it was deleted.
    """
    client, begin = MlflowClient(), outbox.entries[0]
    if not outbox.run_id:
        outbox.is_of(_made_before(client, begin) or make(client, begin))
    mine = owner.read(begin["tags"]["owner"])
    check(client, outbox.run_id, mine)
    try:
        for entry in outbox.unsent():
            SEND[entry["kind"]](client, outbox, entry)
    except MlflowException:
        check(client, outbox.run_id, mine)  # it may have been deleted meanwhile
        raise


def make(client: MlflowClient, begin: Entry) -> str:
    """A new run that begins so; its id."""
    experiment = store.experiment_id(begin["experiment"])
    created = client.create_run(
        experiment, start_time=begin["time"], run_name=begin["name"], tags=begin["tags"]
    )
    return str(created.info.run_id)


def _made_before(client: MlflowClient, begin: Entry) -> str | None:
    """The run that was made of this beginning when the store's answer was lost, or None."""
    where = f"attributes.start_time = {begin['time']}"
    found = client.search_runs([store.experiment_id(begin["experiment"])], where)
    same = ("owner", "sweep", "config_hash")
    return next(
        (
            str(run.info.run_id)
            for run in found
            if all(run.data.tags.get(tag) == begin["tags"].get(tag) for tag in same)
        ),
        None,
    )


def check(client: MlflowClient, run_id: str, mine: Owner) -> None:
    """Raise unless the run is there, and `mine` to write into."""
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if store.is_away(error):
            raise
        raise UserError(f"run {run_id} is not in the store any more") from None
    if run.info.lifecycle_stage == "deleted":
        raise RunDeletedError(f"run {run_id} was deleted in MLflow before it had ended")
    if owner_of(run) != mine:
        raise RunTakenError(run.info.run_id, owner_of(run))


def beat(run_id: str) -> None:
    """Say that the run's owner, this process, is alive; raise as `check` does."""
    client = MlflowClient()
    check(client, run_id, owner.me())
    client.set_tag(run_id, "heartbeat", f"{time.time():.0f}")


def owner_of(run: mlflow.entities.Run) -> Owner:
    return owner.read(run.data.tags["owner"])


def models(client: MlflowClient, run_id: str) -> list[str]:
    """The models that a run logged to their end."""
    outputs = client.get_run(run_id).outputs
    logged = [output.model_id for output in outputs.model_outputs] if outputs else []
    return [id for id in logged if client.get_logged_model(id).status == LoggedModelStatus.READY]


def _nothing(*_: object) -> None:
    """That it began, the store knows: it has given the run its id."""


def _params(client: MlflowClient, outbox: Outbox, entry: Entry) -> None:
    known = client.get_run(outbox.run_id).data.params
    new = [Param(key, value) for key, value in entry["params"].items() if key not in known]
    client.log_batch(outbox.run_id, params=new)


def _metrics(client: MlflowClient, outbox: Outbox, entry: Entry) -> None:
    """A point that comes twice, with the time it has, MLflow takes as one."""
    metrics = [
        Metric(key, value, entry["time"], entry["step"]) for key, value in entry["metrics"].items()
    ]
    client.log_batch(outbox.run_id, metrics=metrics)


def _file(client: MlflowClient, outbox: Outbox, entry: Entry) -> None:
    path = outbox.folder / entry["path"]
    if not path.exists():
        log.warning("%s is not there any more, and is left out", path)
    elif path.is_dir():
        client.log_artifacts(outbox.run_id, str(path), entry["path"])
    else:
        folder = Path(entry["path"]).parent.as_posix()
        client.log_artifact(outbox.run_id, str(path), None if folder == "." else folder)


def _dataset(client: MlflowClient, outbox: Outbox, entry: Entry) -> None:
    tags = [InputTag("mlflow.data.context", entry["context"])]
    given = [DatasetInput(Dataset(**entry["dataset"]), tags)]
    try:
        client.log_inputs(outbox.run_id, datasets=given)
    except MlflowException:
        # Of several runs that are the first to bring it, at once, MLflow fails all but one.
        client.log_inputs(outbox.run_id, datasets=given)


def _model(client: MlflowClient, outbox: Outbox, entry: Entry) -> None:
    if models(client, outbox.run_id):
        return
    run = client.get_run(outbox.run_id)
    begun = client.search_logged_models(
        [run.info.experiment_id], f"source_run_id = '{outbox.run_id}'"
    )
    logged = next(iter(begun), None) or client.create_logged_model(
        run.info.experiment_id,
        entry["path"],
        source_run_id=outbox.run_id,
        params=run.data.params,
    )
    client.log_model_artifacts(logged.model_id, str(outbox.folder / entry["path"]))
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    if not (run.outputs and run.outputs.model_outputs):
        client.log_outputs(outbox.run_id, [LoggedModelOutput(logged.model_id, step=0)])


def _end(client: MlflowClient, outbox: Outbox, entry: Entry) -> None:
    client.set_terminated(outbox.run_id, entry["status"], entry["time"])


SEND: dict[str, Callable[[MlflowClient, Outbox, Entry], None]] = {
    "begin": _nothing,
    "params": _params,
    "metrics": _metrics,
    "file": _file,
    "dataset": _dataset,
    "model": _model,
    "end": _end,
}
