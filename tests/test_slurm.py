"""What can be known of jobs on Slurm without it; tests/faults has those with a real one."""

import os
import threading
from pathlib import Path

import pytest

from denoise.runs import run, slurm
from denoise.tracking import records


def log(sweep: Path, job: str, text: str, *, seconds: int) -> Path:
    """What a job has printed, last changed at this time."""
    file = sweep / ".submitit" / job / f"{job}_0_log.err"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    os.utime(file, (seconds, seconds))
    return file


def test_the_newest_error_of_a_job_that_could_not_begin_is_named_with_its_log(
    tmp_path: Path,
) -> None:
    assert slurm.errors(tmp_path) == ""
    log(tmp_path, "1", "Traceback:\nModuleNotFoundError: No module named 'torch'\n", seconds=1)
    log(tmp_path, "2", "Traceback:\nerrors.ConfigError: wrong\nsrun: error: task 0\n\n", seconds=3)
    log(tmp_path, "3", "UserWarning: something that is no error\n", seconds=4)
    assert slurm.errors(tmp_path).startswith("errors.ConfigError: wrong (see ")
    newest = log(tmp_path, "0", "slurmstepd: error: execve(): python: No such file", seconds=5)
    assert (
        slurm.errors(tmp_path)
        == f"slurmstepd: error: execve(): python: No such file (see {newest})"
    )


def test_a_password_in_an_error_is_not_shown(tmp_path: Path) -> None:
    log(tmp_path, "1", "ValueError: http://ann:secret@server:5000 is away", seconds=1)
    assert "secret" not in slurm.errors(tmp_path)
    assert "server:5000 is away" in slurm.errors(tmp_path)


def test_a_requeued_job_waits_while_another_command_uploads_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    uploading = records.Record(tmp_path)
    threading.Timer(1, uploading.close).start()
    run.await_folder(tmp_path)
    assert not records.is_locked(tmp_path)
