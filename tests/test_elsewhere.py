"""Runs whose folders are on other machines, as the launching process reads them from the store."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from mlflow import MlflowClient

from denoise import data
from denoise.config.settings import Tracking
from denoise.errors import StoreUnavailableError, UserError
from denoise.runs import elsewhere, run, screen, sweep
from denoise.runs.launch import Launch
from denoise.tracking import records
from denoise.tracking import sweeps as stored
from denoise.tracking.records import FINISHED, REUSED, SKIPPED
from tests.conftest import SMALL, SWEEPS, Said, forget_store, tracked
from tests.test_plan import planned


def launched_from(folder: Path, said: Said, *overrides: str) -> Launch:
    """A sweep that was launched, with these overrides, from a `folder` in which it left nothing."""
    plans = said.folder.glob(f"outputs/*/{stored.FILE}")
    (name,) = (file.parent.name for file in plans if len(stored.read(file.read_bytes()).runs) == 1)
    (member,) = planned(*overrides, f"tracking.uri=sqlite:///{said.folder / 'mlflow.db'}")
    there = folder / name
    return Launch(there, [replace(member, folder=there / "0")], is_remote=True)


@pytest.fixture
def remote(
    sweeps: list[Said], settings: data.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Launch:
    """A sweep of one run, which has finished."""
    forget_store(monkeypatch)
    return launched_from(tmp_path, sweeps[1], *SWEEPS[1], f"data.root={settings.root}")


def test_bars_show_a_run_on_another_machine_as_the_store_has_it(remote: Launch) -> None:
    ((folder, contents),) = elsewhere.remote_records(remote).items()
    job = contents.fields["job"]
    assert folder == remote.members[0].folder
    assert (job["status"], job["epochs"], len(contents.epochs)) == (FINISHED, 1, 1)
    assert contents.score == contents.epochs[0]["test/loss"]


def test_a_run_that_finished_on_another_machine_is_in_the_table(remote: Launch) -> None:
    elsewhere.note_remote(remote)
    (contents,) = screen.read_jobs(remote.folders())
    job = contents.fields["job"]
    assert (job["name"], job["status"]) == (remote.members[0].name, FINISHED)
    assert job["seconds"] > 1
    assert len(contents.epochs) == 1


def test_a_store_that_refuses_while_slurm_trains_leaves_the_sweep_open(
    remote: Launch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(elsewhere, "wait", Mock(side_effect=UserError("permission denied")))
    launched = replace(remote, is_remote=False, queue="a queue", summary=Mock())
    assert sweep.finish(launched, is_stopped=False, has_failed=False) == 0
    assert "Slurm keeps the jobs that have not ended" in capsys.readouterr().out
    launched.summary.update.assert_not_called()


def test_a_run_of_an_earlier_sweep_was_reused_and_not_trained(remote: Launch) -> None:
    elsewhere.note_remote(replace(remote, folder=remote.folder.with_name("later")))
    (contents,) = screen.read_jobs(remote.folders())
    assert contents.fields["job"]["status"] == REUSED


def test_a_run_that_this_sweep_trained_elsewhere_is_not_called_reused(
    remote: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "_busy", lambda *_: set())
    elsewhere.wait(remote)
    (contents,) = screen.read_jobs(remote.folders())
    assert contents.fields["job"]["status"] == FINISHED


def test_an_earlier_run_does_not_count_where_runs_are_trained_anew(remote: Launch) -> None:
    later = replace(remote, folder=remote.folder.with_name("later"), is_anew=True)
    elsewhere.note_remote(later)
    assert screen.read_jobs(later.folders()) == []


def test_a_run_that_lacks_a_score_is_skipped_and_not_called_reused(
    remote: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "lacking", lambda *_: {"latent/silhouette"})
    elsewhere.note_remote(remote)
    (contents,) = screen.read_jobs(remote.folders())
    job = contents.fields["job"]
    assert job["status"] == SKIPPED
    assert job["error"].endswith("ended elsewhere without a score that the same command can add")


def test_a_queued_job_is_not_called_reused_because_an_earlier_run_has_finished(
    sweeps: list[Said],
    settings: data.Settings,
    fresh_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forget_store(monkeypatch)
    typed = (*SWEEPS[1], f"data.root={settings.root}", "tracking.wait=false", "force=true")
    launched = replace(launched_from(fresh_folder, sweeps[1], *typed), queue="denoise")
    monkeypatch.setattr(elsewhere, "_busy", lambda *_: {0})
    elsewhere.wait(launched)
    assert screen.read_jobs(launched.folders()) == []


def test_a_store_that_is_away_for_a_while_does_not_end_the_waiting(
    remote: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = [{0}, StoreUnavailableError("away"), StoreUnavailableError("away"), set()]
    monkeypatch.setattr(elsewhere, "POLL_SECONDS", 0)
    monkeypatch.setattr(elsewhere, "_busy", Mock(side_effect=answers))
    elsewhere.wait(remote)
    (contents,) = screen.read_jobs(remote.folders())
    assert contents.fields["job"]["status"] == FINISHED


@pytest.mark.parametrize("is_skipped", [False, True])
def test_the_table_says_why_a_run_failed_on_another_machine(
    cli: Callable[..., Said],
    settings: data.Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_skipped: bool,
) -> None:
    """Also if a job here had left the run to that machine, and it failed before this one waited."""
    broken = (
        "~model.latent_dim",
        "model._target_=tests.plug_ins.Copying",
        "+model.breaks=training",
    )
    overrides = (*broken, f"data.root={settings.root}", "noise=none", "seed=1")
    launch = launched_from(tmp_path / "other", cli("-m", *SMALL, *overrides), *overrides)
    if is_skipped:
        with run.job_record(launch.members[0]) as record:
            record.note_job(status=SKIPPED)
        monkeypatch.setattr(elsewhere, "_busy", lambda *_: set())
        elsewhere.wait(launch)
    elsewhere.note_remote(launch)
    (contents,) = screen.read_jobs(launch.folders())
    job = contents.fields["job"]
    assert (job["status"], job["error"]) == ("FAILED", "ArithmeticError: a mistake in the model")


def test_a_sweep_on_slurm_is_refused_where_slurm_cannot_be_used(
    cli: Callable[..., Said], settings: data.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("denoise.runs.slurm.tasks", lambda: None)
    said = cli("-m", "hydra/launcher=slurm", *SMALL, f"data.root={settings.root}", "seed=1,2")
    assert said.status == 1
    assert "Slurm cannot be used from this machine; see whether the commands sbatch" in said.err
    assert not said.runs("attributes.status = 'RUNNING'")


def test_a_restarted_job_uploads_what_its_process_had_no_time_to(
    settings: data.Settings, fresh_folder: Path
) -> None:
    store = Tracking(f"sqlite:///{fresh_folder / 'mlflow.db'}", "denoise")
    (member,) = planned(f"tracking.uri={store.uri}", f"data.root={settings.root}", "seed=1")
    with tracked(store, Path("mine"), tags={"sweep": "a sweep"}) as record:
        record.write("tables/history.csv", "epoch")
    MlflowClient().set_terminated(record.run_id, "KILLED")
    with records.opened(Path("mine")) as record:
        record.note(mirrored=False)
        assert run._complete_upload(member, record) == "a sweep"
        assert record.fields["mirrored"]
    assert MlflowClient().get_run(record.run_id).info.status == FINISHED
