"""What breaks off goes on: kills and signals on real processes, on a real store."""

import csv
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run

from denoise import checkpoint, data
from denoise.config.settings import Tracking
from denoise.errors import RunTakenError
from denoise.runs import screen
from denoise.tracking import delivery, owner, search, sender, session
from denoise.tracking.owner import Owner
from denoise.tracking.store import prepare
from tests.conftest import SMALL, Said, ended, group_is_alive, wait_until
from tests.faults.conftest import (
    Server,
    client,
    epoch,
    files,
    history,
    names,
    pictures,
    tensors,
    the_run,
)

Cli = Callable[..., Said]
EPOCHS = 6


@pytest.mark.parametrize("kills", [[2], pytest.param([0, 2, EPOCHS], marks=pytest.mark.faults)])
def test_killed_at_any_moment_a_run_goes_on_to_the_same_end(
    start: Callable[..., subprocess.Popen],
    cli: Cli,
    settings: data.Settings,
    tmp_path: Path,
    kills: Sequence[int],
) -> None:
    whole, broken = tmp_path / "whole", tmp_path
    epochs = f"trainer.epochs={EPOCHS}"
    arguments = (epochs, *SMALL, f"data.root={settings.root}")
    expected = the_run(said := cli(*arguments, folder=whole))
    assert said.status == 0, said.err

    draw, ids = random.Random(7), set()
    for kill, reached in enumerate(kills):
        process = start(epochs)
        wait_until(lambda: epoch(broken, kill) >= reached or process.poll() is not None)  # noqa: B023
        time.sleep(draw.uniform(0, 0.4))
        process.kill()
        said = ended(process, broken)
        assert said.status == -signal.SIGKILL, "it had ended before it was killed"
        ids |= {run.info.run_id for run in said.runs()}
    said = cli(*arguments)
    assert said.status == 0, said.err
    run = the_run(said)
    assert ids == {run.info.run_id}
    assert re.search(rf"goes on after epoch \d of run {run.info.run_id}", said.out)
    assert run.info.status == "FINISHED"

    assert history(broken, run) == history(whole, expected)
    for metric in ("train/loss", "test/loss", "time/epoch_seconds"):
        points = client(broken).get_metric_history(run.info.run_id, metric)
        assert [point.step for point in points] == list(range(1, EPOCHS + 1))
    for name in ("last", "best"):
        mine, theirs = tensors(run, name), tensors(expected, name)
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    assert pictures(run) == pictures(expected)
    assert names(run) == names(expected)
    assert len(run.inputs.dataset_inputs) == len(expected.inputs.dataset_inputs)
    assert run.data.params.keys() == expected.data.params.keys()


@pytest.mark.faults
def test_a_sweep_killed_twenty_times_ends_as_one_that_was_not(
    start: Callable[..., subprocess.Popen], tmp_path: Path, survived: Callable[[str], None]
) -> None:
    """At random moments of its six jobs, from before the first to the last one's end."""
    sweep = ("-m", "noise.sigma=0.1,0.2,0.3,0.4,0.5,0.6", "trainer.epochs=60")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected = ended(start(*sweep, folder=whole), whole)
    assert expected.status == 0, expected.err

    draw, ended_before = random.Random(20), 0
    for _ in range(20):
        process = start(*sweep, folder=broken)
        begun = len(screen.read_all(broken)) + 1
        wait_until(lambda: len(screen.read_all(broken)) >= begun or process.poll() is not None)  # noqa: B023
        time.sleep(draw.uniform(0, 6))
        ended_before += process.poll() is not None
        os.killpg(process.pid, signal.SIGKILL)
        ended(process, broken)
    said = ended(start(*sweep, folder=broken), broken)
    assert said.status == 0, said.err
    assert ended_before == 0, "there was nothing left to kill"

    runs, others = (by_name(one) for one in (said, expected))
    assert runs.keys() == others.keys()
    for name, run in runs.items():
        assert run.info.status == "FINISHED"
        assert history(broken, run) == history(whole, others[name])
        for which in ("last", "best"):
            mine, theirs = tensors(run, which), tensors(others[name], which)
            assert mine.keys() == theirs.keys()
            assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    survived("20 kills, 6 of 6 runs bit for bit those of the sweep that was not killed")


def by_name(said: Said) -> dict[str, Run]:
    """The runs of a sweep, of which there are no two of one name."""
    runs = said.runs("tags.noise = 'gaussian'")
    assert len({run.info.run_name for run in runs}) == len(runs) == 6
    return {run.info.run_name: run for run in runs}


# As another machine: of another name, and seeing none of this one's processes.
ANOTHER = (
    *("unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"),
    *("sh", "-c", 'hostname another && exec "$@"', "sh"),
)


@pytest.mark.faults
@pytest.mark.skipif(
    subprocess.run([*ANOTHER, "true"], capture_output=True).returncode != 0,
    reason="root alone can make as if on another machine",
)
def test_killed_here_a_run_goes_on_on_another_machine(
    start: Callable[..., subprocess.Popen],
    tmp_path: Path,
    server: Server,
    survived: Callable[[str], None],
) -> None:
    server.start()
    arguments = ("trainer.epochs=60", f"tracking.uri={server.address}")
    whole, here, there, again = (tmp_path / name for name in ("whole", "here", "there", "again"))
    uninterrupted = ended(start(*arguments, "tracking.experiment=whole", folder=whole), whole)
    assert uninterrupted.status == 0, uninterrupted.err
    process = start(*arguments, folder=here)
    wait_until(lambda: epoch(here) > 3)
    process.kill()
    ended(process, here)

    left = ended(start(*arguments, folder=there, within=ANOTHER), there)
    assert f"by process {process.pid} on {socket.gethostname()}; left to it" in left.out
    time.sleep(owner.DEAD_SECONDS)
    said = ended(start(*arguments, folder=again, within=ANOTHER), again)
    assert said.status == 0, said.err
    mlflow.set_tracking_uri(server.address)
    (run,) = search.search(Tracking(server.address, "denoise"), "")
    assert f"of run {run.id}" in said.out
    assert "goes on after epoch" in said.out
    assert owner.read(run.tags["owner"]).host == "another"
    assert search.curve(run.id, "train/loss") == losses(whole)
    for name in ("last", "best"):
        mine, theirs = (
            checkpoint.load(next(folder.glob(f"outputs/*/checkpoints/{name}.safetensors")))[0]
            for folder in (again, whole)
        )
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    survived("left alone for a minute, then gone on with, bit for bit")


def losses(folder: Path) -> list[float]:
    """Of the epochs of the run in `folder`, from its table."""
    (table,) = folder.glob("outputs/*/tables/history.csv")
    with table.open(encoding="utf-8", newline="") as file:
        return [float(row["train/loss"]) for row in csv.DictReader(file)]


@pytest.mark.faults
def test_a_state_that_rotted_is_said_and_the_run_goes_on_from_the_one_before(
    start: Callable[..., subprocess.Popen], tmp_path: Path
) -> None:
    process = start("trainer.epochs=100")
    wait_until(lambda: epoch(tmp_path) > 3)
    process.kill()
    run = the_run(ended(process, tmp_path))
    states = sorted((files(run) / "state").iterdir(), key=lambda path: path.stat().st_mtime)
    states[-1].write_bytes(states[-1].read_bytes()[:-1])
    said = ended(start("trainer.epochs=100"), tmp_path)
    assert said.status == 0, said.err
    assert f"{states[-1].name} is not a checkpoint of this project" in said.out
    assert re.search(rf"goes on after epoch \d+ of run {run.info.run_id}", said.out)
    points = client(tmp_path).get_metric_history(run.info.run_id, "train/loss")
    assert [point.step for point in points] == list(range(1, 101))


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_killed_and_the_same_command_goes_on(
    start: Callable[..., subprocess.Popen], tmp_path: Path, number: signal.Signals
) -> None:
    process = start("trainer.epochs=100")
    wait_until(lambda: epoch(tmp_path) > 0)
    process.send_signal(number)
    said = ended(process, tmp_path)
    killed = the_run(said)
    assert (said.status, killed.info.status) == (128 + number, "KILLED"), said.err
    assert "Traceback" not in said.out + said.err
    assert {"last.safetensors", "best.safetensors"} == {
        path.name for path in (files(killed) / "checkpoints").iterdir()
    }
    said = ended(start("trainer.epochs=100"), tmp_path)
    assert said.status == 0, said.err
    assert (the_run(said).info.run_id, the_run(said).info.status) == (
        killed.info.run_id,
        "FINISHED",
    )
    points = client(tmp_path).get_metric_history(killed.info.run_id, "train/loss")
    assert [point.step for point in points] == list(range(1, 101))


@pytest.mark.faults
def test_a_second_ctrl_c_ends_it_at_once(
    start: Callable[..., subprocess.Popen], tmp_path: Path
) -> None:
    process = start("trainer.epochs=10000")
    wait_until(lambda: epoch(tmp_path) > 0)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    assert ended(process, tmp_path).status == -signal.SIGINT


@pytest.mark.faults
@pytest.mark.parametrize(
    ("launcher", "whom", "number"),
    [
        ("joblib", "launcher", signal.SIGTERM),
        ("joblib", "group", signal.SIGTERM),
        ("basic", "launcher", signal.SIGTERM),
        ("basic", "group", signal.SIGTERM),
        ("joblib", "launcher", signal.SIGINT),
    ],
)
def test_a_signal_ends_a_sweep_and_its_workers(
    start: Callable[..., subprocess.Popen],
    tmp_path: Path,
    launcher: str,
    whom: str,
    number: signal.Signals,
) -> None:
    process = start(
        *("-m", f"hydra/launcher={launcher}", "noise.sigma=0.1,0.2", "trainer.epochs=10000")
    )
    begun = 2 if launcher == "joblib" else 1
    wait_until(lambda: sum(s["epoch"] > 0 for s in screen.read_all(tmp_path / "outputs")) == begun)
    if whom == "launcher":
        process.send_signal(number)
    else:
        os.killpg(process.pid, number)
    said = ended(process, tmp_path)
    assert said.status == 128 + number, said.err
    assert [run.info.status for run in said.runs("tags.noise = 'gaussian'")] == ["KILLED"] * begun
    assert not said.runs("attributes.status = 'RUNNING'")
    assert "Traceback" not in said.out + said.err
    wait_until(lambda: not group_is_alive(process.pid), seconds=20)


@pytest.mark.faults
def test_a_killed_launchers_workers_end_too(
    start: Callable[..., subprocess.Popen], tmp_path: Path
) -> None:
    process = start("-m", "noise.sigma=0.1,0.2", "trainer.epochs=10000")
    wait_until(lambda: sum(s["epoch"] > 0 for s in screen.read_all(tmp_path / "outputs")) == 2)
    process.kill()
    ended(process, tmp_path)
    wait_until(lambda: not group_is_alive(process.pid), seconds=20)


@pytest.mark.faults
def test_of_two_commands_at_once_one_goes_on_and_the_other_leaves_it(
    start: Callable[..., subprocess.Popen], tmp_path: Path
) -> None:
    epochs = "trainer.epochs=300"
    first = start(epochs)
    wait_until(lambda: epoch(tmp_path) > 1)
    first.kill()
    ended(first, tmp_path)
    both = [start(epochs), start(epochs)]
    said = [ended(process, tmp_path) for process in both]
    assert [one.status for one in said] == [0, 0], said[0].err + said[1].err
    went_on, left = sorted(said, key=lambda one: "SKIPPED" in one.out)
    run = the_run(went_on)
    assert re.search(rf"goes on after epoch \d+ of run {run.info.run_id}", went_on.out)
    pid = both[said.index(went_on)].pid
    assert f"is being trained by process {pid} on {socket.gethostname()}; left to it" in left.out
    assert re.search(rf"│ SKIPPED .*│ {run.info.run_id} │", left.out)
    assert run.info.status == "FINISHED"
    points = client(tmp_path).get_metric_history(run.info.run_id, "train/loss")
    assert [point.step for point in points] == list(range(1, 301))


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(
    cli: Cli, settings: data.Settings
) -> None:
    diverging = ("trainer.learning_rate=1e6", "trainer.batch_size=512", "trainer.epochs=3")
    arguments = (*SMALL, *diverging, f"data.root={settings.root}")
    said = cli(*arguments)
    run = the_run(said)
    assert (said.status, run.info.status) == (1, "FAILED")
    assert "in epoch 2, with trainer.learning_rate=1e+06" in said.out
    path = files(run) / "checkpoints" / "last.safetensors"
    assert checkpoint.load(path)[1] == 1
    assert all(weights.isfinite().all() for weights in checkpoint.weights(path).values())
    cli(*arguments)  # it would fail again where it failed, so it is trained anew
    assert len(said.runs("tags.noise = 'gaussian'")) == 2


def test_a_state_that_was_cut_short_leaves_the_one_before(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path) is None
    odd, even = tmp_path / "odd.safetensors", tmp_path / "even.safetensors"
    weights = {"weight": torch.arange(1000.0)}
    checkpoint.save_weights(odd, weights, epoch=9, config={})
    checkpoint.save_weights(even, weights, epoch=10, config={})
    assert checkpoint.newest(tmp_path) == even
    whole = even.read_bytes()
    for length in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        even.write_bytes(whole[:length])
        assert checkpoint.newest(tmp_path) == odd


@pytest.fixture
def store(fresh_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Tracking:
    monkeypatch.setattr(session, "CLAIM_SECONDS", 0)
    return Tracking(uri=f"sqlite:///{fresh_folder / 'mlflow.db'}", experiment="denoise")


def open_run(store: Tracking) -> session.Run:
    tags = {"noise": "none", "config_hash": "0123"}
    with session.run(store, Path(), name="a run", tags=tags, params={"seed": 0}) as run:
        pass
    return run


def left_behind(store: Tracking, whose: Owner, *, seconds_ago: float, status: str) -> str:
    """A run of the same config that `whose` was last heard of in."""
    tags = {
        "sweep": "a sweep",
        "config_hash": "0123",
        "owner": whose.text(),
        "heartbeat": str(time.time() - seconds_ago),
    }
    client = MlflowClient(store.uri)
    run = client.create_run(prepare(store), tags=tags)
    client.update_run(run.info.run_id, status=status)
    return str(run.info.run_id)


ELSEWHERE = Owner("elsewhere", 1, "another boot", "1")
GONE = replace(owner.me(), born="1")  # its number has gone to another process: this one


@pytest.mark.parametrize(
    ("whose", "seconds_ago", "status"),
    [(ELSEWHERE, 90, "RUNNING"), (GONE, 0, "RUNNING"), (ELSEWHERE, 0, "KILLED")],
)
def test_a_dead_run_goes_on(store: Tracking, whose: Owner, seconds_ago: int, status: str) -> None:
    dead = left_behind(store, whose, seconds_ago=seconds_ago, status=status)
    run = open_run(store)
    assert run.id == dead
    found = MlflowClient(store.uri).get_run(dead)
    assert (found.info.status, found.data.params) == ("FINISHED", {"seed": "0"})


def test_at_a_sweeps_end_the_runs_of_the_living_are_left_alone(store: Tracking) -> None:
    """As where two sweeps were given one folder."""
    whose = {"living": ELSEWHERE, "gone": GONE, "mine": owner.me()}
    ids = {
        who: left_behind(store, one, seconds_ago=20, status="RUNNING") for who, one in whose.items()
    }
    session.kill(store, "a sweep")
    statuses = {who: MlflowClient().get_run(run_id).info.status for who, run_id in ids.items()}
    assert statuses == {"living": "RUNNING", "gone": "KILLED", "mine": "KILLED"}


def test_a_failed_run_is_made_anew(store: Tracking) -> None:
    failed = left_behind(store, GONE, seconds_ago=90, status="FAILED")
    assert open_run(store).id != failed
    assert MlflowClient(store.uri).get_run(failed).info.status == "FAILED"


@pytest.mark.parametrize(("whose", "seconds_ago"), [(ELSEWHERE, 20), (owner.me(), 9999)])
def test_a_living_run_is_left_alone(store: Tracking, whose: Owner, seconds_ago: int) -> None:
    alive = left_behind(store, whose, seconds_ago=seconds_ago, status="RUNNING")
    with pytest.raises(RunTakenError, match=f"by process {whose.pid} on {whose.host}; left to it"):
        open_run(store)
    assert MlflowClient(store.uri).get_run(alive).info.status == "RUNNING"


def test_a_run_that_was_taken_over_is_not_written_into(store: Tracking) -> None:
    """As happens to a process that sleeps for an hour, with its machine, and wakes."""
    Path("note.txt").touch()
    with (
        pytest.raises(RunTakenError),
        session.run(store, Path(), name="", tags={}, params={}) as run,
    ):
        taken_over(run)
    found = MlflowClient().get_run(run.id)
    assert (found.info.status, set(found.data.metrics)) == ("RUNNING", {"train/loss"})
    assert search.curve(run.id, "train/loss") == [1]
    assert not MlflowClient().list_artifacts(run.id)


def taken_over(run: session.Run) -> None:
    run.metrics({"train/loss": 1}, 1)
    wait_until(lambda: search.curve(run.id, "train/loss") == [1], seconds=10)
    MlflowClient().set_tag(run.id, "owner", ELSEWHERE.text())
    run.metrics({"train/loss": 1}, 2)
    wait_until(lambda: run.sender.error is not None, seconds=10)
    for write in (
        lambda: run.metrics({"train/loss": 1}, 3),
        lambda: run.final({"test/psnr": 1}),
        lambda: run.file(Path("note.txt")),
    ):
        with pytest.raises(RunTakenError, match="process 1 on elsewhere"):
            write()


def test_what_the_store_has_is_not_logged_twice(store: Tracking) -> None:
    tags, ids = {"config_hash": "0123"}, set()
    for epochs in (2, 3):
        with (
            pytest.raises(KeyboardInterrupt),
            session.run(store, Path(), name="a run", tags=tags, params={}) as run,
        ):
            logged(run, epochs)
        ids.add(run.id)
    assert ids == {run.id}
    assert search.curve(run.id, "train/loss") == [1, 1 / 2, 1 / 3]
    assert search.curve(run.id, "test/psnr") == [30]


def logged(run: session.Run, epochs: int) -> None:
    for step in range(1, epochs + 1):
        run.metrics({"train/loss": 1 / step}, step)
    run.final({"test/psnr": 30})
    raise KeyboardInterrupt


def test_the_heart_beats_while_a_run_is_open(
    store: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "BEAT_SECONDS", 0.05)
    with session.run(store, Path(), name="a run", tags={}, params={}) as run:
        client = MlflowClient(store.uri)
        client.set_tag(run.id, "heartbeat", "0")
        wait_until(lambda: client.get_run(run.id).data.tags["heartbeat"] != "0", seconds=10)


def test_the_heart_beats_while_much_is_sent(
    store: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "BEAT_SECONDS", 0.05)
    sending, beaten = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        sending.set()
        assert beaten.wait(10)

    with session.run(store, Path(), name="a run", tags={}, params={}) as run:
        client = MlflowClient(store.uri)
        monkeypatch.setattr(delivery, "send", slow)
        run.metrics({"train/loss": 1}, 1)
        assert sending.wait(10)
        client.set_tag(run.id, "heartbeat", "0")
        wait_until(lambda: client.get_run(run.id).data.tags["heartbeat"] != "0", seconds=10)
        monkeypatch.undo()
        beaten.set()


def test_where_processes_cannot_be_seen_one_of_the_same_host_is_asked_for() -> None:
    alive = Owner(socket.gethostname(), os.getpid(), "", "")
    assert alive.is_alive(heard=0)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert not replace(alive, pid=process.pid).is_alive(heard=time.time())


def test_a_process_that_is_gone_is_dead_at_once_also_before_it_is_waited_for() -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeper) as process:
        theirs = replace(owner.me(), pid=process.pid, born=owner._born(process.pid))
        assert owner.read(theirs.text()) == theirs
        assert theirs.is_alive(heard=0)
        process.kill()
        wait_until(lambda: not theirs.is_alive(heard=time.time()), seconds=10)
        process.wait()
        assert not theirs.is_alive(heard=time.time())
