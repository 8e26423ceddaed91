"""What a sweep planned, and how far each of its runs is, read from the store.

The launching process writes the plan before the first run begins, as a file of the sweep's own run.
So any machine that reaches the store knows which runs are still queued.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass

from mlflow.entities import Run
from pydantic import TypeAdapter

from denoise import metrics
from denoise.config.settings import Tracking
from denoise.errors import UserError
from denoise.tracking import claim, search, store
from denoise.tracking.files import answered, content, files
from denoise.tracking.records import FAILED, FINISHED, KILLED, QUEUED, RUNNING, SWEEP

FILE = "plan.json"
LOST = "LOST"  # its process, or the one that should have launched it, is gone
STATES = (RUNNING, QUEUED, FINISHED, FAILED, KILLED, LOST)
SUMMARIES = f"tags.kind = '{SWEEP}'"  # MLflow's filter for the runs that sum up sweeps
QUEUE = "queue"  # the tag of a sweep whose jobs are in a scheduler's queue: their name there


@dataclass(frozen=True)
class Planned:
    """A run of a sweep; `task` is its place in the scheduler's queue, None where it has none."""

    name: str
    hashes: list[str]
    epochs: int
    task: int | None = None


@dataclass(frozen=True)
class Plan:
    """The runs of a sweep, in their order. `queue` is the name of its jobs in a scheduler.

    With `is_anew`, runs are trained even if they finished earlier.
    """

    sweep: str
    runs: list[Planned]
    queue: str = ""
    is_anew: bool = False

    def text(self) -> str:
        """The plan as JSON, for `read`."""
        return json.dumps(asdict(self), indent=1)


@dataclass(frozen=True)
class Progress:
    """How far a run of a sweep is; `left` is the time left to train, in seconds.

    `heard` is the last sign of life, in seconds since 1970 by the clock of the run's own machine.
    """

    name: str
    state: str
    epoch: int
    epochs: int
    left: float | None = None
    host: str = ""
    job: str = ""
    heard: float | None = None
    run_id: str = ""


def read(text: bytes) -> Plan:
    """The plan whose `text` this is, also of an earlier version with more keys."""
    return TypeAdapter(Plan).validate_json(text)


@answered()
def plan(settings: Tracking, sweep: str) -> tuple[Plan, Run]:
    """The plan of a sweep in the store, and the sweep's own run; `latest` is the newest sweep."""
    where = SUMMARIES if sweep == "latest" else f"{SUMMARIES} and tags.sweep = '{sweep}'"
    summary = next(search.every(store.existing(settings), where, page=1), None)
    if not summary:
        raise UserError(f"there is no sweep {sweep!r} in the store; python -m denoise -m makes one")
    return _download(summary), summary


def queued(settings: Tracking, tasks: Mapping[str, Collection[int]]) -> set[str]:
    """The config hashes of the runs that are these tasks, by job name, of a scheduler's queue."""
    found = set[str]()
    experiment = store.existing(settings) if tasks else None
    for summary in search.every(experiment, f"{SUMMARIES} and tags.{QUEUE} != ''"):
        name = summary.data.tags[QUEUE]
        if name in tasks:
            runs = [run for run in _download(summary).runs if run.task in tasks[name]]
            found |= {each for run in runs for each in run.hashes}
    return found


def _download(summary: Run) -> Plan:
    """The plan of a sweep; one without runs as long as the plan is not in the store."""
    if FILE not in files(summary.info.run_id):
        return Plan(summary.data.tags["sweep"], [])
    return read(content(summary.info.run_id, FILE))


@answered()
def busy(
    settings: Tracking, hashes: Iterable[str], tasks: Mapping[str, Collection[int]]
) -> set[str]:
    """Those of these configs that a living process trains or that a scheduler has queued.

    `tasks` is the scheduler's queue, by job name. Takes up to a minute, see `claim.living`.
    """
    wanted = set(hashes)
    running = search.newest(settings, wanted, f"attributes.status = '{RUNNING}'")
    trained = {run.data.tags["config_hash"] for run in claim.living(list(running.values()))}
    return trained | (wanted & queued(settings, tasks))


@answered()
def progress(
    settings: Tracking, sweep: Plan, summary: Run, tasks: Mapping[str, Collection[int]]
) -> list[Progress]:
    """How far each run of the plan is; `tasks` is the scheduler's queue, by job name.

    Takes up to a minute if a process on another machine does not show that it lives.
    """
    by_hash = search.newest(settings, [each for run in sweep.runs for each in run.hashes])
    runs = [_run_of(planned, sweep, by_hash, tasks) for planned in sweep.runs]
    launching = [] if sweep.queue else [summary]  # a queue has the runs that have not begun
    unsure = [run for run in (*launching, *filter(None, runs)) if run.info.status == RUNNING]
    alive = {run.info.run_id for run in claim.living(unsure)}
    waiting = queued(settings, tasks)
    if summary.info.run_id in alive:  # its launching process has them
        waiting |= {each for planned in sweep.runs for each in planned.hashes}
    return [
        _progress(planned, run, alive, is_queued=not waiting.isdisjoint(planned.hashes))
        for planned, run in zip(sweep.runs, runs, strict=True)
    ]


def _run_of(
    planned: Planned, sweep: Plan, by_hash: dict[str, Run], tasks: Mapping[str, Collection[int]]
) -> Run | None:
    """The newest run of the config; None if it is of an earlier sweep and to be trained again."""
    run = next((by_hash[each] for each in planned.hashes if each in by_hash), None)
    is_over = run is not None and run.info.status in (FINISHED, FAILED)
    is_earlier = run is not None and run.data.tags.get("sweep") != sweep.sweep
    is_again = sweep.is_anew or planned.task in tasks.get(sweep.queue, ())
    return None if is_over and is_earlier and is_again else run


def _progress(planned: Planned, run: Run | None, alive: set[str], *, is_queued: bool) -> Progress:
    """`alive` are the ids of the running runs whose processes live."""
    if run is None:
        return Progress(planned.name, QUEUED if is_queued else LOST, 0, planned.epochs)
    state = _state(run, alive, is_queued=is_queued)
    key = metrics.EPOCH_SECONDS.key
    seconds = [] if state == FINISHED else search.curve(run.info.run_id, key)
    epoch = planned.epochs if state == FINISHED else len(seconds)
    owner = claim.owner_of(run) if run.data.tags.get(claim.OWNER) else claim.Owner()
    heard = run.data.tags.get(claim.HEARTBEAT)
    return Progress(
        name=planned.name,
        state=state,
        epoch=epoch,
        epochs=planned.epochs,
        left=(planned.epochs - epoch) * seconds[-1] if state == RUNNING and seconds else None,
        host=owner.host,
        job=owner.job,
        heard=float(heard) if heard else None,
        run_id=run.info.run_id,
    )


def _state(run: Run, alive: set[str], *, is_queued: bool) -> str:
    """The state of a run that has begun; one that was killed may be in the queue again."""
    if run.info.run_id in alive:
        return RUNNING
    if is_queued and run.info.status not in (FINISHED, FAILED):
        return QUEUED
    return LOST if run.info.status == RUNNING else str(run.info.status)
