"""The runs that a store has: found and read.

Everything here raises `StoreUnavailableError` if the store does not answer.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from mlflow import MlflowClient
from mlflow.entities import Run

from denoise.config.settings import Tracking
from denoise.errors import UserError
from denoise.tracking import filters, mirror, records, store
from denoise.tracking.files import answered, content, files
from denoise.tracking.records import Contents, Line

SUMMARY = "sweep.csv"  # a sweep's table, in its summary run
PAGE = 1000  # runs in one answer of the store
FEW = 20
# No reference has a noise: it was not trained, and no ranking picks it.
TRAINED = "attributes.status = 'FINISHED' and tags.noise != ''"
REFERENCES = f"attributes.status = 'FINISHED' and tags.kind = '{records.REFERENCE}'"


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
    settings: Tracking,
    where: str,
    *,
    order: str = "",
    most: int | None = None,
    among: str = TRAINED,
) -> list[Found]:
    """The runs that `among` and MLflow's filter `where` find, ordered by `order`, newest first.

    By default, `among` finds finished runs that were trained. `where` may compare parameters with
    numbers: `params.noise.sigma < 0.2`. `UserError` if it does not parse.
    """
    experiment = store.existing(settings)
    rest, passes = filters.parse(where)
    everything = filters.all_of(among, rest)
    with answered(f"the filter {where!r} does not parse"):
        runs = every(experiment, everything, order, page=PAGE if passes else most or PAGE)
        found = list(islice((run for run in runs if not passes or passes(run.data.params)), most))
    return list(map(_found, found))


def _found(run: Run) -> Found:
    info, data = run.info, run.data
    about = (info.run_id, info.run_name, info.artifact_uri, info.start_time / 1000)
    return Found(*about, data.metrics, data.params, data.tags)


def every(experiment: str | None, where: str, order: str = "", page: int = PAGE) -> Iterator[Run]:
    """Each run, if there is an experiment, that MLflow's filter finds; by `order`, newest first."""
    if not experiment:
        return
    by, token = [*filter(None, [order]), "attributes.start_time DESC"], None
    while True:
        found = MlflowClient().search_runs(
            [experiment], where, max_results=min(page, PAGE), order_by=by, page_token=token
        )
        yield from found
        if not (token := found.token):
            return


def find(
    settings: Tracking, where: str, *, order: str = "", most: int | None = None
) -> list[Found]:
    """As `search`; `UserError` if there is none."""
    if found := search(settings, where, order=order, most=most):
        return found
    place = f"in the experiment {settings.experiment!r}"
    raise UserError(
        f"there is no finished run that {where!r} finds {place}"
        if where
        else f"there is no finished run {place}; python -m denoise makes one"
    )


def of_sweep(settings: Tracking, sweep: str, where: str = "") -> str:
    """MLflow's filter for the runs of a sweep.

    `sweep` is its ID, the name of an experiment of `conf/experiment/` for the newest sweep of it,
    `all`, or `latest` for the newest that `where` finds. What the sweep reused was trained, and is
    tagged, by an earlier one: the table in its summary run has them all.
    """
    if sweep == "all":
        return ""
    if sweep == "latest":
        return _latest(settings, where)
    its = f"tags.sweep = '{sweep}'"
    found = (_summaries(settings, where) for where in (its, f"tags.experiment = '{sweep}'"))
    ids = next(filter(None, map(_in_table, chain.from_iterable(found))), [])
    return one_of(ids) if ids else its


def _latest(settings: Tracking, where: str) -> str:
    """The filter for the last sweep that trained or reused a run which `where` finds."""
    newest = find(settings, where, most=1)[0]
    for summary in _summaries(settings, f"attributes.start_time > {1000 * newest.started:.0f}"):
        ids = _in_table(summary)
        if ids and search(settings, filters.all_of(where, one_of(ids)), most=1):
            return one_of(ids)
    return of_sweep(settings, newest.tags["sweep"])


@answered()
def _summaries(settings: Tracking, where: str) -> list[str]:
    """The ids of the summary runs that `where` finds, those of the newest sweeps first."""
    found = every(store.existing(settings), f"tags.summary = 'true' and {where}")
    return [summary.info.run_id for summary in found]


def _in_table(summary: str) -> list[str]:
    """The ids of the runs in the table of a sweep's summary run; [] if it has none."""
    if SUMMARY not in files(summary):
        return []
    table = io.StringIO(content(summary, SUMMARY).decode(), newline="")
    return [row["run id"] for row in csv.DictReader(table) if row["run id"]]


def references(settings: Tracking, runs: Sequence[Found]) -> list[Found]:
    """The newest of each reference that can be compared with one of `runs`, sorted by name.

    Such a reference has the run's data set, robustness suite and settings of the latent scores; one
    of principal components also has its `latent_dim`.
    """
    found = {
        (one.name, str(sorted(one.params.items()))): one
        for one in reversed(search(settings, "", among=REFERENCES))
        if any(_can_be_compared(one, run) for run in runs)
    }
    return sorted(found.values(), key=lambda one: one.name)


def _can_be_compared(reference: Found, run: Found) -> bool:
    """Whether the run has the parameters of the reference, and no other corruption in its suite."""
    suite = {key for key in run.params if key.startswith("evaluation.robust.")}
    return reference.params.items() <= run.params.items() and suite <= reference.params.keys()


def one_of(ids: Sequence[str]) -> str:
    return f"attributes.run_id IN ({', '.join(map(repr, ids))})"


@answered()
def curve(run_id: str, metric: str) -> list[float]:
    """A metric of a run over its steps; [] if it has none."""
    history = MlflowClient().get_metric_history(run_id, metric)
    return [point.value for point in sorted(history, key=lambda point: point.step)]


@answered()
def contents(run_id: str, uri: str = "") -> Contents:
    """The record of a run, from the store; version 0.1.0 wrote none, so it is put together.

    It is quicker if `uri`, where the run's files are, is known.
    """
    client = MlflowClient()
    stored = mirror.stored(client, run_id, uri)
    return stored if stored.fields else _without_record(client, run_id)


def _without_record(client: MlflowClient, run_id: str) -> Contents:
    run = client.get_run(run_id)
    points = [
        (point.step, point.timestamp, key, point.value)
        for key in run.data.metrics
        for point in client.get_metric_history(run_id, key)
    ]
    lines: dict[int, Line] = {}
    for step, time, key, value in sorted(points):
        lines.setdefault(step, Line(step, time, {})).metrics[key] = value
    fields = {
        "run_id": run_id,
        "kind": records.TRAINING,
        "name": run.info.run_name,
        "status": run.info.status,
        "tags": run.data.tags,
        "params": run.data.params,
        "started": run.info.start_time,
        "ended": run.info.end_time,
        "lines": len(lines),
    }
    return Contents(records.EMPTY | fields, list(lines.values()))


def finished(settings: Tracking, fingerprints: Iterable[str]) -> dict[str, Found]:
    """The newest finished run of each of these configs that has one."""
    found = newest(settings, fingerprints, TRAINED)
    return {fingerprint: _found(run) for fingerprint, run in found.items()}


@answered()
def newest(settings: Tracking, fingerprints: Iterable[str], among: str = "") -> dict[str, Run]:
    """The newest run of each of these configs that has one, of those that `among` finds."""
    wanted, found = dict.fromkeys(fingerprints), dict[str, Run]()
    # MLflow has no OR, and to read every run is quicker than to ask many questions.
    hashes = [f"= '{each}'" for each in wanted] if len(wanted) <= FEW else ["!= ''"]
    experiment = store.existing(settings)
    for one in hashes:
        for run in every(experiment, filters.all_of(among, f"tags.config_hash {one}")):
            found.setdefault(run.data.tags["config_hash"], run)
    return {each: found[each] for each in wanted if each in found}
