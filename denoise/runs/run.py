"""One job of a launch: a run trained, resumed, or reused."""

import contextlib
import logging
import math
import os
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import torch
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from denoise import checkpoint, data, metrics
from denoise.config import compose, identity
from denoise.config.compose import Config
from denoise.errors import FolderLockedError, RunTakenError, StoreUnavailableError, UserError
from denoise.runs import code, plan
from denoise.runs.evaluation import Evaluation, lacking
from denoise.runs.outputs import Outputs
from denoise.runs.plan import Member
from denoise.tracking import failures, files, pending, records, search, session, store
from denoise.tracking.records import FAILED, FINISHED, KILLED, REUSED, SKIPPED, Record
from denoise.trainer import Trainer

log = logging.getLogger(__name__)

UPLOAD_SECONDS = 120  # that another command may use the folder of a requeued job


def job(cfg: DictConfig) -> float:
    """Do one run, alone or in a sweep; return its score, or nan if it failed or was skipped.

    Sweepers that search read the score. A failure is noted in the record, where the launching
    process reads it. Raised, it would keep Hydra's sweeper from the jobs after it.
    """
    # Unused weights decay into denormal numbers, with which CPUs compute ten times as slowly. The
    # threads of torch inherit the setting from the one that starts them, so it comes first.
    torch.set_flush_denormal(True)
    hydra = HydraConfig.get()
    with open_dict(cfg):  # a relative path means the folder in which the command was typed
        cfg.data.root = str(Path(hydra.runtime.cwd) / cfg.data.root)
    member = plan.member(compose.checked(cfg), hydra, Path(hydra.runtime.output_dir))
    await_folder(member.folder)
    try:
        with job_record(member) as record:
            _do(member, record, anew=cfg.force)
            is_scored = record.fields["job"]["status"] in (FINISHED, REUSED)
            return record.contents.score if is_scored else math.nan
    except FolderLockedError as error:
        log.error("%s: %s", member.name, error)
        return math.nan


def await_folder(folder: Path) -> None:
    """In a requeued job of Slurm, wait while another command uploads what is in its folder."""
    end = time.monotonic() + UPLOAD_SECONDS
    while "SUBMITIT_EXECUTOR" in os.environ and records.is_locked(folder):
        if time.monotonic() > end:
            return
        time.sleep(1)


def _sweep(hydra: HydraConf) -> str:
    """What the sweep is known by, or the run if it is alone: the name of its folder."""
    if hydra.mode == RunMode.RUN:
        return Path(hydra.runtime.output_dir).name
    return (Path(hydra.runtime.cwd) / hydra.sweep.dir).name


def _tags(config: Config) -> dict[str, str]:
    """What the run is found by in the store."""
    hydra = HydraConfig.get()
    choices = hydra.runtime.choices
    return {
        "sweep": _sweep(hydra),
        "noise": identity.noise_name(config.plain, choices),
        "model": choices["model"],
        "protocol": config.protocol.name,
        "baseline_hash": " ".join(identity.baselines(config.plain)),
        **identity.experiment_tag(choices),
        **code.tags(),
        **code.tags_of_classes(config.plain),
    }


def _do(member: Member, record: Record, *, anew: bool) -> None:
    """Do the job, and note how it ends; `anew` trains it even if it finished earlier."""
    try:
        code.check()
        is_done = _complete_upload(member, record) == _sweep(HydraConfig.get())
        if (is_done or not anew) and _reused(member, record):
            record.note_job(status=REUSED)
        else:
            _train(member, record, anew=anew)
            record.note_job(status=FINISHED)
    except RunTakenError as error:
        log.info("%s: %s; skipped", member.name, error)
        record.note_job(status=SKIPPED, error=str(error), run_id=error.run_id)
    except KeyboardInterrupt:
        record.note_job(status=KILLED)
        raise
    except BaseException as error:  # of a user's own class even SystemExit ends this run only
        record.note_job(status=FAILED, error=_logged(member.name, error))


def _complete_upload(member: Member, record: Record) -> str:
    """Upload the rest of the run in the folder if it ended, but its process did not upload it all.

    A scheduler may have restarted the job at that moment. Returns the sweep of the run if it has
    finished, or else ''.
    """
    is_pending = record.has_run and not (record.fields["mirrored"] or record.refused)
    if not is_pending or record.fields["status"] not in (FINISHED, FAILED):
        return ""
    try:
        if record.fields["store"] != failures.without_secret(store.uri(member.config.tracking.uri)):
            return ""
        store.prepare(member.config.tracking)
        log.info("%s: %s", member.name, pending.complete(record))
    except failures.FAILURES as error:
        log.warning("%s: not uploaded: %s", member.name, failures.reason(error))
    return record.fields["tags"].get("sweep", "") if record.fields["status"] == FINISHED else ""


def _logged(name: str, error: BaseException) -> str:
    """Log the failure, with a traceback only if it may be a defect; returns it in one line."""
    if isinstance(error, UserError) or session.is_of_the_machine(error):
        line = failures.first_line(error)
        log.error("%s failed: %s", name, line)
        return line
    log.error("%s failed\n%s", name, failures.without_secret(traceback.format_exc()))
    return failures.described(error)


def _train(member: Member, record: Record, *, anew: bool) -> None:
    """Train, evaluate and log the run, from where it was interrupted."""
    config = member.config
    device = config.trainer.torch_device()
    images = data.load(config.data, device)
    start = time.perf_counter()  # the first run of a process has waited for imports until here
    with session.opened(
        record,
        config.tracking,
        name=member.name,
        tags=_tags(config),
        params=config.plain,
        hashes=member.hashes,
        anew=anew,
    ):
        outputs = Outputs(config, record, images)
        model = config.model().to(device)
        try:
            trainer = Trainer(model, images, config.noise, config.trainer, seed=config.seed)
            outputs.begin(trainer, list(HydraConfig.get().overrides.task))
            before = sum(values[metrics.EPOCH_SECONDS.key] for values in outputs.history)
            for values in trainer.epochs(after=len(outputs.history)):
                outputs.epoch(trainer, values)
            outputs.end(trainer)
            seconds = before + time.perf_counter() - start
            record.log({metrics.RUN_SECONDS.key: seconds}, 0)
        finally:
            outputs.keep()


def _reused(member: Member, record: Record) -> bool:
    """Bring here the record of a run of this config that finished earlier; False if there is none.

    What the run lacks, such as a map, is measured with its checkpoint.
    """
    config = member.config
    try:
        found = search.finished(config.tracking, member.hashes)
    except StoreUnavailableError:
        return False
    if not found:
        return False
    run = next(iter(found.values()))
    is_other = code.differs(run.tags, config.plain)
    which = ", with code that may differ from today's" if is_other else ""
    message = "%s: finished earlier%s, as run %s; force=true trains it again"
    log.info(message, member.name, which, run.id)
    if lacking(config, run.metrics, run.tags) and _has_checkpoint(config, run):
        _complete(config, record, run)
    else:
        _adopt(config, record, run)
    return True


def _adopt(config: Config, record: Record, run: search.Found) -> None:
    """Take over the run's record from the store, without its files.

    The folder keeps a finished run of its own, unless that was deleted from the store.
    """
    is_finished = record.has_run and record.fields["status"] == FINISHED
    is_kept = is_finished and (
        record.run_id == run.id
        or not record.fields["mirrored"]
        or search.search(config.tracking, search.one_of([record.run_id]))
    )
    if not is_kept:
        there = search.contents(run.id, run.uri)
        there.fields |= {"files": {}, "mirrored": True}
        record.adopt(there)


def collect(member: Member, run: search.Found, *, is_reused: bool) -> None:
    """Note in the folder of a job that its run has finished, elsewhere or before this launch."""
    with job_record(member) as record:
        _adopt(member.config, record, run)
        if is_reused:
            record.note_job(status=REUSED)
        else:
            record.note_job(status=FINISHED, seconds=run.metrics[metrics.RUN_SECONDS.key])


@contextlib.contextmanager
def job_record(member: Member) -> Iterator[Record]:
    """The record in the folder of a job that this process does itself."""
    member.folder.mkdir(parents=True, exist_ok=True)
    with records.opened(member.folder) as record:
        score_name, epochs = member.config.protocol.score, member.config.trainer.epochs
        record.start_job(name=member.name, epochs=epochs, score_name=score_name)
        yield record


def _has_checkpoint(config: Config, run: search.Found) -> bool:
    """Whether the run still has the weights to evaluate; logged if not."""
    name = checkpoint.evaluated(config.data.holdout)
    if name in files.files(run.id):
        return True
    log.warning("%s: some scores stay missing, as run %s has no %s", run.name, run.id, name)
    return False


def _complete(config: Config, record: Record, run: search.Found) -> None:
    """Give a finished run what it lacks, without training."""
    log.info("%s: evaluating what the run lacks, from its checkpoint", run.name)
    device = config.trainer.torch_device()
    images = data.load(config.data, device)
    name = checkpoint.evaluated(config.data.holdout)
    with session.reopened(record, config.tracking, run.id):
        files.download(run.id, name, record.folder)
        model = config.model()
        model.load_state_dict(checkpoint.weights(record.folder / name))
        record.note_job(stage="evaluation")
        Evaluation(config, model.to(device), images, record).run()
