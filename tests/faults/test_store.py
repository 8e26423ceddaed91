"""The store goes away, is locked, is shared by many, or loses a run: nothing else is lost."""

import itertools
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
import torch
from mlflow import MlflowClient, MlflowException
from mlflow.entities import Run
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

from denoise import data, sync
from denoise.config.settings import Tracking
from denoise.errors import RunDeletedError, StoreUnavailableError, UserError
from denoise.tracking import delivery, outbox, owner, search, session
from denoise.tracking import files as store_files
from denoise.tracking import store as stores
from denoise.tracking.outbox import Outbox
from tests.conftest import SMALL, Said, clean_environment, ended, wait_until
from tests.faults.conftest import Server, client, epoch, files, the_run

Cli = Callable[..., Said]
Start = Callable[..., subprocess.Popen]
Survived = Callable[[str], None]
SECRET = "hunter2"


def sent(folder: Path, *arguments: str) -> str:
    """What `denoise.sync` says in the folder that runs were started in."""
    return subprocess.run(
        [sys.executable, "-m", "denoise.sync", *arguments],
        cwd=folder,
        env=clean_environment(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def assert_all_is_there(run: Run, folder: Path, artifacts: Path, epochs: int) -> None:
    """Everything that a finished run's own folder has is in the store, and once."""
    client = MlflowClient()
    assert run.info.status == "FINISHED"
    for key in run.data.metrics:
        steps = [point.step for point in client.get_metric_history(run.info.run_id, key)]
        once = [0] if key.partition("/")[0] in ("best", "robust", "latent", "model") else None
        assert steps in ([0], list(range(1, epochs + 1))), key
        assert once in (None, steps)
    table = (folder / "tables" / "history.csv").read_text().splitlines()
    column = table[0].split(",").index("train/loss")
    losses = [float(line.split(",")[column]) for line in table[1:]]
    assert search.curve(run.info.run_id, "train/loss") == losses

    parts = ("config", "figures", "images", "tables", "checkpoints", "state")
    local = [path for part in parts for path in (folder / part).rglob("*") if path.is_file()]
    assert len(local) > 20
    for path in local:
        assert (artifacts / path.relative_to(folder)).read_bytes() == path.read_bytes(), path
    # What the server was taking when it was killed, it leaves under such a name.
    cut_short = ".artifact.uploading."
    files = [path for path in artifacts.rglob("*") if path.is_file()]
    there = [path for path in files if not path.name.startswith(cut_short)]
    assert len(there) == len(local) + len(list(folder.glob("*.log")))
    assert len(delivery.models(client, run.info.run_id)) == 1
    assert len(run.inputs.dataset_inputs) == 2
    assert run.data.params["seed"] == "0"
    assert not list(folder.glob("outbox*"))


def the_only_run(server: Server) -> Run:
    mlflow.set_tracking_uri(server.address)
    (run,) = MlflowClient().search_runs(["1"], "tags.noise = 'gaussian'")
    return run


def artifacts(server: Server, run: Run) -> Path:
    return server.folder / "mlartifacts" / "1" / run.info.run_id / "artifacts"


def test_offline_all_is_kept_without_the_password_and_sent_once(
    cli: Cli, settings: data.Settings, tmp_path: Path, server: Server, survived: Survived
) -> None:
    address = f"http://me:{SECRET}@127.0.0.1:{server.port}"
    small = (*SMALL, "trainer.epochs=2", f"data.root={settings.root}", "hydra/launcher=basic")
    said = cli("-m", *small, "noise.sigma=0.1", "tracking.offline=true", f"tracking.uri={address}")
    assert said.status == 0, said.err
    assert "what it would be told is kept" in said.out
    (launch,) = tmp_path.glob("outputs/2*")
    assert f"python -m denoise.sync outputs/{launch.name}" in said.out
    assert_nowhere(SECRET, said.out + said.err, tmp_path)

    server.start()
    assert "0: sent, as run" in sent(tmp_path, "--tracking-uri", address)
    assert sent(tmp_path) == "Nothing waits to be sent.\n"
    run = the_only_run(server)
    assert_all_is_there(run, launch / "0", artifacts(server, run), epochs=2)
    assert_nowhere(SECRET, "", tmp_path)
    survived("kept in the run's folder, sent once, the password nowhere")


def assert_nowhere(secret: str, screen: str, folder: Path) -> None:
    assert secret not in screen
    for path in folder.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def training(start: Start, server: Server, folder: Path, epochs: int) -> subprocess.Popen:
    """A run of so many epochs, whose server has heard of its first."""
    server.start()
    process = start(f"trainer.epochs={epochs}", f"tracking.uri={server.address}")
    wait_until(lambda: epoch(folder) > 0)
    return process


@pytest.mark.faults
def test_a_server_that_goes_and_comes_back_ten_times_has_everything_once(
    start: Start, tmp_path: Path, server: Server, survived: Survived
) -> None:
    process = training(start, server, tmp_path, epochs=500)
    draw = random.Random(10)
    for _ in range(10):
        time.sleep(draw.uniform(0, 3))
        assert process.poll() is None, "it had ended"
        server.stop()
        time.sleep(draw.uniform(0, 3))
        server.start()
    said = ended(process, tmp_path)
    assert said.status == 0, said.err
    assert "what it would be told is kept" in said.out
    assert "the store answers again" in said.out
    assert "Traceback" not in said.out + said.err
    (folder,) = tmp_path.glob("outputs/2*")
    run = the_only_run(server)
    assert_all_is_there(run, folder, artifacts(server, run), epochs=500)
    survived("10 times gone in one run: 500 epochs and every file there, none twice")


@pytest.mark.faults
def test_a_server_that_stays_away_is_told_by_sync(
    start: Start, tmp_path: Path, server: Server, survived: Survived
) -> None:
    process = training(start, server, tmp_path, epochs=20)
    server.stop()
    said = ended(process, tmp_path)
    assert said.status == 0, said.err
    (folder,) = tmp_path.glob("outputs/2*")
    assert f"Not all is in the store yet: python -m denoise.sync outputs/{folder.name}" in said.out
    assert "Traceback" not in said.out + said.err
    server.start()
    assert "sent, as run" in sent(tmp_path)
    assert sent(tmp_path) == "Nothing waits to be sent.\n"
    run = the_only_run(server)
    assert_all_is_there(run, folder, artifacts(server, run), epochs=20)
    survived("the run ended FINISHED; sync brought the rest, once")


@pytest.mark.faults
def test_a_run_killed_while_the_server_is_away_goes_on_when_it_is_back(
    start: Start, tmp_path: Path, server: Server
) -> None:
    process = training(start, server, tmp_path, epochs=60)
    server.stop()
    reached = epoch(tmp_path)
    wait_until(lambda: epoch(tmp_path) > reached + 3)
    process.kill()
    ended(process, tmp_path)
    server.start()
    again = start("trainer.epochs=60", f"tracking.uri={server.address}")
    said = ended(again, tmp_path)
    assert said.status == 0, said.err
    run = the_only_run(server)
    assert f"of run {run.info.run_id}" in said.out
    points = MlflowClient().get_metric_history(run.info.run_id, "train/loss")
    assert [point.step for point in points] == list(range(1, 61))


@pytest.mark.faults
def test_sixteen_at_once_in_a_fresh_folder(
    start: Start, tmp_path: Path, survived: Survived
) -> None:
    processes = [start("trainer.epochs=5", f"seed={seed}") for seed in range(16)]
    said = [ended(process, tmp_path) for process in processes]
    assert [one.status for one in said] == [0] * 16, "".join(one.err for one in said)
    assert not any("Traceback" in one.out + one.err for one in said)
    runs = said[0].runs("tags.noise = 'gaussian'")
    assert sorted(int(run.data.params["seed"]) for run in runs) == list(range(16))
    for run in runs:
        points = client(tmp_path).get_metric_history(run.info.run_id, "train/loss")
        assert [point.step for point in points] == [1, 2, 3, 4, 5]
        assert (files(run) / "checkpoints" / "last.safetensors").exists()
        assert len(run.inputs.dataset_inputs) == 2
    assert_is_whole(tmp_path / "mlflow.db")
    survived("16 of 16 finished with every point; the file is whole")


def assert_is_whole(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.faults
def test_a_run_deleted_while_it_trains_ends_in_a_sentence_and_harms_no_other(
    start: Start, tmp_path: Path
) -> None:
    process = start("-m", "noise.sigma=0.1,0.2", "trainer.epochs=80")
    running = "tags.noise = 'gaussian' and params.`noise.sigma` = '0.1'"
    wait_until(lambda: epoch(tmp_path) > 0)
    here = Said(0, "", "", tmp_path)
    wait_until(lambda: len(here.runs(running)) == 1)
    (deleted,) = here.runs(running)
    client(tmp_path).delete_run(deleted.info.run_id)
    said = ended(process, tmp_path)
    assert said.status == 1
    sentence = f"run {deleted.info.run_id} was deleted in MLflow before it had ended"
    assert sentence in said.out
    assert "Traceback" not in said.out + said.err
    assert the_run(said).info.status == "FINISHED"
    assert not said.runs("attributes.status = 'RUNNING'")


@pytest.fixture
def store(fresh_folder: Path) -> Tracking:
    return Tracking(uri=f"sqlite:///{fresh_folder / 'mlflow.db'}", experiment="denoise")


@pytest.mark.faults
def test_a_locked_store_is_told_when_it_is_free(store: Tracking) -> None:
    """MLflow waits for it for twenty seconds, and gives up."""
    with session.run(store, Path(), name="a run", tags={}, params={}) as run:
        other = sqlite3.connect("mlflow.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        run.metrics({"train/loss": 1}, 1)
        wait_until(lambda: "locked" in run.sender.away)
        other.close()
    assert search.curve(run.id, "train/loss") == [1]
    assert MlflowClient().get_run(run.id).info.status == "FINISHED"


def test_a_deleted_run_is_told_nothing_more(store: Tracking) -> None:
    with (
        pytest.raises(RunDeletedError, match="was deleted in MLflow before it had ended"),
        session.run(store, Path(), name="a run", tags={}, params={}) as run,
    ):
        MlflowClient().delete_run(run.id)
    assert not list(Path().glob("outbox*"))


@pytest.fixture
def left(store: Tracking, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run of every kind of entry, of which its store, away, has heard nothing."""
    folder = Path("left")
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "MLmodel").write_text("flavors: {}")
    (folder / "note.txt").write_text("a note")
    stores.prepare(store)
    with monkeypatch.context() as away:
        away.setattr(stores, "prepare", failing)
        away.setattr(delivery, "send", failing)
        with session.run(store, folder, name="a run", tags={}, params={"seed": 0}) as run:
            run.dataset(
                "data",
                "http://example.org",
                torch.zeros(2, 28, 28),
                torch.zeros(2),
                context="training",
            )
            run.metrics({"train/loss": 1}, 1)
            run.metrics({"train/loss": 0.5}, 2)
            run.file(folder / "note.txt")
            run._tell("model", path="model")
    return folder


def failing(*_: object) -> None:
    raise ConnectionError("away")


def everything(settings: Tracking) -> list[Any]:
    """What there is of every run, but for the ids that the store gives."""
    client = MlflowClient()
    return [
        (
            run.info.status,
            run.data.params,
            [
                (point.step, point.value)
                for point in client.get_metric_history(run.info.run_id, "train/loss")
            ],
            Counter(store_files.files(run.info.run_id)),
            len(run.inputs.dataset_inputs),
            len(delivery.models(client, run.info.run_id)),
            len(run.outputs.model_outputs),
        )
        for run in client.search_runs([stores.prepare(settings)])
    ]


REQUESTS = (
    *("create_run", "log_batch", "log_inputs", "log_artifact", "set_terminated"),
    *("create_logged_model", "log_model_artifacts", "finalize_logged_model", "log_outputs"),
)


def failing_once(request: Callable[..., Any], *, answered: bool) -> Callable[..., Any]:
    """The request, which the first time fails before, or after, it is `answered`."""
    calls = itertools.count()

    def called(*arguments: Any, **options: Any) -> Any:
        is_first = next(calls) == 0
        if is_first and not answered:
            raise ConnectionError("away")
        result = request(*arguments, **options)
        if is_first:
            raise ConnectionError("no answer")
        return result

    return called


@pytest.mark.parametrize("answered", [False, True])
def test_whenever_the_store_fails_all_arrives_once(
    store: Tracking, left: Path, monkeypatch: pytest.MonkeyPatch, answered: bool
) -> None:
    """Each kind of request fails once: unheard, or done but with its answer lost."""
    for name in REQUESTS:
        request = failing_once(getattr(MlflowClient, name), answered=answered)
        monkeypatch.setattr(MlflowClient, name, request)
    attempts = 0
    while (left / outbox.FILE).exists():
        sync.send_left(store, [left])
        attempts += 1
    assert attempts == len(REQUESTS) + 1
    points = [(1, 1.0), (2, 0.5)]
    assert everything(store) == [
        ("FINISHED", {"seed": "0"}, points, Counter({"note.txt": 6}), 1, 1, 1)
    ]


def test_what_another_process_has_gone_on_with_is_dropped(store: Tracking, left: Path) -> None:
    with_owner = Outbox(left)
    with_owner.is_of(delivery.make(MlflowClient(), with_owner.entries[0]))
    run_id = with_owner.run_id
    with_owner.close()
    MlflowClient().set_tag(run_id, "owner", owner.Owner("elsewhere", 1, "there", "1").text())
    sync.send_left(store, [left])
    assert not (left / outbox.FILE).exists()
    assert not store_files.files(run_id)
    assert MlflowClient().get_run(run_id).info.status == "RUNNING"


def test_of_a_process_that_died_before_it_had_a_run_none_is_made(store: Tracking) -> None:
    """Made, it would be the newest of its config, and hide the one to be gone on with."""
    stores.prepare(store)
    Path("left").mkdir()
    died = Outbox(Path("left"))
    address = stores.uri(store)
    died.put("begin", store=address, experiment="denoise", name="a run", tags={}, time=0)
    died.file.close()
    sync.send_left(store, [Path("left")])
    assert not MlflowClient().search_runs([stores.experiment_id("denoise")])
    assert not (Path("left") / outbox.FILE).exists()


@pytest.mark.usefixtures("fresh_folder")
@pytest.mark.parametrize(
    "ask",
    [
        lambda: search.curve("a run", "train/loss"),
        lambda: store_files.files("a run"),
        lambda: store_files.download_registered("models:/denoiser@best", Path()),
    ],
)
def test_a_store_that_does_not_answer_is_said_to_be_away(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[], Any]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    with pytest.raises(StoreUnavailableError, match=r"the store does not answer: .* refused"):
        ask()


def test_a_store_that_leaves_during_a_search_did_not_refuse_the_filter(
    store: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.prepare(store)

    def leaving(*_: object, **__: object) -> None:
        raise MlflowException("Connection refused", error_code=TEMPORARILY_UNAVAILABLE)

    monkeypatch.setattr(MlflowClient, "search_runs", leaving)
    with pytest.raises(StoreUnavailableError, match="does not answer: Connection refused"):
        search.search(store, "params.seed < 3")


def test_a_run_refused_its_folder_leaves_what_is_to_be_sent(store: Tracking, left: Path) -> None:
    (left / "state").mkdir()
    state = left / "state" / "odd.safetensors"
    state.touch()
    with (
        pytest.raises(UserError, match="left has what an earlier run did not send yet"),
        session.run(store, left, name="another", tags={}, params={}),
    ):
        pass
    assert state.exists()


def test_a_file_that_is_gone_keeps_no_other_from_being_sent(store: Tracking, left: Path) -> None:
    (left / "note.txt").unlink()
    sync.send_left(store, [left])
    ((status, _, points, *_),) = everything(store)
    assert (status, points) == ("FINISHED", [(1, 1.0), (2, 0.5)])


def test_a_damaged_mark_keeps_no_other_run_from_being_sent(
    store: Tracking, left: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(left, "other")
    (left / outbox.MARK).write_text("")
    sync.send_left(store, [left, Path("other")])
    assert "outbox.sent is damaged" in caplog.text
    assert [one[0] for one in everything(store)] == ["FINISHED"]


def test_an_experiment_that_was_deleted_is_a_sentence(store: Tracking) -> None:
    MlflowClient().delete_experiment(stores.prepare(store))
    with pytest.raises(UserError, match=r"tracking\.experiment=denoise was deleted in MLflow"):
        stores.prepare(store)


def test_an_experiment_that_another_makes_at_the_same_time_is_taken(
    store: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stores.prepare(store)
    answers = iter([None, mlflow.get_experiment(made)])
    monkeypatch.setattr(mlflow, "get_experiment_by_name", lambda _: next(answers))
    assert stores.experiment_id("denoise") == made


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:hunter2@here:5432/runs", "postgresql://me:***@here:5432/runs"),
        ("https://hunter2@here/", "https://***@here/"),
        ("http://here/?access_token=hunter2&a=b", "http://here/?access_token=***&a=b"),
        (
            "postgresql://me@here/runs?sslpassword=hunter2",
            "postgresql://me@here/runs?sslpassword=***",
        ),
        ("sqlite:///a/b.db", "sqlite:///a/b.db"),
    ],
)
def test_what_is_secret_in_an_address_is_not_shown(address: str, shown: str) -> None:
    assert stores.without_secret(address) == shown


def test_what_is_for_another_store_stays(left: Path) -> None:
    other = Tracking(f"sqlite:///{Path('other.db').absolute()}", "denoise")
    stores.prepare(other)
    sync.send_left(other, [left])
    assert (left / outbox.FILE).exists()
    assert not MlflowClient().search_runs([stores.experiment_id("denoise")])


def test_an_entry_that_was_cut_short_is_as_if_it_were_not_there(left: Path) -> None:
    whole = (left / outbox.FILE).read_bytes()
    with (left / outbox.FILE).open("ab") as file:
        file.write(whole[:50])
    opened = Outbox(left)
    assert len(opened.entries) == whole.count(b"\n")
    opened.file.close()
    assert (left / outbox.FILE).read_bytes() == whole
