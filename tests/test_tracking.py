"""How runs end, on a real SQLite store."""

import contextlib
import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest
import torch
from mlflow import MlflowClient
from sqlalchemy import Engine, event

from denoise.config.settings import Tracking
from denoise.tracking import search, session
from denoise.tracking.owner import Owner
from denoise.tracking.store import prepare
from tests.conftest import forget_store


@pytest.fixture
def store(fresh_folder: Path) -> Tracking:
    return Tracking(uri=f"sqlite:///{fresh_folder / 'mlflow.db'}", experiment="denoise")


def ended_run(store: Tracking, error: BaseException | None) -> mlflow.entities.Run:
    if error is None:
        with session.run(store, Path(), name="a run", tags={"noise": "none"}, params={}) as run:
            pass
    else:
        with (
            pytest.raises(type(error)),
            session.run(store, Path(), name="a run", tags={}, params={}) as run,
        ):
            raise error
    return MlflowClient(store.uri).get_run(run.id)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "FINISHED"),
        (ValueError(), "FAILED"),
        (FileNotFoundError("of a file that the run needs"), "FAILED"),
        (PermissionError(errno.EACCES, "of a file that the run needs"), "FAILED"),
        (OSError(errno.ENOSPC, "a full disk"), "KILLED"),
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(), "KILLED"),
    ],
)
def test_a_run_never_stays_running(
    store: Tracking, error: BaseException | None, status: str
) -> None:
    assert ended_run(store, error).info.status == status
    assert mlflow.active_run() is None


def test_a_run_that_goes_on_names_every_commit_that_trained_it(store: Tracking) -> None:
    def interrupted(commit: str, dirty: str) -> dict[str, str]:
        tags = {"config_hash": "f", "git.commit": commit, "git.dirty": dirty}
        with (
            pytest.raises(KeyboardInterrupt),
            session.run(store, Path(), name="a run", tags=tags, params={}) as run,
        ):
            raise KeyboardInterrupt
        return MlflowClient(store.uri).get_run(run.id).data.tags

    for commit, dirty, commits, is_dirty in (
        ("a", "false", "a", "false"),
        ("a", "false", "a", "false"),
        ("b", "true", "a b", "true"),
        ("a", "false", "a b", "true"),
    ):
        tags = interrupted(commit, dirty)
        assert (tags["git.commit"], tags["git.dirty"]) == (commits, is_dirty)


def test_a_failed_run_has_its_traceback_as_a_file(store: Tracking) -> None:
    run = ended_run(store, ValueError("on purpose"))
    text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/traceback.txt")
    assert "ValueError: on purpose" in text
    assert Path(__file__).name in text


def test_a_run_whose_process_is_gone_can_be_ended(store: Tracking) -> None:
    experiment = prepare(store)
    gone = {"owner": Owner("elsewhere", 1, "another boot", "1").text(), "heartbeat": "0"}
    orphan = MlflowClient(store.uri).create_run(experiment, tags={"sweep": "mine", **gone})
    other = MlflowClient(store.uri).create_run(experiment, tags={"sweep": "theirs", **gone})
    session.kill(store, "mine")
    assert MlflowClient(store.uri).get_run(orphan.info.run_id).info.status == "KILLED"
    assert MlflowClient(store.uri).get_run(other.info.run_id).info.status == "RUNNING"


def test_parameters_are_flat_and_steps_are_kept(store: Tracking) -> None:
    params = {"noise": {"sigma": 0.1}, "seed": 0}
    with session.run(store, Path(), name="a run", tags={}, params=params) as run:
        for epoch in (1, 2, 3):
            run.metrics({"train/loss": 1 / epoch}, epoch)
    found = MlflowClient(store.uri).get_run(run.id)
    assert found.data.params == {"noise.sigma": "0.1", "seed": "0"}
    assert search.curve(run.id, "train/loss") == [1, 1 / 2, 1 / 3]
    assert search.curve(run.id, "val/loss") == []


def test_the_store_is_where_a_bare_mlflow_ui_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    forget_store(monkeypatch)
    with session.run(Tracking(None, "denoise"), Path(), name="a run", tags={}, params={}) as run:
        run.file(_written(Path("note.txt")))
    assert (tmp_path / "mlflow.db").exists()
    assert list((tmp_path / "mlruns").rglob("note.txt"))


def test_the_environment_names_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    forget_store(monkeypatch)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    prepare(Tracking(None, "denoise"))
    assert (tmp_path / "elsewhere.db").exists()


def _written(path: Path) -> Path:
    path.write_text("a note")
    return path


def test_runs_that_bring_a_data_set_to_a_fresh_store_at_once_all_have_it(store: Tracking) -> None:
    """Each has looked for the data set before either has written it."""
    both = threading.Barrier(2)

    def meet(*arguments: object) -> None:
        if str(arguments[2]).startswith("INSERT INTO datasets"):
            both.wait(timeout=60)

    def folder(name: str) -> Path:
        Path(name).mkdir()
        return Path(name)

    def bring(run: session.Run) -> None:
        images = torch.zeros(10, 28, 28, dtype=torch.uint8)
        labels = torch.zeros(10, dtype=torch.int64)
        run.dataset("FashionMNIST", "http://example.org", images, labels, context="training")

    event.listen(Engine, "before_cursor_execute", meet)
    try:
        with contextlib.ExitStack() as opened, ThreadPoolExecutor(2) as pool:
            runs = [
                opened.enter_context(
                    session.run(store, folder(name), name=name, tags={}, params={})
                )
                for name in ("one", "other")
            ]
            list(pool.map(bring, runs))
    finally:
        event.remove(Engine, "before_cursor_execute", meet)
    found = [MlflowClient(store.uri).get_run(run.id) for run in runs]
    assert [len(run.inputs.dataset_inputs) for run in found] == [1, 1]
