"""What can be known of jobs on Slurm without it; tests/faults has those with a real one."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from denoise import data
from denoise.errors import UserError
from denoise.runs import code, slurm
from tests.conftest import SMALL, Said


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
    log(tmp_path, "2", "Traceback:\nomegaconf.errors.ConfigError: wrong\nbye\n", seconds=3)
    log(tmp_path, "3", "UserWarning: something that is no error\n", seconds=4)
    assert slurm.errors(tmp_path).startswith("omegaconf.errors.ConfigError: wrong (see ")
    newest = log(tmp_path, "0", "slurmstepd: error: execve(): python: No such file", seconds=5)
    assert (
        slurm.errors(tmp_path)
        == f"slurmstepd: error: execve(): python: No such file (see {newest})"
    )


def test_a_password_in_an_error_is_not_shown(tmp_path: Path) -> None:
    log(tmp_path, "1", "ValueError: http://ann:secret@server:5000 is away", seconds=1)
    assert "secret" not in slurm.errors(tmp_path)
    assert "server:5000 is away" in slurm.errors(tmp_path)


def test_workers_on_other_machines_need_the_same_version_but_not_the_same_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(code.VARIABLE, "null")  # restored afterwards
    monkeypatch.setattr(code, "tags", lambda: {"git.commit": "one"})
    code.pass_on()
    monkeypatch.setattr(code, "tags", lambda: {"git.commit": "two"})
    code.check()
    monkeypatch.setattr(code.importlib.metadata, "version", lambda _: "0.0.1")
    with pytest.raises(UserError, match=r"has version 0\.0\.1 of denoise, and the machine of the"):
        code.check()


def test_a_run_on_a_machine_with_another_version_fails_before_training(
    cli: Callable[..., Said], settings: data.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(code.VARIABLE, json.dumps({"version": "0.0.1", "commit": ""}))
    said = cli(*SMALL, f"data.root={settings.root}")
    assert said.status == 1
    assert "and the machine of the command 0.0.1" in said.out
    assert "train/loss" not in said.out
    assert said.runs("") == []
