"""How runs end, on a real SQLite store."""

import contextlib
import errno
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import mlflow
import pytest
import torch
from mlflow import MlflowClient, MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE
from sqlalchemy import Engine, create_engine, event

from denoise import checkpoint
from denoise.config.settings import Tracking
from denoise.errors import FolderLockedError, OtherDeviceError, UserError
from denoise.tracking import claim, files, formats, pending, records, search, session, store
from denoise.tracking.records import REFERENCE, Record
from denoise.tracking.store import prepare
from tests.conftest import forget_store, tracked

HASHES = ("f",)


@pytest.fixture
def settings(fresh_folder: Path) -> Tracking:
    return Tracking(uri=f"sqlite:///{fresh_folder / 'mlflow.db'}", experiment="denoise")


def ended_run(settings: Tracking, error: BaseException | None) -> mlflow.entities.Run:
    if error is None:
        with tracked(settings, Path("mine")) as run:
            pass
    else:
        with (
            pytest.raises(type(error)),
            tracked(settings, Path("mine")) as run,
        ):
            raise error
    return MlflowClient(settings.uri).get_run(run.run_id)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "FINISHED"),
        (ValueError(), "FAILED"),
        (FileNotFoundError("of a file that the run needs"), "FAILED"),
        (PermissionError(errno.EACCES, "of a file that the run needs"), "FAILED"),
        (OSError(errno.ENOSPC, "a full disk"), "KILLED"),
        (OtherDeviceError("a state of a GPU, on a CPU"), "KILLED"),
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(), "FAILED"),
    ],
)
def test_a_run_never_stays_running(
    settings: Tracking, error: BaseException | None, status: str
) -> None:
    assert ended_run(settings, error).info.status == status
    assert mlflow.active_run() is None


def test_a_resumed_run_names_every_commit_that_trained_it(settings: Tracking) -> None:
    for commit, dirty, commits, is_dirty in (
        ("a", "false", "a", "false"),
        ("a", "false", "a", "false"),
        ("b", "true", "a b", "true"),
        ("a", "false", "a b", "true"),
    ):
        of_code = {"git.commit": commit, "git.dirty": dirty, "classes.sha256": commit}
        run_id = interrupted(settings, "mine", 0, tags=of_code)
        tags = MlflowClient(settings.uri).get_run(run_id).data.tags
        assert (tags["git.commit"], tags["git.dirty"]) == (commits, is_dirty)
        assert tags["classes.sha256"] == commits


def interrupted(settings: Tracking, folder: str, epochs: int, **options: Any) -> str:
    """The id of a run that was interrupted after so many epochs, with a state to resume from."""
    with (
        contextlib.suppress(KeyboardInterrupt),
        tracked(settings, Path(folder), hashes=HASHES, **options) as run,
    ):
        for epoch in range(len(run.contents.epochs) + 1, epochs + 1):
            trained(run, epoch)
        raise KeyboardInterrupt
    return run.run_id


STATE = "state/even.safetensors"


def trained(run: Record, epoch: int) -> None:
    """Log an epoch, and save the state after it."""
    run.log({"train/loss": 1 / epoch}, epoch)
    checkpoint.save_weights(run.path(STATE), {"w": torch.ones(1)}, epoch=epoch, config={})
    run.add(STATE)


def epoch_of(state: Path) -> int:
    return checkpoint.load(state)[1]


def test_a_run_that_resumes_while_the_store_is_away_is_uploaded_when_it_is_back(
    settings: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, me = interrupted(settings, "mine", 1), claim.me
    monkeypatch.setattr(claim, "me", lambda folder: replace(me(folder), pid=1))
    monkeypatch.setattr(store, "prepare", Mock(side_effect=ConnectionError))
    with tracked(settings, Path("mine"), hashes=HASHES) as run:
        run.log({"train/loss": 0.5}, 2)
    assert run.run_id == run_id
    assert MlflowClient().get_run(run_id).info.status == "FINISHED"
    assert search.curve(run_id, "train/loss") == [1, 0.5]


def test_a_run_resumes_from_where_it_was_trained_last(settings: Tracking) -> None:
    run_id = interrupted(settings, "mine", 1)
    assert interrupted(settings, "other", 3) == run_id
    with tracked(settings, Path("mine"), hashes=HASHES) as run:
        assert (run.run_id, len(run.contents.epochs)) == (run_id, 3)
        assert epoch_of(Path("mine") / STATE) == 3


def test_a_run_resumes_from_the_state_in_its_folder_if_the_store_has_an_older_one(
    settings: Tracking,
) -> None:
    run_id = interrupted(settings, "mine", 1)
    with records.opened(Path("mine")) as record:
        trained(record, 2)
    with tracked(settings, Path("mine"), hashes=HASHES) as run:
        assert (run.run_id, len(run.contents.epochs)) == (run_id, 2)
        assert epoch_of(Path("mine") / STATE) == 2


def test_of_runs_that_are_trained_anew_only_one_of_the_same_sweep_resumes(
    settings: Tracking,
) -> None:
    earlier = interrupted(settings, "mine", 1)
    first = interrupted(settings, "other", 1, anew=True, tags={"sweep": "a sweep"})
    assert first != earlier
    for folder in ("other", "elsewhere"):  # a job that is restarted here, or on another machine
        assert interrupted(settings, folder, 2, anew=True, tags={"sweep": "a sweep"}) == first
    assert interrupted(settings, "late", 1, anew=True, tags={"sweep": "later"}) != first


def test_a_copy_of_the_folder_of_a_running_run_ends_it_neither_then_nor_later(
    settings: Tracking,
) -> None:
    with tracked(settings, Path("mine")) as run:
        run.log({"train/loss": 1}, 1)
        shutil.copytree("mine", "copy")
        with pytest.raises(FolderLockedError):
            pending.send(Path("copy"), dead=())
    assert "has moved on since" in pending.send(Path("copy"), dead=())
    assert pending.find([Path("copy")]) == []
    assert MlflowClient().get_run(run.run_id).info.status == "FINISHED"


def test_a_copy_of_the_folder_of_a_run_that_was_interrupted_later_replaces_nothing(
    settings: Tracking,
) -> None:
    run_id = interrupted(settings, "mine", 1)
    shutil.copytree("mine", "copy")
    with records.opened(Path("copy")) as record:
        record.note(status="RUNNING", mirrored=False)
    interrupted(settings, "mine", 2)
    assert "dropped" in pending.send(Path("copy"), dead=())
    assert len(search.contents(run_id).epochs) == 2


def test_a_job_that_is_restarted_in_its_folder_resumes_its_run(settings: Tracking) -> None:
    """Its killed process left the run RUNNING, and the new one holds the lock on the folder."""
    run_id = interrupted(settings, "mine", 1)
    MlflowClient().update_run(run_id, status="RUNNING")
    with tracked(settings, Path("mine"), hashes=HASHES) as run:
        assert (run.run_id, len(run.contents.epochs)) == (run_id, 1)


def fails(count: int, request: Any) -> Any:
    """A request of MLflow's client that fails so often before it succeeds."""
    left = iter(range(count))

    def sent(*given: Any, **named: Any) -> Any:
        if next(left, None) is not None:
            raise MlflowException("busy", TEMPORARILY_UNAVAILABLE)
        return request(*given, **named)

    return sent


@pytest.mark.parametrize("folder", ["mine", "other"])
def test_a_store_that_is_away_for_a_moment_while_a_run_is_taken_over_is_asked_again(
    settings: Tracking, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    run_id = interrupted(settings, "mine", 1)
    monkeypatch.setattr(claim, "AGAIN_SECONDS", (0,))
    monkeypatch.setattr(MlflowClient, "update_run", fails(1, MlflowClient.update_run))
    with tracked(settings, Path(folder), hashes=HASHES) as run:
        assert (run.run_id, len(run.contents.epochs)) == (run_id, 1)


@pytest.mark.parametrize("folder", ["mine", "other"])
def test_a_run_is_not_trained_anew_because_the_store_went_away_while_it_was_taken_over(
    settings: Tracking, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    run_id = interrupted(settings, "mine", 1)
    monkeypatch.setattr(claim, "AGAIN_SECONDS", (0,))
    monkeypatch.setattr(MlflowClient, "update_run", fails(2, MlflowClient.update_run))
    with (
        pytest.raises(UserError, match="the store stopped answering, try again later: busy"),
        tracked(settings, Path(folder), hashes=HASHES),
    ):
        pass
    with tracked(settings, Path(folder), hashes=HASHES) as run:
        assert (run.run_id, len(run.contents.epochs)) == (run_id, 1)


def test_a_state_that_was_not_downloaded_whole_is_downloaded_again(settings: Tracking) -> None:
    interrupted(settings, "mine", 1)
    interrupted(settings, "mine", 2)
    state = Path("mine") / STATE
    state.write_bytes(state.read_bytes()[:-1])
    with tracked(settings, Path("mine"), hashes=HASHES):
        assert epoch_of(state) == 2


def test_a_failed_run_has_its_traceback_as_a_file(settings: Tracking) -> None:
    run = ended_run(settings, ValueError("on purpose"))
    text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/traceback.txt")
    assert "ValueError: on purpose" in text
    assert Path(__file__).name in text


def test_parameters_are_flat_and_steps_are_kept(settings: Tracking) -> None:
    params = {"noise": {"sigma": 0.1}, "seed": 0}
    with tracked(settings, Path("mine"), params=params) as run:
        for epoch in (1, 2, 3):
            run.log({"train/loss": 1 / epoch}, epoch)
    found = MlflowClient(settings.uri).get_run(run.run_id)
    assert found.data.params == {"noise.sigma": "0.1", "seed": "0"}
    assert search.curve(run.run_id, "train/loss") == [1, 1 / 2, 1 / 3]
    assert search.curve(run.run_id, "val/loss") == []


def test_the_store_is_where_a_bare_mlflow_ui_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    forget_store(monkeypatch)
    with tracked(Tracking(None, "denoise"), Path("mine")) as run:
        run.path("note.txt").write_text("a note")
        run.add("note.txt")
    assert (tmp_path / "mlflow.db").exists()
    assert list((tmp_path / "mlruns").rglob("note.txt"))


def test_the_environment_names_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    forget_store(monkeypatch)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    prepare(Tracking(None, "denoise"))
    assert (tmp_path / "elsewhere.db").exists()


def test_runs_that_log_the_same_data_set_at_once_all_have_it(settings: Tracking) -> None:
    """Each has looked for the data set before either has written it."""
    both = threading.Barrier(2)

    def meet(*arguments: object) -> None:
        if str(arguments[2]).startswith("INSERT INTO datasets"):
            both.wait(timeout=60)

    def bring(run: Record) -> None:
        images = torch.zeros(10, 28, 28, dtype=torch.uint8)
        labels = torch.zeros(10, dtype=torch.int64)
        formats.add_dataset(
            run, "FashionMNIST", "http://example.org", images, labels, context="training"
        )

    event.listen(Engine, "before_cursor_execute", meet)
    try:
        with contextlib.ExitStack() as opened, ThreadPoolExecutor(2) as pool:
            runs = [
                opened.enter_context(tracked(settings, Path(name))) for name in ("one", "other")
            ]
            list(pool.map(bring, runs))
    finally:
        event.remove(Engine, "before_cursor_execute", meet)
    found = [MlflowClient(settings.uri).get_run(run.run_id) for run in runs]
    assert [len(run.inputs.dataset_inputs) for run in found] == [1, 1]


def test_the_store_has_the_same_record_as_the_folder(settings: Tracking) -> None:
    with tracked(settings, Path("mine"), params={"seed": 0}) as run:
        run.path("note.txt").write_text("a note")
        run.add("note.txt")
        run.log({"train/loss": 1}, 1)
        run.log({"test/psnr": 30}, 0)
    here, there = records.read(Path("mine")), search.contents(run.run_id)
    assert here
    assert there.fields | {"mirrored": True} == here.fields
    assert there.lines == here.lines
    assert (there.epochs, there.final) == ([{"train/loss": 1}], {"test/psnr": 30})


def test_a_run_without_a_record_in_the_store_is_read_from_its_metrics(settings: Tracking) -> None:
    """As version 0.1.0 left it."""
    client = MlflowClient(settings.uri)
    run_id = client.create_run(prepare(settings), tags={"noise": "none"}).info.run_id
    for step in (1, 2):
        client.log_metric(run_id, "train/loss", 1 / step, timestamp=step, step=step)
    client.log_metric(run_id, "test/psnr", 30, timestamp=3)
    found = search.contents(run_id)
    assert (found.epochs, found.final) == (
        [{"train/loss": 1}, {"train/loss": 0.5}],
        {"test/psnr": 30},
    )
    assert found.fields["tags"]["noise"] == "none"


def test_a_reference_is_in_the_store_and_no_search_finds_it(settings: Tracking) -> None:
    with tracked(settings, Path("mine"), name="mean image", kind=REFERENCE) as run:
        run.log({"test/clean_mse": 0.1}, 0)
    assert MlflowClient().get_run(run.run_id).data.tags["kind"] == REFERENCE
    assert search.search(settings, "") == []


def test_a_finished_run_can_be_given_what_it_lacks(settings: Tracking) -> None:
    with tracked(settings, Path("mine"), tags={"noise": "none"}) as run:
        run.log({"train/loss": 1}, 1)
    ended = MlflowClient().get_run(run.run_id).info.end_time
    Path("elsewhere").mkdir()
    with (
        records.opened(Path("elsewhere")) as record,
        session.reopened(record, settings, run.run_id),
    ):
        record.log({"test/psnr": 30}, 0)
        record.path("figures/map.png").write_text("a map")
        record.add("figures/map.png")
    found = MlflowClient().get_run(run.run_id)
    assert (found.info.status, found.info.end_time) == ("FINISHED", ended)
    assert found.data.metrics == {"train/loss": 1, "test/psnr": 30}
    assert [file.path for file in MlflowClient().list_artifacts(run.run_id, "figures")] == [
        "figures/map.png"
    ]


def test_a_finished_run_stays_finished_if_the_store_refuses_what_it_is_given_later(
    settings: Tracking,
) -> None:
    with tracked(settings, Path("mine"), tags={"noise": "none"}) as run:
        run.log({"train/loss": 1}, 1)
    files = MlflowClient().get_run(run.run_id).info.artifact_uri.removeprefix("file://")
    (Path(files) / "figures").write_text("in the way of the folder")
    Path("elsewhere").mkdir()
    with (
        records.opened(Path("elsewhere")) as record,
        session.reopened(record, settings, run.run_id),
    ):
        record.path("figures/map.png").write_text("a map")
        record.add("figures/map.png")
    with records.opened(Path("elsewhere")) as record:
        assert record.refused
    assert [found.id for found in search.search(settings, "")] == [run.run_id]


def test_mlflow_draws_no_bars_of_its_own(
    settings: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", raising=False)
    monkeypatch.setitem(sys.modules, "tqdm.auto", SimpleNamespace(tqdm=pytest.fail))
    with tracked(settings, Path("mine")) as run:
        pass
    files.download(run.run_id, records.FILE, Path("elsewhere"))
    assert (Path("elsewhere") / records.FILE).exists()


def test_opening_a_store_changes_no_database_but_its_own(settings: Tracking) -> None:
    prepare(settings)
    modes = {}
    for name in ("mlflow.db", "other.db"):
        with create_engine(f"sqlite:///{name}").connect() as connection:
            modes[name] = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    assert modes == {"mlflow.db": "wal", "other.db": "delete"}


def test_many_configs_are_looked_up_at_once_with_the_same_answer_as_one_by_one(
    settings: Tracking,
) -> None:
    """Of more than twenty configs, as of a sweep of more than ten runs, the store is read whole."""
    experiment, client = prepare(settings), MlflowClient()
    hashes = [f"{number:016x}" for number in range(search.FEW + 5)]
    for place, config_hash in enumerate([*hashes[::2], *hashes[::2]], start=1):
        tags = {"config_hash": config_hash, "noise": "none"}
        run = client.create_run(experiment, start_time=place, tags=tags)
        client.set_terminated(run.info.run_id)
    alone = {each: search.finished(settings, [each]).get(each) for each in hashes}
    assert search.finished(settings, hashes) == {each: run for each, run in alone.items() if run}
    assert [each for each, run in alone.items() if run] == hashes[::2]


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_runs_are_found_however_few_of_them_an_answer_of_the_store_has(
    settings: Tracking, page: int
) -> None:
    experiment, client = prepare(settings), MlflowClient()
    made = [client.create_run(experiment, start_time=time).info.run_id for time in range(1, 6)]
    found = [run.info.run_id for run in search.every(experiment, "", page=page)]
    assert found == made[::-1]


def test_metrics_are_uploaded_whole_if_they_need_several_requests(settings: Tracking) -> None:
    values = {f"test/{number}": float(number) for number in range(1100)}  # 1,000 fit into one
    with tracked(settings, Path("mine")) as run:
        run.log(values, 1)
    assert MlflowClient().get_run(run.run_id).data.metrics == values


def test_a_run_that_resumes_in_another_folder_keeps_what_it_logged_in_the_first(
    settings: Tracking,
) -> None:
    with (
        contextlib.suppress(KeyboardInterrupt),
        tracked(settings, Path("mine"), hashes=HASHES) as run,
    ):
        run.log({"train/loss": 1}, 1)
        run.path("denoise.log").write_text("first\n")
        run.add("denoise.log")
        raise KeyboardInterrupt
    Path("other").mkdir()
    Path("other/denoise.log").write_text("second\n")
    with tracked(settings, Path("other"), hashes=HASHES) as resumed:
        assert resumed.run_id == run.run_id
    assert Path("other/denoise.log").read_text() == "first\nsecond\n"
