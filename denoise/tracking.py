"""Runs in MLflow. The only module that imports it."""

import base64
import contextlib
import json
import logging
import math
import os
import re
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from filelock import FileLock
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor, nn

from denoise.checks import UserError

# Read by MLflow when it is imported: it neither phones home nor writes over the bars.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

import mlflow
from mlflow import MlflowClient
from mlflow.tracking.context.registry import resolve_tags

ANSWER_SECONDS = 12
QUIET = ("alembic", "mlflow")


@dataclass(frozen=True)
class Settings:
    """Where runs go. `uri` null means MLFLOW_TRACKING_URI, or else MLflow's own default."""

    uri: str | None
    experiment: str


class Run:
    """The open run: what it can be given. Steps are epochs, from 1; 0 is the untrained model."""

    def __init__(self, id: str) -> None:
        self.id = id

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        mlflow.log_metrics(dict(values), step=step)

    def final(self, values: Mapping[str, float]) -> None:
        """Figures that a run has one of: without a step, so that MLflow draws them as bars."""
        mlflow.log_metrics(dict(values))

    def image(self, key: str, figure: Figure, step: int) -> None:
        """A figure for the image grids of MLflow's chart view."""
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        mlflow.log_image(np.asarray(canvas.buffer_rgba())[..., :3], key=key, step=step)

    def file(self, path: Path) -> None:
        """A file, or a folder with all that is in it under its own name."""
        if path.is_dir():
            mlflow.log_artifacts(str(path), path.name)
        else:
            mlflow.log_artifact(str(path))

    def dataset(self, name: str, source: str, images: Tensor, labels: Tensor, context: str) -> None:
        numpy_dataset = mlflow.data.from_numpy(  # type: ignore[attr-defined]
            images.cpu().numpy(), source=source, targets=labels.cpu().numpy(), name=name
        )
        mlflow.log_input(numpy_dataset, context=context)

    def model(self, model: nn.Module, example: Tensor) -> None:
        """The model in MLflow's pickle-free format, with its signature, from a batch of two."""
        import torch  # the requirements pin what the model was made with

        mlflow.pytorch.log_model(
            model,
            name="model",
            input_example=example.numpy(),
            pip_requirements=[f"torch=={torch.__version__.split('+')[0]}"],
        )


def prepare(settings: Settings) -> str:
    """Open the store, create it and the experiment if they are not there; the experiment's id.

    Called once before workers start: a fresh SQLite file that several processes migrate at once
    breaks. `UserError` if the store does not answer.
    """
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    uri = _absolute(settings.uri or mlflow.get_tracking_uri())
    mlflow.set_tracking_uri(uri)
    with _store_lock(uri):
        return _answer_in_time(uri, lambda: _experiment_id(settings.experiment))


@contextlib.contextmanager
def run(
    settings: Settings,
    *,
    name: str,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    started: float | None = None,
) -> Iterator[Run]:
    """An open run, which ends FINISHED, or FAILED with its traceback as a file, or KILLED.

    `started`, in seconds since the epoch, is when the run says it began, if not now.
    """
    created = MlflowClient().create_run(
        prepare(settings),
        start_time=round(1000 * (started or time.time())),
        run_name=name,
        tags=resolve_tags({"mlflow.source.name": "python -m denoise", **tags}),
    )
    active = mlflow.start_run(created.info.run_id)
    try:
        mlflow.log_params(_flat(params))
        yield Run(active.info.run_id)
    except Exception:
        mlflow.log_text(traceback.format_exc(), "traceback.txt")
        mlflow.end_run("FAILED")
        raise
    except BaseException:
        mlflow.end_run("KILLED")
        raise
    mlflow.end_run("FINISHED")


def kill(settings: Settings, run_id: str) -> None:
    """End a run whose process is gone."""
    prepare(settings)
    MlflowClient().set_terminated(run_id, "KILLED")


def share_charts(settings: Settings, sweep: str, *, runs: int, last_step: int) -> str:
    """The address, under `mlflow ui`, of a sweep's runs beside each other; no click needed.

    MLflow's own chart view draws the metrics, but hides pictures below every parameter of the
    run and opens them at the first step. So the view is saved, as its share button would save
    it, with the pictures in front: those of the last epoch, in rows of four runs.
    """
    experiment = prepare(settings)
    rows = min(2, math.ceil(runs / 4))
    pictures = {"reconstructions": last_step, "tsne": last_step, "noise": 0}
    state = {
        "searchFilter": f"tags.sweep = '{sweep}' and tags.noise != ''",
        "orderByAsc": True,
        "compareRunSections": [
            {"uuid": "pictures", "name": "pictures", "display": True, "isGenerated": True}
            | {"columns": 1, "cardHeight": 400 * rows}
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


def run_address(settings: Settings, run_id: str) -> str:
    """The address of a run's page, under `mlflow ui`."""
    return f"{_server()}/#/experiments/{prepare(settings)}/runs/{run_id}"


def _server() -> str:
    uri = mlflow.get_tracking_uri()
    return without_secret(uri).rstrip("/") if uri.startswith("http") else "http://127.0.0.1:5000"


def latest_curve(settings: Settings, where: str, metric: str) -> list[float]:
    """A metric over the steps of the latest finished run that MLflow's filter finds, or []."""
    found = MlflowClient().search_runs(
        [prepare(settings)], f"attributes.status = 'FINISHED' and {where}", max_results=1
    )
    history = MlflowClient().get_metric_history(found[0].info.run_id, metric) if found else []
    return [point.value for point in sorted(history, key=lambda point: point.step)]


def without_secret(uri: str) -> str:
    """The URI with the password in it, if any, starred out."""
    return re.sub(r"//([^:/@]*):[^@]*@", r"//\1:***@", uri)


def _absolute(uri: str) -> str:
    """A relative SQLite file made absolute, so that it is the same one from everywhere."""
    path = uri.removeprefix("sqlite:///")
    return uri if path == uri or not path else f"sqlite:///{Path(path).absolute()}"


def _experiment_id(name: str) -> str:
    experiment = mlflow.get_experiment_by_name(name)
    return experiment.experiment_id if experiment else mlflow.create_experiment(name)


def _store_lock(uri: str) -> contextlib.AbstractContextManager[Any]:
    """Between processes that might both create the store; a server guards itself."""
    if uri.startswith("sqlite:///"):
        return FileLock(uri.removeprefix("sqlite:///") + ".lock")
    return contextlib.nullcontext()


def _answer_in_time(uri: str, ask: Callable[[], str]) -> str:
    """What `ask` returns; MLflow retries for minutes, so it is left behind in a thread."""
    answer: list[str] = []
    reason: list[str] = [f"no answer within {ANSWER_SECONDS} seconds"]

    def call() -> None:
        try:
            answer.append(ask())
        except Exception as error:
            reason[0] = str(error).strip().splitlines()[0]

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    if not answer:
        raise UserError(
            f"tracking.uri={without_secret(uri)} cannot be used: {without_secret(reason[0])}; "
            "give a database such as sqlite:///mlflow.db or a running MLflow server"
        )
    return answer[0]


def _flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in params.items():
        nested = isinstance(value, Mapping)
        flat |= _flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return flat
