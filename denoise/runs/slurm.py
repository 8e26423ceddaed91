"""Slurm: how its jobs are named and submitted, and which of them its queue still holds."""

import re
import shutil
import subprocess
import uuid
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from denoise.errors import UserError
from denoise.runs import code
from denoise.tracking import failures

ASK_SECONDS = 30
# How Python's tracebacks end, or else Slurm's own messages begin.
ERRORS = (re.compile(r"(\w+\.)*\w*Error: "), re.compile(r"(slurm\w*|srun): error: "))


def is_chosen(config: DictConfig) -> bool:
    return bool(config.hydra.launcher._target_.endswith(".SlurmLauncher"))


def prepare(config: DictConfig, sweep: Path) -> str:
    """Name the sweep's jobs so that they are found in the queue; '' with another launcher.

    From now on submitting does not wait for the jobs: `elsewhere.wait` does. Hydra's launcher
    reads their results from pickles, and calls a cancelled one an error.

    Raises `UserError` if Slurm cannot be used from here.
    """
    launcher = config.hydra.launcher
    if not is_chosen(config):
        return ""
    if not shutil.which("sbatch") or tasks() is None:
        raise UserError(
            "hydra/launcher=slurm: Slurm cannot be used from this machine; see whether the "
            "commands sbatch and squeue work"
        )
    if config.hydra.sweeper.get("max_batch_size"):
        raise UserError(
            "hydra.sweeper.max_batch_size: Slurm queues a sweep as a whole; to limit how many jobs "
            "run at a time, set hydra.launcher.array_parallelism"
        )
    code.pass_on()
    import submitit

    submitit.Job.results = lambda _: [JobReturn(status=JobStatus.COMPLETED)]  # type: ignore
    # Sweeps of other folders or users may have the same name.
    name = f"{launcher.name}-{sweep.absolute().name}-{uuid.uuid4().hex[:8]}"
    launcher.name = name.replace(",", "_")
    return str(launcher.name)


def errors(sweep: Path) -> str:
    """Why jobs of the sweep could not begin: the last error in the newest log that has one, or ''.

    The log is named, too.
    """
    logs = sweep.glob(".submitit/*/*.err")
    for log in sorted(logs, key=lambda each: each.stat().st_mtime, reverse=True):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if found := [line for error in ERRORS for line in reversed(lines) if error.match(line)]:
            return f"{failures.without_secret(found[0])[: failures.LONGEST_LINE]} (see {log})"
    return ""


def tasks() -> dict[str, set[int]] | None:
    """The tasks in Slurm's queue, pending or running, by job name.

    None where Slurm is not installed, or does not answer, as while its controller restarts.
    """
    lines = _queue("--array", "--format=%K %j")
    if lines is None:
        return None
    found: dict[str, set[int]] = {}
    for line in lines:
        task, _, name = line.partition(" ")
        found.setdefault(name, set()).add(int(task) if task.isdecimal() else 0)  # N/A: no array
    return found


def reasons(name: str) -> list[str]:
    """Why jobs of this name are pending, in Slurm's words, such as Resources."""
    return sorted(set(_queue(f"--name={name}", "--states=PENDING", "--format=%r") or ()) - {"None"})


def _queue(*options: str) -> list[str] | None:
    """The lines of Slurm's queue; None if it does not answer."""
    command = ["squeue", "--noheader", *options]
    try:
        answer = subprocess.check_output(command, stderr=subprocess.DEVNULL, timeout=ASK_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    return [line.strip() for line in answer.decode().splitlines()]
