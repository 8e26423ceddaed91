"""Hydra's launcher for Ray: `hydra/launcher=ray`.

The functions that workers call are sent to them by value, because the package may be missing there.
So these functions import what they need of it themselves.
"""

import contextlib
import importlib
import logging
import math
import os
import pickle
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import version
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from denoise.config import expand
from denoise.errors import UserError
from denoise.runs import code, screen, signals
from denoise.tracking import failures, store

log = logging.getLogger(__name__)

PLUGIN = "hydra_plugins.denoise"  # Hydra takes launchers from such modules only (its issue 1554)
STOP_SECONDS = 30  # for runs to save their state after Ctrl-C


class RayLauncher(Launcher):
    """Each run is a task of a Ray cluster, in a process of its own.

    `init` and `remote` are arguments of Ray's functions of these names. Hydra's own launcher for
    Ray ends the sweep when a node dies, and needs an old cloudpickle.
    """

    __module__ = PLUGIN

    def __init__(self, init: DictConfig, remote: DictConfig) -> None:
        self.init: Any = OmegaConf.to_container(init)
        self.remote: Any = OmegaConf.to_container(remote)

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.context, self.task, self.config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        launching = code.here()
        passed_on = ("MLFLOW_", "OMP_NUM_THREADS")  # the store, its password, the threads
        environment = {k: v for k, v in os.environ.items() if k.startswith(passed_on)}
        with _cluster(self.init) as ray:
            _check_store({node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]})
            _check_nodes(ray, launching, self.remote["num_cpus"])
            # Ray would reuse a process, with the globals and signal handlers that a run leaves.
            run = ray.remote(**self.remote, max_calls=1)(_run)
            tasks = []
            try:
                for number, overrides in enumerate(job_overrides, initial_job_idx):
                    loader = self.context.config_loader
                    config = loader.load_sweep_config(self.config, list(overrides))
                    job = (self.context, self.task, expand.numbered(config, number))
                    pickled, base = ray.cloudpickle.dumps(job), str(version.getbase())
                    tasks.append(run.remote(launching, environment, base, pickled))
                return [_returned(ray, *each) for each in enumerate(tasks, initial_job_idx)]
            except KeyboardInterrupt:
                for task in tasks:
                    ray.cancel(task)
                ray.wait(tasks, num_returns=len(tasks), timeout=STOP_SECONDS)
                raise


def is_chosen(config: DictConfig) -> bool:
    return bool(config.hydra.launcher._target_.endswith(f".{RayLauncher.__name__}"))


def prepare(config: DictConfig) -> bool:
    """Let Hydra find the launcher; False if the sweep has another one."""
    if not is_chosen(config):
        return False
    sys.modules[PLUGIN] = importlib.import_module(__name__)
    Plugins.instance().register(RayLauncher)
    return True


@contextlib.contextmanager
def _cluster(arguments: dict[str, Any]) -> Iterator[Any]:
    """Ray, connected to a cluster within the block."""
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")  # it reads this when it is imported
    try:
        import ray
    except ModuleNotFoundError:
        raise UserError("hydra/launcher=ray needs a package: pip install ray") from None
    quiet = {"log_to_driver": not screen.is_shown(), "logging_level": logging.ERROR}
    try:
        ray.init(**quiet | arguments)
    except Exception as error:
        raise UserError(f"hydra.launcher.init={arguments}: {failures.first_line(error)}") from None
    signals.handle()  # Ray has put its own in their place
    ray.cloudpickle.register_pickle_by_value(importlib.import_module(__name__))
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_store(hosts: set[str]) -> None:
    """Raise `UserError` if the store is a file and a machine of the cluster is not this one."""
    address, others = os.environ["MLFLOW_TRACKING_URI"], sorted(hosts - {socket.gethostname()})
    if others and store.sqlite_file(address):
        raise UserError(
            f"tracking.uri={address} is a file of this machine, which {others[0]} cannot use; give "
            "an MLflow server that all machines of the cluster reach"
        )


def _check_nodes(ray: Any, launching: dict[str, str], cpus: float) -> None:
    """Raise `UserError` if a node that could train a run has other code than this machine."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    check = ray.remote(num_cpus=0, max_calls=1)(_difference)
    on = [
        NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        for node in ray.nodes()
        if node["Alive"] and node["Resources"].get("CPU", 0) >= cpus
    ]
    answers = [check.options(scheduling_strategy=each).remote(launching) for each in on]
    if not on:
        log.warning("No machine of the cluster has %g CPUs; the runs wait for one", cpus)
    try:
        differences = list(filter(None, ray.get(answers)))
    except ray.exceptions.RayError as error:
        raise UserError(f"a machine of the cluster fails: {failures.first_line(error)}") from None
    if differences:
        raise UserError(differences[0])


def _difference(launching: dict[str, str]) -> str:
    """On a worker: a sentence if its code differs from the launching process's, or else ''."""
    try:
        from denoise.runs import code

        return code.difference(launching)
    except (ImportError, AttributeError) as error:  # AttributeError: of an earlier version
        needed = launching["version"]
        return f"{socket.gethostname()} cannot train: {error}; install denoise {needed} there"


def _run(launching: dict[str, str], environment: dict[str, str], base: str, job: bytes) -> float:
    """On a worker: do the job and return its score.

    Ray sends it by value, with the functions that it calls, as the package may be missing. The
    `job` is pickled separately, because unpickling it imports modules that read the environment.
    """
    if difference := _difference(launching):
        raise RuntimeError(difference)
    os.environ.update(environment)
    context, task, config = pickle.loads(job)

    from denoise.runs import signals

    setup_globals()
    version.setbase(base)
    with open_dict(config):  # relative paths mean the folder that Ray was started in
        config.hydra.runtime.cwd = str(Path.cwd())
    signals.handle()
    try:
        done = run_job(task, config, "hydra.sweep.dir", "hydra.sweep.subdir", context)
    except signals.Terminated:
        os._exit(1)  # Ray tries again elsewhere if a process ended, not if a task raised
    return float(done.return_value)


def _returned(ray: Any, number: int, task: Any) -> JobReturn:
    """A job's result for Hydra; nan if its process or node died too often, or has other code."""
    try:
        score = ray.get(task)
    except ray.exceptions.RayError as error:
        log.error("Run %d: %s", number, failures.first_line(getattr(error, "cause", None) or error))
        score = math.nan
    return JobReturn(status=JobStatus.COMPLETED, _return_value=score)
