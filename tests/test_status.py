"""How far the runs of a sweep are, as any machine that reaches the store sees it."""

import itertools
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from denoise import command, status
from denoise.config.settings import Tracking
from denoise.runs import slurm
from denoise.tracking import claim, files, sweeps
from denoise.tracking.records import SWEEP
from denoise.tracking.store import prepare
from tests.conftest import SWEPT, Said, ran, tracked, wait_until

ELSEWHERE = claim.Owner("node7", 1, "node7 another-boot", "/runs/1", "17_3")
STATES = ["FINISHED", "RUNNING", "LOST", "KILLED", "FAILED", "QUEUED", "KILLED", "QUEUED"]


def test_a_finished_sweep_is_finished(sweep: Said) -> None:
    (run, *_) = sweep.runs(SWEPT)
    mine = run.data.tags["sweep"]
    assert ran(sweep.folder, "status", mine) == f"Sweep {mine}: 3 runs, 3 FINISHED\n"
    rows = json.loads(ran(sweep.folder, "status", mine, "--json"))["runs"]
    names = ["none", "gaussian σ=0.1", "gaussian σ=0.5"]
    assert [(row["name"], row["state"], row["epoch"]) for row in rows] == [
        (name, "FINISHED", 2) for name in names
    ]


@pytest.fixture
def planted(fresh_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A sweep on Slurm, with a run in each state; tasks 5 and 7 are in the queue.

    The last run finished in an earlier sweep, and is queued to be trained again.
    """
    settings, client = Tracking(None, "denoise"), MlflowClient()
    experiment = prepare(settings)
    monkeypatch.setattr(claim, "DEAD_SECONDS", 6)
    monkeypatch.setattr(slurm, "tasks", lambda: {"denoise-a sweep": {5, 7}})
    monkeypatch.setattr(slurm, "reasons", lambda _: ["Priority", "Resources"])
    names = [f"run {number} [/a]" for number in range(len(STATES))]
    planned = [sweeps.Planned(name, [name], 20, n) for n, name in enumerate(names)]
    tags = {"sweep": "a sweep", sweeps.QUEUE: "denoise-a sweep"}
    folder = fresh_folder / "a sweep"
    with tracked(settings, folder, name="a sweep", tags=tags, kind=SWEEP) as record:
        record.path(sweeps.FILE).write_text(sweeps.Plan("a sweep", planned, tags["queue"]).text())
        record.add(sweeps.FILE)
    ended = threading.Event()

    def beat(run: str) -> None:
        for beats in itertools.count(1):
            if ended.wait(0.5):
                return
            client.set_tag(run, "heartbeat", str(beats))

    for name, state in zip(names, STATES, strict=True):
        run = client.create_run(
            experiment,
            tags={"config_hash": name, "owner": ELSEWHERE.text(), "heartbeat": "0"},
        ).info.run_id
        for step in (1, 2, 3):
            client.log_metric(run, "time/epoch_seconds", 2.0, step=step)
        stored = {"QUEUED": "KILLED", "LOST": "RUNNING"}.get(state, state)  # requeued: killed first
        client.update_run(run, status="FINISHED" if name == names[-1] else stored)
        if state == "RUNNING":
            beating = threading.Thread(target=beat, args=[run])
    beating.start()
    yield
    ended.set()
    beating.join()


@pytest.mark.usefixtures("planted")
def test_each_state_of_a_run_is_recognized() -> None:
    answer = CliRunner().invoke(status.main, ["a sweep", "--json"], catch_exceptions=False)
    rows = json.loads(answer.stdout)["runs"]
    assert [row["state"] for row in rows] == STATES
    assert [row["epoch"] for row in rows] == [20, 3, 3, 3, 3, 3, 3, 0]
    assert [row["left"] for row in rows] == [None, 34.0, None, None, None, None, None, None]
    assert {(row["host"], row["job"]) for row in rows} == {("node7", "17_3"), ("", "")}
    shown = CliRunner().invoke(status.main, [], catch_exceptions=False).stdout
    totals = "8 runs, 1 RUNNING, 2 QUEUED, 1 FINISHED, 1 FAILED, 2 KILLED, 1 LOST"
    assert f"Sweep a sweep: {totals}\nPending in Slurm: Priority; Resources\n" in shown
    assert "run 1 [/a]" in shown
    assert "run 0" not in shown  # finished runs are only counted


def test_a_finished_run_that_is_trained_again_is_queued_until_it_begins(fresh_folder: Path) -> None:
    settings, client = Tracking(None, "denoise"), MlflowClient()
    hashed = {"config_hash": "a", "sweep": "an earlier one"}
    client.set_terminated(client.create_run(prepare(settings), tags=hashed).info.run_id)
    planned = [sweeps.Planned("mine", ["a"], 20)]
    tags = {"sweep": "a sweep"}
    with tracked(settings, fresh_folder / "x", name="x", tags=tags, kind=SWEEP) as record:
        record.write(sweeps.FILE, sweeps.Plan("a sweep", planned, is_anew=True).text())
        (summary,) = client.search_runs([prepare(settings)], "tags.sweep = 'a sweep'")
        wait_until(lambda: sweeps.FILE in files.files(summary.info.run_id))
        answer = CliRunner().invoke(status.main, ["a sweep", "--json"], catch_exceptions=False)
    assert [row["state"] for row in json.loads(answer.stdout)["runs"]] == ["QUEUED"]


@pytest.mark.usefixtures("fresh_folder")
def test_a_sweep_that_the_store_does_not_have_is_refused(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["denoise-status"])
    prepare(Tracking(None, "denoise"))
    assert command.run(status.main) == 1
    assert "there is no sweep 'latest' in the store" in capfd.readouterr().err
