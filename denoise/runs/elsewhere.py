"""Runs of a sweep that need no job of this launch.

Those that finished are collected. Those that another process trains, or that a scheduler has
queued, are waited for after the jobs of the launch.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from denoise.errors import StoreUnavailableError, UserError
from denoise.runs import run, screen, slurm
from denoise.runs.evaluation import lacking
from denoise.runs.launch import Launch
from denoise.runs.plan import Member
from denoise.tracking import records, search, sweeps
from denoise.tracking.records import FAILED, FINISHED, KILLED, REUSED, RUNNING, SKIPPED, Contents

log = logging.getLogger(__name__)

POLL_SECONDS = 5


def choose(launched: Launch, numbers: Iterable[int]) -> list[int]:
    """The jobs of these numbers that are to be launched; what has finished is collected."""
    try:
        left = collect(launched, numbers)
        busy = _busy(launched, left)
    except StoreUnavailableError:
        return list(numbers)
    if busy:
        log.info("Trained by other processes, or queued: %d", len(busy))
    return [number for number in left if number not in busy]


def collect(launched: Launch, numbers: Iterable[int], *, is_after: bool = False) -> list[int]:
    """Note in the folders of these jobs which runs have finished; return the numbers of the others.

    `is_after` says that the jobs of the launch have ended. Runs of its sweep then count as trained
    by it, and not as reused, except where a job was skipped because another one trained its run.
    """
    members = {number: launched.members[number] for number in numbers}
    settings = launched.members[0].config.tracking
    hashes = [each for member in members.values() for each in member.hashes]
    finished, left = search.finished(settings, hashes), []
    for number, member in members.items():
        found = next((finished[each] for each in member.hashes if each in finished), None)
        is_ours = found is not None and found.tags.get("sweep") == launched.name
        is_wanted = is_ours or not launched.is_anew
        if found and is_wanted and not lacking(member.config, found.metrics, found.tags):
            is_trained = is_after and is_ours and _status(member) != SKIPPED
            run.collect(member, found, is_reused=not is_trained)
        else:
            left.append(number)
    return left


def wait(launched: Launch) -> None:
    """Wait until no other process trains a run of the sweep and no scheduler has one queued.

    With `tracking.wait=false`, return at once; the runs of other processes are then skipped. What
    finished meanwhile is collected.
    """
    waited = set[int]()
    while busy := _still_busy(launched, waited):
        if not launched.members[0].config.tracking.wait:
            _skip(launched, () if launched.queue else busy)
            break
        if not waited:
            log.info(
                "Waiting for %d runs that other processes train or that are queued "
                "(python -m denoise.status shows them); after Ctrl-C, the same command waits again",
                len(busy),
            )
        waited |= busy
        time.sleep(POLL_SECONDS)
    # This includes what was skipped because another job of this sweep trained the same config.
    ended = [number for number in _unfinished(launched) if number not in busy]
    skipped = {n for n in ended if _status(launched.members[n]) == SKIPPED}
    for number in (waited | skipped) & set(collect(launched, ended, is_after=True)):
        _note_ended(launched, launched.members[number])


def _skip(launched: Launch, numbers: Iterable[int]) -> None:
    """Note in the folders of these jobs that another process has their runs."""
    for number in numbers:
        with run.job_record(launched.members[number]) as record:
            record.note_job(status=SKIPPED, error="another process trains the run or has queued it")


def _still_busy(launched: Launch, waited: set[int]) -> set[int]:
    """Those of the jobs whose runs are trained or queued elsewhere, as far as is known.

    A store that is away for a while does not end the waiting.
    """
    try:
        return _busy(launched, _unfinished(launched))
    except StoreUnavailableError:
        if not waited:
            raise
        return waited


def note_remote(launched: Launch) -> None:
    """Note in the folders here how runs ended whose last process was on another machine."""
    left = _unfinished(launched) if launched.is_remote else []
    free = [number for number in left if not records.is_locked(launched.members[number].folder)]
    for number in collect(launched, free, is_after=True):
        _note_ended(launched, launched.members[number])


def remote_records(launched: Launch) -> dict[Path, Contents]:
    """The records, from the store, of the sweep's runs whose folders are on other machines.

    The keys are their folders in the plan.
    """
    members = launched.members if launched.is_remote else []
    missing = [member for member in members if _status(member) is None]
    folders = {each: member.folder for member in missing for each in member.hashes}
    try:
        newest = search.newest(launched.members[0].config.tracking, folders) if folders else {}
        found = {
            folders[each]: search.contents(run.info.run_id)
            for each, run in newest.items()
            if run.data.tags.get("sweep") == launched.name
        }
    except UserError:
        return {}
    found = {folder: each for folder, each in found.items() if each.fields.get("job")}
    for each in found.values():  # the job ends after the last upload of its run
        each.fields["job"]["status"] = each.fields["status"]
    return found


def _note_ended(launched: Launch, member: Member) -> None:
    """Note how a run ended that another process had: it did not finish, or lacks a score."""
    if _status(member) in (None, SKIPPED):
        for ended in search.newest(member.config.tracking, member.hashes).values():
            if launched.is_anew and ended.data.tags.get("sweep") != launched.name:
                continue  # the run of this sweep did not begin
            run_id, status = ended.info.run_id, ended.info.status
            error = search.contents(run_id).fields.get("error") or f"run {run_id} ended elsewhere"
            if status == FINISHED:
                status, error = SKIPPED, f"{error} without a score that the same command can add"
            elif status == RUNNING:
                status = KILLED
            with run.job_record(member) as record:
                record.note_job(status=status, error=error, run_id=run_id)


def _busy(launched: Launch, numbers: Sequence[int]) -> set[int]:
    """Those of the jobs whose runs are trained or queued elsewhere."""
    if not numbers:
        return set()
    settings, tasks = launched.members[0].config.tracking, slurm.tasks()
    if tasks is None and launched.queue:
        return set(numbers)  # Slurm's controller may be restarting
    others = dict(tasks or {})
    mine = others.pop(launched.queue, set())
    hashes = [each for number in numbers for each in launched.members[number].hashes]
    busy = sweeps.busy(settings, hashes, others)
    return {
        number
        for number in numbers
        if launched.tasks.get(number) in mine
        or not busy.isdisjoint(launched.members[number].hashes)
    }


def _unfinished(launched: Launch) -> list[int]:
    """The numbers of the jobs that have not finished, reused a run or failed."""
    return [
        number
        for number, member in enumerate(launched.members)
        if _status(member) not in (FINISHED, REUSED, FAILED)
    ]


def _status(member: Member) -> str | None:
    """How the job in the member's folder is doing; None without one."""
    jobs = screen.read_jobs([member.folder])
    return jobs[0].fields["job"]["status"] if jobs else None
