"""Runs in MLflow. The only module that imports it."""

import base64
import contextlib
import json
import logging
import math
import multiprocessing
import os
import re
import socket
import sqlite3
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np
from filelock import FileLock
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor, nn

from denoise import owner
from denoise.checks import UserError
from denoise.owner import Owner

# Read by MLflow when it is imported: it neither phones home nor writes over the bars.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

import mlflow
from mlflow import MlflowClient
from mlflow.entities import DatasetInput, InputTag, LoggedModelStatus, Metric, Param, RunTag
from mlflow.tracking.context.registry import resolve_tags
from sqlalchemy import Engine, event

CONNECT_SECONDS = 4
ANSWER_SECONDS = 5
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
BUSY_SECONDS = 120
BEAT_SECONDS = 5
CLAIM_SECONDS = 1
# MLflow's charts, in this order.
CHARTS = ("train", "val", "test", "robust", "latent", "best", "model", "time")
QUIET = ("alembic", "mlflow")
# A comparison of a parameter with a number, which MLflow's filters do not know.
NUMERIC = re.compile(
    r"params\.[`\"]?([\w.]+)[`\"]?\s*(<=|>=|!=|<|>|=)\s*([-+]?[\d.]+(?:e[-+]?\d+)?)"
)
COMPARED = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "!=": ne}
TRAINED = "attributes.status = 'FINISHED' and tags.noise != ''"
# Running, whether or not anyone is at it, or killed; what failed would fail again.
BROKEN_OFF = (
    "attributes.status != 'FINISHED' and attributes.status != 'FAILED' and tags.owner != ''"
)


@dataclass(frozen=True)
class Found:
    """A finished run that a search found; metrics have their last values."""

    id: str
    name: str
    uri: str
    started: float
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]


@dataclass(frozen=True)
class Settings:
    """Where runs go. `uri` null means MLFLOW_TRACKING_URI, or else MLflow's own default."""

    uri: str | None
    experiment: str


@event.listens_for(Engine, "connect")
def _share(connection: object, _: object) -> None:
    """Let many processes write into one SQLite file: they queue, and readers block none of them.

    SQLite's own five seconds of patience are too few on a slow disk with every core at work.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}")
        connection.execute("PRAGMA journal_mode = WAL")


class TakenError(Exception):
    """The run `id` is another process's to train."""

    def __init__(self, run: mlflow.entities.Run) -> None:
        self.id = run.info.run_id
        super().__init__(f"is being trained by {_owner(run)}; left to it")


class Run:
    """The open run: what it can be given. Steps are epochs, from 1; 0 is the untrained model.

    What a run was given before it broke off, it is not given twice. Everything raises `TakenError`
    once another process has taken the run for dead and gone on with it.
    """

    def __init__(self, id: str, owner: Owner) -> None:
        self.id, self.owner, self.client = id, owner, MlflowClient()
        self.known = set(self.client.get_run(id).data.metrics)
        self.logged = len(curve(id, "train/loss"))

    def is_mine(self) -> bool:
        """Whether the run is still this process's to write into."""
        return _owner(self.client.get_run(self.id)) == self.owner

    def _held(self) -> str:
        """The run's id, for writing into it."""
        if not self.is_mine():
            raise TakenError(self.client.get_run(self.id))
        return self.id

    def params(self, values: Mapping[str, Any]) -> None:
        known = self.client.get_run(self.id).data.params
        params = [Param(key, str(value)) for key, value in _flat(values).items()]
        new = [param for param in params if param.key not in known]
        self.client.log_batch(self._held(), params=new)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """The figures of an epoch, all of them or none."""
        if step > self.logged:
            self._metrics(values, step)
            self.logged = step

    def final(self, values: Mapping[str, float]) -> None:
        """Figures that a run has one of: without a step, so that MLflow draws them as bars."""
        self._metrics({key: value for key, value in values.items() if key not in self.known}, 0)

    def _metrics(self, values: Mapping[str, float], step: int) -> None:
        now = round(1000 * time.time())
        metrics = [Metric(key, value, now, step) for key, value in values.items()]
        self.client.log_batch(self._held(), metrics=metrics)

    def image(self, key: str, figure: Figure, step: int) -> None:
        """A figure for the image grids of MLflow's chart view."""
        there = [
            file.path.replace("%", "+") for file in self.client.list_artifacts(self.id, "images")
        ]
        begin = f"images/{key}+step+{step}+"
        if any(path.startswith(begin) and path.endswith(".webp") for path in there):
            return
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
        self.client.log_image(self._held(), pixels, key=key, step=step, synchronous=True)

    def file(self, path: Path) -> None:
        """A file, or a folder with all that is in it under its own name."""
        if path.is_dir():
            self.client.log_artifacts(self._held(), str(path), path.name)
        else:
            self.client.log_artifact(self._held(), str(path))

    def state(self, path: Path) -> None:
        """A file of the run's state, in place of the one of that name."""
        self.client.log_artifact(self._held(), str(path), path.parent.name)

    def fetch(self, name: str, folder: Path) -> None:
        """What there is in the run's own folder `name`, into the same in `folder`."""
        for file in self.client.list_artifacts(self.id, name):
            _check_inside(file.path)
            download(self.id, file.path, folder)

    def dataset(self, name: str, source: str, images: Tensor, labels: Tensor, context: str) -> None:
        numpy_dataset = mlflow.data.from_numpy(  # type: ignore[attr-defined]
            images.cpu().numpy(), source=source, targets=labels.cpu().numpy(), name=name
        )
        tags = [InputTag("mlflow.data.context", context)]
        given = [DatasetInput(numpy_dataset._to_mlflow_entity(), tags)]
        try:
            self.client.log_inputs(self._held(), datasets=given)
        except mlflow.MlflowException:
            # Of several runs that are the first to bring it, at once, MLflow fails all but one.
            self.client.log_inputs(self._held(), datasets=given)

    def model(self, model: nn.Module, example: Tensor) -> None:
        """The model in MLflow's pickle-free format, with its signature, from a batch of two."""
        import torch  # the requirements pin what the model was made with

        if _models(self.id):
            return
        mlflow.start_run(self._held())  # `log_model` asks for an active run
        try:
            mlflow.pytorch.log_model(
                model,
                name="model",
                input_example=example.numpy(),
                pip_requirements=[f"torch=={torch.__version__.split('+')[0]}"],
            )
        finally:
            mlflow.end_run("RUNNING")

    def end(self, status: str) -> None:
        if self.is_mine():
            self.client.set_terminated(self.id, status)


def prepare(settings: Settings) -> str:
    """Open the store, create it and the experiment if they are not there; the experiment's id.

    Called once before workers start: a fresh SQLite file that several processes migrate at once
    breaks. `UserError` if the store does not answer.
    """
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    uri = _absolute(settings.uri or mlflow.get_tracking_uri())
    mlflow.set_tracking_uri(uri)

    def open_experiment() -> str:
        with _store_lock(uri):
            return _experiment_id(settings.experiment)

    return _answer_in_time(uri, open_experiment)


@contextlib.contextmanager
def run(
    settings: Settings,
    *,
    name: str,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    started: float | None = None,
    anew: bool = False,
) -> Iterator[Run]:
    """An open run, which ends FINISHED, or FAILED with its traceback as a file, or KILLED.

    Unless `anew`, it is the run with the same tag `config_hash` that broke off, if there is one;
    `TakenError` if there is one that another process trains. `started`, in seconds since the
    epoch, is when a new run says it began, if not now.
    """
    experiment, mine = prepare(settings), owner.me()
    tags = {**tags, "owner": mine.text(), "heartbeat": f"{time.time():.0f}"}
    with _store_lock(mlflow.get_tracking_uri()):
        broken_off = None if anew else _broken_off(experiment, tags)
        run_id = broken_off or _new(experiment, name, tags, started)
    run = Run(run_id, mine)
    try:
        with _beating(run):
            run.params(params)
            yield run
    except TakenError:
        raise
    except Exception:
        run.client.log_text(run.id, traceback.format_exc(), "traceback.txt")
        run.end("FAILED")
        raise
    except BaseException:
        run.end("KILLED")
        raise
    run.end("FINISHED")


def _new(experiment: str, name: str, tags: Mapping[str, str], started: float | None) -> str:
    created = MlflowClient().create_run(
        experiment,
        start_time=round(1000 * (started or time.time())),
        run_name=name,
        tags=resolve_tags({"mlflow.source.name": "python -m denoise", **tags}),
    )
    return str(created.info.run_id)


def _broken_off(experiment: str, tags: Mapping[str, str]) -> str | None:
    """The newest run of this config that broke off, from now on with these tags, or None.

    `TakenError` if such a run has a living owner, or if another process claims it at this moment.
    """
    client = MlflowClient()
    where = f"{BROKEN_OFF} and tags.config_hash = '{tags.get('config_hash', '')}'"
    found = client.search_runs([experiment], where, order_by=["attributes.start_time DESC"])
    for run in found:
        if run.info.status == "RUNNING" and _owner(run).is_alive(_heard(run)):
            raise TakenError(run)
    if not found:
        return None
    run_id = str(found[0].info.run_id)
    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
    client.update_run(run_id, status="RUNNING")
    time.sleep(CLAIM_SECONDS)  # two that claim it at once both write; the last to write has it
    claimed = client.get_run(run_id)
    if claimed.data.tags["owner"] != tags["owner"]:
        raise TakenError(claimed)
    return run_id


def _owner(run: mlflow.entities.Run) -> Owner:
    return owner.read(run.data.tags["owner"])


def _heard(run: mlflow.entities.Run) -> float:
    return float(run.data.tags["heartbeat"])


@contextlib.contextmanager
def _beating(run: Run) -> Iterator[None]:
    """Within the block, the heartbeat is renewed; a worker whose launcher is gone ends there."""
    stop, launcher = threading.Event(), multiprocessing.parent_process()

    def beat() -> None:
        while not stop.wait(BEAT_SECONDS):
            if launcher and launcher.pid != os.getppid():
                os._exit(1)  # as its launcher did, without a word; the same command goes on
            with contextlib.suppress(Exception):  # a store that is away may come back
                if run.is_mine():
                    run.client.set_tag(run.id, "heartbeat", f"{time.time():.0f}")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(BEAT_SECONDS)


def kill(settings: Settings, sweep: str) -> None:
    """End the runs of a sweep whose processes are gone."""
    experiment, client = prepare(settings), MlflowClient()
    where = f"tags.sweep = '{sweep}' and attributes.status = 'RUNNING'"
    for run in client.search_runs([experiment], where):
        client.set_terminated(run.info.run_id, "KILLED")


def share_charts(settings: Settings, sweep: str, run_ids: Sequence[str], *, last_step: int) -> str:
    """The address, under `mlflow ui`, of a sweep's runs beside each other; no click needed.

    MLflow's own chart view draws the metrics, but hides pictures below every parameter of the
    run and opens them at the first step. So the view is saved, as its share button would save
    it, with the pictures in front: those of the last epoch, in rows of four runs. What is asked
    for most comes next.
    """
    experiment = prepare(settings)
    rows = min(2, math.ceil(len(run_ids) / 4))
    there = {key.partition("/")[0] for key in MlflowClient().get_run(run_ids[0]).data.metrics}
    groups = [group for group in CHARTS if group in there]
    pictures = {"reconstructions": last_step, "tsne": last_step, "noise": 0}
    state = {
        "searchFilter": _one_of(run_ids),
        "orderByAsc": True,
        "isAccordionReordered": True,
        "compareRunSections": [
            {"uuid": "pictures", "name": "pictures", "display": True, "isGenerated": True}
            | {"columns": 1, "cardHeight": 400 * rows},
            *({"uuid": group, "name": group, "display": True} for group in groups),
        ],
        "compareRunCharts": [
            {"uuid": key, "type": "IMAGE", "imageKeys": [key], "step": step, "isGenerated": True}
            | {"metricSectionId": "pictures", "runsCountToCompare": 10, "showRunParams": False}
            for key, step in pictures.items()
        ],
    }
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    MlflowClient().set_experiment_tag(
        experiment, f"mlflow.sharedViewState.{sweep}", f"deflate;{packed}"
    )
    query = urlencode({"compareRunsMode": "CHART", "viewStateShareKey": sweep})
    return f"{_server()}/#/experiments/{experiment}/runs?{query}"


def search(
    settings: Settings, where: str, *, order: str = "", most: int | None = None
) -> list[Found]:
    """Finished training runs that MLflow's filter `where` finds, ordered by `order`, newest first.

    MLflow compares parameters as text and refuses `params.noise.sigma < 0.2`; such a clause is
    taken out of the filter and answered here. `UserError` if the filter does not parse.
    """
    experiment, client = prepare(settings), MlflowClient()
    rest, is_found = _numeric(where)
    everything = " and ".join(filter(None, (TRAINED, rest)))
    by = [*filter(None, [order]), "attributes.start_time DESC"]
    found: list[Any] = []
    token = None
    while most is None or len(found) < most:
        size = min(1000, most - len(found)) if most and rest == where else 1000
        try:
            page = client.search_runs(
                [experiment], everything, max_results=size, order_by=by, page_token=token
            )
        except mlflow.MlflowException as error:
            raise UserError(f"the filter {where!r} does not parse: {error.message}") from None
        found += filter(is_found, page)
        if not (token := page.token):
            break
    return [
        Found(
            run.info.run_id,
            run.info.run_name,
            run.info.artifact_uri,
            run.info.start_time / 1000,
            run.data.metrics,
            run.data.params,
            run.data.tags,
        )
        for run in found[:most]
    ]


def runs(settings: Settings, ids: Sequence[str]) -> list[Found]:
    """These of the finished training runs, newest first."""
    return search(settings, _one_of(ids)) if ids else []


def _one_of(ids: Sequence[str]) -> str:
    return f"attributes.run_id IN ({', '.join(map(repr, ids))})"


def files(run_id: str) -> dict[str, int]:
    """The run's own files with their sizes in bytes.

    `UserError` if one would land outside of the folder it is downloaded to.
    """
    client = MlflowClient()
    listed: dict[str, int] = {}
    folders = [""]
    while folders:
        for entry in client.list_artifacts(run_id, folders.pop() or None):
            _check_inside(entry.path)
            if entry.is_dir:
                folders.append(entry.path)
            else:
                listed[entry.path] = entry.file_size or 0
    return listed


def download(run_id: str, path: str, folder: Path) -> None:
    """One file of a run, under its own path in `folder`."""
    target = (folder / path).parent
    target.mkdir(parents=True, exist_ok=True)
    MlflowClient().download_artifacts(run_id, path, str(target))


def download_model(run_id: str, folder: Path) -> None:
    """The model that a run logged, into `folder`; nothing if it logged none."""
    for model_id in _models(run_id):
        mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=str(folder))


def _models(run_id: str) -> list[str]:
    """The models that a run logged to their end."""
    client = MlflowClient()
    outputs = client.get_run(run_id).outputs
    logged = [output.model_id for output in outputs.model_outputs] if outputs else []
    return [id for id in logged if client.get_logged_model(id).status == LoggedModelStatus.READY]


def download_registered(uri: str, folder: Path) -> None:
    """Config and checkpoints of the run behind a registered model."""
    match = re.fullmatch(r"models:/([^/@]+)([/@])([^/@]+)", uri)
    if not match:
        raise UserError(f"{uri} is not of the form models:/NAME@ALIAS or models:/NAME/VERSION")
    name, kind, version = match.groups()
    client = MlflowClient()
    find = client.get_model_version_by_alias if kind == "@" else client.get_model_version
    try:
        run_id = str(find(name, version).run_id)
    except mlflow.MlflowException as error:
        raise UserError(f"{uri} is not in the registry: {error.message}") from None
    for part in ("config", "checkpoints"):
        download(run_id, part, folder)


def register(run_id: str, name: str) -> str:
    """Register the model that a run logged, and move the alias `best` to it; its version."""
    models = _models(run_id)
    if not models:
        raise UserError(f"run {run_id} has logged no model that could be registered")
    version = mlflow.register_model(f"models:/{models[0]}", name).version
    MlflowClient().set_registered_model_alias(name, "best", version)
    return str(version)


def run_address(settings: Settings, run_id: str) -> str:
    """The address of a run's page, under `mlflow ui`."""
    return f"{_server()}/#/experiments/{prepare(settings)}/runs/{run_id}"


def _server() -> str:
    uri = mlflow.get_tracking_uri()
    return without_secret(uri).rstrip("/") if uri.startswith("http") else "http://127.0.0.1:5000"


def curve(run_id: str, metric: str) -> list[float]:
    """A metric of a run over its steps; [] if it has none."""
    history = MlflowClient().get_metric_history(run_id, metric)
    return [point.value for point in sorted(history, key=lambda point: point.step)]


def finished(settings: Settings, fingerprints: Iterable[str]) -> dict[str, Found]:
    """The newest finished run of each of these configs that has one."""
    newest = {
        fingerprint: search(settings, f"tags.config_hash = '{fingerprint}'", most=1)
        for fingerprint in fingerprints
    }
    return {fingerprint: found[0] for fingerprint, found in newest.items() if found}


def without_secret(uri: str) -> str:
    """The URI with the password in it, if any, starred out."""
    return re.sub(r"//([^:/@]*):[^@]*@", r"//\1:***@", uri)


def _absolute(uri: str) -> str:
    """A relative SQLite file made absolute, so that it is the same one from everywhere."""
    path = uri.removeprefix("sqlite:///")
    return uri if path == uri or not path else f"sqlite:///{Path(path).absolute()}"


def _check_inside(path: str) -> None:
    parts = PurePosixPath(path).parts
    if ".." in parts or path.startswith("/") or "\\" in path:
        raise UserError(f"the run has a file named {path!r}, which would land outside its folder")


def _experiment_id(name: str) -> str:
    experiment = mlflow.get_experiment_by_name(name)
    return experiment.experiment_id if experiment else mlflow.create_experiment(name)


def _store_lock(uri: str) -> contextlib.AbstractContextManager[Any]:
    """Between processes that might both create the store; a server guards itself."""
    if uri.startswith("sqlite:///"):
        return FileLock(uri.removeprefix("sqlite:///") + ".lock")
    return contextlib.nullcontext()


def _answer_in_time(uri: str, ask: Callable[[], str]) -> str:
    """What `ask` returns, or a `UserError` soon: MLflow itself retries for minutes."""
    try:
        _connect(uri)
        answer = _limited(ask) if uri.startswith("http") else ask()
    except Exception as error:
        reason = without_secret(str(error).strip().partition("\n")[0])
        raise UserError(
            f"tracking.uri={without_secret(uri)} cannot be used: {reason}; "
            "give a database such as sqlite:///mlflow.db or a running MLflow server"
        ) from None
    return answer


def _connect(uri: str) -> None:
    """Raise if the server that `uri` names, if any, does not let us in."""
    where = urlsplit(uri)
    port = where.port or PORTS.get(where.scheme.partition("+")[0])
    if where.hostname and port:
        socket.create_connection((where.hostname, port), CONNECT_SECONDS).close()


def _limited(ask: Callable[[], str]) -> str:
    """What `ask` returns, in time; it is left behind in a thread if it does not."""
    answer: Future[str] = Future()

    def call() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    try:
        return answer.result(ANSWER_SECONDS)
    except TimeoutError:
        raise TimeoutError(f"no answer within {ANSWER_SECONDS} seconds") from None


def _numeric(where: str) -> tuple[str, Callable[[Any], bool]]:
    """The filter without its numeric comparisons of parameters, and whether a run passes those."""
    clauses = re.split(r"\s+and\s+", where.strip(), flags=re.IGNORECASE)
    numeric = [match for clause in clauses if (match := NUMERIC.fullmatch(clause.strip()))]
    rest = [clause for clause in clauses if not NUMERIC.fullmatch(clause.strip())]

    def passes(run: Any) -> bool:
        try:
            return all(
                COMPARED[match[2]](float(run.data.params[match[1]]), float(match[3]))
                for match in numeric
            )
        except (KeyError, ValueError):  # the run has no such number
            return False

    return (" and ".join(rest) if numeric else where), passes


def _flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in params.items():
        nested = isinstance(value, Mapping)
        flat |= _flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return flat
