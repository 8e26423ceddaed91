"""The MLflow store: opened once, answering in time or known to be unavailable."""

import contextlib
import logging
import re
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import mlflow
from filelock import FileLock
from mlflow import MlflowException
from mlflow.store.db.utils import create_sqlalchemy_engine
from mlflow.telemetry import set_telemetry_client
from mlflow.tracking._tracking_service.utils import _get_store
from sqlalchemy import Dialect, Engine, event, make_url

from denoise.config.settings import Tracking
from denoise.errors import StoreUnavailableError, UserError
from denoise.tracking import environment

T = TypeVar("T")

CONNECT_SECONDS = 4
ANSWER_SECONDS = 5
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
BUSY_SECONDS = 120
# Loggers we silence: their messages are duplicates of ours or noise.
QUIET = {
    "alembic": logging.WARNING,
    "mlflow": logging.WARNING,
    "mlflow.store": logging.CRITICAL,
    "urllib3.connectionpool": logging.ERROR,
}
HIDDEN = "***"
LONGEST_LINE = 2000  # letters of an error's message: rich takes minutes to wrap one of 100,000
# The request itself is wrong: trying it again later would not help.
WRONG = (400, 404, 409)
# Errors of the store that have a sentence of ours.
FAILURES = (UserError, OSError, MlflowException)


def prepare(settings: Tracking) -> str:
    """Open the store; create it and the experiment if they do not exist; the experiment's id.

    Called once before workers start: a fresh SQLite file breaks if several processes migrate it at
    once. Raises `StoreUnavailableError` if the store does not answer.
    """
    _configure_mlflow()
    address = uri(settings)
    mlflow.set_tracking_uri(address)

    def open_experiment() -> str:
        with lock():
            _share(address)
            return experiment_id(settings.experiment)

    return _answer_in_time(address, open_experiment)


def _configure_mlflow() -> None:
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)
    if environment.prepare():
        set_telemetry_client()  # MLflow read the variable when it was imported


def _share(address: str) -> None:
    """Let many processes use one SQLite file, and give up a database server that stays mute.

    The hook is on the one engine that MLflow has for this address. In SQLite's WAL mode, which is
    a property of the file, readers block no writer.
    """
    engine = getattr(_get_store(address), "engine", None)  # a server's store has none
    if engine is None:
        return
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}")
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    elif not event.contains(engine, "do_connect", _connect_in_time):
        event.listen(engine, "do_connect", _connect_in_time)
        engine.dispose()  # connections made before


def _connect_in_time(dialect: Dialect, _: object, args: list[Any], settings: dict[str, Any]) -> Any:
    """Connect, or fail soon: drivers of database servers have no limit of their own."""
    return _limited(lambda: dialect.connect(*args, **settings))


def uri(settings: Tracking) -> str:
    """The store's address; a relative SQLite file is made absolute, for workers elsewhere."""
    asked = settings.uri or mlflow.get_tracking_uri()
    file = sqlite_file(asked)
    if not file:
        return asked
    # MLflow takes the address for a path, too, so it is encoded only where it must be.
    address = f"sqlite:///{file}"
    is_plain = make_url(address).database == str(file)
    return address if is_plain else make_url(asked).set(database=str(file)).render_as_string(False)


def sqlite_file(address: str) -> Path | None:
    """The file of a SQLite store, None for others. In an address, a space is %20; in a path not."""
    if not address.startswith("sqlite:///"):
        return None
    database = make_url(address).database
    return Path(database).absolute() if database else None


def lock() -> contextlib.AbstractContextManager[Any]:
    """Between processes that might do the same thing in a SQLite store; servers need none."""
    file = sqlite_file(mlflow.get_tracking_uri())
    return FileLock(f"{file}.lock") if file else contextlib.nullcontext()


def is_away(error: BaseException) -> bool:
    """Whether the store, or the place of its files, failed to answer and may do so later."""
    if isinstance(error, MlflowException):
        return error.get_http_status_code() not in WRONG
    return isinstance(error, OSError | StoreUnavailableError)


def without_secret(text: str) -> str:
    """The text with the passwords and tokens of its addresses, if any, starred out."""
    text = re.sub(r"(//[^:/@\s]*:)[^\s'\"]*@", rf"\1{HIDDEN}@", text)
    text = re.sub(r"(https?://)[^:/@\s'\"]+@", rf"\1{HIDDEN}@", text)  # a token as the user's name
    return re.sub(r"([?&]\w*(?:password|token|secret)=)[^&\s'\"]*", rf"\1{HIDDEN}", text)


def reason(error: BaseException) -> str:
    """Why the store fails: a sentence of ours, or the first line of the error's first cause."""
    while not isinstance(error, UserError) and (cause := error.__cause__ or error.__context__):
        error = cause
    return first_line(error)


def first_line(error: BaseException) -> str:
    """The first line of an error's message, without secrets; its class if it has no message."""
    try:
        text = str(error).strip()
    except Exception:  # of a class of the user's
        text = ""
    line = without_secret(text.partition("\n")[0])[:LONGEST_LINE]
    shown = "".join(letter if letter.isprintable() else "?" for letter in line)
    return shown or type(error).__name__


def experiment_id(name: str) -> str:
    """The id of the experiment, created if it does not exist; `UserError` if it was deleted."""
    experiment = mlflow.get_experiment_by_name(name)
    if not experiment:
        try:
            return mlflow.create_experiment(name)
        except MlflowException:  # another was quicker, at a server, where there is no lock
            experiment = mlflow.get_experiment_by_name(name)
            if not experiment:
                raise
    if experiment.lifecycle_stage == "deleted":
        raise UserError(
            f"tracking.experiment={name} was deleted in MLflow: restore it, or name another"
        )
    return experiment.experiment_id


def _answer_in_time(uri: str, ask: Callable[[], str]) -> str:
    """What `ask` returns, or a `StoreUnavailableError` soon."""
    try:
        _connect(uri)
        return _limited(ask) if uri.startswith("http") else ask()
    except UserError:
        raise
    except Exception as error:
        raise StoreUnavailableError(
            f"tracking.uri={without_secret(uri)} cannot be used: {first_line(error)}; "
            "give a database such as sqlite:///mlflow.db or a running MLflow server"
        ) from None


def _connect(uri: str) -> None:
    """Raise if the server that `uri` names, if any, refuses us or stays mute.

    MLflow itself would ask a database that refuses ten times, for two minutes.
    """
    where = urlsplit(uri)
    port = where.port or PORTS.get(where.scheme.partition("+")[0])
    if where.hostname and port:
        socket.create_connection((where.hostname, port), CONNECT_SECONDS).close()
        if not uri.startswith("http"):
            engine: Engine = create_sqlalchemy_engine(uri)
            event.listen(engine, "do_connect", _connect_in_time)
            engine.connect().close()


def _limited(ask: Callable[[], T]) -> T:
    """What `ask` returns; `TimeoutError` if it takes too long, and it stays behind in a thread."""
    answer: Future[T] = Future()

    def call() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    try:
        return answer.result(ANSWER_SECONDS)
    except TimeoutError:
        raise TimeoutError(f"no answer within {ANSWER_SECONDS} seconds") from None
