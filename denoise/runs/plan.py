"""The plan of a launch: every job composed and checked before the first one starts."""

import logging
import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import torch
from omegaconf import DictConfig

from denoise.config import expand, identity
from denoise.config.compose import Config, checked
from denoise.errors import FolderLockedError, UserError
from denoise.runs import code, estimate
from denoise.runs.launch import Launch
from denoise.tracking import records, search, session, sweeps
from denoise.tracking.failures import first_line, without_secret

log = logging.getLogger(__name__)

# A GPU computes for one process at a time: more runs than these only take memory, 2 GiB each.
RUNS_ON_A_GPU = 4


@dataclass(frozen=True)
class Member:
    """A job of the launch: its run's name, and the folder in which its record will be."""

    name: str
    config: Config
    folder: Path
    hashes: list[str]


def members(config: DictConfig, jobs: Sequence[list[str]]) -> list[Member]:
    """Every job of the launch, checked; `UserError` for the first that is wrong.

    `jobs` are the overrides of each job of a sweep; a single run has none.
    """
    if not jobs:
        return [member(checked(config), config.hydra, Path(config.hydra.run.dir))]
    folder = Path(config.hydra.sweep.dir)
    varying = expand.varying(jobs) if len(jobs) > 1 else None
    return _with_unique_names(
        [
            member(checked(cfg), cfg.hydra, folder / cfg.hydra.sweep.subdir, varying)
            for cfg in expand.configs(config, jobs)
        ]
    )


def shared(config: DictConfig, jobs: Sequence[list[str]]) -> str:
    """What was overridden for every job of a sweep alike, which the names of runs do not say."""
    if len(jobs) == 1:
        return ""
    first = identity.overridden(jobs[0], config.hydra.runtime.choices)
    varying = expand.varying(jobs)
    return " ".join(text for key, text in first.items() if key not in {"noise", *varying})


def member(
    config: Config, hydra: Any, folder: Path, varying: Collection[str] | None = None
) -> Member:
    """The job of this config; its name is the one it was given, or as in `identity.run_name`."""
    name = hydra.job.name or identity.run_name(config.plain, hydra, varying)
    return Member(name, config, folder, identity.fingerprints(config.plain))


def _with_unique_names(planned: Sequence[Member]) -> list[Member]:
    """The members, with a number behind names that runs of different configs share."""
    numbers: dict[str, dict[str, int]] = {}  # by name and config
    apart = []
    for member in planned:
        known = numbers.setdefault(member.name, {})
        number = known.setdefault(member.hashes[0], len(known) + 1)
        end = f" ({number})" if number > 1 else ""
        name = member.name[: identity.LONGEST_NAME - len(end)] + end
        apart.append(replace(member, name=name))
    return apart


def check_folders(planned: list[Member]) -> None:
    """Refuse a folder that two runs share, or that holds another run or the user's own files."""
    shared = Counter(member.folder for member in planned)
    for member in planned:
        if shared[member.folder] > 1:
            raise UserError(
                f"hydra.sweep.subdir gives several runs the folder {member.folder}; "
                "${hydra.job.num} in it tells them apart"
            )
        there = records.read(member.folder, with_lines=False)
        if not there:
            records.check_free(member.folder, [*records.FILES, records.METRICS, records.LOG])
            continue
        records.check_free(member.folder, records.FILES, there.fields["files"])
        session.check_run(member.folder, there, member.hashes)
        if records.is_locked(member.folder):
            raise FolderLockedError(member.folder)


def stored(launched: Launch) -> sweeps.Plan:
    """The plan of the launch as the store keeps it."""
    runs = [
        sweeps.Planned(
            member.name, member.hashes, member.config.trainer.epochs, launched.tasks.get(number)
        )
        for number, member in enumerate(launched.members)
    ]
    return sweeps.Plan(launched.name, runs, launched.queue, launched.is_anew)


def pass_store_on(config: DictConfig, address: str) -> None:
    """Pass the store's address on in the environment, and take it out of the config.

    Hydra writes the config into files, and the address may have a password. A relative path in it
    would change its meaning where `hydra.job.chdir` is true.
    """
    os.environ["MLFLOW_TRACKING_URI"] = address
    config.tracking.uri = None
    config.hydra.overrides.task = without_store(config.hydra.overrides.task)
    config.hydra.job.override_dirname = without_secret(config.hydra.job.override_dirname)


def without_store(overrides: Sequence[str]) -> list[str]:
    """The overrides but that of the store's address."""
    return [each for each in overrides if each.lstrip("+").partition("=")[0] != "tracking.uri"]


def share_cores(config: DictConfig, planned: Sequence[Member]) -> int:
    """Share the cores among the workers, and set the threads of each.

    Returns the number of workers; 0 if a scheduler places them. Jobs of Hydra's basic launcher run
    one by one, but with as many threads as side by side: with more, torch adds in another order,
    and losses would differ in the fourth digit.
    """
    launcher, count = config.hydra.launcher, len(planned)
    if launcher.get("cpus_per_task"):  # Slurm
        workers, threads = 0, launcher.cpus_per_task
    elif "remote" in launcher:  # Ray
        workers, threads = 0, max(1, int(launcher.remote.num_cpus))
    else:
        is_on_gpu = planned[0].config.trainer.torch_device().type == "cuda"
        workers, threads = _of_this_machine(launcher, count, is_on_gpu=is_on_gpu)
    # Workers inherit this; torch, numpy and openTSNE all follow it.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.set_num_threads(threads)  # for runs in this process, where it is imported already
    at_a_time = f"at a time: {workers}, " if workers else ""
    log.info("Runs: %d, %sthreads for each: %d", count, at_a_time, threads)
    return workers


def _of_this_machine(launcher: DictConfig, count: int, *, is_on_gpu: bool) -> tuple[int, int]:
    """The number of workers, and the threads of each.

    There are as many workers as the user set, or one for each core, or `RUNS_ON_A_GPU`.
    """
    asked = launcher.get("n_jobs", -1)
    if asked == 0:
        raise UserError("hydra.launcher.n_jobs must be -1, for the default, or >= 1, got 0")
    if asked == -1 and is_on_gpu:
        asked = min(RUNS_ON_A_GPU, joblib.cpu_count())
    side_by_side = min(joblib.effective_n_jobs(asked), count)
    threads = os.environ.get("OMP_NUM_THREADS") or max(1, joblib.cpu_count() // side_by_side)
    if "n_jobs" not in launcher:
        return 1, int(threads)
    launcher.n_jobs = side_by_side
    return side_by_side, int(threads)


def announce(planned: list[Member], workers: int, *, reuses: bool) -> None:
    """Log how many runs finished earlier, and how long the others take on this machine."""
    by_hash = {each: member for member in planned for each in member.hashes}
    found = search.finished(planned[0].config.tracking, by_hash) if reuses else {}
    left = {
        member.hashes[0]: member.config
        for member in planned
        if found.keys().isdisjoint(member.hashes)
    }
    finished = len({member.hashes[0] for member in planned}) - len(left)
    if finished:
        others = {
            run.id
            for each, run in found.items()
            if code.differs(run.tags, by_hash[each].config.plain)
        }
        which = f", {len(others)} with code that may differ from today's" if others else ""
        log.info("Finished earlier and reused: %d%s (force=true trains them)", finished, which)
    # On a GPU the estimate would take about as long as a run.
    if not left or not workers or planned[0].config.trainer.torch_device().type == "cuda":
        return
    try:
        minutes = estimate.seconds(list(left.values()), workers=workers) / 60
    except (Exception, SystemExit) as error:  # of a user's own model, whose run ends with it
        log.warning("No estimate of the time: %s", first_line(error))
    else:
        log.info("Estimated time: %s", f"{minutes:.0f} min" if minutes >= 1 else "a minute")
