"""The plan of a launch: every job composed and checked before the first one starts."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import joblib
import torch
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict

from denoise.config import identity
from denoise.config.compose import Config, checked
from denoise.config.sentence import sentence
from denoise.errors import UserError
from denoise.runs import estimate
from denoise.tracking import claim, record, search, session
from denoise.tracking.record import QUEUED
from denoise.tracking.store import first_line, without_secret

log = logging.getLogger(__name__)

FILE = "plan.json"


@dataclass(frozen=True)
class Member:
    """A job of the launch, and the folder in which its record will be."""

    config: Config
    folder: Path
    hashes: list[str]
    log_file: str


def members(config: DictConfig, *, is_sweep: bool) -> list[Member]:
    """Every job of the launch, checked; `UserError` for the first that is wrong."""
    if not is_sweep:
        return [_member(config, Path(config.hydra.run.dir))]
    folder = Path(config.hydra.sweep.dir)
    return [_member(cfg, folder / cfg.hydra.sweep.subdir) for cfg in _jobs(config)]


def _member(cfg: DictConfig, folder: Path) -> Member:
    keys = [str(key) for key in cfg if key != "hydra"]
    config = checked(OmegaConf.masked_copy(cfg, keys))
    log_file = f"{cfg.hydra.job.name}.log"
    return Member(config, folder, identity.fingerprints(config.plain), log_file)


def _jobs(config: DictConfig) -> Iterator[DictConfig]:
    """Every job's config, expanded as Hydra's own sweeper will; the base where another sweeps.

    Hydra has no public way to expand a sweep without launching it (its issue 2673).
    """
    if not config.hydra.sweeper._target_.endswith(".BasicSweeper"):
        yield _numbered(config, 0)
        return
    loader = GlobalHydra.instance().config_loader()
    params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    parser = OverridesParser.create(config_loader=loader)
    typed: list[str] = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)  # type: ignore[assignment]
    overrides = parser.parse_overrides([*params, *typed])
    jobs = list(chain(*BasicSweeper.split_arguments(overrides, max_batch_size=None)))
    if not jobs:
        raise UserError(f"{' '.join(typed)} is a sweep of no runs")
    for number, job in enumerate(jobs):
        try:
            yield _numbered(loader.load_sweep_config(config, list(job)), number)
        except ValueError as error:
            raise UserError(sentence(error)) from None


def _numbered(config: DictConfig, number: int) -> DictConfig:
    """As Hydra's launchers number it."""
    with open_dict(config):
        config.hydra.job.num, config.hydra.job.id = number, f"job_id_for_{number}"
    return config


def check_folders(launched: list[Member]) -> None:
    """Refuse a folder that two runs share, or that holds another run or the user's own files."""
    for member in launched:
        if sum(other.folder == member.folder for other in launched) > 1:
            raise UserError(
                f"hydra.sweep.subdir gives several runs the folder {member.folder}; "
                "${hydra.job.num} in it tells them apart"
            )
        there = record.read(member.folder)
        if there:
            record.check_free(member.folder, record.FILES, there.fields["files"])
        else:
            record.check_free(member.folder, [*record.FILES, record.METRICS, member.log_file])
        if there and session.holds_other_run(there, member.hashes):
            raise UserError(
                f"{member.folder} holds another run, {there.fields['name']!r}; {session.ELSEWHERE}"
            )
        if there and record.is_locked(member.folder):
            raise UserError(f"another process is using {member.folder}; {session.ELSEWHERE}")


def text(launched: list[Member], folder: Path) -> str:
    """The plan as JSON: who launched it, and its members, so that others know what is queued."""
    described = [
        {
            "folder": str(member.folder),
            "config_hash": member.hashes[0],
            "epochs": member.config.trainer.epochs,
        }
        for member in launched
    ]
    owner = json.loads(claim.me(folder, QUEUED).text())
    return json.dumps({"sweep": folder.name, "owner": owner, "members": described}, indent=1)


def pass_store_on(config: DictConfig, address: str) -> None:
    """Pass the store's address on in the environment, and take it out of the config.

    Hydra writes the config into files, and the address may have a password. A relative path in it
    would change its meaning where `hydra.job.chdir` is true.
    """
    os.environ["MLFLOW_TRACKING_URI"] = address
    config.tracking.uri = None
    config.hydra.overrides.task = [
        override
        for override in config.hydra.overrides.task
        if override.lstrip("+").partition("=")[0] != "tracking.uri"
    ]
    config.hydra.job.override_dirname = without_secret(config.hydra.job.override_dirname)


def share_cores(config: DictConfig, jobs: int) -> tuple[int, int]:
    """Share the cores among the workers; the number of workers, and of threads for each.

    One by one, jobs have as many threads as side by side: with more threads, torch adds in another
    order, and losses would differ in the fourth digit.
    """
    launcher = config.hydra.launcher
    asked = launcher.get("n_jobs", -1)
    if asked == 0:
        raise UserError("hydra.launcher.n_jobs must be -1, for all cores, or >= 1, got 0")
    side_by_side = min(joblib.effective_n_jobs(asked), jobs)
    workers = 1
    if "n_jobs" in launcher:
        workers = launcher.n_jobs = side_by_side
    # Workers inherit this; torch, numpy and openTSNE all follow it.
    each = str(max(1, joblib.cpu_count() // side_by_side))
    threads = int(os.environ.setdefault("OMP_NUM_THREADS", each))
    torch.set_num_threads(threads)  # for runs in this process, where it is imported already
    log.info("Runs: %d, at a time: %d, threads for each: %d", jobs, workers, threads)
    return workers, threads


def announce(launched: list[Member], workers: int, threads: int, *, reuses: bool) -> None:
    """Log how many runs finished earlier, and how long the others will take."""
    by_hash = {each: member for member in launched for each in member.hashes}
    done = set(search.finished(launched[0].config.tracking, by_hash)) if reuses else set()
    left = {
        member.hashes[0]: member.config for member in launched if done.isdisjoint(member.hashes)
    }
    finished = len({member.hashes[0] for member in launched}) - len(left)
    if finished:
        log.info("Finished earlier and reused: %d (force=true trains them)", finished)
    try:
        minutes = estimate.seconds(list(left.values()), workers=workers, threads=threads) / 60
    except (Exception, SystemExit) as error:  # of a user's own model, whose run ends with it
        log.warning("No estimate of the time: %s", first_line(error))
    else:
        log.info("Estimated time: %s", f"{minutes:.0f} min" if minutes >= 1 else "a minute")
