"""Which process may write a run, and whether that process still lives.

The owner of a run is a tag of the run in MLflow. On one machine, the lock on the run's folder shows
whether the owner lives. Between machines, a heartbeat that keeps changing shows it: their clocks
are never compared.
"""

import contextlib
import json
import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import psutil
from mlflow import MlflowClient, MlflowException
from mlflow.entities import Run, RunTag
from pydantic import TypeAdapter

from denoise.errors import RunDeletedError, RunTakenError, UserError
from denoise.tracking import failures, records, store
from denoise.tracking.records import RUNNING, Record

log = logging.getLogger(__name__)

T = TypeVar("T")
State = tuple[str, ...]  # of a run, see `state`

BEAT_SECONDS = 10
LATE_SECONDS = 15  # by then nearly every living process has renewed its heartbeat
DEAD_SECONDS = 60
LOOK_SECONDS = 1  # between looks at a heartbeat
CONTEST_SECONDS = 1  # by then a rival for the same run has written its claim
AGAIN_SECONDS = (2, 10, 30)  # before a request that failed is repeated
# File systems shared by machines, whose file locks may do nothing.
SHARED = frozenset(
    {"nfs", "nfs4", "lustre", "cifs", "smb3", "beegfs", "gpfs", "ceph", "glusterfs", "9p", "fuse"}
)
OWNER, HEARTBEAT = "owner", "heartbeat"
CLASSES = "classes.sha256"  # the tag with the sums of the user's own modules
# Runs that may resume: KILLED, or RUNNING although their process is dead. What FAILED would fail
# again.
INTERRUPTED = (
    "attributes.status != 'FINISHED' and attributes.status != 'FAILED' and tags.owner != ''"
)


@dataclass(frozen=True)
class Owner:
    """The process that writes a run.

    `machine` names one boot of one host, on which `folder` is the run's folder. `job` is the id
    that a scheduler gave, if one did.
    """

    host: str = ""
    pid: int = 0
    machine: str = ""
    folder: str = ""
    job: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def text(self) -> str:
        """The owner as JSON, for `read`."""
        return json.dumps(asdict(self))

    def is_here(self) -> bool:
        """Whether it is on this machine, and the lock on its folder shows whether it lives.

        A lock shows nothing on a file system that machines share, or if we may not open the folder.
        """
        if self.machine != _machine():
            return False
        folder = Path(self.folder)
        return os.access(folder, os.R_OK, effective_ids=True) and not _is_shared(folder.resolve())

    def is_replaced_by(self, other: "Owner") -> bool:
        """Whether `other`, which holds the lock on its own folder, is in this one's place."""
        return self.folder == other.folder and self.is_here()

    def lives(self) -> bool:
        """Whether the lock on its folder is held; for one that `is_here`."""
        return records.is_locked(Path(self.folder))


OWNERS = TypeAdapter(Owner)


def me(folder: Path) -> Owner:
    """This process, as the owner of the run in `folder`."""
    here = str(folder.absolute())
    return Owner(socket.gethostname(), os.getpid(), _machine(), here, _job())


def _job() -> str:
    """The id of the Slurm job that this process is; '' outside Slurm."""
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    return f"{array}_{task}" if array else os.environ.get("SLURM_JOB_ID", "")


def _is_shared(folder: Path) -> bool:
    """Whether the folder is on a file system that other machines may have mounted, too."""
    mounts = {Path(each.mountpoint): each.fstype for each in psutil.disk_partitions(all=True)}
    nearest = next(
        path for path in (folder, *folder.parents) if path in mounts or path == path.parent
    )
    return mounts.get(nearest, "").partition(".")[0] in SHARED


def read(text: str) -> Owner:
    """The owner in a tag; keys of other versions are ignored."""
    return OWNERS.validate_json(text)


@cache
def _machine() -> str:
    """This boot of this host; the host alone where there is no /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    return f"{socket.gethostname()} {boot}"


def now() -> str:
    """A heartbeat: this machine's time, for people. Processes only look whether it changes."""
    return f"{time.time():.3f}"


def owner_of(run: Run) -> Owner:
    return read(run.data.tags[OWNER])


def living(runs: Sequence[Run]) -> list[Run]:
    """Those of the running runs whose processes live.

    Takes up to `DEAD_SECONDS` if one of them is on another machine.
    """
    silent = [run for run in runs if not owner_of(run).is_here()]
    alive = [run for run in runs if run not in silent and owner_of(run).lives()]
    began, is_logged = time.monotonic(), False
    while silent and (waited := time.monotonic() - began) < DEAD_SECONDS:
        if waited > LATE_SECONDS and not is_logged:
            log.info("Waiting to see whether %s ...", _whether_alive(silent))
            is_logged = True
        time.sleep(LOOK_SECONDS)
        later = {run.info.run_id: state(run) for run in _again(silent)}
        heard = [run for run in silent if later.get(run.info.run_id, state(run)) != state(run)]
        alive += heard
        silent = [run for run in silent if run not in heard and run.info.run_id in later]
    return alive


def _whether_alive(runs: Sequence[Run]) -> str:
    if len(runs) == 1:
        return f"{owner_of(runs[0])}, which has the run, is alive"
    return f"the processes of {len(runs)} runs on other machines are alive"


def _again(runs: Sequence[Run]) -> Sequence[Run]:
    """The runs as the store has them now, without those that were deleted."""
    ids = ", ".join(repr(run.info.run_id) for run in runs)
    experiments = list({run.info.experiment_id for run in runs})
    where = f"attributes.run_id IN ({ids})"
    return MlflowClient().search_runs(experiments, where, max_results=max(100, len(runs)))


def check(client: MlflowClient, run_id: str, mine: Owner) -> None:
    """Raise `RunDeletedError` or `RunTakenError` unless the run is there and owned by `mine`.

    `UserError` if the store does not know the run.
    """
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.get_http_status_code() != failures.NOT_FOUND:
            raise
        # Not `RunDeletedError`: this may be another store, or a proxy that answers for it.
        raise UserError(
            f"the store has no run {run_id}; if the run was removed for good, delete its folder"
        ) from None
    if run.info.lifecycle_stage == "deleted":
        raise RunDeletedError(f"run {run_id} was deleted in MLflow before it had ended")
    if owner_of(run) != mine:
        raise RunTakenError(run_id, owner_of(run))


class Heart:
    """A thread that renews the run's heartbeat until `close`, as long as this process owns it."""

    def __init__(self, record: Record) -> None:
        self.record, self.end = record, threading.Event()
        self.heard = time.monotonic()  # when the store last took a heartbeat
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        client, mine = MlflowClient(), read(self.record.fields["tags"][OWNER])
        while not (self.end.wait(BEAT_SECONDS) or self.record.error):
            with contextlib.suppress(Exception):  # a store that is away may come back
                check(client, self.record.run_id, mine)
                client.set_tag(self.record.run_id, HEARTBEAT, now())
                self.heard = time.monotonic()

    def close(self) -> None:
        self.end.set()


def take(
    experiment: str,
    hashes: Sequence[str],
    tags: Mapping[str, str],
    create: Callable[[], str],
    sweep: str = "",
) -> tuple[str, Mapping[str, str] | None, str]:
    """Take over the newest interrupted run with one of these config hashes, or `create` a new one.

    If a `sweep` is given, only its runs are taken over. Returns the run's id and, of a run that was
    taken over, its tags from now on and its former owner. The tags are `tags`, which name the new
    owner, and all commits that trained the run. Raises `RunTakenError` if a living process owns
    such a run, or another process takes it now.
    """
    client, dead, mine = MlflowClient(), set[State](), read(tags[OWNER])
    while True:
        with store.lock():
            found = _interrupted(client, experiment, hashes, sweep)
            unsure = [
                run
                for run in found
                if run.info.status == RUNNING
                and state(run) not in dead
                and not owner_of(run).is_replaced_by(mine)
            ]
            if not found:
                run_id = create()
                # Servers have no lock: whoever created its run last sees those of all others.
                rivals = _interrupted(client, experiment, hashes, sweep)
                if all(run.info.run_id == run_id for run in rivals):
                    return run_id, None, ""
                client.delete_run(run_id)
            elif not unsure:
                taken, seconds = _with_retries(partial(_take_over, client, found[0], tags))
        if not found:
            time.sleep(random.uniform(0, CONTEST_SECONDS))  # or both would yield forever
        elif unsure:
            for run in living(unsure):
                raise RunTakenError(run.info.run_id, owner_of(run))
            dead |= set(map(state, unsure))
        else:
            # Of two that take it at once, both write, and the last one has it. A slow server may be
            # as slow with the other's request.
            time.sleep(max(CONTEST_SECONDS, 2 * seconds))
            _with_retries(partial(check, client, found[0].info.run_id, mine))
            return found[0].info.run_id, taken, found[0].data.tags[OWNER]


def _with_retries(ask: Callable[[], T]) -> T:
    """What `ask` returns, which is called again for a while if the store does not answer.

    A run that is taken over may have been changed in the store already, so there is no way back.
    `UserError` if the store stays away.
    """
    pauses = iter(AGAIN_SECONDS)
    while True:
        try:
            return ask()
        except (MlflowException, OSError) as error:
            if failures.is_refused(error):
                raise
            pause = next(pauses, None)
            if pause is None:
                why = failures.reason(error)
                raise UserError(f"the store stopped answering, try again later: {why}") from error
            time.sleep(pause)


def _interrupted(
    client: MlflowClient, experiment: str, hashes: Sequence[str], sweep: str
) -> list[Run]:
    """The interrupted runs of each config hash, newest first; of the `sweep` only, if given."""
    those = f"{INTERRUPTED} and tags.sweep = '{sweep}'" if sweep else INTERRUPTED
    wheres = [f"{those} and tags.config_hash = '{each}'" for each in hashes]
    by = ["attributes.start_time DESC"]
    return [run for where in wheres for run in client.search_runs([experiment], where, order_by=by)]


def state(run: Run) -> State:
    """Values of which at least one changes whenever a process writes the run."""
    tags = run.data.tags
    return run.info.run_id, run.info.status, tags[OWNER], tags.get(HEARTBEAT, "")


def _take_over(
    client: MlflowClient, run: Run, tags: Mapping[str, str]
) -> tuple[Mapping[str, str], float]:
    """Write into the run that it is ours; return its tags from now on, and the seconds it took.

    Raises `RunTakenError` if another process took it after it was found, while the store was away.
    """
    began = time.monotonic()
    there = client.get_run(run.info.run_id)
    if owner_of(there) != read(tags[OWNER]) and state(there) != state(run):
        raise RunTakenError(run.info.run_id, owner_of(there))
    tags = {**tags, **_code(run.data.tags, tags)}
    news = [RunTag(key, value) for key, value in {**tags, HEARTBEAT: now()}.items()]
    client.log_batch(run.info.run_id, tags=news)
    client.update_run(run.info.run_id, status=RUNNING)
    return tags, time.monotonic() - began


def _code(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The tags of the code of a resumed run: all that trained it, and whether any was changed."""
    sums = dict.fromkeys(f"{before.get(CLASSES, '')} {now.get(CLASSES, '')}".split())
    classes = {CLASSES: " ".join(sums)} if sums else {}
    commits = dict.fromkeys(f"{before.get('git.commit', '')} {now.get('git.commit', '')}".split())
    is_dirty = "true" in (before.get("git.dirty"), now.get("git.dirty"))
    if len(commits) > 1:
        log.warning("Other code began the run that resumes: commits %s", ", ".join(commits))
    git = {"git.commit": " ".join(commits), "git.dirty": str(is_dirty).lower()} if commits else {}
    return git | classes


def end_dead(experiment: str, where: str) -> None:
    """Mark KILLED the running runs that `where` finds whose processes on this machine are gone."""
    client = MlflowClient()
    running = f"attributes.status = 'RUNNING' and tags.owner != '' and {where}"
    for run in client.search_runs([experiment], running):
        owner = owner_of(run)
        if owner.is_here() and not owner.lives():
            later = client.get_run(run.info.run_id)  # it may have ended or resumed since
            if state(later) == state(run):
                client.set_terminated(run.info.run_id, "KILLED")
