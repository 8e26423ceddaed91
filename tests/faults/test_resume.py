"""Interrupted runs resume: kills and signals on real processes, on a real store."""

import csv
import itertools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run

from denoise import checkpoint, data
from denoise.config.settings import Tracking
from denoise.errors import RunTakenError, UserError
from denoise.tracking import claim, mirror, records, search, session
from denoise.tracking.claim import Owner
from denoise.tracking.records import Record
from denoise.tracking.store import prepare
from tests.conftest import SMALL, Said, ended, group_is_alive, jobs, tracked, wait_until
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
def test_a_run_killed_at_any_moment_resumes_to_the_same_result(
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
    assert re.search(rf"resumes after epoch \d of run {run.info.run_id}", said.out)
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
def test_a_sweep_killed_twenty_times_gives_the_same_bits(
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
        begun = len(jobs(broken)) + 1
        wait_until(lambda: len(jobs(broken)) >= begun or process.poll() is not None)  # noqa: B023
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


def training(folder: Path) -> int:
    """How many runs have finished an epoch."""
    return sum(bool(contents.epochs) for contents in jobs(folder))


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


def has_state(address: str) -> bool:
    """Whether the server has a state to resume from, of a run of the experiment `denoise`."""
    client = mlflow.MlflowClient(address)
    experiment = client.get_experiment_by_name("denoise")
    runs = client.search_runs([experiment.experiment_id]) if experiment else []
    return any(client.list_artifacts(run.info.run_id, "state") for run in runs)


@pytest.mark.faults
@pytest.mark.skipif(
    subprocess.run([*ANOTHER, "true"], capture_output=True).returncode != 0,
    reason="root alone can make as if on another machine",
)
def test_a_run_killed_here_resumes_on_another_machine(
    start: Callable[..., subprocess.Popen],
    tmp_path: Path,
    server: Server,
    survived: Callable[[str], None],
) -> None:
    server.start()
    arguments = ("trainer.epochs=60", f"tracking.uri={server.address}")
    whole, here, there = (tmp_path / name for name in ("whole", "here", "there"))
    uninterrupted = ended(start(*arguments, "tracking.experiment=whole", folder=whole), whole)
    assert uninterrupted.status == 0, uninterrupted.err
    process = start(*arguments, folder=here)
    wait_until(lambda: epoch(here) > 3 and has_state(server.address))
    process.kill()
    ended(process, here)

    said = ended(start(*arguments, folder=there, within=ANOTHER), there)
    assert said.status == 0, said.err
    dead = f"process {process.pid} on {socket.gethostname()}"
    assert f"Waiting to see whether {dead}, which has the run, is alive" in said.out
    mlflow.set_tracking_uri(server.address)
    (run,) = search.search(Tracking(server.address, "denoise"), "")
    assert f"of run {run.id}" in said.out
    assert "resumes after epoch" in said.out
    assert claim.read(run.tags["owner"]).host == "another"
    assert search.curve(run.id, "train/loss") == losses(whole)
    for name in ("last", "best"):
        mine, theirs = (
            checkpoint.load(next(folder.glob(f"outputs/*/checkpoints/{name}.safetensors")))[0]
            for folder in (there, whole)
        )
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    survived("watched for a minute without a heartbeat, then resumed, bit for bit")


def losses(folder: Path) -> list[float]:
    """Of the epochs of the run in `folder`, from its table."""
    (table,) = folder.glob("outputs/*/tables/history.csv")
    with table.open(encoding="utf-8", newline="") as file:
        return [float(row["train/loss"]) for row in csv.DictReader(file)]


@pytest.mark.faults
def test_a_damaged_state_is_logged_and_the_run_resumes_from_the_one_before(
    start: Callable[..., subprocess.Popen], tmp_path: Path
) -> None:
    process = start("trainer.epochs=100")
    stored = "mlruns/*/*/artifacts/state/*.safetensors"  # two files, in turn
    wait_until(lambda: len(list(tmp_path.glob(stored))) == 2)
    process.kill()
    run = the_run(ended(process, tmp_path))
    shutil.rmtree(tmp_path / "outputs")  # as on another machine
    states = sorted(
        (files(run) / "state").glob("*.safetensors"), key=lambda path: path.stat().st_mtime
    )
    states[-1].write_bytes(states[-1].read_bytes()[:-1])
    said = ended(start("trainer.epochs=100"), tmp_path)
    assert said.status == 0, said.err
    assert f"{states[-1].name} is not a checkpoint of this project" in said.out
    assert re.search(rf"resumes after epoch \d+ of run {run.info.run_id}", said.out)
    points = client(tmp_path).get_metric_history(run.info.run_id, "train/loss")
    assert [point.step for point in points] == list(range(1, 101))


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_killed_and_the_same_command_resumes_it(
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
def test_a_second_ctrl_c_ends_the_command_at_once(
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
    wait_until(lambda: training(tmp_path) == begun)
    if whom == "launcher":
        process.send_signal(number)
    else:
        os.killpg(process.pid, number)
    said = ended(process, tmp_path)
    assert said.status == 128 + number, said.err
    assert [run.info.status for run in said.runs("tags.noise = 'gaussian'")] == ["KILLED"] * begun
    assert not said.runs("attributes.status = 'RUNNING'")
    assert "Traceback" not in said.out + said.err
    wait_until(lambda: not group_is_alive(process.pid))


@pytest.mark.faults
def test_a_killed_launchers_workers_end_too(
    start: Callable[..., subprocess.Popen], tmp_path: Path
) -> None:
    process = start("-m", "noise.sigma=0.1,0.2", "trainer.epochs=10000")
    wait_until(lambda: training(tmp_path) == 2)
    process.kill()
    ended(process, tmp_path)
    wait_until(lambda: not group_is_alive(process.pid))


@pytest.mark.faults
def test_of_two_commands_at_once_one_resumes_the_run_and_the_other_skips_it(
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
    assert re.search(rf"resumes after epoch \d+ of run {run.info.run_id}", went_on.out)
    pid = both[said.index(went_on)].pid
    assert f"is being trained by process {pid} on {socket.gethostname()}; skipped" in left.out
    assert re.search(rf"│ SKIPPED .*│ {run.info.run_id} │", left.out)
    assert run.info.status == "FINISHED"
    points = client(tmp_path).get_metric_history(run.info.run_id, "train/loss")
    assert [point.step for point in points] == list(range(1, 301))


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(
    cli: Cli, settings: data.Settings
) -> None:
    breaking = ("noise=none", "noise._target_=tests.plug_ins.Breaking")
    one_batch = ("trainer.batch_size=512", "trainer.epochs=3")
    arguments = (*SMALL, *one_batch, *breaking, f"data.root={settings.root}")
    said = cli(*arguments)
    (run,) = said.runs("tags.noise = 'none'")
    assert (said.status, run.info.status) == (1, "FAILED")
    assert "the loss became nan in epoch 2, with trainer.learning_rate=0.001" in said.out
    path = files(run) / "checkpoints" / "last.safetensors"
    assert checkpoint.load(path)[1] == 1
    assert all(weights.isfinite().all() for weights in checkpoint.weights(path).values())
    cli(*arguments)  # it would fail again where it failed, so it is trained anew
    assert len(said.runs("tags.noise = 'none'")) == 2


def test_a_truncated_state_leaves_the_one_before(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path.iterdir()) is None
    odd, even = tmp_path / "odd.safetensors", tmp_path / "even.safetensors"
    weights = {"weight": torch.arange(1000.0)}
    checkpoint.save_weights(odd, weights, epoch=9, config={})
    checkpoint.save_weights(even, weights, epoch=10, config={})
    assert checkpoint.newest(tmp_path.iterdir()) == even
    whole = even.read_bytes()
    for length in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        even.write_bytes(whole[:length])
        assert checkpoint.newest(tmp_path.iterdir()) == odd


@pytest.fixture
def store(fresh_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Tracking:
    """A store for processes that judge each other within a second."""
    for name, seconds in {"CONTEST": 0, "DEAD": 1, "LOOK": 0.05}.items():
        monkeypatch.setattr(claim, f"{name}_SECONDS", seconds)
    return Tracking(uri=f"sqlite:///{fresh_folder / 'mlflow.db'}", experiment="denoise")


HASHES = ("0123",)


def open_run(store: Tracking) -> Record:
    with tracked(store, Path("mine"), hashes=HASHES, params={"seed": 0}) as run:
        pass
    return run


def left_behind(store: Tracking, whose: Owner, status: str = "RUNNING") -> str:
    """A run of the same config that `whose` left."""
    tags = {"sweep": "a sweep", "config_hash": "0123", "owner": whose.text(), "heartbeat": "1"}
    client = MlflowClient(store.uri)
    run = client.create_run(prepare(store), tags=tags)
    client.update_run(run.info.run_id, status=status)
    return str(run.info.run_id)


ELSEWHERE = Owner("elsewhere", 1, "elsewhere another-boot", "/runs/1")


def here(folder: str) -> Owner:
    """A process of this machine, as the owner of the run in `folder`."""
    Path(folder).mkdir()
    return claim.me(Path(folder))


@pytest.mark.parametrize("status", ["RUNNING", "KILLED"])
@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_a_dead_run_resumes(store: Tracking, where: str, status: str) -> None:
    whose = here("gone") if where == "here" else ELSEWHERE
    dead = left_behind(store, whose, status)
    run = open_run(store)
    assert run.run_id == dead
    found = MlflowClient(store.uri).get_run(dead)
    assert (found.info.status, found.data.params) == ("FINISHED", {"seed": "0"})


def test_the_end_of_a_sweep_ends_only_runs_of_dead_processes(store: Tracking) -> None:
    """As where two sweeps were given one folder."""
    whose = {"elsewhere": ELSEWHERE, "gone": here("gone"), "alive": here("alive")}
    ids = {who: left_behind(store, one) for who, one in whose.items()}
    with records.opened(Path("alive")):
        claim.end_dead(prepare(store), "tags.sweep = 'a sweep'")
    statuses = {who: MlflowClient().get_run(run_id).info.status for who, run_id in ids.items()}
    assert statuses == {"elsewhere": "RUNNING", "gone": "KILLED", "alive": "RUNNING"}


def test_a_failed_run_is_trained_anew(store: Tracking) -> None:
    failed = left_behind(store, here("gone"), "FAILED")
    assert open_run(store).run_id != failed
    assert MlflowClient(store.uri).get_run(failed).info.status == "FAILED"


def test_a_run_whose_process_holds_its_folder_is_not_taken_over(store: Tracking) -> None:
    alive = left_behind(store, here("alive"))
    with (
        records.opened(Path("alive")),
        pytest.raises(RunTakenError, match=f"by process {os.getpid()} on {socket.gethostname()}"),
    ):
        open_run(store)
    assert MlflowClient(store.uri).get_run(alive).info.status == "RUNNING"


@pytest.mark.parametrize("clock", ["-120", "0", "120"])
def test_a_run_elsewhere_is_not_taken_over_while_its_heartbeat_changes(
    store: Tracking, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    """Whatever the clock of its machine says."""
    monkeypatch.setattr(claim, "DEAD_SECONDS", 60)
    alive, stop = left_behind(store, ELSEWHERE), threading.Event()

    def beat() -> None:
        beats, client = itertools.count(), MlflowClient(store.uri)
        while not stop.wait(0.2):
            client.set_tag(alive, "heartbeat", f"{clock}{next(beats)}")

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        with pytest.raises(RunTakenError, match="by process 1 on elsewhere"):
            open_run(store)
    finally:
        stop.set()
        beating.join()
    assert MlflowClient(store.uri).get_run(alive).info.status == "RUNNING"


def test_a_process_that_lost_its_run_writes_nothing_more(store: Tracking) -> None:
    """As happens to a process that sleeps for an hour, with its machine, and wakes."""
    with pytest.raises(RunTakenError), tracked(store, Path("mine")) as run:
        taken_over(run)
    found = MlflowClient().get_run(run.run_id)
    assert (found.info.status, set(found.data.metrics)) == ("RUNNING", {"train/loss"})
    assert search.curve(run.run_id, "train/loss") == [1]
    assert "note.txt" not in {file.path for file in MlflowClient().list_artifacts(run.run_id)}


def taken_over(run: Record) -> None:
    run.log({"train/loss": 1}, 1)
    wait_until(lambda: search.curve(run.run_id, "train/loss") == [1])
    MlflowClient().set_tag(run.run_id, "owner", ELSEWHERE.text())
    run.log({"train/loss": 1}, 2)
    wait_until(lambda: run.error is not None)
    for write in (
        lambda: run.log({"train/loss": 1}, 3),
        lambda: run.log({"test/psnr": 1}, 0),
        lambda: run.path("note.txt"),
    ):
        with pytest.raises(RunTakenError, match="process 1 on elsewhere"):
            write()
    run.check()


@pytest.mark.parametrize("folders", [("same", "same"), ("first", "second")])
def test_a_resumed_run_logs_nothing_twice(store: Tracking, folders: tuple[str, str]) -> None:
    ids = set()
    for folder, epochs in zip(folders, (2, 3), strict=True):
        with (
            pytest.raises(KeyboardInterrupt),
            tracked(store, Path(folder), hashes=HASHES) as run,
        ):
            logged(run, epochs)
        ids.add(run.run_id)
    assert ids == {run.run_id}
    assert search.curve(run.run_id, "train/loss") == [1, 1 / 2, 1 / 3]
    assert search.curve(run.run_id, "test/psnr") == [30]


def logged(run: Record, epochs: int) -> None:
    for step in range(1, epochs + 1):
        run.log({"train/loss": 1 / step}, step)
    run.log({"test/psnr": 30}, 0)
    run.write("state/odd.safetensors", "a state")
    raise KeyboardInterrupt


def test_the_heartbeat_changes_while_a_run_is_open(
    store: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "BEAT_SECONDS", 0.05)
    with tracked(store, Path("mine")) as run:
        client = MlflowClient(store.uri)
        client.set_tag(run.run_id, "heartbeat", "0")
        wait_until(lambda: client.get_run(run.run_id).data.tags["heartbeat"] != "0")


def test_the_heartbeat_changes_while_much_is_uploaded(
    store: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "BEAT_SECONDS", 0.05)
    sending, beaten = threading.Event(), threading.Event()

    def slow(record: Record, *_: object) -> records.Contents:
        sending.set()
        assert beaten.wait(60)
        return record.snapshot()

    with tracked(store, Path("mine")) as run:
        client = MlflowClient(store.uri)
        monkeypatch.setattr(mirror, "mirror", slow)
        run.log({"train/loss": 1}, 1)
        assert sending.wait(60)
        client.set_tag(run.run_id, "heartbeat", "0")
        wait_until(lambda: client.get_run(run.run_id).data.tags["heartbeat"] != "0")
        monkeypatch.undo()
        beaten.set()


def test_the_heartbeat_changes_while_a_resumed_run_is_downloaded(
    store: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "BEAT_SECONDS", 0.05)
    with pytest.raises(KeyboardInterrupt), tracked(store, Path("first"), hashes=HASHES) as run:
        logged(run, 1)
    download, client, run_id = session.files.download, MlflowClient(store.uri), run.run_id

    def slow(*which: Any) -> None:
        client.set_tag(run_id, "heartbeat", "0")
        wait_until(lambda: client.get_run(run_id).data.tags["heartbeat"] != "0")
        download(*which)

    monkeypatch.setattr(session.files, "download", slow)
    with tracked(store, Path("second"), hashes=HASHES) as run:
        assert run.run_id == run_id
        assert run.path("state/odd.safetensors").read_text() == "a state"


def test_the_heartbeat_changes_until_the_last_file_is_uploaded(
    store: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "BEAT_SECONDS", 0.05)
    upload, client, heard = mirror.mirror, MlflowClient(store.uri), []

    def slow(record: Record, *known: records.Contents | None) -> records.Contents:
        if record.fields["status"] == "FINISHED":
            client.set_tag(record.run_id, "heartbeat", "0")
            wait_until(lambda: client.get_run(record.run_id).data.tags["heartbeat"] != "0")
            heard.append(record.run_id)
        return upload(record, *known)

    monkeypatch.setattr(mirror, "mirror", slow)
    with tracked(store, Path("mine")) as run:
        pass
    assert run.run_id in heard
    assert client.get_run(run.run_id).info.status == "FINISHED"


def test_a_store_that_goes_mute_does_not_hold_a_run_that_has_ended(
    store: Tracking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mirror, "MUTE_SECONDS", 1)
    mute = threading.Event()
    with tracked(store, Path("mine")) as run:
        monkeypatch.setattr(claim, "check", lambda *_: mute.wait())
        run.log({"train/loss": 1}, 1)
    assert "The store does not answer; the run waits in" in caplog.text
    assert (run.fields["status"], run.fields["mirrored"]) == ("FINISHED", False)
    monkeypatch.undo()
    mute.set()
    wait_until(lambda: run.fields["mirrored"])


def test_the_lock_of_a_process_ends_with_it(tmp_path: Path) -> None:
    holding = (
        "import sys, time; from pathlib import Path; from denoise.tracking.records import Record; "
        "record = Record(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding, tmp_path], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        theirs = replace(claim.me(tmp_path), pid=process.pid)
        assert claim.read(theirs.text()) == theirs
        assert theirs.lives()
        process.kill()
        wait_until(lambda: not theirs.lives())
        process.wait()


def test_a_folder_that_holds_another_run_is_refused(store: Tracking) -> None:
    with tracked(store, Path("mine"), name="first", hashes=HASHES) as run:
        run.path("note.txt").write_text("a note")
        run.add("note.txt")
    with (
        pytest.raises(UserError, match=r"mine holds another run, 'first'; choose another folder"),
        tracked(store, Path("mine"), hashes=("4567",)),
    ):
        pass
    assert Path("mine/note.txt").read_text() == "a note"


def test_files_that_the_run_did_not_write_are_neither_replaced_nor_uploaded(
    store: Tracking,
) -> None:
    Path("mine/figures").mkdir(parents=True)
    Path("mine/figures/loss.png").write_text("the user's")
    with (
        pytest.raises(UserError, match=r"loss\.png exists and is not a file of this run"),
        tracked(store, Path("mine")) as run,
    ):
        run.path("figures/loss.png")
    assert Path("mine/figures/loss.png").read_text() == "the user's"
    assert not MlflowClient().list_artifacts(run.run_id, "figures")
