"""The MLflow store: opened once, answering in time or known to be unavailable."""

import atexit
import contextlib
import logging
import socket
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import mlflow
import requests
from filelock import FileLock
from mlflow import MlflowClient, MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine
from mlflow.telemetry import set_telemetry_client
from mlflow.tracking._model_registry.utils import _get_store as _get_registry
from mlflow.tracking._tracking_service.utils import _get_store
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri
from sqlalchemy import Dialect, Engine, StaticPool, create_engine, event, make_url

from denoise.config.settings import Tracking
from denoise.errors import StoreUnavailableError, UserError
from denoise.tracking import environment, failures

T = TypeVar("T")

CONNECT_SECONDS = 4
ANSWER_SECONDS = 5
SERVER_SECONDS = 15  # many jobs may ask it at once
WRITE_SECONDS = 30
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
# Loggers we silence: their messages are duplicates of ours or noise.
QUIET = {
    "alembic": logging.WARNING,
    "mlflow": logging.WARNING,
    "mlflow.store": logging.CRITICAL,
    "urllib3.connectionpool": logging.ERROR,
}


def prepare(settings: Tracking) -> str:
    """Open the store, create what does not exist of it, and return the experiment's id.

    Called once before workers start: a fresh SQLite file breaks if several processes migrate it at
    once. Raises `StoreUnavailableError` if the store does not answer.
    """
    return _opened(settings, experiment_id)


def existing(settings: Tracking) -> str | None:
    """Open the store for reading; return the experiment's id, or None if there is none.

    Raises `StoreUnavailableError` if the store does not answer.
    """
    file = sqlite_file(uri(settings.uri))
    return None if file and not file.exists() else _opened(settings, _find_experiment)


def configure() -> None:
    """Keep MLflow from logging much, from telemetry, and from retrying for minutes."""
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)
    if environment.prepare():
        set_telemetry_client()  # MLflow read the variable when it was imported


def _opened(settings: Tracking, ask: Callable[[str], T]) -> T:
    """What `ask` returns for the experiment, once the store is open."""
    configure()
    address = uri(settings.uri)
    mlflow.set_tracking_uri(address)

    def open_experiment() -> T:
        with lock():
            _create_tables(address)
            _share(address)
            return ask(settings.experiment)

    return _answer_in_time(address, open_experiment)


def _create_tables(address: str) -> None:
    """Create a SQLite store that does not exist, with MLflow's tables, in one write.

    MLflow itself creates and migrates them in 600 writes and waits for the disk at each, which
    takes seconds; killed while it does, it leaves a file that it cannot open again.
    """
    file = sqlite_file(address)
    if not file or file.exists():
        return
    engine = create_engine("sqlite://", poolclass=StaticPool)  # in memory
    _initialize_tables(engine)
    # MLflow reports a place that cannot be written to when it opens the store.
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(file)) as written:
        engine.raw_connection().backup(written)
    engine.dispose()


def _share(address: str) -> None:
    """Let many processes use one SQLite file, and give up a database server that does not respond.

    The hook is on the one engine that MLflow has for this address. In SQLite's WAL mode, which is
    a property of the file, readers block no writer.
    """
    engine = getattr(_get_store(address), "engine", None)  # a server's store has none
    if engine is None:
        return
    _close_at_exit(engine)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    elif not event.contains(engine, "do_connect", _connect_in_time):
        event.listen(engine, "do_connect", _connect_in_time)
        engine.dispose()  # connections made before


def close_at_exit() -> None:
    """Close the databases of the store and of its registry of models when the process ends."""
    for used in (_get_store(), _get_registry()):
        if engine := getattr(used, "engine", None):
            _close_at_exit(engine)


def _close_at_exit(engine: Engine) -> None:
    """Close a database when the process ends, also if it ends without freeing its objects.

    The last process to close a SQLite file merges what is beside it.
    """
    atexit.unregister(engine.dispose)  # once is enough
    atexit.register(engine.dispose)


def _connect_in_time(dialect: Dialect, _: object, args: list[Any], settings: dict[str, Any]) -> Any:
    """Connect, or fail soon: drivers of database servers have no limit of their own."""
    return _with_timeout(lambda: dialect.connect(*args, **settings))


def uri(typed: str | None) -> str:
    """The store's address: `typed`, or MLflow's own; a relative SQLite file is made absolute."""
    asked = typed or mlflow.get_tracking_uri()
    file = sqlite_file(asked)
    if not file:
        return asked
    address = f"sqlite:///{file}"
    if make_url(address).database == str(file):
        return address
    # If an encoded address began with sqlite:///, MLflow would create a folder of the encoded name.
    encoded = make_url(asked).set(drivername="sqlite+pysqlite", database=str(file))
    return encoded.render_as_string(False)


def sqlite_file(address: str) -> Path | None:
    """The file of a SQLite store, None for others. In an address, a space is %20; in a path not."""
    if not address.startswith(("sqlite:///", "sqlite+pysqlite:///")):
        return None
    database = make_url(address).database
    return Path(database).absolute() if database else None


def lock() -> contextlib.AbstractContextManager[Any]:
    """A lock between the processes that use a SQLite store; with a server, it does nothing."""
    file = sqlite_file(mlflow.get_tracking_uri())
    return FileLock(f"{file}.lock") if file else contextlib.nullcontext()


def experiment_id(name: str) -> str:
    """The id of the experiment, created if it does not exist; `UserError` if it cannot be."""
    if found := _find_experiment(name):
        return found
    try:
        return mlflow.create_experiment(name, artifact_location=_place_of_files())
    except MlflowException as error:
        if found := _find_experiment(name):  # another was quicker, at a server: it has no lock
            return found
        if failures.is_refused(error):
            raise UserError(f"tracking.experiment={name}: {failures.reason(error)}") from None
        raise


def _place_of_files() -> str | None:
    """Where runs keep their files; None stands for MLflow's default.

    MLflow decodes that path: in a folder named `a%20b`, it would mean another one.
    """
    default = Path("mlruns").absolute()
    is_local = sqlite_file(mlflow.get_tracking_uri()) is not None
    return default.as_uri() if is_local and unquote(str(default)) != str(default) else None


def _find_experiment(name: str) -> str | None:
    """The id of the experiment, or None without one; `UserError` if it was deleted or is denied."""
    try:
        experiment = mlflow.get_experiment_by_name(name)
    except MlflowException as error:
        if failures.status(error) == failures.PERMISSION:
            raise UserError(f"tracking.experiment={name}: {failures.reason(error)}") from None
        raise
    if experiment and experiment.lifecycle_stage == "deleted":
        raise UserError(
            f"tracking.experiment={name} was deleted in MLflow: restore it, or name another"
        )
    return experiment.experiment_id if experiment else None


def check_writable(experiment: str) -> None:
    """Write and delete a small file where the files of runs go.

    Raises `UserError` if the server runs MLflow 2, if the project was moved, or if writing fails;
    `StoreUnavailableError` if writing may succeed later. The file lies beside the folders of runs,
    under one name however often it is written. It stays where deleting is not allowed.
    """
    place = MlflowClient().get_experiment(experiment).artifact_location
    _check_version(experiment)
    _check_place(place)

    def write() -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "denoise-can-write.txt"
            path.write_text("Written to see whether runs can write here. It can be deleted.\n")
            repository = get_artifact_repository(place)
            repository.log_artifact(str(path))
            with contextlib.suppress(Exception):
                repository.delete_artifacts(path.name)

    try:
        _with_timeout(write, WRITE_SECONDS)
    except Exception as error:
        is_explained = isinstance(error, ImportError) or failures.status(error) in failures.REMEDIES
        where = failures.without_secret(place)
        remedy = "; check that it answers, has room and lets this user write; see the server's log"
        raise (UserError if failures.is_refused(error) else StoreUnavailableError)(
            f"files of runs cannot be written to {where}: {failures.reason(error)}"
            f"{'' if is_explained else remedy}"
        ) from None


def _check_version(experiment: str) -> None:
    """Refuse a server of MLflow 2, which could not take the models of runs."""
    address = mlflow.get_tracking_uri()
    try:
        if address.startswith("http"):
            MlflowClient().search_logged_models([experiment], max_results=1)
    except MlflowException as error:
        if failures.status(error) == failures.NOT_FOUND:
            where = failures.without_secret(address)
            raise UserError(f"{where} is no server of MLflow 3, which is needed") from None


def _check_place(place: str) -> None:
    """Refuse a project that was moved or copied: new files would go to where it was before."""
    file = sqlite_file(mlflow.get_tracking_uri())
    if not (file and is_local_uri(place)):
        return
    folder = Path(local_file_uri_to_path(place))
    here = Path("mlruns").absolute() / folder.name
    if not here.exists() or (folder.exists() and here.samefile(folder)):
        return
    is_moved, is_copied = not folder.exists(), file.parent.samefile(".")
    if is_moved or is_copied:
        raise UserError(
            f"the project was moved or copied: its runs' files are expected in {folder}, not in "
            f"{here}; move it back, or see docs/resuming.md, A moved project"
        )


def _answer_in_time(uri: str, ask: Callable[[], T]) -> T:
    """What `ask` returns, or a `StoreUnavailableError` soon."""
    try:
        _connect(uri)
        return _with_timeout(ask, SERVER_SECONDS) if uri.startswith("http") else ask()
    except UserError:
        raise
    except Exception as error:
        other = "; give a database such as sqlite:///mlflow.db or a running MLflow server"
        raise StoreUnavailableError(
            f"tracking.uri={failures.without_secret(uri)} cannot be used: "
            f"{failures.by_server(error) or failures.first_line(error) + other}"
        ) from None


def _connect(uri: str) -> None:
    """Raise if the server that `uri` names, if any, refuses us or does not respond.

    MLflow itself would ask such a database ten times, for two minutes.
    """
    if uri.startswith("http") and requests.utils.get_environ_proxies(uri):
        return  # only the proxy can say whether the server is there
    where = urlsplit(uri)
    port = where.port or PORTS.get(where.scheme.partition("+")[0])
    if where.hostname and port:
        socket.create_connection((where.hostname, port), CONNECT_SECONDS).close()
        if not uri.startswith("http"):
            engine: Engine = create_sqlalchemy_engine(uri)
            event.listen(engine, "do_connect", _connect_in_time)
            engine.connect().close()


def _with_timeout(ask: Callable[[], T], seconds: float = ANSWER_SECONDS) -> T:
    """What `ask` returns; `TimeoutError` if it takes too long, and it stays behind in a thread."""
    answer: Future[T] = Future()

    def call() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    if wait([answer], seconds).not_done:
        raise TimeoutError(f"no answer within {seconds} seconds")
    return answer.result()
