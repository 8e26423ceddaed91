"""The runs that a store has: found, read, brought as files, registered.

Where the store does not answer, all of it raises `StoreUnavailableError`.
"""

import contextlib
import csv
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from pathlib import Path, PurePosixPath
from typing import Any

import mlflow
from mlflow import MlflowClient, MlflowException

from denoise.config.settings import Tracking
from denoise.errors import StoreUnavailableError, UserError
from denoise.tracking import delivery, store

# A comparison of a parameter with a number, which MLflow's filters do not know.
NUMERIC = re.compile(
    r"params\.[`\"]?([\w.]+)[`\"]?\s*(<=|>=|!=|<|>|=)\s*([-+]?[\d.]+(?:e[-+]?\d+)?)"
)
COMPARED = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "!=": ne}
SUMMARY = "sweep.csv"  # a sweep's table, in its summary run
TRAINED = "attributes.status = 'FINISHED' and tags.noise != ''"


@contextlib.contextmanager
def _answered(refused: str = "") -> Iterator[None]:
    """`StoreUnavailableError`, in place of what MLflow raises, where the store does not answer.

    Where it refuses what was asked, and that is the asker's mistake, `UserError` says `refused`.
    """
    try:
        yield
    except MlflowException as error:
        if store.is_away(error):
            raise StoreUnavailableError(
                f"the store does not answer: {store.reason(error)}"
            ) from None
        if refused:
            raise UserError(f"{refused}: {error.message}") from None
        raise


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


def search(
    settings: Tracking, where: str, *, order: str = "", most: int | None = None
) -> list[Found]:
    """Finished training runs that MLflow's filter `where` finds, ordered by `order`, newest first.

    MLflow compares parameters as text and refuses `params.noise.sigma < 0.2`; such a clause is
    taken out of the filter and answered here. `UserError` if the filter does not parse.
    """
    experiment, client = store.prepare(settings), MlflowClient()
    rest, is_found = _numeric(where)
    everything = " and ".join(filter(None, (TRAINED, rest)))
    by = [*filter(None, [order]), "attributes.start_time DESC"]
    found: list[Any] = []
    token = None
    while most is None or len(found) < most:
        size = min(1000, most - len(found)) if most and rest == where else 1000
        with _answered(f"the filter {where!r} does not parse"):
            page = client.search_runs(
                [experiment], everything, max_results=size, order_by=by, page_token=token
            )
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


def find(
    settings: Tracking, where: str, *, order: str = "", most: int | None = None
) -> list[Found]:
    """As `search`; `UserError` if there is none."""
    if found := search(settings, where, order=order, most=most):
        return found
    those = f" that {where!r} finds" if where else ""
    raise UserError(f"there is no finished run{those} in the store; python -m denoise makes one")


def of_sweep(settings: Tracking, sweep: str, where: str = "") -> str:
    """MLflow's filter for the runs of a sweep: its ID, `all`, or the `latest` that `where` finds.

    What the sweep reused was trained, and is tagged, by an earlier one: the table in its summary
    run has them all.
    """
    if sweep == "all":
        return ""
    if sweep == "latest":
        return _latest(settings, where)
    its = f"tags.sweep = '{sweep}'"
    ids = next(map(_in_table, _summaries(settings, its)), [])
    return one_of(ids) if ids else its


def _latest(settings: Tracking, where: str) -> str:
    """The filter for the last sweep that trained or reused a run which `where` finds."""
    newest = find(settings, where, most=1)[0]
    for summary in _summaries(settings, f"attributes.start_time > {1000 * newest.started:.0f}"):
        ids = _in_table(summary)
        if ids and search(settings, " and ".join(filter(None, (where, one_of(ids)))), most=1):
            return one_of(ids)
    return of_sweep(settings, newest.tags["sweep"])


@_answered()
def _summaries(settings: Tracking, where: str) -> list[str]:
    """The ids of the summary runs that `where` finds, those of the newest sweeps first."""
    experiment, client = store.prepare(settings), MlflowClient()
    order = ["attributes.start_time DESC"]
    found = client.search_runs([experiment], f"tags.summary = 'true' and {where}", order_by=order)
    return [summary.info.run_id for summary in found]


@_answered()
def _in_table(summary: str) -> list[str]:
    """The ids of the runs in the table of a sweep's summary run; [] if it has none."""
    if SUMMARY not in files(summary):
        return []
    with tempfile.TemporaryDirectory() as folder:
        download(summary, SUMMARY, Path(folder))
        with (Path(folder) / SUMMARY).open(encoding="utf-8", newline="") as file:
            return [row["run id"] for row in csv.DictReader(file) if row["run id"]]


def runs(settings: Tracking, ids: Sequence[str]) -> list[Found]:
    """These of the finished training runs, newest first."""
    return search(settings, one_of(ids)) if ids else []


def one_of(ids: Sequence[str]) -> str:
    return f"attributes.run_id IN ({', '.join(map(repr, ids))})"


@_answered()
def files(run_id: str) -> dict[str, int]:
    """The run's own files with their sizes in bytes.

    `UserError` if one would land outside of the folder it is downloaded to.
    """
    client = MlflowClient()
    listed: dict[str, int] = {}
    folders = [""]
    while folders:
        for entry in client.list_artifacts(run_id, folders.pop() or None):
            check_inside(entry.path)
            if entry.is_dir:
                folders.append(entry.path)
            else:
                listed[entry.path] = entry.file_size or 0
    return listed


@_answered()
def download(run_id: str, path: str, folder: Path) -> None:
    """One file of a run, under its own path in `folder`."""
    target = (folder / path).parent
    target.mkdir(parents=True, exist_ok=True)
    MlflowClient().download_artifacts(run_id, path, str(target))


@_answered()
def download_model(run_id: str, folder: Path) -> None:
    """The model that a run logged, into `folder`; nothing if it logged none."""
    for model_id in delivery.models(MlflowClient(), run_id):
        mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=str(folder))


@_answered()
def download_registered(uri: str, folder: Path) -> None:
    """Config and checkpoints of the run behind a registered model."""
    match = re.fullmatch(r"models:/([^/@]+)([/@])([^/@]+)", uri)
    if not match:
        raise UserError(f"{uri} is not of the form models:/NAME@ALIAS or models:/NAME/VERSION")
    name, kind, version = match.groups()
    client = MlflowClient()
    find = client.get_model_version_by_alias if kind == "@" else client.get_model_version
    with _answered(f"{uri} is not in the registry"):
        run_id = str(find(name, version).run_id)
    for part in ("config", "checkpoints"):
        download(run_id, part, folder)


@_answered()
def register(run_id: str, name: str) -> str:
    """Register the model that a run logged, and move the alias `best` to it; its version."""
    models = delivery.models(MlflowClient(), run_id)
    if not models:
        raise UserError(f"run {run_id} has logged no model that could be registered")
    with _answered(f"{name} is not a name that MLflow registers"):
        version = mlflow.register_model(f"models:/{models[0]}", name).version
        MlflowClient().set_registered_model_alias(name, "best", version)
    return str(version)


@_answered()
def curve(run_id: str, metric: str) -> list[float]:
    """A metric of a run over its steps; [] if it has none."""
    history = MlflowClient().get_metric_history(run_id, metric)
    return [point.value for point in sorted(history, key=lambda point: point.step)]


def finished(settings: Tracking, fingerprints: Iterable[str]) -> dict[str, Found]:
    """The newest finished run of each of these configs that has one."""
    newest = {
        fingerprint: search(settings, f"tags.config_hash = '{fingerprint}'", most=1)
        for fingerprint in fingerprints
    }
    return {fingerprint: found[0] for fingerprint, found in newest.items() if found}


def check_inside(path: str) -> None:
    parts = PurePosixPath(path).parts
    if ".." in parts or path.startswith("/") or "\\" in path:
        raise UserError(f"the run has a file named {path!r}, which would land outside its folder")


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
