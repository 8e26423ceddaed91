"""The MLflow store: opened once, answering in time or known to be away."""

import contextlib
import logging
import os
import re
import socket
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from filelock import FileLock

from denoise.config.settings import Tracking
from denoise.errors import StoreUnavailableError, UserError

# Read by MLflow when it is imported: it neither phones home nor writes over the bars, and gives a
# server that is away up soon, as what it was to be told is kept and told later.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

import mlflow
from mlflow import MlflowException
from mlflow.store.db.utils import create_sqlalchemy_engine
from sqlalchemy import Dialect, Engine, event

T = TypeVar("T")

CONNECT_SECONDS = 4
ANSWER_SECONDS = 5
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
BUSY_SECONDS = 120
# What they say is said in a sentence, or is no matter.
QUIET = {
    "alembic": logging.WARNING,
    "mlflow": logging.WARNING,
    "mlflow.store": logging.CRITICAL,
    "urllib3.connectionpool": logging.ERROR,
}
HIDDEN = "***"
# The request itself is wrong: it would not be answered better another time.
WRONG = (400, 404, 409)


# What sending may raise that is said in a sentence.
FAILURES = (UserError, OSError, MlflowException)


@event.listens_for(Engine, "connect")
def _share(connection: object, _: object) -> None:
    """Let many processes write into one SQLite file: they queue, and readers block none of them.

    SQLite's own five seconds of patience are too few on a slow disk with every core at work.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}")
        connection.execute("PRAGMA journal_mode = WAL")


@event.listens_for(Engine, "do_connect")
def _connect_in_time(dialect: Dialect, _: object, args: list[Any], settings: dict[str, Any]) -> Any:
    """Let no database server that stays mute be waited for: their drivers have no limit."""
    if dialect.name == "sqlite":
        return None  # as SQLAlchemy does by itself
    return _limited(lambda: dialect.connect(*args, **settings))


def prepare(settings: Tracking) -> str:
    """Open the store, create it and the experiment if they are not there; the experiment's id.

    Called once before workers start: a fresh SQLite file that several processes migrate at once
    breaks. `StoreUnavailableError` if the store does not answer.
    """
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)
    address = uri(settings)
    mlflow.set_tracking_uri(address)

    def open_experiment() -> str:
        with lock():
            return experiment_id(settings.experiment)

    return _answer_in_time(address, open_experiment)


def uri(settings: Tracking) -> str:
    """The store's address: a relative SQLite file made absolute, so that it is one everywhere."""
    asked = settings.uri or mlflow.get_tracking_uri()
    path = asked.removeprefix("sqlite:///")
    return asked if path == asked or not path else f"sqlite:///{Path(path).absolute()}"


def lock() -> contextlib.AbstractContextManager[Any]:
    """Between processes that might do the same thing in the store; a server guards itself."""
    used = mlflow.get_tracking_uri()
    if used.startswith("sqlite:///"):
        return FileLock(used.removeprefix("sqlite:///") + ".lock")
    return contextlib.nullcontext()


def is_away(error: Exception) -> bool:
    """Whether the store, or the place of its files, failed to answer, and may do so later."""
    if isinstance(error, MlflowException):
        return error.get_http_status_code() not in WRONG
    return isinstance(error, OSError | StoreUnavailableError)


def without_secret(text: str) -> str:
    """The text with the passwords and tokens of its addresses, if any, starred out."""
    text = re.sub(r"(//[^:/@\s]*:)[^\s'\"]*@", rf"\1{HIDDEN}@", text)
    text = re.sub(r"(https?://)[^:/@\s'\"]+@", rf"\1{HIDDEN}@", text)  # a token as the user's name
    return re.sub(r"([?&]\w*(?:password|token|secret)=)[^&\s'\"]*", rf"\1{HIDDEN}", text)


def reason(error: BaseException) -> str:
    """Why the store fails: a sentence of ours, or what the error that is behind all others says."""
    while not isinstance(error, UserError) and (cause := error.__cause__ or error.__context__):
        error = cause
    return first_line(error)


def first_line(error: BaseException) -> str:
    """What an error says first, without what is secret."""
    return without_secret(str(error).strip().partition("\n")[0])


def experiment_id(name: str) -> str:
    """Of the experiment of that name, made if it is not there; `UserError` if it was deleted."""
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
    """What `ask` returns, or an `StoreUnavailableError` soon."""
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
    """Raise if the server that `uri` names, if any, does not let us in.

    MLflow itself would ask a database that refuses ten times, for two minutes.
    """
    where = urlsplit(uri)
    port = where.port or PORTS.get(where.scheme.partition("+")[0])
    if where.hostname and port:
        socket.create_connection((where.hostname, port), CONNECT_SECONDS).close()
        if not uri.startswith("http"):
            create_sqlalchemy_engine(uri).connect().close()


def _limited(ask: Callable[[], T]) -> T:
    """What `ask` returns, in time; it is left behind in a thread if it does not."""
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
