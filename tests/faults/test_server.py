"""A tracking server of real parts, one of which fails: PostgreSQL, an S3 store, MLflow, a login."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import Run

from denoise import data
from denoise.errors import UserError
from denoise.tracking import claim
from denoise.tracking import files as store_files
from tests.conftest import ROOT, SMALL, Said, clean_environment, ended, free_port, ran, wait_until
from tests.faults.conftest import Server, epoch
from tests.faults.test_machine import fill
from tests.faults.test_store import WAITING, assert_nowhere, sent

pytestmark = pytest.mark.faults
Cli = Callable[..., Said]
Start = Callable[..., subprocess.Popen]
Survived = Callable[[str], None]

POSTGRES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path())
ADMIN, USER, KEY = "admin", "ann", "key"
ADMIN_PASSWORD, PASSWORD, NEW_PASSWORD = "password of admin", "password of ann", "new password"
SECRET = "secret of the store"
PATH = clean_environment()["PATH"]
MLFLOW = (sys.executable, "-m", "mlflow")


class Parts:
    """The parts of a tracking server, each of which can go and come back."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.server = folder, Server(folder / "server")
        self.ports = {"database": free_port(), "store": free_port()}
        self.running: dict[str, subprocess.Popen] = {}
        self.bucket = folder / "store" / "bucket"
        self.database = f"postgresql+psycopg://postgres@127.0.0.1:{self.ports['database']}/postgres"
        self.faulty = ""  # the id of the experiment that the user loses the permission for
        self.is_root = os.geteuid() == 0

    def start(self, name: str) -> None:
        port, folder = str(self.ports[name]), str(self.folder / name)
        address, key = f"127.0.0.1:{port}", ("--auth-key", f"{KEY},{SECRET}")
        command: list[str | Path] = {
            "database": [POSTGRES / "postgres", "-D", folder, "-p", port, "-k", ""],
            "store": ["rclone", "serve", "s3", *key, "--addr", address, folder],
        }[name]
        with (self.folder / f"{name}.log").open("a") as log:
            self.running[name] = subprocess.Popen(
                command, user=self.user(name), env=clean_environment(), stdout=log, stderr=log
            )
        wait_until(lambda: is_ready(self.ports[name]))

    def user(self, name: str) -> str | None:
        """PostgreSQL refuses to run as root."""
        return "postgres" if self.is_root and name == "database" else None

    def stop(self, name: str) -> None:
        process = self.running.pop(name)
        process.send_signal(signal.SIGINT)
        process.wait()

    def start_all(self) -> None:
        for name in self.ports:
            (self.folder / name).mkdir()
        if self.is_root:
            shutil.chown(self.folder / "database", "postgres")
            disk = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(self.bucket.parent)]
            subprocess.run(disk, check=True)
        self.bucket.mkdir()
        made = [POSTGRES / "initdb", "-U", "postgres", "-A", "trust", self.folder / "database"]
        subprocess.run(made, user=self.user("database"), check=True, capture_output=True)
        for name in self.ports:
            self.start(name)
        login = self.server.folder / "login.ini"
        login.write_text(
            f"[mlflow]\ndefault_permission = EDIT\ndatabase_uri = {self.database}\n"
            f"admin_username = {ADMIN}\nauth_cache_ttl_seconds = 60\n"
        )
        self.server.start(
            *("--app-name", "basic-auth", "--backend-store-uri", self.database),
            *("--artifacts-destination", "s3://bucket"),
            MLFLOW_AUTH_CONFIG_PATH=str(login),
            MLFLOW_AUTH_ADMIN_PASSWORD=ADMIN_PASSWORD,
            MLFLOW_FLASK_SERVER_SECRET_KEY=SECRET,
            **self.of_store(),
        )

    def of_store(self) -> dict[str, str]:
        """What only the server knows."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "MLFLOW_S3_ENDPOINT_URL": f"http://127.0.0.1:{self.ports['store']}",
        }

    def end(self) -> None:
        self.server.stop()
        for name in list(self.running):
            self.stop(name)
        if self.is_root:
            subprocess.run(["umount", "--lazy", str(self.bucket.parent)], check=True)

    def by_admin(self, path: str, **what: str) -> dict[str, str]:
        """What the server answers to its administrator."""
        method = "PATCH" if "update" in path else "POST"
        address = f"{self.server.address}/api/{path}"
        login = (ADMIN, ADMIN_PASSWORD)
        answer = requests.request(method, address, json=what, auth=login)
        answer.raise_for_status()
        return answer.json()


def is_ready(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def all_parts() -> Iterator[Parts]:
    if not (POSTGRES / "initdb").exists() or not shutil.which("rclone", path=PATH):
        pytest.skip("PostgreSQL or rclone is missing: make cluster")
    # Where PostgreSQL's own user may go, as it may not in pytest's folders.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        parts = Parts(Path(folder))
        try:
            parts.start_all()
            parts.by_admin("2.0/mlflow/users/create", username=USER, password=PASSWORD)
            # Not the user's own, as who creates an experiment keeps every permission on it.
            made = parts.by_admin("2.0/mlflow/experiments/create", name="faulty")
            parts.faulty = made["experiment_id"]
            yield parts
        finally:
            parts.end()


@pytest.fixture
def parts(all_parts: Parts, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """All that is needed, answering; the user is logged in."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    mlflow.set_tracking_uri(all_parts.server.address)
    return all_parts


def runs(experiment: str, where: str = "") -> list[Run]:
    found = mlflow.get_experiment_by_name(experiment)
    assert found
    return list(MlflowClient().search_runs([found.experiment_id], where))


def trained(experiment: str) -> list[Run]:
    return runs(experiment, "tags.noise = 'gaussian'")


def assert_whole(experiment: str) -> None:
    """Nothing runs, and the runs have each point once and their files."""
    assert not runs(experiment, "attributes.status != 'FINISHED'")
    for run in trained(experiment):
        points = MlflowClient().get_metric_history(run.info.run_id, "train/loss")
        assert [point.step for point in points] == list(range(1, len(points) + 1))
        assert {"checkpoints/last.safetensors", "record.json"} <= set(
            store_files.files(run.info.run_id)
        )


def test_a_sweep_resumes_and_is_compared_pulled_and_registered_through_login_and_proxy(
    parts: Parts, start: Start, tmp_path: Path, survived: Survived
) -> None:
    arguments = ("-m", "seed=0,1", "trainer.epochs=20", f"tracking.uri={parts.server.address}")
    arguments += ("tracking.experiment=sweep",)
    process = start(*arguments)
    wait_until(lambda: epoch(tmp_path) > 3)
    os.killpg(process.pid, signal.SIGKILL)
    ended(process, tmp_path)
    begun = {run.info.run_id for run in trained("sweep")}
    said = ended(start(*arguments), tmp_path)
    assert said.status == 0, said.out + said.err
    assert begun == {run.info.run_id for run in trained("sweep")}
    store = ("--tracking-uri", parts.server.address, "--experiment", "sweep")
    assert "comparison.html" in ran(tmp_path, "compare", *store)
    assert "registered as version 1" in ran(tmp_path, "pull", *store, "--register", "denoiser")
    store_files.download_registered("models:/denoiser@best", tmp_path / "registered")
    assert (tmp_path / "registered" / "checkpoints" / "last.safetensors").exists()
    for secret in (PASSWORD, SECRET):
        assert_nowhere(secret, said.out + said.err, tmp_path)
    survived(
        "killed, resumed as the same two runs, compared, pulled, registered; no secret on disk"
    )


def test_deleted_runs_and_garbage_collection_do_not_confuse_reuse(
    parts: Parts, cli: Cli, settings: data.Settings, tmp_path: Path, survived: Survived
) -> None:
    arguments = ("-m", *SMALL, "seed=0,1", "trainer.epochs=1", f"data.root={settings.root}")
    arguments += (f"tracking.uri={parts.server.address}", "tracking.experiment=deleted")
    arguments += ("hydra/launcher=basic",)
    cli(*arguments)
    deleted, kept = trained("deleted")
    store = ("--tracking-uri", parts.server.address, "--experiment", "deleted")
    which = ("--run", deleted.info.run_id, "--to", "old", "--register", "old")
    ran(tmp_path, "pull", *store, *which)
    MlflowClient().delete_run(deleted.info.run_id)
    said = cli(*arguments)
    assert re.findall(r"│ REUSED .* │ (\w+) │", said.out) == [kept.info.run_id]
    ids = {run.info.run_id for run in trained("deleted")}
    assert kept.info.run_id in ids
    assert deleted.info.run_id not in ids
    place = parts.bucket / deleted.info.experiment_id / deleted.info.run_id
    assert place.exists()

    options = ("--backend-store-uri", parts.database, "--artifacts-destination", "s3://bucket")
    subprocess.run(
        [*MLFLOW, "gc", *options, "--tracking-uri", parts.server.address],
        env=clean_environment()
        | parts.of_store()
        | {"MLFLOW_TRACKING_USERNAME": ADMIN, "MLFLOW_TRACKING_PASSWORD": ADMIN_PASSWORD},
        check=True,
        capture_output=True,
    )
    assert not [path for path in place.rglob("*") if path.is_file()]
    said = cli(*arguments)
    assert said.out.count("│ REUSED ") == 2
    assert ids == {run.info.run_id for run in trained("deleted")}
    assert_whole("deleted")
    with pytest.raises(UserError, match="unless it was deleted for good"):
        store_files.download_registered("models:/old@best", tmp_path / "registered")
    survived("the deleted run alone was trained anew; after mlflow gc both were reused")


@dataclass(frozen=True)
class Fault:
    """How a part fails and comes back.

    `said` is the error of a command that starts meanwhile. `status` is what MLflow shows of a run
    that ends meanwhile: KILLED if the server takes a new status, or else still RUNNING.
    """

    begin: Callable[[Parts], object]
    end: Callable[[Parts], object]
    said: str
    status: str = "RUNNING"
    name: str = ""


def change_password(parts: Parts, password: str) -> None:
    parts.by_admin("2.0/mlflow/users/update-password", username=USER, password=password)


def permission(parts: Parts, action: str, **permission: str) -> None:
    on = {"resource_type": "experiment", "resource_id": parts.faulty}
    parts.by_admin(f"3.0/mlflow/users/permissions/{action}", username=USER, **on, **permission)


FILES = r"files of runs cannot be written to mlflow-artifacts:/\d+: .*; check that it answers, has"
FAULTS = {
    "password changed": Fault(
        lambda parts: change_password(parts, NEW_PASSWORD),
        lambda parts: change_password(parts, PASSWORD),
        r"tracking\.uri=.* refuses the login \(check MLFLOW_TRACKING_USERNAME and",
    ),
    "no permission": Fault(
        lambda parts: permission(parts, "grant", permission="DENY"),
        lambda parts: permission(parts, "revoke"),
        r"tracking\.experiment=faulty: the server denies access \(ask its administrator for",
    ),
    "bucket full": Fault(
        lambda parts: fill(parts.bucket),
        lambda parts: (parts.bucket / "filler").unlink(),
        FILES,
        "KILLED",
    ),
    "store away": Fault(
        lambda parts: parts.stop("store"), lambda parts: parts.start("store"), FILES, "KILLED"
    ),
    "database away": Fault(
        lambda parts: parts.stop("database"),
        lambda parts: parts.start("database"),
        r"tracking\.uri=.*: the server answers with error 503 \(its log has the reason\)",
    ),
}


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest, parts: Parts) -> Iterator[Fault]:
    """One that ends, at the latest, with the test."""
    kind, left = FAULTS[request.param], []
    yield replace(
        kind,
        name=request.param,
        begin=lambda parts: (kind.begin(parts), left.append(kind)),
        end=lambda parts: left.pop().end(parts),
    )
    if left:
        kind.end(parts)


def test_a_command_is_refused_in_one_sentence_before_it_trains(
    parts: Parts, cli: Cli, settings: data.Settings, fault: Fault, tmp_path: Path
) -> None:
    fault.begin(parts)
    store = (f"tracking.uri={parts.server.address}", "tracking.experiment=faulty")
    said = cli("-m", *SMALL, f"data.root={settings.root}", "seed=0,1", *store)
    assert said.status == 1
    assert re.search(fault.said, said.err)
    assert len(said.err.splitlines()) == 1, said.err
    assert not list(tmp_path.rglob("record.json"))
    fault.end(parts)
    assert not runs("faulty", "attributes.status = 'RUNNING'")


def test_a_run_that_a_fault_hits_loses_nothing(
    parts: Parts, start: Start, fault: Fault, tmp_path: Path, survived: Survived
) -> None:
    store = (f"tracking.uri={parts.server.address}", "tracking.experiment=faulty")
    process = start("trainer.epochs=40", "force=true", *store)
    wait_until(lambda: epoch(tmp_path) > 0)
    fault.begin(parts)
    said = ended(process, tmp_path)
    fault.end(parts)
    assert said.status == 0
    assert said.out.count(WAITING) == 1
    assert "Traceback" not in said.out + said.err
    run = trained("faulty")[0]
    assert run.info.status == fault.status
    assert f"uploaded, as run {run.info.run_id}" in sent(tmp_path)
    assert_whole("faulty")
    assert len(MlflowClient().get_metric_history(run.info.run_id, "train/loss")) == 40
    survived(f"{fault.name}: {fault.status} while it lasted, then all 40 epochs, once")


def test_a_local_store_moves_to_a_server_by_the_commands_in_the_docs(
    parts: Parts,
    server: Server,
    cli: Cli,
    settings: data.Settings,
    tmp_path: Path,
    survived: Survived,
) -> None:
    small = (*SMALL, "trainer.epochs=1", f"data.root={settings.root}")
    assert cli(*small).status == 0
    ran(tmp_path, "pull", "--register", "moved")
    database = parts.database.removeprefix("postgresql+psycopg").removesuffix("postgres")
    create = ["psql", f"postgresql{database}postgres", "-c", "CREATE DATABASE moved"]
    subprocess.run(create, check=True, capture_output=True)
    (parts.bucket.parent / "moved").mkdir()
    options = ("--backend-store-uri", f"postgresql+psycopg{database}moved")
    options += ("--artifacts-destination", "s3://moved")
    server.start(*options, **parts.of_store())
    server.stop()
    page = (ROOT / "docs" / "many-machines.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"```bash\n([^`]*pgloader [^`]*)```", page)
    for old, new in {
        r"apt-get .*": "",
        r"://mlflow:.*/mlflow\b": f"{database}moved",
        r":s3:\w+": ":s3:moved",
    }.items():
        commands = re.sub(old, new, commands)
    subprocess.run(
        ["bash", "-ec", commands],
        cwd=tmp_path,
        env=clean_environment() | parts.of_store(),
        check=True,
    )
    shutil.rmtree(tmp_path / "mlruns")
    server.start(*options, **parts.of_store())
    said = cli(*small, f"tracking.uri={server.address}")
    assert "finished earlier" in said.out
    ran(tmp_path, "pull", "--tracking-uri", server.address, "--to", "pulled")
    for model in ("pulled/model", mlflow.artifacts.download_artifacts("models:/moved@best")):
        assert (tmp_path / model / "MLmodel").exists()
    survived("the finished run is reused, its model still registered")


def test_a_run_between_epochs_makes_a_request_every_five_seconds_at_most(
    parts: Parts, start: Start, tmp_path: Path, survived: Survived
) -> None:
    """Counted for each heartbeat, so that no clock decides."""
    go = tmp_path / "go"
    go.touch()
    shutil.copy(ROOT / "tests" / "plug_ins.py", tmp_path)
    waiting = ("noise._target_=plug_ins.Waiting", f"+noise.go={go}")
    store = (f"tracking.uri={parts.server.address}", "tracking.experiment=quiet")
    process = start("noise=none", *waiting, "trainer.epochs=500", *store)
    wait_until(lambda: epoch(tmp_path) > 0)
    go.unlink()

    def intervals() -> list[list[str]]:
        """The requests from each heartbeat to the next."""
        asked = re.findall(r'"([A-Z]+ [^ ?"]*)', parts.server.log.read_text())
        beats = [place for place, request in enumerate(asked) if request.endswith("set-tag")]
        return [asked[begin:end] for begin, end in pairwise(beats)]

    at_most = 0.2 * claim.BEAT_SECONDS
    wait_until(lambda: any(intervals()) and len(intervals()[-1]) <= at_most)  # after the uploads
    before = len(intervals())
    wait_until(lambda: len(intervals()) >= before + 3)
    requests = max(intervals()[before:], key=len)
    assert len(requests) <= at_most, requests
    process.terminate()
    go.touch()
    ended(process, tmp_path)
    survived(f"{len(requests)} requests in {claim.BEAT_SECONDS} seconds")
