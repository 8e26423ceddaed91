"""What a launch does around its runs: checks and preparation before, the table and page after.

`begin` is called before Hydra launches, `finish` after the last job.
"""

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from filelock import FileLock
from omegaconf import DictConfig

from denoise import build, fetch, figures, manifest
from denoise.comparison import write
from denoise.config import expand, identity
from denoise.config.sentence import MISTAKES, sentence
from denoise.config.settings import Tracking
from denoise.errors import ELSEWHERE, StoreUnavailableError, UserError
from denoise.runs import elsewhere, launch, on_ray, plan, references, screen, slurm, table
from denoise.runs.launch import Launch
from denoise.tracking import (
    charts,
    claim,
    failures,
    files,
    formats,
    mirror,
    pending,
    records,
    search,
    session,
    store,
    sweeps,
)
from denoise.tracking.records import KILLED, RUNNING, SUCCEEDED, SWEEP, Contents, Record

log = logging.getLogger(__name__)

GONE = "its process was killed, perhaps for lack of memory or time; the same command resumes it"
LONGEST_TAG = 8000  # the most that every store of MLflow takes
FILES = (sweeps.FILE, search.SUMMARY, *write.FILES)  # what a sweep writes beside its runs' folders


def begin(config: DictConfig, folder: Path, *, is_sweep: bool) -> None:
    """Prepare the launch.

    Hydra's callbacks are experimental (its issue 3220): it turns their exceptions into warnings and
    continues, but lets SystemExit through.
    """
    try:
        launch.current = _ready(config, folder, is_sweep=is_sweep)
    except (*MISTAKES, OSError) as error:
        print(f"denoise: {sentence(error)}", file=sys.stderr)
        raise SystemExit(1) from error
    except Exception as error:
        print(failures.without_secret(traceback.format_exc()), file=sys.stderr)
        raise SystemExit(1) from error


def _ready(config: DictConfig, folder: Path, *, is_sweep: bool) -> Launch:
    """Check every job; make store, folder and data ready once, before workers could do it twice."""
    jobs = expand.overrides(config) if is_sweep else []
    is_elsewhere = slurm.is_chosen(config) or on_ray.is_chosen(config)
    if not is_sweep:
        _check_alone(config, is_elsewhere=is_elsewhere)
    members = plan.members(config, jobs)
    if not is_elsewhere:
        for member in members:
            member.config.trainer.torch_device()  # raises `UserError` if this machine lacks it
    expand.check_seeds(config)
    settings = members[0].config.tracking
    plan.pass_store_on(config, store.uri(settings.uri))
    answers = _open_store(settings)
    if "'" in folder.absolute().name:  # the sweep's name, which MLflow's filters quote
        raise UserError(f"{folder} has an apostrophe in its name; {ELSEWHERE}")
    manifest.staging(folder, ELSEWHERE).cleanup()  # raises `UserError` if it is not writable
    if is_sweep:
        _check_folder(folder, members)
    plan.check_folders(members)
    if answers and pending.find([folder.parent]):
        # Otherwise another process could resume a run while we upload it.
        with FileLock(folder.parent / ".sync.lock"):
            pending.send_all(settings, [folder.parent])
    for each in {member.config.data for member in members}:
        fetch.fetch(each)
    if is_sweep:
        workers = plan.share_cores(config, members)
        plan.announce(members, workers, reuses=answers and not config.force)
    launched = Launch(folder, members, is_anew=config.force)
    if is_sweep:
        launched.shared = plan.shared(config, jobs)
        launched.queue = slurm.prepare(config, folder)
        launched.is_remote = on_ray.prepare(config)
        tags = identity.experiment_tag(config.hydra.runtime.choices)
        launched.summary = _begin_summary(launched, settings, tags)
        is_all = launched.is_anew or not answers
        expand.launch_only(
            list(map(plan.without_store, jobs)), partial(_choose, launched, is_all=is_all)
        )
    for of_job in launched.folders():
        records.forget_job(of_job)
    launched.bars = screen.Bars(launched.folders, partial(elsewhere.remote_records, launched))
    return launched


def _check_alone(config: DictConfig, *, is_elsewhere: bool) -> None:
    """Refuse a single run with what only a sweep reads: a launcher, or values to sweep over."""
    if is_elsewhere:
        raise UserError("hydra/launcher trains the runs of a sweep: add -m")
    if params := config.hydra.sweeper.get("params"):
        typed = " ".join(f"{key}={value}" for key, value in params.items())
        raise UserError(f"hydra.sweeper.params sets {typed}, which only a sweep reads: add -m")


def _open_store(settings: Tracking) -> bool:
    """Make the store ready, and end dead sweeps in it.

    If it is unavailable, returns False with `tracking.offline`, or else raises
    `StoreUnavailableError`. Raises `UserError` if it will not take the files of runs.
    """
    try:
        with files.answered():
            experiment = store.prepare(settings)
            store.check_writable(experiment)
            claim.end_dead(experiment, f"tags.kind = '{SWEEP}'")
    except StoreUnavailableError as error:
        if not settings.offline:
            raise
        log.warning("%s; metrics and files wait in the runs' folders", error)
        return False
    return True


def _check_folder(folder: Path, members: Sequence[plan.Member]) -> None:
    """Refuse the folder of a sweep if it is that of a run, too, or has files of the user's own."""
    if folder in (member.folder for member in members):
        raise UserError(f"hydra.sweep.subdir must name a folder inside hydra.sweep.dir, {folder}")
    there = records.read(folder)
    records.check_free(folder, FILES, there.fields["files"] if there else ())


def _begin_summary(launched: Launch, settings: Tracking, tags: Mapping[str, str]) -> Record:
    """Open the run that sums up the sweep, with the sweep's plan."""
    folder = launched.folder
    record = launched.open.enter_context(records.opened(folder))
    tags = {**tags, "sweep": launched.name, "summary": "true"}
    if launched.queue:
        tags[sweeps.QUEUE] = launched.queue
    launched.open.enter_context(contextlib.suppress(*mirror.NOT_OURS))  # `_finished` reports it
    launched.open.enter_context(
        session.opened(record, settings, name=f"sweep {launched.name}", tags=tags, kind=SWEEP)
    )
    for name in FILES:  # they are the sweep's own from now on, also if it is killed
        record.path(name)
    record.write(sweeps.FILE, plan.stored(launched).text())
    return record


def _choose(launched: Launch, numbers: range, *, is_all: bool) -> dict[int, tuple[str, str]]:
    """The names and subfolders of the jobs to launch, by number; with `is_all`, of every job."""
    chosen = list(numbers) if is_all else elsewhere.choose(launched, numbers)
    if launched.summary and launched.queue:
        launched.tasks |= {number: task for task, number in enumerate(chosen)}
        launched.summary.write(sweeps.FILE, plan.stored(launched).text())
    members = {number: launched.members[number] for number in chosen}
    return {
        number: (member.name, os.path.relpath(member.folder, launched.folder))
        for number, member in members.items()
    }


def finish(launched: Launch, *, is_stopped: bool, has_failed: bool) -> int:
    """Print the table after the last job, add it to the summary run, and return the exit status.

    Somebody who stopped the sweep does not wait for a comparison. If the launch itself has failed,
    there is no waiting for runs elsewhere.
    """
    with launched.open:
        has_waited = not is_stopped
        if launched.summary and not (is_stopped or has_failed):
            try:
                has_waited = _ask_store(elsewhere.wait, launched)
            except KeyboardInterrupt:
                _finished(launched, is_stopped=True, has_waited=False)
                raise
        return _finished(launched, is_stopped=is_stopped, has_waited=has_waited)


def _finished(launched: Launch, *, is_stopped: bool, has_waited: bool) -> int:
    settings = launched.members[0].config.tracking
    if launched.summary:
        _ask_store(elsewhere.note_remote, launched)
    if launched.bars:
        launched.bars.close()
    is_left = bool(launched.queue) and not (has_waited and settings.wait)
    if not is_left:
        with contextlib.suppress(*failures.FAILURES):  # `_conclude` reports them
            store.prepare(settings)
            pending.send_all(settings, launched.folders())  # before the table, which has their ids
    jobs = _read_jobs(launched, is_left=is_left, is_stopped=is_stopped)
    if jobs:
        table.show(jobs, launched.shared)
    try:
        _conclude(launched, jobs, is_stopped=is_stopped)
    except Exception as error:
        print(f"No comparison: {failures.reason(error)}")
        if not isinstance(error, failures.FAILURES):
            log.error("The comparison failed\n%s", failures.without_secret(traceback.format_exc()))
    finally:  # the table is kept, also after Ctrl-C
        if launched.summary and not is_left:  # a table of some runs would hide the others
            try:
                _sum_up(launched.summary, jobs)
            except mirror.NOT_OURS as error:
                log.warning("The sweep has no summary: %s", error)
    if not is_left and pending.find(launched.folders()):
        print(f"Some data are not in the store yet: python -m denoise.sync {launched.folder}")
    return _exit_status(launched, jobs, is_left=is_left)


def _read_jobs(launched: Launch, *, is_left: bool, is_stopped: bool) -> list[Contents]:
    """How the jobs ended; with `is_left`, those in Slurm's queue may still run."""
    jobs = screen.read_jobs(launched.folders())
    for job in (contents.fields["job"] for contents in jobs):
        if job["status"] == RUNNING and not is_left:  # its process is gone, and could not note it
            job |= {"status": KILLED, "error": "" if is_stopped else GONE}
    return jobs


def _exit_status(launched: Launch, jobs: Sequence[Contents], *, is_left: bool) -> int:
    """0 if every run has succeeded, or is left to Slurm; also prints how many did not begin."""
    if is_left:
        waits = "" if launched.is_anew else "the same command waits for them, and "
        print(
            f"Slurm keeps the jobs that have not ended; {waits}"
            f"python -m denoise.status {launched.name} shows them."
        )
    missing = 0 if is_left else len(launched.members) - len(jobs)
    if missing > 0:
        why = slurm.errors(launched.folder)
        print(f"{missing} of {len(launched.members)} runs did not begin{why and ': '}{why or '.'}")
    fine = (*SUCCEEDED, RUNNING) if is_left else SUCCEEDED
    failed = any(contents.fields["job"]["status"] not in fine for contents in jobs)
    return int(missing > 0 or failed)


def _ask_store(about: Callable[[Launch], None], launched: Launch) -> bool:
    """Ask the store about runs elsewhere; False if it does not answer or refuses.

    They are left out then.
    """
    try:
        about(launched)
    except UserError as error:
        log.warning("Runs on other machines are left out: %s", error)
        return False
    return True


def _conclude(launched: Launch, jobs: Sequence[Contents], *, is_stopped: bool) -> None:
    """Compare the runs and say where to look."""
    settings = launched.members[0].config.tracking
    experiment = store.prepare(settings)
    claim.end_dead(experiment, f"tags.sweep = '{launched.name}'")
    ids = [
        table.run_id(contents)
        for contents in jobs
        if contents.fields["job"]["status"] in SUCCEEDED and table.run_id(contents)
    ]
    is_compared = launched.summary and ids and not is_stopped
    runs = search.search(settings, search.one_of(ids)) if is_compared else []
    where = screen.console()
    if launched.summary and runs:
        _add_references(launched, settings)
        with where.status("Comparing the runs ..."):
            compared = write.write(settings, runs, launched.folder)
        write.show(compared, where)
        for picture in compared.pictures:
            image = figures.to_image(picture.wide)
            formats.add_image(launched.summary, picture.name, image, step=0)
        where.print(f"Page:   {launched.folder / write.FILES[-1]}", highlight=False, soft_wrap=True)
    where.print(f"Files:  {launched.folder}", highlight=False, soft_wrap=True)
    if address := _address(launched, jobs, settings):
        steps = ", then ".join(filter(None, (charts.command(), address)))
        where.print(f"Browse: {steps}", highlight=False, soft_wrap=True)


def _add_references(launched: Launch, settings: Tracking) -> None:
    """Compute what the runs are compared with, if no earlier sweep did; no sweep fails by it."""
    plains = [member.config.plain for member in launched.members]
    try:
        references.keep(settings, plains, launched.folder.parent / "references", trust=build.ANY)
    except Exception as error:  # a noise of the user's may raise anything
        log.warning("No new references: %s", failures.reason(error))


def _address(launched: Launch, jobs: Sequence[Contents], settings: Tracking) -> str:
    """The address of the run's page, or of the charts of several runs; '' if no run was opened."""
    ids = [table.run_id(contents) for contents in jobs if table.run_id(contents)]
    if len(ids) > 1:
        epochs = max(contents.fields["job"]["epochs"] for contents in jobs)
        return charts.share(settings, launched.name, ids, last_step=epochs)
    return charts.run_address(settings, ids[0]) if ids else ""


def _sum_up(record: Record, jobs: Sequence[Contents]) -> None:
    """Add the table to the sweep's run, as a file and as its description, and the comparison."""
    header, rows = table.columns(jobs), [table.row(contents) for contents in jobs]
    errors = [contents.fields["job"]["error"] for contents in jobs]
    frame = pd.DataFrame(rows, columns=header).assign(error=errors)
    frame.to_csv(record.path(search.SUMMARY), index=False)
    there = [name for name in write.FILES if (record.folder / name).exists()]
    record.add(search.SUMMARY, *there)
    note = "".join(f"| {' | '.join(row)} |\n" for row in (header, ["---"] * len(header), *rows))
    note = note[: note.rfind("\n", 0, LONGEST_TAG) + 1]
    record.update(tags=record.fields["tags"] | {"mlflow.note.content": note})
