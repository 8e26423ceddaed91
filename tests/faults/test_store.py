"""The store is away, locked, shared by many, or loses a run: nothing else is lost."""

import contextlib
import itertools
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import mlflow
import pytest
import requests
import torch
from mlflow import MlflowClient, MlflowException
from mlflow.entities import Run
from mlflow.protos import databricks_pb2 as codes
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from denoise import data
from denoise.config.settings import Tracking
from denoise.errors import RunDeletedError, StoreUnavailableError, UserError
from denoise.tracking import claim, failures, formats, mirror, pending, records, search
from denoise.tracking import files as store_files
from denoise.tracking import store as stores
from tests.conftest import SMALL, Said, clean_environment, ended, ran, tracked, wait_until
from tests.faults.conftest import Server, client, epoch, files, the_run

WAITING = "the run's metrics and files wait in"
Cli = Callable[..., Said]
Start = Callable[..., subprocess.Popen]
Survived = Callable[[str], None]
SECRET = "hunter2"


def sent(folder: Path, *arguments: str) -> str:
    """What `denoise.sync` says in the folder that runs were started in."""
    return ran(folder, "sync", *arguments)


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

    parts = ("config", "figures", "images", "tables", "checkpoints")
    local = [path for part in parts for path in (folder / part).rglob("*") if path.is_file()]
    assert len(local) > 20
    for path in local:
        assert (artifacts / path.relative_to(folder)).read_bytes() == path.read_bytes(), path
    # What the server was taking when it was killed, it leaves under such a name.
    cut_short = ".artifact.uploading."
    files = [path for path in artifacts.rglob("*") if path.is_file()]
    there = [path for path in files if not path.name.startswith(cut_short)]
    top = {path.name for path in there if path.parent == artifacts}
    assert top == {"denoise.log", "record.json", "metrics.jsonl"}
    assert len(there) == len(local) + len(top)
    assert len(mirror.models(client, run.info.run_id)) == 1
    assert len(run.inputs.dataset_inputs) == 2
    assert run.data.params["seed"] == "0"
    assert search.contents(run.info.run_id).lines == records.read(folder).lines


def the_only_run(server: Server) -> Run:
    mlflow.set_tracking_uri(server.address)
    (run,) = MlflowClient().search_runs(["1"], "tags.noise = 'gaussian'")
    return run


def artifacts(server: Server, run: Run) -> Path:
    return server.folder / "mlartifacts" / "1" / run.info.run_id / "artifacts"


def test_offline_runs_are_uploaded_later_once_and_without_the_password_on_disk(
    cli: Cli, settings: data.Settings, tmp_path: Path, server: Server, survived: Survived
) -> None:
    address = f"http://me:{SECRET}@127.0.0.1:{server.port}"
    small = (*SMALL, "trainer.epochs=2", f"data.root={settings.root}", "hydra/launcher=basic")
    said = cli("-m", *small, "noise.sigma=0.1", "tracking.offline=true", f"tracking.uri={address}")
    assert said.status == 0, said.err
    assert WAITING in said.out
    (launch,) = tmp_path.glob("outputs/2*")
    assert f"python -m denoise.sync outputs/{launch.name}" in said.out
    assert_nowhere(SECRET, said.out + said.err, tmp_path)

    server.start()
    assert "0: uploaded, as run" in sent(tmp_path, "--tracking-uri", address)
    assert sent(tmp_path) == "Nothing to upload.\n"
    run = the_only_run(server)
    assert_all_is_there(run, launch / "0", artifacts(server, run), epochs=2)
    assert_nowhere(SECRET, "", tmp_path)
    survived("kept in the run's folder, uploaded once, the password nowhere")


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
def test_a_server_that_is_away_ten_times_has_everything_once(
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
    assert WAITING in said.out
    assert "The store answers again" in said.out
    assert "Traceback" not in said.out + said.err
    (folder,) = tmp_path.glob("outputs/2*")
    run = the_only_run(server)
    assert_all_is_there(run, folder, artifacts(server, run), epochs=500)
    survived("10 times gone in one run: 500 epochs and every file there, none twice")


def test_a_sweep_whose_files_the_client_cannot_write_is_refused_before_training(
    cli: Cli, settings: data.Settings, tmp_path: Path, server: Server
) -> None:
    server.start("--no-serve-artifacts", "--default-artifact-root", "gs://bucket")
    small = (*SMALL, f"data.root={settings.root}", f"tracking.uri={server.address}")
    said = cli("-m", *small, "seed=1,2")
    assert (said.status, said.err) == (
        1,
        "denoise: files of runs cannot be written to gs://bucket/1: "
        "No module named 'google.cloud' (pip install google-cloud-storage)\n",
    )
    assert not MlflowClient(server.address).search_runs(["1"])
    assert sent(tmp_path) == "Nothing to upload.\n"


@pytest.mark.faults
def test_sync_uploads_what_a_server_that_stayed_away_lacks(
    start: Start, tmp_path: Path, server: Server, survived: Survived
) -> None:
    process = training(start, server, tmp_path, epochs=20)
    server.stop()
    said = ended(process, tmp_path)
    assert said.status == 0, said.err
    (folder,) = tmp_path.glob("outputs/2*")
    assert (
        f"Some data are not in the store yet: python -m denoise.sync outputs/{folder.name}"
        in said.out
    )
    assert "Traceback" not in said.out + said.err
    server.start()
    assert "uploaded, as run" in sent(tmp_path)
    assert sent(tmp_path) == "Nothing to upload.\n"
    run = the_only_run(server)
    assert_all_is_there(run, folder, artifacts(server, run), epochs=20)
    survived("the run ended FINISHED; sync brought the rest, once")


@pytest.mark.faults
def test_a_run_killed_while_the_server_is_away_resumes_when_it_is_back(
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


def tables(database: Path) -> tuple[list[str], str]:
    """What creates each table and index, with the columns of a table sorted, and the version."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        created = connection.execute("SELECT sql FROM sqlite_master WHERE sql != ''").fetchall()
        (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    lines = (
        "\n".join(sorted(line.strip(" \t,") for line in sql.split("\n"))) for (sql,) in created
    )
    return sorted(lines), version


@pytest.mark.usefixtures("fresh_folder")
def test_a_new_store_has_the_tables_that_mlflow_would_create(tmp_path: Path) -> None:
    stores.prepare(Tracking("sqlite:///ours.db", "denoise"))
    mlflow.set_tracking_uri("sqlite:///theirs.db")
    mlflow.create_experiment("denoise")
    assert tables(tmp_path / "ours.db") == tables(tmp_path / "theirs.db")


@pytest.mark.faults
def test_a_store_whose_creation_was_killed_is_created_by_the_next_command(tmp_path: Path) -> None:
    code = (
        "from denoise.config.settings import Tracking; from denoise.tracking import store;"
        "store.prepare(Tracking('sqlite:///mlflow.db', 'denoise'))"
    )
    made = tmp_path / "mlflow.db"
    for wait in (0, 0.02, 0.5, 2):
        process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
        while not made.exists():
            time.sleep(0.001)
        time.sleep(wait)
        process.kill()
        process.wait()
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
        assert_is_whole(made)
        for path in tmp_path.glob("mlflow.db*"):
            path.unlink()


@pytest.mark.faults
def test_a_run_deleted_while_it_trains_ends_with_one_sentence_and_harms_no_other(
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
def test_what_a_locked_store_lacks_is_uploaded_when_it_is_free(
    store: Tracking, caplog: pytest.LogCaptureFixture
) -> None:
    """MLflow waits for it for twenty seconds, and gives up."""
    with tracked(store, Path("mine")) as run:
        other = sqlite3.connect("mlflow.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        run.log({"train/loss": 1}, 1)
        wait_until(lambda: "locked" in caplog.text)
        other.close()
    assert search.curve(run.run_id, "train/loss") == [1]
    assert MlflowClient().get_run(run.run_id).info.status == "FINISHED"


def test_nothing_is_uploaded_to_a_deleted_run(store: Tracking) -> None:
    with (
        pytest.raises(RunDeletedError, match="was deleted in MLflow before it had ended"),
        tracked(store, Path("mine")) as run,
    ):
        MlflowClient().delete_run(run.run_id)
    assert pending.find([Path("mine")]) == []


@pytest.fixture
def left(store: Tracking, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run with everything that a run can have; its store, away, has none of it."""
    folder = Path("left")
    stores.prepare(store)
    with monkeypatch.context() as away:
        away.setattr(stores, "prepare", failing)
        away.setattr(mirror, "mirror", failing)
        with tracked(store, folder, params={"seed": 0}, hashes=("0123",)) as run:
            images, labels = torch.zeros(2, 28, 28), torch.zeros(2)
            formats.add_dataset(run, "data", "http://example.org", images, labels, "training")
            run.log({"train/loss": 1}, 1)
            run.log({"train/loss": 0.5}, 2)
            for name, content in {"note.txt": "a note", "model/MLmodel": "flavors: {}"}.items():
                run.path(name).write_text(content)
                run.add(name)
    return folder


def failing(*_: object) -> None:
    raise ConnectionError("away")


def send(store: Tracking, *folders: Path) -> None:
    stores.prepare(store)
    pending.send_all(store, folders)


def everything(settings: Tracking) -> list[Any]:
    """What the store has of every run, except the ids that it gives."""
    client = MlflowClient()
    return [
        (
            run.info.status,
            run.data.params,
            [
                (point.step, point.value)
                for point in client.get_metric_history(run.info.run_id, "train/loss")
            ],
            sorted(store_files.files(run.info.run_id)),
            len(run.inputs.dataset_inputs),
            len(mirror.models(client, run.info.run_id)),
            len(run.outputs.model_outputs),
        )
        for run in client.search_runs([stores.prepare(settings)])
    ]


NAMES = ["metrics.jsonl", "note.txt", "record.json"]
REQUESTS = (
    *("create_run", "log_batch", "log_inputs", "log_artifact", "set_terminated"),
    *("create_logged_model", "finalize_logged_model", "log_outputs"),
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
def test_whichever_request_fails_everything_arrives_once(
    store: Tracking, left: Path, monkeypatch: pytest.MonkeyPatch, answered: bool
) -> None:
    """Each kind of request fails once: unheard, or done but with its answer lost."""
    for name in REQUESTS:
        request = failing_once(getattr(MlflowClient, name), answered=answered)
        monkeypatch.setattr(MlflowClient, name, request)
    place, upload = LocalArtifactRepository, LocalArtifactRepository.log_artifact
    failing = failing_once(upload, answered=answered)
    monkeypatch.setattr(
        place,
        "log_artifact",
        lambda self, *given: (failing if "/models/" in self.artifact_dir else upload)(self, *given),
    )
    attempts = 0
    while pending.find([left]):
        send(store, left)
        attempts += 1
    assert attempts == len(REQUESTS) + 2  # one for the files of the model
    points = [(1, 1.0), (2, 0.5)]
    assert everything(store) == [("FINISHED", {"seed": "0"}, points, NAMES, 1, 1, 1)]
    before = everything(store)
    with records.opened(left) as again:
        again.note(mirrored=False)
    send(store, left)
    assert everything(store) == before, "a second upload changed something"


def test_the_rest_of_a_run_that_another_process_resumed_is_dropped(
    store: Tracking, left: Path
) -> None:
    with records.opened(left) as mine:
        run_id = mirror.create(MlflowClient(), mine.contents)
        mine.note(run_id=run_id)
    MlflowClient().set_tag(run_id, "owner", claim.Owner("elsewhere", 1, "there").text())
    send(store, left)
    assert pending.find([left]) == []
    assert not store_files.files(run_id)
    assert MlflowClient().get_run(run_id).info.status == "RUNNING"


def test_no_run_is_created_for_a_process_that_died_before_it_began(store: Tracking) -> None:
    """It would be the newest of its config, and hide the one to resume."""
    stores.prepare(store)
    Path("left").mkdir()
    with records.opened(Path("left")) as died:
        died.start(
            store=stores.uri(store.uri), experiment="denoise", status="RUNNING", tags={}, params={}
        )
    send(store, Path("left"))
    assert not MlflowClient().search_runs([stores.experiment_id("denoise")])
    assert pending.find([Path("left")]) == []


@pytest.mark.usefixtures("fresh_folder")
@pytest.mark.parametrize(
    "ask",
    [
        lambda: search.curve("a run", "train/loss"),
        lambda: store_files.files("a run"),
        lambda: store_files.download_registered("models:/denoiser@best", Path()),
    ],
)
def test_a_store_that_does_not_answer_is_reported_as_unavailable(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[], Any]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    with pytest.raises(StoreUnavailableError, match=r"the store is unavailable: .* refused"):
        ask()


def test_a_store_that_fails_during_a_search_is_not_taken_to_refuse_the_filter(
    store: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.prepare(store)

    def leaving(*_: object, **__: object) -> None:
        raise MlflowException("Connection refused", error_code=codes.TEMPORARILY_UNAVAILABLE)

    monkeypatch.setattr(MlflowClient, "search_runs", leaving)
    with pytest.raises(StoreUnavailableError, match="is unavailable: Connection refused"):
        search.search(store, "params.seed < 3")


def test_a_folder_with_data_that_are_not_uploaded_is_refused(store: Tracking, left: Path) -> None:
    with (
        pytest.raises(UserError, match="left holds a run that MLflow does not have whole"),
        tracked(store, left, hashes=("0123",)),
    ):
        pass
    assert (left / "note.txt").exists()
    send(store, left)
    assert [one[0] for one in everything(store)] == ["FINISHED"]


def interrupt_after_an_epoch(run: records.Record) -> None:
    run.write("state.txt", "a state")
    run.log({"train/loss": 1}, 1)
    raise KeyboardInterrupt


def test_an_interrupted_run_is_not_begun_anew_in_another_store(
    store: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("left")
    with monkeypatch.context() as away:
        away.setattr(mirror, "mirror", failing)
        with pytest.raises(KeyboardInterrupt), tracked(store, folder, hashes=("0123",)) as run:
            interrupt_after_an_epoch(run)
    with (
        pytest.raises(UserError, match="left holds a run that MLflow does not have whole"),
        tracked(Tracking("sqlite:///other.db", "denoise"), folder, hashes=("0123",)),
    ):
        pass
    send(store, folder)
    assert [one[0] for one in everything(store)] == ["KILLED"]


def test_a_missing_file_keeps_no_other_from_being_uploaded(store: Tracking, left: Path) -> None:
    (left / "note.txt").unlink()
    send(store, left)
    ((status, _, points, *_),) = everything(store)
    assert (status, points) == ("FINISHED", [(1, 1.0), (2, 0.5)])


def test_a_damaged_record_keeps_no_other_run_from_being_uploaded(
    store: Tracking, left: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(left, "other")
    (left / records.FILE).write_text("")
    send(store, left, Path("other"))
    assert "left/record.json is damaged" in caplog.text
    assert [one[0] for one in everything(store)] == ["FINISHED"]


def test_a_run_that_the_store_refuses_is_reported_once_and_blocks_no_other(
    store: Tracking, left: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(left, "other")
    with records.opened(left) as refused:  # MLflow takes names of up to 250 letters
        tags = refused.fields["tags"] | {"record": "refused"}
        refused.update(tags=tags, params={"p" * 300: ""})
    for _ in range(2):
        send(store, left, Path("other"))
    assert caplog.text.count("left: not uploaded: ") == 1
    assert sorted(one[0] for one in everything(store)) == ["FAILED", "FINISHED"]
    (again,) = pending.send_each([left], None)
    assert "exceeds the maximum length" in again.outcome


def test_a_run_that_the_store_begins_to_refuse_is_trained_and_can_be_uploaded_later(
    store: Tracking, caplog: pytest.LogCaptureFixture
) -> None:
    with tracked(store, Path("mine")) as run:
        wait_until(lambda: Path("mlruns/1", run.run_id).exists())
        shutil.rmtree("mlruns")
        Path("mlruns").write_text("no folder")
        run.log({"train/loss": 1}, 1)
        wait_until(lambda: bool(run.refused))
        run.log({"train/loss": 0.5}, 2)
    assert caplog.text.count("The store refuses the run: [") == 1
    assert (run.fields["status"], MlflowClient().get_run(run.run_id).info.status) == (
        "FINISHED",
        "FAILED",
    )
    Path("mlruns").unlink()
    (sent,) = pending.send_each([Path("mine")], None)
    assert sent.outcome == f"uploaded, as run {run.run_id}"
    assert search.curve(run.run_id, "train/loss") == [1, 0.5]
    assert MlflowClient().get_run(run.run_id).info.status == "FINISHED"


def test_a_run_that_ends_while_its_files_cannot_be_stored_is_not_left_running(
    store: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away, tracked(store, Path("mine")) as run:
        away.setattr(MlflowClient, "log_artifact", failing)
        run.log({"train/loss": 1}, 1)
    assert MlflowClient().get_run(run.run_id).info.status == "KILLED"
    (sent,) = pending.send_each([Path("mine")], None)
    assert sent.outcome == f"uploaded, as run {run.run_id}"
    assert MlflowClient().get_run(run.run_id).info.status == "FINISHED"


def answered(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


class BotocoreError(Exception):
    response: ClassVar = {"ResponseMetadata": {"HTTPStatusCode": 403}}


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (MlflowException("", codes.PERMISSION_DENIED), True),
        (MlflowException("", codes.INVALID_PARAMETER_VALUE), True),
        (MlflowException("", codes.REQUEST_LIMIT_EXCEEDED), False),
        (MlflowException("", codes.TEMPORARILY_UNAVAILABLE), False),
        (answered(401), False),
        (answered(413), True),
        (answered(429), False),
        (answered(503), False),
        (BotocoreError(), True),
        (ModuleNotFoundError(), True),
        (PermissionError(), True),
        (ConnectionError(), False),
        (UserError(), True),
        (StoreUnavailableError(), False),
    ],
)
def test_what_always_fails_is_told_from_what_may_work_later(
    error: Exception, refused: bool
) -> None:
    wrapped = RuntimeError()
    wrapped.__cause__ = error
    assert (failures.is_refused(error), failures.is_refused(wrapped)) == (refused, refused)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("gs://bucket", r"google.* \(pip install google-cloud-storage\)$"),
        ("wasbs://a@b.blob.core.windows.net/c", r"azure.* \(pip install azure-storage-blob"),
        ("nothing://known", "nothing"),
        ("note.txt", r"Not a directory|File exists"),
    ],
)
def test_a_place_that_files_cannot_be_written_to_is_named_with_the_reason(
    store: Tracking, place: str, reason: str
) -> None:
    stores.prepare(store)
    Path("note.txt").touch()
    experiment = mlflow.create_experiment("elsewhere", artifact_location=place)
    with pytest.raises(UserError, match=f"cannot be written to .*{place}: .*{reason}"):
        stores.check_writable(experiment)


def test_trying_to_write_leaves_nothing_behind(store: Tracking) -> None:
    stores.check_writable(stores.prepare(store))
    assert not [path for path in Path("mlruns").rglob("*") if path.is_file()]


def test_a_name_that_the_store_refuses_is_reported_as_the_name_of_the_experiment(
    store: Tracking,
) -> None:
    with pytest.raises(UserError, match=r"^tracking\.experiment=a+: 'name' exceeds"):
        stores.prepare(Tracking(store.uri, "a" * 600))


def test_a_deleted_experiment_is_reported_in_one_sentence(store: Tracking) -> None:
    MlflowClient().delete_experiment(stores.prepare(store))
    with pytest.raises(UserError, match=r"tracking\.experiment=denoise was deleted in MLflow"):
        stores.prepare(store)


def test_an_experiment_that_another_process_creates_at_the_same_time_is_used(
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
def test_secrets_in_an_address_are_hidden(address: str, shown: str) -> None:
    assert failures.without_secret(address) == shown


def test_data_for_another_store_are_not_uploaded(left: Path) -> None:
    other = Tracking(f"sqlite:///{Path('other.db').absolute()}", "denoise")
    send(other, left)
    assert pending.find([left]) == [left]
    assert not MlflowClient().search_runs([stores.experiment_id("denoise")])


def test_an_unsent_folder_of_version_0_1_0_is_refused(store: Tracking, tmp_path: Path) -> None:
    stores.prepare(store)
    (tmp_path / "outputs" / "old").mkdir(parents=True)
    (tmp_path / "outputs" / "old" / "outbox.jsonl").write_text('{"kind": "begin"}\n')
    done = subprocess.run(
        [sys.executable, "-m", "denoise.sync"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "run python -m denoise.sync of that version before upgrading" in done.stdout
