"""A run as it is trained: what it can be told, and how it is opened, gone on with and ended."""

import contextlib
import errno
import logging
import shutil
import tempfile
import time
import traceback
import uuid
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import RunTag
from mlflow.tracking.context.registry import resolve_tags
from PIL import Image
from torch import Tensor, nn

from denoise.config.settings import Tracking
from denoise.errors import FolderLockedError, RunTakenError, UserError
from denoise.tracking import delivery, files, owner, search, store
from denoise.tracking.outbox import Outbox
from denoise.tracking.sender import Sender

log = logging.getLogger(__name__)

CLAIM_SECONDS = 1
# What the disk may say that is not the run's fault.
FULL_OR_BROKEN = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
# What a run that broke off is gone on with from.
SAVED = ("state", "figures")
IMAGES = uuid.UUID("0b7c5b5e-6f0b-4d0e-9d1a-5a0b8a0f7c11")
# Running, whether or not anyone is at it, or killed; what failed would fail again.
BROKEN_OFF = (
    "attributes.status != 'FINISHED' and attributes.status != 'FAILED' and tags.owner != ''"
)


class Run:
    """The open run: what it can be told. Steps are epochs, from 1; 0 is the untrained model.

    What it is told is on disk at once, and sent to the store in the background: as soon as the
    store answers. What a run was told before it broke off, it is not told twice. Everything raises
    `RunTakenError` once another process has taken the run for dead and gone on with it, and
    `UserError` once it was deleted.
    """

    def __init__(self, outbox: Outbox, *, known: Collection[str] = (), logged: int = 0) -> None:
        """`known` final figures and so many epochs were `logged` before the run broke off."""
        self.outbox, self.known, self.logged = outbox, known, logged
        self.sender = Sender(outbox)

    @property
    def id(self) -> str:
        """The run's id in the store; '' while that has not heard of it."""
        return self.outbox.run_id

    def _tell(self, kind: str, **values: Any) -> None:
        self.sender.check()
        self.outbox.put(kind, **values)
        self.sender.wake.set()

    def params(self, values: Mapping[str, Any]) -> None:
        self._tell("params", params={key: str(value) for key, value in _flat(values).items()})

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """The figures of an epoch, all of them or none."""
        if step > self.logged:
            self._metrics(values, step)
            self.logged = step

    def final(self, values: Mapping[str, float]) -> None:
        """Figures that a run has one of: without a step, so that MLflow draws them as bars."""
        self._metrics({key: value for key, value in values.items() if key not in self.known}, 0)

    def _metrics(self, values: Mapping[str, float], step: int) -> None:
        self._tell("metrics", metrics=dict(values), step=step, time=_milliseconds(time.time()))

    def image(self, key: str, picture: Image.Image, step: int) -> None:
        """A picture for the image grids of MLflow's chart view.

        Under the names that `MlflowClient.log_image` gives, but the same ones each time.
        """
        name = f"images/{key}+step+{step}+timestamp+{step}+{uuid.uuid5(IMAGES, f'{key} {step}')}"
        for path in (f"{name}.png", f"{name}+compressed.webp"):
            (self.outbox.folder / path).parent.mkdir(exist_ok=True)
            picture.save(self.outbox.folder / path)
            self._tell("file", path=path)

    def file(self, path: Path) -> None:
        """A file of the run's folder, or a folder in it with all that is there."""
        self._tell("file", path=path.relative_to(self.outbox.folder).as_posix())

    def dataset(self, name: str, source: str, images: Tensor, labels: Tensor, context: str) -> None:
        numpy_dataset = mlflow.data.from_numpy(  # type: ignore[attr-defined]
            images.cpu().numpy(), source=source, targets=labels.cpu().numpy(), name=name
        )
        entity = numpy_dataset._to_mlflow_entity()
        self._tell("dataset", dataset=dict(entity), context=context)

    def model(self, model: nn.Module, example: Tensor) -> None:
        """The model in MLflow's pickle-free format, with its signature, from a batch of two."""
        import torch  # the requirements pin what the model was made with

        folder = self.outbox.folder / "model"
        shutil.rmtree(folder, ignore_errors=True)
        mlflow.pytorch.save_model(
            model,
            folder,
            input_example=example.numpy(),
            pip_requirements=[f"torch=={torch.__version__.split('+')[0]}"],
        )
        self._tell("model", path="model")

    def close(self, status: str) -> None:
        """The run has ended so; what the store cannot be told now stays in the outbox."""
        try:
            self.outbox.end(status)
        finally:
            self.sender.close()


@contextlib.contextmanager
def run(
    settings: Tracking,
    folder: Path,
    *,
    name: str,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    started: float | None = None,
    anew: bool = False,
) -> Iterator[Run]:
    """An open run, whose files are in `folder`; it ends FINISHED, KILLED, or FAILED with a
    traceback.

    Unless `anew`, it is the run with the same tag `config_hash` that broke off, if there is one;
    `RunTakenError` if there is one that another process trains. `started`, in seconds since the
    epoch, is when a new run says it began, if not now.

    An error that `is_of_the_machine` leaves it KILLED: what is FAILED would not be gone on with.
    """
    opened = _open(settings, folder, name, tags, started, anew)
    status = "KILLED"
    try:
        opened.params(params)
        yield opened
        status = "FINISHED"
    except Exception as error:
        if is_of_the_machine(error):
            raise
        status = "FAILED"
        text = store.without_secret(traceback.format_exc())
        (folder / "traceback.txt").write_text(text, encoding="utf-8")
        opened.outbox.put("file", path="traceback.txt")
        raise
    finally:
        opened.close(status)
    opened.sender.check()


def is_of_the_machine(error: Exception) -> bool:
    """Whether a full or broken disk is at fault, and not the run, which may then go on."""
    return isinstance(error, OSError) and error.errno in FULL_OR_BROKEN


def _open(
    settings: Tracking,
    folder: Path,
    name: str,
    tags: Mapping[str, str],
    started: float | None,
    anew: bool,
) -> Run:
    """The run that broke off, or a new one; in the outbox alone while the store is away."""
    outbox = _empty_outbox(folder)
    for state in (folder / "state").glob("*.safetensors"):
        state.unlink()  # an earlier run's: what this one goes on from, it has in the store
    fixed = {"mlflow.source.name": "python -m denoise", "mlflow.loggedImages": "True"}
    mine = {"owner": owner.me().text(), "heartbeat": f"{time.time():.0f}"}
    outbox.put(
        "begin",
        store=store.without_secret(store.uri(settings)),
        experiment=settings.experiment,
        name=name,
        tags=resolve_tags({**fixed, **tags, **mine}),
        time=_milliseconds(started or time.time()),
    )
    begin = outbox.entries[0]
    try:
        experiment = store.prepare(settings)
        with store.lock():
            run_id = None if anew else _broken_off(experiment, begin["tags"])
            outbox.is_of(run_id or delivery.make(MlflowClient(), begin))
    except Exception as error:
        if store.is_away(error):
            return Run(outbox)
        outbox.drop()
        outbox.close()
        raise
    return _taken_up(outbox) if run_id else Run(outbox)


def _empty_outbox(folder: Path) -> Outbox:
    """The outbox of a new run's folder, in which no earlier run has left anything."""
    other = "choose another folder with hydra.run.dir or hydra.sweep.dir"
    try:
        outbox = Outbox(folder)
    except FolderLockedError:
        raise UserError(f"a run is at work in {folder}; {other}") from None
    if outbox.entries:
        outbox.close()
        raise UserError(f"{folder} has what an earlier run did not send yet; {other}")
    return outbox


def _taken_up(outbox: Outbox) -> Run:
    """The run that broke off, with what it saved brought into the folder."""
    try:
        for part in SAVED:
            _fetch(outbox.run_id, part, outbox.folder)
        _fetch_logs(outbox.run_id, outbox.folder)
        return Run(
            outbox,
            known=MlflowClient().get_run(outbox.run_id).data.metrics,
            logged=len(search.curve(outbox.run_id, "train/loss")),
        )
    except BaseException:
        outbox.end("KILLED")
        outbox.close()
        raise


def _fetch(run_id: str, part: str, folder: Path) -> None:
    """What there is in the run's own folder `part`, into the same in `folder`."""
    for file in MlflowClient().list_artifacts(run_id, part):
        files.check_inside(file.path)
        files.download(run_id, file.path, folder)


def _fetch_logs(run_id: str, folder: Path) -> None:
    """The run's logs so far, in front of those of the same names in `folder`."""
    for file in MlflowClient().list_artifacts(run_id):
        if file.path.endswith(".log"):
            files.check_inside(file.path)
            with tempfile.TemporaryDirectory() as there:
                files.download(run_id, file.path, Path(there))
                before = (Path(there) / file.path).read_bytes()
            (folder / file.path).touch()
            (folder / file.path).write_bytes(before + (folder / file.path).read_bytes())


def _broken_off(experiment: str, tags: Mapping[str, str]) -> str | None:
    """The newest run of this config that broke off, from now on with these tags, or None.

    `RunTakenError` if such a run has a living owner, or another process claims it now.
    """
    client = MlflowClient()
    where = f"{BROKEN_OFF} and tags.config_hash = '{tags.get('config_hash', '')}'"
    found = client.search_runs([experiment], where, order_by=["attributes.start_time DESC"])
    for run in found:
        if run.info.status == "RUNNING" and delivery.owner_of(run).is_alive(_heard(run)):
            raise RunTakenError(run.info.run_id, delivery.owner_of(run))
    if not found:
        return None
    run_id = str(found[0].info.run_id)
    now = {**tags, **_code(found[0].data.tags, tags)}
    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in now.items()])
    client.update_run(run_id, status="RUNNING")
    time.sleep(CLAIM_SECONDS)  # two that claim it at once both write; the last to write has it
    claimed = client.get_run(run_id)
    if claimed.data.tags["owner"] != tags["owner"]:
        raise RunTakenError(run_id, delivery.owner_of(claimed))
    return run_id


def _code(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The git tags of a run that goes on: all commits that trained it, and if any was changed."""
    commits = dict.fromkeys(f"{before.get('git.commit', '')} {now.get('git.commit', '')}".split())
    is_dirty = "true" in (before.get("git.dirty"), now.get("git.dirty"))
    if len(commits) > 1:
        log.warning("the run that goes on was begun by other code: commits %s", ", ".join(commits))
    return {"git.commit": " ".join(commits), "git.dirty": str(is_dirty).lower()} if commits else {}


def _heard(run: mlflow.entities.Run) -> float:
    return float(run.data.tags["heartbeat"])


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)


def kill(settings: Tracking, sweep: str) -> None:
    """End the runs of a sweep that this process left open, or that one left that is gone."""
    experiment, client = store.prepare(settings), MlflowClient()
    where = f"tags.sweep = '{sweep}' and attributes.status = 'RUNNING' and tags.owner != ''"
    for run in client.search_runs([experiment], where):
        theirs = delivery.owner_of(run)
        if theirs == owner.me() or not theirs.is_alive(_heard(run)):
            client.set_terminated(run.info.run_id, "KILLED")


def _flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in params.items():
        nested = isinstance(value, Mapping)
        flat |= _flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return flat
