"""Who may write a run, where several processes want to."""

import contextlib
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import psutil
import pytest
from mlflow import MlflowClient, MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

from denoise.config.settings import Tracking
from denoise.errors import FolderLockedError, RunTakenError, UserError
from denoise.tracking import claim, pending, records, store

HASH = "0123456789abcdef"
MANY = 4


@pytest.fixture
def experiment(fresh_folder: Path) -> str:
    assert fresh_folder == Path.cwd()
    return store.prepare(Tracking(None, "denoise"))


@pytest.mark.parametrize("is_resumed", [False, True], ids=["a new run", "an interrupted run"])
def test_of_processes_that_claim_a_run_at_once_from_a_slow_server_one_gets_it(
    experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_resumed: bool
) -> None:
    client, ready, done = MlflowClient(), threading.Barrier(MANY), threading.Barrier(MANY)
    write = MlflowClient.log_batch

    def slow(*given: Any, **named: Any) -> Any:
        time.sleep(1.5)
        return write(*given, **named)

    monkeypatch.setattr(MlflowClient, "log_batch", slow)
    monkeypatch.setattr(store, "lock", contextlib.nullcontext)  # as at a server
    owners: list[str] = []

    def claims(folder: Path) -> None:
        tags = {"config_hash": HASH, "owner": claim.me(folder).text()}

        def create() -> str:
            time.sleep(0.5)
            return str(client.create_run(experiment, tags=tags).info.run_id)

        with records.opened(folder):
            ready.wait()
            with contextlib.suppress(RunTakenError):
                owners.append(claim.take(experiment, [HASH], tags, create)[0])
            done.wait()

    folders = [tmp_path / str(number) for number in range(MANY)]
    for folder in folders:
        folder.mkdir()
    if is_resumed:
        dead = {"config_hash": HASH, "owner": claim.Owner("elsewhere").text()}
        client.set_terminated(client.create_run(experiment, tags=dead).info.run_id, "KILLED")
    threads = [threading.Thread(target=claims, args=[folder]) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    running = client.search_runs([experiment], "attributes.status = 'RUNNING'")
    assert [run.info.run_id for run in running] == owners
    assert len(owners) == 1


def test_a_run_that_another_process_took_while_the_store_was_away_is_left_to_it(
    experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, update = MlflowClient(), MlflowClient.update_run
    tags = {"config_hash": HASH, "owner": claim.Owner("gone").text()}
    run_id = client.create_run(experiment, tags=tags).info.run_id
    client.set_terminated(run_id, "KILLED")

    def lost(*_: Any, **__: Any) -> None:
        monkeypatch.setattr(MlflowClient, "update_run", update)
        client.set_tag(run_id, "owner", claim.Owner("another").text())
        raise MlflowException("busy", TEMPORARILY_UNAVAILABLE)

    monkeypatch.setattr(claim, "AGAIN_SECONDS", (0,))
    monkeypatch.setattr(MlflowClient, "update_run", lost)
    mine = {"config_hash": HASH, "owner": claim.me(tmp_path).text()}
    with pytest.raises(RunTakenError, match="on another"):
        claim.take(experiment, [HASH], mine, pytest.fail)


def test_a_run_that_is_resumed_at_this_moment_is_not_marked_as_dead(
    experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, mine = MlflowClient(), claim.me(tmp_path)
    run_id = client.create_run(experiment, tags={"owner": mine.text()}).info.run_id

    def resumed_meanwhile(_: claim.Owner) -> bool:
        client.set_tag(run_id, "owner", replace(mine, pid=1).text())
        return False

    monkeypatch.setattr(claim.Owner, "lives", resumed_meanwhile)
    claim.end_dead(experiment, "tags.owner != ''")
    assert client.get_run(run_id).info.status == "RUNNING"


def test_on_a_file_system_of_several_machines_no_file_lock_is_trusted(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = claim.me(tmp_path)
    assert mine.is_here()
    link = tmp_path_factory.mktemp("local") / "link"
    link.symlink_to(tmp_path)
    linked = claim.me(link)
    real = psutil.disk_partitions(all=True)[0]
    there = [real._replace(mountpoint="/", fstype="ext4")]
    for kind, is_trusted in {
        "nfs4": False,
        "lustre": False,
        "fuse.sshfs": False,
        "xfs": True,
    }.items():
        mounted = [*there, real._replace(mountpoint=str(tmp_path.parent), fstype=kind)]
        monkeypatch.setattr(psutil, "disk_partitions", lambda found=mounted, **_: found)
        assert mine.is_here() == is_trusted, kind
        assert linked.is_here() == is_trusted, kind


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_that_another_user_may_not_open_shows_nothing(tmp_path: Path) -> None:
    mine = claim.me(tmp_path)
    tmp_path.chmod(0o700)
    os.seteuid(65534)
    try:
        assert not mine.is_here()
    finally:
        os.seteuid(0)
    assert mine.is_here()


@pytest.mark.parametrize("lives", [True, False])
def test_a_run_that_another_machine_trains_in_a_shared_folder_is_not_ended_by_sync(
    experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lives: bool
) -> None:
    monkeypatch.setattr(claim, "DEAD_SECONDS", 60 if lives else 3)
    client, elsewhere = MlflowClient(), claim.Owner("elsewhere", 1, "another machine").text()
    run_id = client.create_run(experiment, tags={"owner": elsewhere}).info.run_id
    (tmp_path / "run").mkdir()
    with records.opened(tmp_path / "run") as record:
        fields = {"name": "a run", "kind": "training", "experiment": "denoise", "params": {}}
        record.start(run_id=run_id, status="RUNNING", tags={"owner": elsewhere}, **fields)
    beats = threading.Timer(1, client.set_tag, [run_id, "heartbeat", "1"])
    if lives:
        beats.start()
        with pytest.raises(FolderLockedError):
            pending.send(tmp_path / "run", pending.gone([tmp_path / "run"]))
        beats.join()
    else:
        dead = pending.gone([tmp_path / "run"])
        assert pending.send(tmp_path / "run", dead) == f"uploaded, as run {run_id}"
    assert client.get_run(run_id).info.status == ("RUNNING" if lives else "KILLED")


def test_the_minute_for_dead_processes_on_other_machines_is_waited_once_for_all_runs(
    experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(claim, "living", lambda runs: asked.append(len(runs)) or [])
    settings = Tracking(None, "denoise")
    for name in ("one", "two"):
        tags = {"owner": claim.Owner("elsewhere", 1, "another machine").text()}
        run_id = MlflowClient().create_run(experiment, tags=tags).info.run_id
        (tmp_path / name).mkdir()
        with records.opened(tmp_path / name) as record:
            fields = {"name": name, "kind": "training", "experiment": "denoise", "params": {}}
            address = store.uri(settings.uri)
            record.start(run_id=run_id, status="RUNNING", tags=tags, store=address, **fields)
    pending.send_all(settings, [tmp_path])
    assert (asked, pending.find([tmp_path])) == ([2], [])


@pytest.mark.usefixtures("experiment")
def test_a_run_that_the_store_does_not_know_is_kept_for_another_try(tmp_path: Path) -> None:
    """The user may have typed another store's address."""
    folder = finished(tmp_path / "run", "0" * 32)
    with pytest.raises(UserError, match=r"the store has no run 0000.*, delete its folder"):
        pending.send(folder, dead=())
    assert pending.find([tmp_path]) == [folder]


@pytest.mark.usefixtures("experiment")
def test_runs_are_uploaded_even_if_it_is_not_known_whether_others_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = MlflowException("the database is locked")
    monkeypatch.setattr(pending, "gone", Mock(side_effect=locked))
    finished(tmp_path / "run")
    pending.send_all(Tracking(None, "denoise"), [tmp_path])
    assert pending.find([tmp_path]) == []


def finished(folder: Path, run_id: str = "") -> Path:
    """A folder with the record of a finished run that is not uploaded."""
    folder.mkdir()
    with records.opened(folder) as record:
        fields = {"name": "a run", "kind": "training", "experiment": "denoise", "params": {}}
        tags = {"owner": claim.me(folder).text(), "record": "of this run"}
        times = {"started": 0, "ended": 1, "store": store.uri(None)}
        record.start(run_id=run_id, status="FINISHED", tags=tags, **fields, **times)
        record.write("note.txt", "a note")
    return folder
