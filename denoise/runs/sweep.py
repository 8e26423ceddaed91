"""What surrounds runs: all made ready and checked before the first, the table after the last.

Hydra calls `Start` before it launches, and `job` for each run; `finish` is called last. Heavy
modules are imported only there, so that help answers at once.
"""

import gc
import logging
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
from filelock import FileLock
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.conf import HydraConf
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from denoise.config.sentence import sentence
from denoise.errors import RunTakenError, StoreUnavailableError, UserError
from denoise.runs import screen, signals
from denoise.runs.screen import (
    DONE,
    FAILED,
    FINISHED,
    KILLED,
    REUSED,
    RUNNING,
    SKIPPED,
    Bars,
    Status,
)

if TYPE_CHECKING:
    from denoise.config.compose import Config
    from denoise.config.settings import Tracking

log = logging.getLogger(__name__)
logging.raiseExceptions = False  # a log on a full disk is no reason for tracebacks, line by line
# Heavy modules make a million objects that stay; to look for garbage among them as often as Python
# does takes an eighth of a small run's time.
gc.set_threshold(20_000)

LONGEST_NAME = 250  # that every store of MLflow's takes


@dataclass
class Launch:
    """What this process has launched: the runs in `folder`, and the bars that show them."""

    folder: Path
    jobs: "list[Config]"
    is_sweep: bool
    started: float = field(default_factory=time.time)
    bars: Bars = field(init=False)

    def __post_init__(self) -> None:
        self.bars = Bars(self.folder)


_launch: Launch | None = None


class Start(Callback):
    """Hydra calls this in the launching process, before the first job."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        _begin(config, Path(config.hydra.run.dir), is_sweep=False)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        _begin(config, Path(config.hydra.sweep.dir), is_sweep=True)


def job(cfg: DictConfig) -> float:
    """One run, alone or in a sweep; its score, or nan if it failed or is left to another process.

    What finished before is reused, what broke off goes on, and what failed is trained anew. A
    failure is told by the status that `finish` reads: raised, it would keep Hydra's sweeper
    from the jobs after it.
    """
    from denoise.config import compose, identity
    from denoise.runs import run
    from denoise.tracking import session, store

    if _launch is None:  # a worker, which has not been told by the command
        signals.heed()
    hydra = HydraConfig.get()
    built = compose.checked(cfg)
    folder = Path(hydra.runtime.output_dir)
    alone = hydra.mode == RunMode.RUN
    name = run_name(cfg, hydra)
    status = Status(
        folder,
        name=name,
        num=0 if alone else hydra.job.num,
        state=RUNNING,
        stage="starting",
        epoch=0,
        epochs=built.trainer.epochs,
        score_name=built.protocol.score,
    )
    tags = {
        "sweep": folder.name if alone else Path(hydra.sweep.dir).name,
        "noise": hydra.runtime.choices["noise"],
        "model": hydra.runtime.choices["model"],
        "protocol": built.protocol.name,
        "config_hash": identity.fingerprint(built.plain),
        "baseline_hash": identity.baseline(built.plain),
    }
    if hydra.runtime.choices.get("experiment"):
        tags["experiment"] = hydra.runtime.choices["experiment"]
    try:
        if not cfg.force:
            score = _reused(built, tags["config_hash"], status)
            if score is not None:
                return score
        score = run.run(built, run.Job(name, tags, folder, status, anew=cfg.force))
    except RunTakenError as trained:
        log.info("%s: %s", name, trained)
        status.update(state=SKIPPED, run_id=trained.run_id, error=str(trained))
        return float("nan")
    except Exception as error:
        said = store.first_line(error)
        if isinstance(error, UserError) or session.is_of_the_machine(error):
            log.error("%s failed: %s", name, said)
        else:
            log.error("%s failed\n%s", name, store.without_secret(traceback.format_exc()))
            said = f"{type(error).__name__}: {said}"
        status.update(state=FAILED, error=said)
        return float("nan")
    except BaseException:
        status.update(state=KILLED)
        raise
    status.update(state=FINISHED, score=score)
    return score


def _reused(built: "Config", fingerprint: str, status: Status) -> float | None:
    """Tell of the run of this config that finished before as if it had been trained now; its score.

    None if there is no such run, or the store does not answer.
    """
    from denoise.tracking import search
    from denoise.tracking.store import StoreUnavailableError

    score_name = built.protocol.score
    held_out = score_name.partition("/")[0]
    names = ("train/loss", f"{held_out}/loss", f"{held_out}/clean_mse")
    try:
        run = search.finished(built.tracking, [fingerprint]).get(fingerprint)
        if not run:
            return None
        curves = {name: search.curve(run.id, name) for name in {*names, score_name}}
    except StoreUnavailableError:
        return None
    said = "%s: finished before%s, as run %s; force=true trains it again"
    log.info(said, status.fields["name"], _if_code_differs(run.tags), run.id)
    first, last = ({name: curves[name][at] for name in names} for at in (0, -1))
    score = min(curves[score_name])
    status.update(state=REUSED, run_id=run.id, score=score, first=first, last=last)
    return score


def _if_code_differs(tags: Mapping[str, str]) -> str:
    """What to say of a run with these tags if its code may not have been today's."""
    from denoise.runs import run

    now = run.git_tags()
    then = {key: value for key, value in tags.items() if key in now}
    is_same = then == now and now.get("git.dirty") != "true"
    return "" if is_same else ", by code that may differ from today's"


def finish() -> int:
    """After the last job: the table, on screen and in the sweep's summary run; the exit status."""
    global _launch
    launch, _launch = _launch, None
    if not launch:
        return 0
    launch.bars.close()
    from denoise import sync
    from denoise.runs import summary
    from denoise.tracking import store

    statuses = screen.read_all(launch.folder)
    for status in statuses:
        if status["state"] == RUNNING:  # its process is gone, and could not say so
            status["state"] = KILLED
    summary.show(statuses)
    try:
        _conclude(launch, statuses)
    except store.FAILURES as error:
        print(f"No comparison: {store.reason(error)}")
    if launch.is_sweep:
        summary.summarize(statuses, launch.jobs[0].tracking, launch.folder, launch.started)
    if sync.pending([launch.folder]):
        print(f"Not all is in the store yet: python -m denoise.sync {launch.folder}")
    unbegun = len(launch.jobs) - len(statuses)
    if unbegun > 0:
        print(f"{unbegun} of {len(launch.jobs)} runs never began.")
    return int(unbegun > 0 or any(status["state"] not in DONE for status in statuses))


def _conclude(launch: Launch, statuses: list[dict[str, Any]]) -> None:
    """What the launch's runs say, from the store, once that has all of theirs that it can have."""
    from denoise import sync
    from denoise.comparison import write
    from denoise.runs import summary
    from denoise.tracking import search, session, store

    settings = launch.jobs[0].tracking
    store.prepare(settings)
    sync.send_left(settings, [launch.folder])
    session.kill(settings, launch.folder.name)
    was_stopped = any(status["state"] == KILLED for status in statuses)
    ids = [
        status["run_id"] for status in statuses if status["state"] in DONE and status.get("run_id")
    ]
    runs = search.runs(settings, ids) if launch.is_sweep and not was_stopped else []
    compared = write.write(settings, runs, launch.folder) if runs else None
    summary.point(statuses, settings, launch.folder, compared)


def run_name(cfg: DictConfig, hydra: HydraConf) -> str:
    """The noise and its strength (which its config names first), then all else overridden.

    Two runs of one sweep that differ in what comes out have different names.
    """
    from denoise.config import identity

    choices = hydra.runtime.choices
    first = [f"noise.{key}" for key in cfg.noise if key != "_target_"][:1]
    values = {key: OmegaConf.select(cfg, key) for key in first}
    strengths = {key: value for key, value in values.items() if not OmegaConf.is_config(value)}
    said = [choices["noise"], *(identity.spelled(key, value) for key, value in strengths.items())]
    unsaid = {"noise", "experiment", *strengths, *identity.NOT_RESULTS, *identity.NOT_OF_A_RUN}
    for override in hydra.overrides.task:
        key, _, value = override.lstrip("+~").partition("=")
        if key in unsaid or key.startswith(("tracking.", "hydra")):
            continue
        if override.startswith("~"):
            said.append(override)
        elif key in choices:
            said.append(value)
        else:
            said.append(identity.spelled(key, value))
    return " ".join(said)[:LONGEST_NAME]


def _begin(config: DictConfig, folder: Path, *, is_sweep: bool) -> None:
    """Check every job and make store and data ready, once, before any worker could do it twice."""
    global _launch
    # Hydra turns an exception of a callback into a warning and goes on; SystemExit it lets through.
    try:
        log.info("Getting ready: settings, store, data ...")
        from denoise import data
        from denoise.config.compose import checked

        jobs = _job_configs(config) if is_sweep else [config]
        built = [checked(_without_hydra(cfg)) for cfg in jobs]
        _hide_password(config)
        answers = _open_store(built[0].tracking, folder.parent)
        _make(folder)
        for settings in {repr(job.data): job.data for job in built}.values():
            data.fetch(settings)
        if is_sweep:
            _plan(config, built, answers)
        screen.forget_all(folder)
        _launch = Launch(folder, built, is_sweep)
    except (UserError, HydraException, OmegaConfBaseException) as error:
        raise SystemExit(f"denoise: {sentence(error)}") from error
    except Exception as error:
        from denoise.tracking.store import without_secret

        print(without_secret(traceback.format_exc()), file=sys.stderr)
        raise SystemExit(1) from error


def _hide_password(config: DictConfig) -> None:
    """Hand a store whose address has a password on in the environment.

    Hydra writes the config into files, and those are logged.
    """
    from denoise.tracking.store import without_secret

    uri, task = config.tracking.uri, config.hydra.overrides.task
    if uri and without_secret(uri) != uri:
        os.environ["MLFLOW_TRACKING_URI"] = uri
        config.tracking.uri = None
        config.hydra.overrides.task = [
            override
            for override in task
            if override.lstrip("+").partition("=")[0] != "tracking.uri"
        ]
        config.hydra.job.override_dirname = without_secret(config.hydra.job.override_dirname)


def _open_store(settings: "Tracking", folder: Path) -> bool:
    """Make the store ready, and tell it what earlier runs had to keep; False if it is away.

    `StoreUnavailableError` if it is, and `tracking.offline` is not set.
    """
    from denoise import sync
    from denoise.tracking import store

    try:
        store.prepare(settings)
    except StoreUnavailableError as error:
        if not settings.offline:
            raise
        log.warning("%s; what it would be told is kept", error)
        return False
    if sync.pending([folder]):
        with FileLock(folder / ".sync.lock"):  # else a run could be gone on with while it is sent
            sync.send_left(settings, [folder])
    return True


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        key = "hydra.run.dir or hydra.sweep.dir"
        raise UserError(
            f"{folder} cannot be written to ({error.strerror}); choose another with {key}"
        ) from None


def _without_hydra(cfg: DictConfig) -> DictConfig:
    return OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])


def _plan(config: DictConfig, jobs: "list[Config]", store_answers: bool) -> None:
    """Share the cores among the workers, and say how much there is to do.

    One by one, each has as many threads as side by side: with more it would add in another order,
    and its losses would differ in the fourth digit.
    """
    import torch

    from denoise.config.identity import fingerprint
    from denoise.runs import estimate
    from denoise.tracking import search

    launcher = config.hydra.launcher
    asked = launcher.get("n_jobs", -1)
    if asked == 0:
        raise UserError("hydra.launcher.n_jobs must be -1, for all cores, or >= 1, got 0")
    side_by_side = min(joblib.effective_n_jobs(asked), len(jobs))
    workers = 1
    if "n_jobs" in launcher:
        workers = launcher.n_jobs = side_by_side
    # Workers inherit this; torch, numpy and openTSNE all follow it.
    each = str(max(1, joblib.cpu_count() // side_by_side))
    threads = os.environ.setdefault("OMP_NUM_THREADS", each)
    torch.set_num_threads(int(threads))  # for runs in this process, where it is imported already
    log.info("Runs: %d, at a time: %d, threads for each: %s", len(jobs), workers, threads)
    prints = {fingerprint(job.plain): job for job in jobs}
    reuses = store_answers and not config.force
    done = set(search.finished(jobs[0].tracking, prints)) if reuses else set()
    if done:
        log.info("Finished before, and not trained again: %d (force=true trains them)", len(done))
    left = [job for print_, job in prints.items() if print_ not in done]
    minutes = estimate.seconds(left, workers=workers, threads=int(threads)) / 60
    log.info("Time it will take: about %s", f"{minutes:.0f} min" if minutes >= 1 else "a minute")


def _job_configs(config: DictConfig) -> list[DictConfig]:
    """Every job's config, expanded as Hydra's own sweeper will; where another sweeps, the base."""
    if not config.hydra.sweeper._target_.endswith(".BasicSweeper"):
        return [config]
    loader = GlobalHydra.instance().config_loader()
    params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    parser = OverridesParser.create(config_loader=loader)
    typed = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    overrides = parser.parse_overrides([*params, *typed])  # type: ignore[misc]
    jobs = list(chain(*BasicSweeper.split_arguments(overrides, max_batch_size=None)))
    if not jobs:
        raise UserError(f"{' '.join(typed)} is a sweep of no runs")  # type: ignore[arg-type]
    try:
        return [loader.load_sweep_config(config, list(job)) for job in jobs]
    except ValueError as error:
        raise UserError(sentence(error)) from None
